//! Working time: when a calendar works, and where a target that is counted on it ends. An instant
//! works if its local wall-clock time lies in a window of its local day and that day is no holiday,
//! literally: an hour that the clocks repeat works twice, an hour that they skip never. A deadline
//! is the earliest instant by which the target has been worked, so it can be a window's end and is
//! never the next window's start. Windows are compiled to intervals with prefix sums, once per
//! calendar and block of days, when an answer first needs them; a deadline is then one look at its
//! start's day and one binary search, however long the target. What must stay true: a changed
//! calendar forgets what was compiled, which is why its parts are private; instants are counted in
//! whole milliseconds (finer parts are dropped where time is added).

mod compiled;
mod days;
mod walk;
mod zone;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::span::Span;
pub use crate::span::{Window, WindowError};
use compiled::Compiled;
use walk::Place;

const SECOND_MS: i64 = 1000;
const DAY_MS: i64 = 24 * 60 * 60 * SECOND_MS;

/// How far an answer is looked for, in days: about eleven years.
pub const HORIZON_DAYS: i64 = 4020;
const HORIZON_MS: i64 = HORIZON_DAYS * DAY_MS;

/// The weekly working hours of a zone, and the days on which others apply or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The zone whose wall clock the windows mean.
    timezone: Tz,
    /// The windows that start on each day of the week, Monday first.
    windows: [Vec<Window>; 7],
    /// The local days whose weekly windows do not apply.
    holidays: BTreeSet<NaiveDate>,
    /// The local days that have exactly these windows, holiday or not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<NaiveDate, Vec<Window>>,
    #[serde(skip)]
    compiled: Compiled,
}

/// Returns the instant `span` after `start`: of working time if there is a calendar, else elapsed.
///
/// There is none if the calendar does not reach it within [`HORIZON_DAYS`].
pub fn deadline(
    calendar: Option<&Calendar>,
    start: DateTime<Utc>,
    span: Span,
) -> Option<DateTime<Utc>> {
    match calendar {
        Some(calendar) => calendar.add(start, span),
        None => start.checked_add_signed(span.elapsed()),
    }
}

/// Returns the instant of a ladder's step, `span` after the deadline it follows.
pub fn after(calendar: Option<&Calendar>, due: DateTime<Utc>, span: Span) -> Option<DateTime<Utc>> {
    deadline(calendar, due, span)
}

/// Returns the instant `span` before `at`: of working time if there is a calendar, else elapsed.
pub fn before(calendar: Option<&Calendar>, at: DateTime<Utc>, span: Span) -> Option<DateTime<Utc>> {
    match calendar {
        Some(calendar) => calendar.subtract(at, span),
        None => at.checked_sub_signed(span.elapsed()),
    }
}

/// Returns the instant at which `percent` % of the time from `start` to `due` has been worked.
///
/// Rounds down to whole seconds of working time; never after `due`, and 100 % is `due` itself.
pub fn share(
    calendar: Option<&Calendar>,
    start: DateTime<Utc>,
    due: DateTime<Utc>,
    percent: u32,
) -> DateTime<Utc> {
    if due <= start || percent >= 100 {
        return due;
    }
    let part = |seconds: i64| seconds * i64::from(percent) / 100;
    let elapsed = || Duration::seconds(part((due - start).num_seconds()));
    let reached = match calendar {
        Some(calendar) => calendar.add_seconds(start, part(calendar.between(start, due))),
        None => start.checked_add_signed(elapsed()),
    };
    reached.map_or(due, |reached| reached.min(due))
}

impl Calendar {
    /// Makes a calendar that never works yet.
    pub fn new(timezone: Tz) -> Self {
        Self {
            timezone,
            windows: Default::default(),
            holidays: BTreeSet::new(),
            extra: BTreeMap::new(),
            compiled: Compiled::default(),
        }
    }

    /// Adds a window to each of `days`.
    pub fn with_window(mut self, days: &[Weekday], window: Window) -> Self {
        for day in days {
            self.windows[day.num_days_from_monday() as usize].push(window);
        }
        self.changed()
    }

    /// Closes a local day: its weekly windows do not apply.
    pub fn with_holiday(mut self, day: NaiveDate) -> Self {
        self.holidays.insert(day);
        self.changed()
    }

    /// Gives a local day exactly these windows, whatever weekday or holiday it is.
    pub fn with_extra(mut self, day: NaiveDate, windows: Vec<Window>) -> Self {
        self.extra.insert(day, windows);
        self.changed()
    }

    /// Forgets what was compiled.
    fn changed(self) -> Self {
        Self { compiled: Compiled::default(), ..self }
    }

    /// Returns the zone whose wall clock the windows mean.
    pub fn timezone(&self) -> Tz {
        self.timezone
    }

    /// Returns the windows that start on a weekday, unless the day is an exception.
    pub fn weekly(&self, day: Weekday) -> &[Window] {
        &self.windows[day.num_days_from_monday() as usize]
    }

    /// Returns the local days whose weekly windows do not apply.
    pub fn holidays(&self) -> &BTreeSet<NaiveDate> {
        &self.holidays
    }

    /// Returns the local days that have windows of their own.
    pub fn extra(&self) -> &BTreeMap<NaiveDate, Vec<Window>> {
        &self.extra
    }

    /// Returns the windows that start on a local day.
    pub fn windows_of(&self, day: NaiveDate) -> &[Window] {
        self.windows_on(i64::from(day.to_epoch_days()))
    }

    /// Tells whether no day at all has any working time.
    pub fn never_works(&self) -> bool {
        let weekly = self.windows.iter().flatten();
        weekly.chain(self.extra.values().flatten()).all(Window::is_empty)
    }

    /// Tells whether the instant is working time.
    pub fn works_at(&self, at: DateTime<Utc>) -> bool {
        self.works(at.timestamp_millis())
    }

    /// Returns the instant itself if it works, else the first one after it that does.
    pub fn next_working(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.works_at(at) {
            return Some(at);
        }
        instant(self.next_working_ms(at.timestamp_millis())?)
    }

    /// Returns the deadline of a target counted from `start`: its days first, then its seconds.
    ///
    /// Days lead to the same local time that many working days on, from the next working instant if
    /// `start` does not work. If no window of that day contains the time or ends at it, the next
    /// working instant is the answer. A span of nothing is `start`.
    pub fn add(&self, start: DateTime<Utc>, span: Span) -> Option<DateTime<Utc>> {
        let from = match i64::from(span.days()) {
            0 => start,
            days => instant(self.add_days(start.timestamp_millis(), days)?)?,
        };
        self.add_seconds(from, i64::try_from(span.seconds()).ok()?)
    }

    /// Returns the earliest instant by which that many seconds after `start` have been worked.
    ///
    /// No seconds, or fewer, are `start`.
    pub fn add_seconds(&self, start: DateTime<Utc>, seconds: i64) -> Option<DateTime<Utc>> {
        if seconds <= 0 {
            return Some(start);
        }
        self.worked_after(Place::of(start), seconds)
    }

    /// Returns the latest instant from which `span` remains until `end`, mirroring [`Self::add`].
    ///
    /// Seconds first, then days: the same local time that many working days before, counted from
    /// the preceding window's end if `end` is outside every window, and moved back to one likewise.
    pub fn subtract(&self, end: DateTime<Utc>, span: Span) -> Option<DateTime<Utc>> {
        let mut at = end;
        if span.seconds() > 0 {
            let wanted = i64::try_from(span.seconds()).ok()?;
            at = instant(self.left_before(end.timestamp_millis(), wanted)?)?;
        }
        match i64::from(span.days()) {
            0 => Some(at),
            days => instant(self.subtract_days(at.timestamp_millis(), days)?),
        }
    }

    /// Returns the whole seconds of working time from `from` to `to`; none if `to` is not later.
    pub fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
        if to <= from {
            return 0;
        }
        self.worked_between(Place::of(from), Place::of(to)) / SECOND_MS
    }

    /// Returns the milliseconds of working time from `from` to `to`; none if `to` is not later.
    pub(crate) fn between_ms(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
        if to <= from { 0 } else { self.worked_between(Place::of(from), Place::of(to)) }
    }

    /// Returns the earliest instant by which that many milliseconds after `start` have been worked.
    pub(crate) fn add_ms(&self, start: DateTime<Utc>, ms: i64) -> Option<DateTime<Utc>> {
        let over = (SECOND_MS - ms % SECOND_MS) % SECOND_MS;
        let end = self.add_seconds(start, (ms + over) / SECOND_MS)?;
        let before = end - Duration::milliseconds(over);
        let rest = over - self.between_ms(before, end);
        let at = before.timestamp_millis();
        // What is worked by a window's start was worked by the end of the one before.
        match rest == 0 && (ms <= 0 || over == 0 || self.works(at - 1)) {
            true => Some(before),
            false => instant(self.previous_working_ms(at - 1)? - rest),
        }
    }

    /// Returns the windows that start on a day, counted from 1970-01-01.
    fn windows_on(&self, day: i64) -> &[Window] {
        let Some(date) = date(day) else { return &[] };
        if let Some(windows) = self.extra.get(&date) {
            return windows;
        }
        if self.holidays.contains(&date) { &[] } else { self.weekly_on(day) }
    }

    fn weekly_on(&self, day: i64) -> &[Window] {
        // 1970-01-01 was a Thursday.
        &self.windows[(day + 3).rem_euclid(7) as usize]
    }
}

fn instant(at: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(at)
}

/// Returns the date of a day that is counted from 1970-01-01.
fn date(day: i64) -> Option<NaiveDate> {
    i32::try_from(day).ok().and_then(NaiveDate::from_epoch_days)
}

#[cfg(test)]
mod tests;
