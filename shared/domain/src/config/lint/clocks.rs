//! What a clock can get wrong: a target that its calendar never offers, a condition of one that
//! says nothing, and a ladder that goes backwards.
//!
//! A configuration is linted wherever it is loaded, so an ordinary calendar is judged by a sum over
//! its week, and only one that offers little is asked for the deadline itself.

use super::Lint;
use crate::{
    calendar::{self, Calendar, HORIZON_DAYS, Window},
    config::{ClockRule, Config, HandoffType, RungTime, Start},
    ids::CalendarKey,
    routing,
    span::Span,
};
use chrono::{DateTime, Duration, NaiveDate, Utc, Weekday};
use std::collections::BTreeSet;

/// The years from whose beginnings a doubtful deadline is looked for.
const YEARS: std::ops::Range<i32> = 2024..2037;
/// How many hours clocks that change may cost a calendar within the horizon, at most.
const CHANGES_HOURS: i64 = 200;

impl<'l> Lint<'l, '_> {
    /// Reports times of a clock that its calendars never reach, and rungs that are out of order.
    pub(super) fn times(&mut self, path: &[&str], kind: &HandoffType, clock: &ClockRule) {
        let calendars = self.calendars_of(kind, clock);
        let is_back = clock.from == Start::Meeting;
        self.reached(&[path, &["target"]].concat(), clock.target, &calendars, is_back);
        for (index, target) in clock.targets.iter().enumerate() {
            let index = index.to_string();
            let path = [path, &["targets", &index]].concat();
            self.reached(&[&path[..], &["target"]].concat(), target.target, &calendars, is_back);
            for (place, clause) in target.when.iter().enumerate() {
                if let Some((code, message, help)) = routing::clause_fault(self.config, clause) {
                    let place = place.to_string();
                    let path = [&path[..], &["when", &place]].concat();
                    self.report(&path, code, message, &help);
                }
            }
        }
        for (index, rung) in clock.ladder.iter().enumerate() {
            let index = index.to_string();
            let path = [path, &["ladder", &index, "at"]].concat();
            if let RungTime::After(span) = rung.at {
                self.reached(&path, span, &calendars, false);
            }
        }
        let rungs = clock.ladder.iter().zip(clock.ladder.iter().skip(1));
        for (index, (earlier, later)) in rungs.enumerate() {
            if is_before(later.at, earlier.at, &calendars) {
                let index = (index + 1).to_string();
                let (later, earlier) = (shown(later.at), shown(earlier.at));
                let message =
                    format!("`{later}` is before `{earlier}`, which is written above it.");
                let help = "Write the rungs in the order of their times.";
                let path = [path, &["ladder", &index, "at"]].concat();
                self.report(&path, "backward-ladder", message, help);
            }
        }
    }

    /// Lists the calendars a clock may count on; one that does not exist is reported elsewhere.
    fn calendars_of(
        &self,
        kind: &HandoffType,
        clock: &ClockRule,
    ) -> Vec<(&'l CalendarKey, &'l Calendar)> {
        let config: &'l Config = self.config;
        let find = |name: &str| config.calendars.get_key_value(name);
        match clock.calendar.as_deref() {
            None => Vec::new(),
            Some("pool") => {
                let pools = config.pools.values().filter(|pool| pool.team == kind.to);
                let names = pools.filter_map(|pool| pool.calendar.as_ref());
                let names = names.chain(&config.organisation.calendar);
                let unique: BTreeSet<&str> = names.map(CalendarKey::as_str).collect();
                unique.into_iter().filter_map(find).collect()
            }
            Some(name) => find(name).into_iter().collect(),
        }
    }

    fn reached(
        &mut self,
        path: &[&str],
        span: Span,
        calendars: &[(&CalendarKey, &Calendar)],
        is_back: bool,
    ) {
        for (name, calendar) in calendars {
            if !calendar.never_works() && !reaches(calendar, span, is_back) {
                let days = HORIZON_DAYS;
                let message = format!(
                    "The calendar `{name}` has no {span} of working time within {days} days."
                );
                let help = "Write a shorter time, or give the calendar more hours.";
                return self.report(path, "unreachable-time", message, help);
            }
        }
    }
}

/// Tells whether a calendar offers a span of working time within its horizon, whenever it starts.
fn reaches(calendar: &Calendar, span: Span, is_back: bool) -> bool {
    if offers_plenty(calendar, span) {
        return true;
    }
    let starts = YEARS.filter_map(|year| NaiveDate::from_ymd_opt(year, 1, 1));
    let mut starts = starts.map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc());
    starts.all(|start| {
        let found = if is_back {
            calendar::before(Some(calendar), start, span)
        } else {
            calendar::deadline(Some(calendar), start, span)
        };
        found.is_some()
    })
}

/// Tells whether a calendar's weeks offer a span even without all of its exceptions' days.
fn offers_plenty(calendar: &Calendar, span: Span) -> bool {
    let mut day = Weekday::Mon;
    let (mut minutes, mut days, mut longest) = (0, 0, 0);
    for _ in 0..7 {
        let length =
            |window: &Window| i64::from(window.to_minute.saturating_sub(window.from_minute));
        let there: i64 = calendar.weekly(day).iter().map(length).sum();
        minutes += there;
        days += i64::from(there > 0);
        longest = there.max(longest);
        day = day.succ();
    }
    let exceptions = (calendar.holidays().len() + calendar.extra().len()) as i64;
    let weeks = HORIZON_DAYS / 7 - 2;
    let offered = weeks * minutes - exceptions * longest - CHANGES_HOURS * 60;
    let wanted = i64::try_from(span.seconds()).unwrap_or(i64::MAX) / 60;
    offered > wanted && weeks * days - exceptions > i64::from(span.days())
}

/// Tells whether a rung that is written later is due before one that is written earlier.
fn is_before(later: RungTime, earlier: RungTime, calendars: &[(&CalendarKey, &Calendar)]) -> bool {
    match (later, earlier) {
        (RungTime::Share(later), RungTime::Share(earlier)) => later < earlier,
        (RungTime::After(later), RungTime::After(earlier)) if calendars.is_empty() => {
            later.elapsed() < earlier.elapsed()
        }
        (RungTime::After(later), RungTime::After(earlier)) => {
            calendars.iter().any(|(_, calendar)| is_sooner(calendar, later, earlier))
        }
        (later, earlier) => part(later) < part(earlier),
    }
}

fn part(at: RungTime) -> u8 {
    match at {
        RungTime::Share(_) => 0,
        RungTime::Breach => 1,
        RungTime::After(_) => 2,
    }
}

/// Tells whether one span ends before another from every start of a week: how a day compares with
/// hours is for the calendar to say.
fn is_sooner(calendar: &Calendar, one: Span, other: Span) -> bool {
    let Some(monday) = NaiveDate::from_ymd_opt(2026, 1, 5) else { return false };
    let monday = monday.and_time(chrono::NaiveTime::MIN).and_utc();
    let after = |start: DateTime<Utc>, span| calendar::after(Some(calendar), start, span);
    (0..7 * 8).map(|step| monday + Duration::hours(step * 3)).all(|start| {
        let ends = after(start, one).zip(after(start, other));
        ends.is_some_and(|(one, other)| one < other)
    })
}

fn shown(at: RungTime) -> String {
    match at {
        RungTime::Share(percent) => format!("{percent}%"),
        RungTime::Breach => "breach".to_owned(),
        RungTime::After(span) => format!("+{span}"),
    }
}
