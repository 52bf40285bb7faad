//! What a deadline costs: instructions at 8 h and at 400 h, counted by callgrind, and side by side
//! with the crates `workclock` and `ule-hours` on the same million deadlines, answers compared.
//!
//! Without arguments it counts and compares; `one ENGINE HOURS PREPARED ASKED` is what it runs
//! under callgrind. The budget of our own deadline gates, because instructions are the same in every
//! run; the ratios are told. Compiling calendars is part of the deadlines that need them.

#![expect(clippy::expect_used, reason = "a measurement that cannot go on fails, and says where")]

use std::{env, hint::black_box, process::Command, time::Instant};

use chrono::{DateTime, Utc, Weekday};
use domain::{
    calendar::{self, Calendar},
    span::Span,
};
use jiff::{SignedDuration, Timestamp, civil};

/// The instructions a deadline may take.
const BUDGET: f64 = 250.0;
/// Deadlines whose instructions are counted, and those of the slower crates.
const COUNTED: usize = 1_000_000;
const COUNTED_SLOWER: usize = 2_000;
/// Deadlines whose answers are compared, half of them of 8 h and half of 400 h.
const COMPARED: usize = 1_000_000;
const HOURS: [u32; 2] = [8, 400];
const ENGINES: [&str; 3] = ["handoff", "workclock", "ule-hours"];
const WEEK: [Weekday; 5] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
const HOLIDAYS: [&str; 8] = [
    "2026-01-01",
    "2026-04-03",
    "2026-04-06",
    "2026-05-04",
    "2026-05-25",
    "2026-08-31",
    "2026-12-25",
    "2027-01-01",
];

/// Working weeks, Monday to Friday: by day, with a lunch, at night, and where clocks change.
const WEEKS: [(&str, &[&str]); 8] = [
    ("Europe/London", &["09:00-17:30"]),
    ("America/New_York", &["09:00-17:30"]),
    ("Europe/Berlin", &["09:00-12:30", "13:30-17:30"]),
    ("Asia/Kolkata", &["09:30-18:30"]),
    ("Australia/Sydney", &["08:00-12:00", "12:30-16:30"]),
    ("America/Los_Angeles", &["06:00-10:00", "11:00-15:00"]),
    ("Europe/London", &["22:00-06:00"]),
    ("America/Sao_Paulo", &["10:00-19:00"]),
];

/// One way to count working time, over all weeks.
enum Engine {
    Handoff(Vec<Calendar>),
    Workclock(Vec<workclock::Schedule>),
    UleHours(Vec<ule_hours::Schedule>),
}

impl Engine {
    fn new(name: &str) -> Self {
        match name {
            "handoff" => Self::Handoff(WEEKS.iter().map(handoff).collect()),
            "workclock" => Self::Workclock(WEEKS.iter().map(workclock).collect()),
            _ => Self::UleHours(WEEKS.iter().map(ule_hours).collect()),
        }
    }

    /// Asks for a deadline as its users do, and leaves it at that.
    fn ask(&self, start: &Start, target: &Target) {
        match self {
            Self::Handoff(weeks) => {
                let week = Some(&weeks[start.week]);
                black_box(calendar::deadline(week, black_box(start.utc), black_box(target.span)));
            }
            Self::Workclock(weeks) => {
                let _ = black_box(weeks[start.week].add(black_box(start.stamp), target.duration));
            }
            Self::UleHours(weeks) => {
                let _ = black_box(weeks[start.week].add(black_box(start.stamp), target.duration));
            }
        }
    }

    /// Returns a deadline in seconds since 1970.
    fn answer(&self, start: &Start, target: &Target) -> Option<i64> {
        let (week, stamp, duration) = (start.week, start.stamp, target.duration);
        match self {
            Self::Handoff(weeks) => {
                Some(calendar::deadline(Some(&weeks[week]), start.utc, target.span)?.timestamp())
            }
            Self::Workclock(weeks) => Some(weeks[week].add(stamp, duration).ok()?.as_second()),
            Self::UleHours(weeks) => Some(weeks[week].add(stamp, duration).ok()?.as_second()),
        }
    }
}

/// When a question starts, in each engine's own type.
struct Start {
    week: usize,
    utc: DateTime<Utc>,
    stamp: Timestamp,
}

/// How long it is, in each engine's own type.
struct Target {
    span: Span,
    duration: SignedDuration,
}

impl Target {
    fn of_hours(hours: u32) -> Self {
        Self {
            span: Span::new(0, u64::from(hours) * 3600).expect("a span"),
            duration: SignedDuration::from_hours(hours.into()),
        }
    }
}

fn handoff((zone, windows): &(&str, &[&str])) -> Calendar {
    let calendar = Calendar::new(zone.parse().expect("a zone"));
    let calendar = windows.iter().fold(calendar, |calendar, window| {
        calendar.with_window(&WEEK, window.parse().expect("a window"))
    });
    let days = HOLIDAYS.iter().map(|day| day.parse().expect("a date"));
    days.fold(calendar, Calendar::with_holiday)
}

fn workclock((zone, windows): &(&str, &[&str])) -> workclock::Schedule {
    let time = |text: &str| text.parse::<civil::Time>().expect("a time");
    let schedule =
        windows.iter().fold(workclock::Schedule::builder().time_zone(*zone), |schedule, window| {
            let (from, to) = window.split_once('-').expect("a window");
            let week = workclock::Weekdays::MON_TO_FRI;
            schedule.rule(workclock::WorkDay::new(time(from), time(to), week))
        });
    let days = HOLIDAYS.iter().map(|day| day.parse::<civil::Date>().expect("a date"));
    schedule.rule(workclock::Holidays::new(days)).build().expect("a schedule")
}

fn ule_hours((zone, windows): &(&str, &[&str])) -> ule_hours::Schedule {
    let schedule = ule_hours::Schedule::builder(zone).expect("a zone");
    let schedule = schedule.mon_fri(&windows.join(", ")).expect("windows");
    let days = HOLIDAYS.iter().map(|day| day.parse::<civil::Date>().expect("a date"));
    days.fold(schedule, ule_hours::Builder::closed_on).build()
}

/// Lists starts: every second of 2026 is as likely as any other.
fn starts(count: usize) -> Vec<Start> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let new_year = 1_767_225_600;
    let start = |place: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let second = new_year + ((state >> 33) % (365 * 86_400)) as i64;
        Start {
            week: place % WEEKS.len(),
            utc: DateTime::from_timestamp(second, 0).expect("a time"),
            stamp: Timestamp::from_second(second).expect("a time"),
        }
    };
    (0..count).map(start).collect()
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |text: &str| text.parse::<usize>().expect("a number");
    match arguments.as_slice() {
        [one, engine, hours, prepared, asked] if one == "one" => {
            let (engine, target) = (Engine::new(engine), Target::of_hours(number(hours) as u32));
            let starts = starts(number(prepared));
            starts.iter().take(number(asked)).for_each(|start| engine.ask(start, &target));
        }
        _ => {
            count_instructions();
            compare();
        }
    }
}

/// Prints the instructions of a deadline: those of many less those of none, compiling included.
fn count_instructions() {
    println!("instructions per deadline, set-up taken off, compiling included");
    println!("{:<10} {:>8} {:>10} {:>10} {:>8}", "", "counted", "8 h", "400 h", "× ours");
    let mut ours = f64::NAN;
    for engine in ENGINES {
        let count = if engine == "handoff" { COUNTED } else { COUNTED_SLOWER };
        let figures = HOURS.map(|hours| {
            let set_up = instructions(engine, hours, count, 0)?;
            Some((instructions(engine, hours, count, count)? - set_up) as f64 / count as f64)
        });
        let [Some(short), Some(long)] = figures else {
            println!("callgrind is not here: install valgrind to count instructions");
            return;
        };
        if ours.is_nan() {
            ours = long;
        }
        println!("{engine:<10} {count:>8} {short:>10.1} {long:>10.1} {:>8.1}", long / ours);
        let is_in_budget = engine != "handoff" || short.max(long) <= BUDGET;
        assert!(is_in_budget, "a deadline takes more than {BUDGET} instructions");
    }
}

/// Counts the instructions of a run, if callgrind is there.
fn instructions(engine: &str, hours: u32, prepared: usize, asked: usize) -> Option<u64> {
    let own = env::current_exe().expect("a path");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(own)
        .args(["one", engine, &hours.to_string(), &prepared.to_string(), &asked.to_string()])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Prints how long the same deadlines take each engine, and in how many answers they differ.
fn compare() {
    let (starts, targets) = (starts(COMPARED), HOURS.map(Target::of_hours));
    let mut ours: Vec<Option<i64>> = Vec::new();
    let mut ours_seconds = f64::NAN;
    println!("\nthe same {COMPARED} deadlines, half of 8 h and half of 400 h");
    println!("{:<10} {:>12} {:>8} {:>10}", "", "µs each", "× ours", "different");
    for name in ENGINES {
        let engine = Engine::new(name);
        let begun = Instant::now();
        let questions = starts.iter().enumerate();
        let answers: Vec<Option<i64>> = questions
            .map(|(place, start)| engine.answer(start, &targets[target_of(place)]))
            .collect();
        let seconds = begun.elapsed().as_secs_f64();
        if ours.is_empty() {
            (ours, ours_seconds) = (answers.clone(), seconds);
        }
        let different: Vec<usize> =
            (0..COMPARED).filter(|place| answers[*place] != ours[*place]).collect();
        let each = seconds * 1e6 / COMPARED as f64;
        let ratio = seconds / ours_seconds;
        println!("{name:<10} {each:>12.3} {ratio:>8.1} {:>10}", different.len());
        explain(&different, &starts, &ours, &answers);
    }
    println!(
        "nights beside a holiday: `workclock` takes off what lies between its midnights; with us, \
         as with `ule-hours`, a night belongs to the day it starts on"
    );
}

/// Tells which of the targets the question at a place has.
fn target_of(place: usize) -> usize {
    place / WEEKS.len() % HOURS.len()
}

/// Prints how many answers differ in each week, and the first of them.
fn explain(different: &[usize], starts: &[Start], ours: &[Option<i64>], theirs: &[Option<i64>]) {
    for (week, (zone, windows)) in WEEKS.iter().enumerate() {
        let there: Vec<usize> =
            different.iter().copied().filter(|place| starts[*place].week == week).collect();
        let Some(first) = there.first().copied() else { continue };
        let told =
            |second: i64| DateTime::<Utc>::from_timestamp(second, 0).map(|at| at.to_string());
        let told = |due: Option<i64>| due.and_then(told).unwrap_or_else(|| "none".to_owned());
        println!(
            "           {zone} {}: {}, such as {} h from {}: ours {}, theirs {}",
            windows.join(" "),
            there.len(),
            HOURS[target_of(first)],
            starts[first].utc,
            told(ours[first]),
            told(theirs[first]),
        );
    }
}
