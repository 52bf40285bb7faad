//! A week with everything at once, and a recount of every deadline in it that walks minute by
//! minute and knows nothing of calendars but the hours of two offices.

use super::steps;
use chrono::{DateTime, Datelike, Duration, NaiveDateTime, Timelike, Utc};
use domain::{
    HandoffId,
    clock::Clock,
    config::{self, ClockRule, Config, RungTime, Start},
    span::Span,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::{Setting, World};

fn at(text: &str) -> DateTime<Utc> {
    let (day, time) = text.split_once(' ').unwrap();
    format!("2026-03-{day}T{time}:00Z").parse().unwrap()
}

/// No sweep runs for two hours.
const OUTAGE: (&str, &str) = ("25 10:00", "25 12:00");

/// From then on an MQL has two hours and not four.
const EDIT: &str = "26 13:00";

const END: &str = "30 17:00";

fn is_lost(tick: DateTime<Utc>) -> bool {
    tick.minute() % 7 == 3 || (at(OUTAGE.0)..at(OUTAGE.1)).contains(&tick)
}

/// What opens when, and whose office its clock counts on, if any's.
const OPENINGS: [(&str, &str, Option<Office>); 27] = [
    ("23 08:30", "usage.threshold", LONDON),
    ("23 10:05", "demo.requested", None),
    ("23 10:20", "territory.changed", LONDON),
    ("23 15:40", "lead.scored", LONDON),
    ("24 09:10", "lead.scored", LONDON),
    ("24 14:00", "contract.signed", None),
    ("24 17:00", "lead.scored", NEW_YORK),
    ("24 20:00", "demo.requested", None),
    ("25 09:30", "lead.scored", LONDON),
    ("25 10:15", "demo.requested", None),
    ("25 11:00", "lead.scored", LONDON),
    ("26 09:00", "meeting.booked", None),
    ("26 11:00", "lead.scored", LONDON),
    ("26 12:00", "lead.scored", LONDON),
    ("26 12:30", "lead.scored", LONDON),
    ("26 13:10", "lead.scored", LONDON),
    ("26 13:20", "demo.requested", None),
    ("27 10:10", "contract.signed", None),
    ("27 15:50", "lead.scored", LONDON),
    ("27 16:45", "territory.changed", LONDON),
    ("27 19:00", "lead.scored", NEW_YORK),
    ("28 11:00", "lead.scored", LONDON),
    ("28 23:30", "demo.requested", None),
    ("29 00:40", "demo.requested", None),
    ("29 12:00", "lead.scored", NEW_YORK),
    ("30 09:05", "demo.requested", None),
    ("30 10:00", "lead.scored", LONDON),
];

/// When what opened at a time is paused, until when, and whether somebody ends it by hand.
const PAUSES: [(&str, &str, &str, bool); 2] =
    [("26 11:00", "26 14:00", "27 10:30", false), ("26 12:30", "26 15:00", "27 10:00", true)];

/// When the meeting takes place that is booked.
const MEETING: &str = "30 15:00";

/// An office that works from Monday to Friday, from nine until half past five: its distance from
/// UTC in hours before the 29th at one, and after.
#[derive(Clone, Copy, Debug)]
struct Office(i64, i64);

const LONDON: Option<Office> = Some(Office(0, 1));
const NEW_YORK: Option<Office> = Some(Office(-4, -4));

impl Office {
    fn local(self, at: DateTime<Utc>) -> NaiveDateTime {
        let hours = if at < self::at("29 01:00") { self.0 } else { self.1 };
        at.naive_utc() + Duration::hours(hours)
    }

    fn works(self, at: DateTime<Utc>) -> bool {
        let local = self.local(at);
        let minute = local.hour() * 60 + local.minute();
        local.weekday().num_days_from_monday() < 5 && (9 * 60..17 * 60 + 30).contains(&minute)
    }
}

/// Counts minutes, one by one: those an office works, and no minute of a pause.
struct Count {
    office: Option<Office>,
    paused: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Count {
    fn counts(&self, at: DateTime<Utc>) -> bool {
        let paused = self.paused.is_some_and(|(from, to)| (from..to).contains(&at));
        !paused && self.office.is_none_or(|office| office.works(at))
    }

    fn after(&self, start: DateTime<Utc>, minutes: i64) -> DateTime<Utc> {
        let (mut at, mut left) = (start, minutes);
        while left > 0 {
            left -= i64::from(self.counts(at));
            at += Duration::minutes(1);
        }
        at
    }

    fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
        let all = (0..(to - from).num_minutes()).map(|minute| from + Duration::minutes(minute));
        all.filter(|at| self.counts(*at)).count() as i64
    }

    /// Finds the minute that has the same local time so many working days later.
    fn days(&self, start: DateTime<Utc>, days: u32) -> DateTime<Utc> {
        let Some(office) = self.office else { return start + Duration::days(days.into()) };
        let mut at = start;
        while !office.works(at) {
            at += Duration::minutes(1);
        }
        let (mut date, time) = (office.local(at).date(), office.local(at).time());
        for _ in 0..days {
            date += Duration::days(if date.weekday().num_days_from_monday() == 4 { 3 } else { 1 });
        }
        while office.local(at) != date.and_time(time) {
            at += Duration::minutes(1);
        }
        at
    }

    fn span(&self, start: DateTime<Utc>, span: Span) -> DateTime<Utc> {
        self.after(self.days(start, span.days()), span.seconds() as i64 / 60)
    }

    /// Finds a clock's deadline and every rung's time.
    fn ladder(&self, rule: &ClockRule, start: DateTime<Utc>) -> BTreeMap<String, DateTime<Utc>> {
        let due = match rule.from {
            Start::Trigger => self.span(start, rule.target),
            Start::Meeting => at(MEETING) - rule.target.elapsed(),
        };
        let rung_at = |rung: RungTime| match rung {
            RungTime::Share(percent) => {
                self.after(start, self.between(start, due) * i64::from(percent) / 100)
            }
            RungTime::Breach => due,
            RungTime::After(span) => self.span(due, span),
        };
        let rungs = rule.ladder.iter().enumerate();
        let mut all: BTreeMap<String, DateTime<Utc>> =
            rungs.map(|(n, rung)| (n.to_string(), rung_at(rung.at))).collect();
        all.insert("breach".to_owned(), due);
        all
    }
}

/// What happens at one time of the week.
enum Deed {
    Open(usize),
    Pause(usize),
    Resume(usize),
    Edit,
}

fn deeds() -> Vec<(DateTime<Utc>, Deed)> {
    let opened = |time: &str| OPENINGS.iter().position(|(at, ..)| *at == time).unwrap();
    let mut deeds: Vec<(DateTime<Utc>, Deed)> =
        OPENINGS.iter().enumerate().map(|(n, (time, ..))| (at(time), Deed::Open(n))).collect();
    for (number, (time, from, until, by_hand)) in PAUSES.iter().enumerate() {
        deeds.push((at(from), Deed::Pause(number)));
        if *by_hand {
            deeds.push((at(until), Deed::Resume(opened(time))));
        }
    }
    deeds.push((at(EDIT), Deed::Edit));
    deeds.sort_by_key(|(at, _)| *at);
    deeds
}

/// Opens what is opened at one time.
async fn open(world: &mut World, number: usize) -> HandoffId {
    let (_, event, office) = OPENINGS[number];
    let object = match event {
        "contract.signed" | "territory.changed" => "deal",
        "usage.threshold" => "account",
        _ => "contact",
    };
    let country = if matches!(office, Some(Office(-4, _))) { "US" } else { "GB" };
    let id = format!("n{number}");
    let about = json!({ "crm": "hubspot", "object": object, "id": id, "country": country });
    let mut data = json!({ "subject": about });
    match event {
        "lead.scored" => {
            data["score"] = 70.into();
            data["previous_score"] = 10.into();
        }
        "meeting.booked" => data["meeting_at"] = at(MEETING).to_rfc3339().into(),
        _ => {}
    }
    let id = world.event(event, data).await.opened();
    world.settle().await;
    id
}

/// Lives through the week; tells what opened, in order.
async fn live_through(world: &mut World, edited: &str) -> Vec<HandoffId> {
    let mut ids: Vec<HandoffId> = Vec::new();
    for (time, deed) in deeds() {
        world.until(time).await;
        let answer = match deed {
            Deed::Open(number) => {
                ids.push(open(world, number).await);
                continue;
            }
            Deed::Edit => {
                let stored = world.store.active_version().await.unwrap();
                world.store.push_config(edited, stored, &"edit".into(), time).await.unwrap();
                continue;
            }
            Deed::Pause(number) => {
                let (opened, _, until, by_hand) = PAUSES[number];
                let which = OPENINGS.iter().position(|(at, ..)| *at == opened).unwrap();
                // Somebody ends it by hand sooner than it would have ended.
                let until = at(until) + Duration::hours(if by_hand { 3 } else { 0 });
                let body = json!({ "reason": "asked_to_wait", "until": until.to_rfc3339() });
                world.act("priya", &ids[which], "pause", body).await
            }
            Deed::Resume(which) => world.act("priya", &ids[which], "resume", Value::Null).await,
        };
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    world.until(at(END)).await;
    ids
}

/// Compares a handoff's clocks and steps with the recount; tells how late each step was.
async fn compare(world: &World, number: usize, id: &HandoffId, config: &Config) -> Vec<Duration> {
    let (opened, _, office) = OPENINGS[number];
    let pause = PAUSES.iter().find(|(which, ..)| *which == opened);
    let paused = pause.map(|(_, from, to, _)| (at(from), at(to)));
    let (handoff, mut steps) = (world.handoff(id).await, steps(world, id).await);
    let mut late = Vec::new();
    for rule in &config.types[&handoff.kind].clocks {
        let is_its = |clock: &&Clock| clock.name == rule.name;
        let clock = handoff.clocks.iter().find(is_its).unwrap();
        assert_eq!(clock.target, rule.target, "{opened} keeps the policy it opened with");
        let expected = Count { office, paused }.ladder(rule, at(opened));
        assert_eq!(clock.due_at, expected["breach"], "{} of {opened}", rule.name);
        for (rung, due_at) in expected {
            let what = format!("{} {rung} of {opened}, due {due_at}", rule.name);
            let Some(step) = steps.remove(&(rule.name.clone(), rung)) else {
                assert!(due_at > at(END) - Duration::seconds(61), "{what} was forgotten");
                continue;
            };
            assert_eq!(step.due_at, due_at, "{what}");
            assert!(step.at >= due_at, "{what} was early: {}", step.at);
            let in_outage = (at(OUTAGE.0)..at(OUTAGE.1)).contains(&due_at);
            let meant = if in_outage { at(OUTAGE.1) } else { due_at };
            assert!(step.at <= meant + Duration::seconds(61), "{what} was late: {}", step.at);
            assert!(step.taken || in_outage, "{what} was passed");
            late.extend((!in_outage).then_some(step.at - due_at));
        }
    }
    let more: Vec<_> = steps.keys().collect();
    assert!(more.is_empty(), "nobody expects {more:?} of {opened}");
    late
}

#[tokio::test]
async fn over_a_bad_week_every_step_is_taken_once_and_never_early() {
    // Every other tick comes twice, so that every minute lies in the horizon of one that does.
    let doubled: fn(DateTime<Utc>) -> bool = |tick| tick.minute() % 2 == 0;
    let (start, doubled) = (at("23 08:00"), Some(doubled));
    let setting = Setting { at: start, doubled, lost: is_lost, ..Setting::default() };
    let before = setting.organisation.clone();
    let edited = before.replacen("target = \"4h\"", "target = \"2h\"", 1);
    assert_ne!(before, edited);
    let mut world = World::of(setting).await;
    let ids = live_through(&mut world, &edited).await;
    let (before, after) = (config::load(&before).unwrap(), config::load(&edited).unwrap());
    let mut late = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        let config = if at(OPENINGS[number].0) < at(EDIT) { &before } else { &after };
        late.extend(compare(&world, number, id, config).await);
    }
    let to_the_second = late.iter().filter(|late| **late <= Duration::seconds(1)).count();
    println!("{to_the_second} of {} steps to the second", late.len());
    assert!(late.len() >= 90 && to_the_second * 10 >= late.len() * 9, "{to_the_second}");
    world.read_mail();
}
