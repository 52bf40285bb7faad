//! Schedules: which function runs when, and the event it gets.
//!
//! A schedule that was missed while nothing ran fires once when the cloud starts again, with the
//! time of its latest miss: a digest is late, not lost, and nobody gets a month of sweeps at once.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::{
    DateTime, Datelike, DurationRound, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, TimeZone,
    Utc, Weekday,
};
use chrono_tz::Tz;
use serde_json::Value;

/// How many days there are at most between two runs, and a day of another zone.
const NEXT_MAX: i64 = 33;

/// One schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its name; no two have the same.
    pub name: String,
    /// The function it runs.
    pub function: ScheduledFunction,
    /// When it runs.
    pub every: Every,
    /// What the function gets as the event's detail.
    pub input: Value,
}

/// A function that runs on a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduledFunction {
    /// Keeps the deadlines.
    Sweep,
    /// Sends the reports.
    Digest,
    /// Holds what is stored against the histories.
    Audit,
}

/// When a schedule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// At every full minute.
    Minutely,
    /// On some days, at a local time.
    Days {
        /// On which.
        on: On,
        /// The local time.
        at: NaiveTime,
        /// Where it is local.
        zone: Tz,
    },
}

/// On which days a schedule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Every day.
    EveryDay,
    /// Every Monday.
    Mondays,
    /// The first of every month.
    Firsts,
}

impl On {
    fn has(self, day: NaiveDate) -> bool {
        match self {
            Self::EveryDay => true,
            Self::Mondays => day.weekday() == Weekday::Mon,
            Self::Firsts => day.day() == 1,
        }
    }
}

impl ScheduledFunction {
    /// How often a failed run is tried again: a sweep not at all, the next minute's does its work.
    pub(crate) fn retries(self) -> u32 {
        match self {
            Self::Sweep => 0,
            Self::Digest | Self::Audit => 2,
        }
    }
}

impl Schedule {
    /// The event of the run that is due at `time`.
    pub(crate) fn event(&self, time: DateTime<Utc>) -> EventBridgeEvent<Value> {
        let at = time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut event = EventBridgeEvent::default();
        event.version = Some("0".to_owned());
        event.id = Some(format!("{}/{at}", self.name));
        event.detail_type = "Scheduled Event".to_owned();
        event.source = "aws.scheduler".to_owned();
        event.account = Some("000000000000".to_owned());
        event.time = Some(time);
        event.region = Some("local".to_owned());
        event.resources =
            Some(vec![format!("arn:aws:scheduler:local:000000000000:schedule/{}", self.name)]);
        event.detail = self.input.clone();
        event
    }
}

impl Every {
    /// The first time after `now`.
    pub(crate) fn next(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Minutely => minute(now) + TimeDelta::minutes(1),
            Self::Days { on, at, zone } => days(now, zone, -1..=NEXT_MAX)
                .filter(|day| on.has(*day))
                .map(|day| on_day(day, at, zone))
                .find(|&time| time > now)
                .unwrap_or(now + TimeDelta::days(1)),
        }
    }

    /// The last time up to `now`.
    pub(crate) fn latest(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Minutely => minute(now),
            Self::Days { on, at, zone } => days(now, zone, (-NEXT_MAX..=1).rev())
                .filter(|day| on.has(*day))
                .map(|day| on_day(day, at, zone))
                .find(|&time| time <= now)
                .unwrap_or(now - TimeDelta::days(1)),
        }
    }
}

fn minute(now: DateTime<Utc>) -> DateTime<Utc> {
    now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now)
}

fn days(
    now: DateTime<Utc>,
    zone: Tz,
    offsets: impl Iterator<Item = i64>,
) -> impl Iterator<Item = NaiveDate> {
    let today = now.with_timezone(&zone).date_naive();
    offsets.map(move |offset| today + TimeDelta::days(offset))
}

/// The instant of a local time: the first if there are two, an hour later if there is none.
fn on_day(day: NaiveDate, at: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let local = day.and_time(at);
    let found = zone.from_local_datetime(&local).earliest();
    let found = found
        .or_else(|| zone.from_local_datetime(&(local + TimeDelta::hours(1))).earliest())
        .map(|time| time.with_timezone(&Utc));
    found.unwrap_or_else(|| local.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::Berlin;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(every: Every, now: &str, latest: &str, next: &str) {
        let now = at(now);
        assert_eq!((every.latest(now), every.next(now)), (at(latest), at(next)));
    }

    fn daily(hour: u32, minute: u32) -> Every {
        on(On::EveryDay, hour, minute)
    }

    fn on(on: On, hour: u32, minute: u32) -> Every {
        Every::Days { on, at: NaiveTime::from_hms_opt(hour, minute, 0).unwrap(), zone: Berlin }
    }

    #[test]
    fn a_minutely_schedule_runs_at_full_minutes() {
        let every = Every::Minutely;
        check(every, "2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z", "2026-01-05T00:01:00Z");
        check(every, "2026-01-05T00:00:59.9Z", "2026-01-05T00:00:00Z", "2026-01-05T00:01:00Z");
    }

    #[test]
    fn a_daily_schedule_keeps_its_local_time_when_the_clocks_change() {
        let seven = daily(7, 0);
        check(seven, "2026-03-28T12:00:00Z", "2026-03-28T06:00:00Z", "2026-03-29T05:00:00Z");
        check(seven, "2026-10-24T12:00:00Z", "2026-10-24T05:00:00Z", "2026-10-25T06:00:00Z");
        check(seven, "2026-10-25T06:00:00Z", "2026-10-25T06:00:00Z", "2026-10-26T06:00:00Z");
    }

    #[test]
    fn a_week_begins_on_monday_and_a_month_on_its_first() {
        let mondays = on(On::Mondays, 7, 0);
        check(mondays, "2026-10-25T12:00:00Z", "2026-10-19T05:00:00Z", "2026-10-26T06:00:00Z");
        check(mondays, "2026-10-26T06:00:00Z", "2026-10-26T06:00:00Z", "2026-11-02T06:00:00Z");
        let firsts = on(On::Firsts, 0, 30);
        check(firsts, "2026-01-31T23:15:00Z", "2025-12-31T23:30:00Z", "2026-01-31T23:30:00Z");
        check(firsts, "2026-01-31T23:30:00Z", "2026-01-31T23:30:00Z", "2026-02-28T23:30:00Z");
    }

    #[test]
    fn a_local_time_that_does_not_exist_runs_an_hour_later_and_one_that_comes_twice_once() {
        let half_past_two = daily(2, 30);
        check(
            half_past_two,
            "2026-03-29T00:00:00Z",
            "2026-03-28T01:30:00Z",
            "2026-03-29T01:30:00Z",
        );
        check(
            half_past_two,
            "2026-10-25T00:30:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:30:00Z",
        );
    }

    #[test]
    fn a_run_says_when_it_was_due_and_what_for() {
        let schedule = Schedule {
            name: "digest-daily".to_owned(),
            function: ScheduledFunction::Digest,
            every: daily(7, 0),
            input: serde_json::json!({ "period": "day" }),
        };
        let event = serde_json::to_value(schedule.event(at("2026-01-05T06:00:00Z"))).unwrap();
        assert_eq!(event["id"], "digest-daily/2026-01-05T06:00:00Z");
        assert_eq!(event["detail-type"], "Scheduled Event");
        assert_eq!(event["time"], "2026-01-05T06:00:00Z");
        assert_eq!(event["detail"]["period"], "day");
    }
}
