//! Working time: when a calendar works, and where a target that is counted on it ends. An instant
//! works if its local wall-clock time lies in a window of its local day and that day is no holiday,
//! literally: an hour that the clocks repeat works twice, an hour that they skip never. A deadline
//! is the earliest instant by which the target has been worked, so it can be a window's end and is
//! never the next window's start. Windows are compiled to intervals with prefix sums, and answers
//! are found by binary search. What must stay true: [`Calendar::works_at`] and the intervals agree;
//! instants are counted in whole milliseconds (finer parts are dropped where time is added).

mod compiled;

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, NaiveDate, Offset, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::span::Span;
pub use crate::span::{Window, WindowError};
use compiled::Compiled;

const SECOND_MS: i64 = 1000;
const DAY_MS: i64 = 24 * 60 * 60 * SECOND_MS;

/// How far an answer is looked for, in days: about eleven years.
pub const HORIZON_DAYS: i64 = 4020;
/// How many days are compiled at first; doubled until the answer is among them.
const FIRST_DAYS: i64 = 16;

/// The weekly working hours of a zone, and the days on which they do not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The zone whose wall clock the windows mean.
    pub timezone: Tz,
    /// The windows that start on each day of the week, Monday first.
    pub windows: [Vec<Window>; 7],
    /// The local days whose windows do not apply.
    pub holidays: BTreeSet<NaiveDate>,
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
        Self { timezone, windows: Default::default(), holidays: BTreeSet::new() }
    }

    /// Adds a window to each of `days`.
    pub fn with_window(mut self, days: &[Weekday], window: Window) -> Self {
        for day in days {
            self.windows[day.num_days_from_monday() as usize].push(window);
        }
        self
    }

    /// Tells whether no day of the week has any working time.
    pub fn never_works(&self) -> bool {
        self.windows.iter().flatten().all(Window::is_empty)
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
        let (from, worked_ms) = (start.timestamp_millis(), seconds.checked_mul(SECOND_MS)?);
        instant(self.search(|length| self.compile(from, from + length).worked(worked_ms))?)
    }

    /// Returns the latest instant from which `span` remains until `end`, mirroring [`Self::add`].
    ///
    /// Seconds first, then days: the same local time that many working days before, counted from
    /// the preceding window's end if `end` is outside every window, and moved back to one likewise.
    pub fn subtract(&self, end: DateTime<Utc>, span: Span) -> Option<DateTime<Utc>> {
        let mut at = end;
        if span.seconds() > 0 {
            let left_ms = i64::try_from(span.seconds()).ok()?.checked_mul(SECOND_MS)?;
            let until = end.timestamp_millis();
            at = instant(self.search(|length| self.compile(until - length, until).left(left_ms))?)?;
        }
        match i64::from(span.days()) {
            0 => Some(at),
            days => instant(self.subtract_days(at.timestamp_millis(), days)?),
        }
    }

    /// Returns the whole seconds of working time from `from` to `to`; none if `to` is not later.
    pub fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
        let (mut at, end) = (from.timestamp_millis(), to.timestamp_millis());
        let mut worked_ms = 0;
        // In pieces, so that a date that is centuries off costs time but no memory.
        while at < end {
            let until = end.min(at + HORIZON_DAYS * DAY_MS);
            worked_ms += self.compile(at, until).total();
            at = until;
        }
        worked_ms / SECOND_MS
    }

    fn add_days(&self, start: i64, days: i64) -> Option<i64> {
        let at = self.next_working_ms(start)?;
        let local = at + self.offset_at(at);
        let owner = self.owner_of(local)?;
        let target = self.working_day(owner, days, 1)?;
        let time = local + (target - owner) * DAY_MS;
        let reached = self.first_reaching(time)?;
        // Where the clocks skip the time, what stands is the end of the window they cut short.
        let in_or_ending = |window: &Window| window.spans(time - target * DAY_MS);
        if self.works(reached - 1) && self.windows_on(target).iter().any(in_or_ending) {
            return Some(reached);
        }
        self.next_working_ms(reached)
    }

    fn subtract_days(&self, end: i64, days: i64) -> Option<i64> {
        let at = self.previous_working_ms(end)?;
        // At a window's end the local time is the window's, whatever the clocks show next.
        let just_before = i64::from(!self.works(at));
        let local = at - just_before + self.offset_at(at - just_before);
        let owner = self.owner_of(local)?;
        let target = self.working_day(owner, days, -1)?;
        let time = local + just_before + (target - owner) * DAY_MS;
        self.previous_working_ms(self.last_reaching(time)?)
    }

    /// Returns the instant itself if it works, else the start of the next working interval.
    fn next_working_ms(&self, at: i64) -> Option<i64> {
        self.search(|length| self.compile(at, at + length).starts.first().copied())
    }

    /// Returns the instant itself if it works or ends a working interval, else the last such end.
    fn previous_working_ms(&self, at: i64) -> Option<i64> {
        if self.works(at) {
            return Some(at);
        }
        self.search(|length| self.compile(at - length, at).ends.last().copied())
    }

    fn works(&self, at: i64) -> bool {
        self.owner_of(at + self.offset_at(at)).is_some()
    }

    /// Returns the day whose window contains the local time; if windows overlap, the later day.
    fn owner_of(&self, local: i64) -> Option<i64> {
        let today = local.div_euclid(DAY_MS);
        [today, today - 1].into_iter().find(|day| {
            let contains = |window: &Window| window.contains(local - day * DAY_MS);
            self.windows_on(*day).iter().any(contains)
        })
    }

    /// Returns the windows that start on a day, counted from 1970-01-01: none on a holiday.
    fn windows_on(&self, day: i64) -> &[Window] {
        let date = i32::try_from(day).ok().and_then(NaiveDate::from_epoch_days);
        if date.is_none_or(|date| self.holidays.contains(&date)) {
            return &[];
        }
        // 1970-01-01 was a Thursday.
        &self.windows[(day + 3).rem_euclid(7) as usize]
    }

    /// Returns the working day that many working days after `day`, or before it if `step` is -1.
    fn working_day(&self, day: i64, count: i64, step: i64) -> Option<i64> {
        let days = (1..=HORIZON_DAYS).map(|distance| day + distance * step);
        let mut working = days.filter(|day| !self.windows_on(*day).iter().all(Window::is_empty));
        working.nth(usize::try_from(count - 1).ok()?)
    }

    /// Asks for an answer from ever longer stretches of time until there is one.
    fn search<T>(&self, find: impl Fn(i64) -> Option<T>) -> Option<T> {
        if self.never_works() {
            return None;
        }
        let mut days = FIRST_DAYS;
        loop {
            let found = find(days * DAY_MS);
            if found.is_some() || days == HORIZON_DAYS {
                return found;
            }
            days = HORIZON_DAYS.min(days * 2);
        }
    }

    /// Compiles the working intervals between two instants.
    fn compile(&self, from: i64, until: i64) -> Compiled {
        let mut intervals = Vec::new();
        for (from, until, offset) in self.steadies(from, until) {
            // A window reaches at most into the day after the one that owns it.
            let first_day = (from + offset).div_euclid(DAY_MS) - 1;
            let last_day = (until - 1 + offset).div_euclid(DAY_MS);
            for day in first_day..=last_day {
                let midnight = day * DAY_MS - offset;
                for window in self.windows_on(day) {
                    let start = from.max(midnight + window.start_ms());
                    let end = until.min(midnight + window.end_ms());
                    if start < end {
                        intervals.push((start, end));
                    }
                }
            }
        }
        Compiled::merge(intervals)
    }

    /// Splits the time between two instants where the zone's offset changes: from, until, offset.
    fn steadies(&self, from: i64, until: i64) -> Vec<(i64, i64, i64)> {
        let mut steadies = Vec::new();
        let mut at = from;
        while at < until {
            let offset = self.offset_at(at);
            // Day by day: no zone changes its clocks and changes them back within one.
            let next_day = |known: i64| until.min(known + DAY_MS);
            let mut known = at;
            while known < until && self.offset_at(next_day(known)) == offset {
                known = next_day(known);
            }
            let change = self.change_between(known, next_day(known));
            steadies.push((at, change, offset));
            at = change;
        }
        steadies
    }

    /// Returns the instant at which the offset that holds at `before` has changed, by `changed`.
    fn change_between(&self, mut before: i64, mut changed: i64) -> i64 {
        let offset = self.offset_at(before);
        while changed - before > 1 {
            let middle = before + (changed - before) / 2;
            if self.offset_at(middle) == offset {
                before = middle;
            } else {
                changed = middle;
            }
        }
        changed
    }

    /// Returns what the zone adds to an instant for its local time.
    fn offset_at(&self, at: i64) -> i64 {
        instant(at).map_or(0, |utc| {
            let offset = self.timezone.offset_from_utc_datetime(&utc.naive_utc());
            i64::from(offset.fix().local_minus_utc()) * SECOND_MS
        })
    }

    /// Returns the first instant at which the local clock has reached a time.
    fn first_reaching(&self, local: i64) -> Option<i64> {
        let steadies = self.steadies(local - DAY_MS, local + DAY_MS);
        steadies.into_iter().find_map(|(from, until, offset)| {
            let at = from.max(local - offset);
            (at < until).then_some(at)
        })
    }

    /// Returns the last instant at which the local clock has not passed a time.
    fn last_reaching(&self, local: i64) -> Option<i64> {
        let steadies = self.steadies(local - DAY_MS, local + DAY_MS);
        let mut latest_first = steadies.into_iter().rev();
        latest_first.find_map(|(from, until, offset)| {
            let at = local - offset;
            (at >= from).then_some(at.min(until))
        })
    }
}

fn instant(at: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(at)
}

#[cfg(test)]
mod tests;
