//! The proof: every change of every zone's clocks from 2020 to 2030, with calendars and starts
//! drawn around it, against an oracle that walks minute by minute.
//!
//! The oracle reads a zone's own clock at each minute of a stretch and asks whether that local time
//! lies in a window of its local day, or in one of the day before that goes on past midnight. All
//! its answers are counts of those minutes. Draws are seeded by the change they are around, so a
//! failure is found again; proptest shrinks it. `HANDOFF_CASES` asks for more cases than the
//! ordinary run has.

use super::*;
use chrono::Offset;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::fmt::Debug;

mod pauses;

/// The minutes before and after a change that the oracle walks.
const BEFORE: i64 = 2 * 1440;
const AFTER: i64 = 5 * 1440;
/// The starts and targets that are asked of one drawn calendar.
const QUESTIONS: usize = 6;
/// The cases of an ordinary run, at least.
const CASES_MIN: usize = 20_000;

/// One question: a start, and how much is to be worked.
type Question = (i64, i64, u32);

/// What is drawn around a change: windows, exceptions by distance in days, and questions.
#[derive(Clone, Debug)]
struct Draw {
    week: [Vec<Window>; 7],
    holidays: Vec<i64>,
    extra: Vec<(i64, Vec<Window>)>,
    questions: Vec<Question>,
    days: u32,
}

impl Draw {
    fn calendar(&self, zone: Tz, around: NaiveDate) -> Calendar {
        let mut calendar = Calendar { windows: self.week.clone(), ..Calendar::new(zone) };
        for off in &self.holidays {
            calendar = calendar.with_holiday(around + Duration::days(*off));
        }
        for (off, windows) in &self.extra {
            calendar = calendar.with_extra(around + Duration::days(*off), windows.clone());
        }
        calendar
    }
}

fn any_draw() -> impl Strategy<Value = Draw> {
    let windows = || prop::collection::vec(any_window(), 0..3);
    // Nearly all targets are below 16 h, so that the walk stays short; a few are not.
    let target = prop_oneof![15 => 1_i64..16 * 60, 1 => 1_i64..60 * 60];
    let question = (-1440_i64..2 * 1440, target, 0_u32..100);
    (
        prop::array::uniform7(windows()),
        prop::collection::vec(-3_i64..6, 0..3),
        prop::collection::vec((-3_i64..6, windows()), 0..3),
        prop::collection::vec(question, QUESTIONS),
        1_u32..4,
    )
        .prop_map(|(week, holidays, extra, questions, days)| Draw {
            week,
            holidays,
            extra,
            questions,
            days,
        })
}

/// The minutes around a change, each with whether it works.
struct Walk {
    first: DateTime<Utc>,
    works: Vec<bool>,
}

impl Walk {
    fn new(calendar: &Calendar, around: DateTime<Utc>) -> Self {
        let first = around - minutes(BEFORE);
        let works =
            (0..BEFORE + AFTER).map(|minute| oracle_works(calendar, first + minutes(minute)));
        Self { first, works: works.collect() }
    }

    fn place(&self, at: DateTime<Utc>) -> usize {
        usize::try_from((at - self.first).num_minutes()).unwrap()
    }

    /// Returns when so many seconds have been worked, if that is walked.
    fn after(&self, start: DateTime<Utc>, seconds: i64) -> Option<DateTime<Utc>> {
        let (mut at, mut left) = (start, seconds);
        for works in &self.works[self.place(start)..] {
            if *works && left <= 60 {
                return Some(at + Duration::seconds(left));
            }
            left -= if *works { 60 } else { 0 };
            at += minutes(1);
        }
        None
    }

    /// Returns from when so many minutes are worked until an end, if that is walked.
    fn before(&self, end: DateTime<Utc>, count: i64) -> Option<DateTime<Utc>> {
        let (mut at, mut left) = (end, count);
        for works in self.works[..self.place(end)].iter().rev() {
            at -= minutes(1);
            left -= i64::from(*works);
            if left == 0 {
                return Some(at);
            }
        }
        None
    }

    fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
        let walked = &self.works[self.place(from)..self.place(to)];
        walked.iter().filter(|works| **works).count() as i64 * 60
    }

    fn end(&self) -> DateTime<Utc> {
        self.first + minutes(self.works.len() as i64)
    }
}

/// Compares the answers to a draw's questions; tells how many there were.
fn compare(zone: Tz, around: DateTime<Utc>, draw: &Draw) -> Result<usize, TestCaseError> {
    let calendar = draw.calendar(zone, around.date_naive());
    let walk = Walk::new(&calendar, around);
    compare_days(&calendar, around + minutes(draw.questions[0].0), draw.days)?;
    for (start, target, percent) in &draw.questions {
        let start = around + minutes(*start);
        prop_assert_eq!(calendar.works_at(start), walk.works[walk.place(start)], "works {}", start);
        let span = Span::new(0, *target as u64 * 60).unwrap();
        let due = deadline(Some(&calendar), start, span);
        let expected = walk.after(start, target * 60);
        let walked = due.filter(|due| *due <= walk.end());
        prop_assert_eq!(walked, expected, "{} after {}", span, start);
        let begun = before(Some(&calendar), start, span).filter(|begun| *begun >= walk.first);
        prop_assert_eq!(begun, walk.before(start, *target), "{} before {}", span, start);
        let Some(due) = expected else { continue };
        prop_assert_eq!(calendar.between(start, due), walk.between(start, due), "until {}", due);
        let part = target * 60 * i64::from(*percent) / 100;
        let expected = if part == 0 { Some(start) } else { walk.after(start, part) };
        let shared = share(Some(&calendar), start, due, *percent);
        prop_assert_eq!(Some(shared), expected, "{}% from {} to {}", percent, start, due);
    }
    Ok(draw.questions.len())
}

/// Compares the working days after a start and before it.
fn compare_days(calendar: &Calendar, start: DateTime<Utc>, days: u32) -> Result<(), TestCaseError> {
    let span = Span::new(days, 0).unwrap();
    let expected = near(start, oracle_days(calendar, start, days as usize));
    prop_assert_eq!(near(start, calendar.add(start, span)), expected, "{} after {}", span, start);
    let expected = near(start, oracle_days_back(calendar, start, days as usize));
    let found = near(start, calendar.subtract(start, span));
    prop_assert_eq!(found, expected, "{} before {}", span, start);
    Ok(())
}

/// Finds when a zone's clocks change from 2020 to 2030: by quarters of a day, then by minutes.
fn changes(zone: Tz) -> Vec<DateTime<Utc>> {
    let offset = |at: DateTime<Utc>| at.with_timezone(&zone).offset().fix();
    let (mut at, end) = (at("2020-01-01T00:00Z"), at("2031-01-01T00:00Z"));
    let mut changes = Vec::new();
    let mut known = offset(at);
    while at < end {
        let next = at + Duration::hours(6);
        if offset(next) != known {
            let change = (0..=6 * 60).map(|minute| at + minutes(minute));
            changes.extend(change.into_iter().find(|at| offset(*at) != known));
            known = offset(next);
        }
        at = next;
    }
    changes
}

/// Compares what is drawn around a change with the oracle; tells how many cases there were.
trait Compare<D>: Fn(Tz, DateTime<Utc>, &D) -> Result<usize, TestCaseError> + Sync {}

impl<D, F: Fn(Tz, DateTime<Utc>, &D) -> Result<usize, TestCaseError> + Sync> Compare<D> for F {}

/// Compares draws around one instant; a failure is shrunk and told.
fn prove<S: Strategy<Value: Debug>>(
    (zone, around): (Tz, DateTime<Utc>),
    (strategy, draws): (S, usize),
    compare: &impl Compare<S::Value>,
) -> usize {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&around.timestamp().to_le_bytes());
    let config =
        ProptestConfig { cases: draws as u32, failure_persistence: None, ..Default::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let asked = std::cell::Cell::new(0);
    let proved = runner.run(&strategy, |draw| {
        asked.set(asked.get() + compare(zone, around, &draw)?);
        Ok(())
    });
    match proved {
        Ok(()) => asked.get(),
        Err(TestError::Fail(reason, draw)) => panic!("{zone} around {around}: {reason}\n{draw:#?}"),
        Err(TestError::Abort(reason)) => panic!("{zone} around {around}: {reason}"),
    }
}

/// Compares draws, each with its questions, around every change of every zone's clocks.
fn everywhere<S: Strategy<Value: Debug>>(
    strategy: impl Fn() -> S + Sync,
    compare: impl Compare<S::Value>,
) {
    let begun = std::time::Instant::now();
    let scenes: Vec<(Tz, DateTime<Utc>)> = chrono_tz::TZ_VARIANTS
        .iter()
        .flat_map(|zone| changes(*zone).into_iter().map(move |change| (*zone, change)))
        .collect();
    assert!(scenes.len() > 4000, "only {} changes were found", scenes.len());
    let asked_for = std::env::var("HANDOFF_CASES").ok();
    let wanted: usize = asked_for.map_or(CASES_MIN, |cases| cases.parse().unwrap());
    let draws = wanted.div_ceil(scenes.len() * QUESTIONS).max(1);
    let prove_some = |scenes: &[(Tz, DateTime<Utc>)]| -> usize {
        scenes.iter().map(|scene| prove(*scene, (strategy(), draws), &compare)).sum()
    };
    let (first, second) = scenes.split_at(scenes.len() / 2);
    let cases = std::thread::scope(|scope| {
        let other = scope.spawn(|| prove_some(second));
        prove_some(first) + other.join().unwrap()
    });
    let seconds = begun.elapsed().as_secs_f64();
    println!("{cases} cases around {} changes of clocks in {seconds:.1} s", scenes.len());
    assert!(cases >= wanted.max(CASES_MIN), "only {cases} cases");
}

#[test]
fn every_change_of_every_zones_clocks_is_as_the_oracle_walks_it() {
    everywhere(any_draw, compare);
}

#[test]
fn no_zone_changes_its_clocks_back_before_it_is_asked_again() {
    let step = Duration::hours(6);
    for zone in chrono_tz::TZ_VARIANTS {
        let offset = |at: DateTime<Utc>| zone::offset_at(zone, at.timestamp_millis());
        let (mut at, end) = (at("1999-01-01T00:00Z"), at("2045-01-01T00:00Z"));
        let (mut known, mut before, mut changed_at) = (offset(at), None, at);
        while at < end {
            at += step;
            let next = offset(at);
            if next != known {
                let lasted = (at - changed_at).num_milliseconds();
                assert!(before != Some(next) || lasted > zone::PROBE_MS, "{zone} at {at}");
                (before, known, changed_at) = (Some(known), next, at);
            }
        }
    }
}
