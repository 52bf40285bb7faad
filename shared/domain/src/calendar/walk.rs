//! Going through a calendar's blocks for an answer, and making those that nobody has asked for yet.
//!
//! Each step goes to the next block or the one before, so an answer within the horizon takes at
//! most five. What must stay true: a second that a block is asked about lies in it or is its end,
//! and a part of a second counts only where it is worked.

use std::ops::Deref;
use std::sync::OnceLock;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

use super::compiled::{BLOCK_DAYS, BLOCK_MS, Block};
use super::zone::{self, Steady};
use super::{Calendar, DAY_MS, HORIZON_MS, SECOND_MS, Window, date};

const DAY_SECONDS: u32 = 86_400;
const BLOCK_SECONDS: i64 = BLOCK_MS / SECOND_MS;
const HORIZON_SECONDS: i64 = HORIZON_MS / SECOND_MS;
/// 1970-01-01, as chrono numbers days.
const EPOCH: i32 = 719_163;

/// An instant as blocks count: which block, which of its seconds, and the milliseconds after it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    block: i64,
    second: u32,
    ms: u32,
}

impl Place {
    #[inline]
    pub(super) fn of(at: DateTime<Utc>) -> Self {
        let (date, time) = (at.naive_utc().date(), at.naive_utc().time());
        let day = i64::from(date.num_days_from_ce() - EPOCH);
        let second = day.rem_euclid(BLOCK_DAYS) as u32 * DAY_SECONDS;
        Self {
            block: day.div_euclid(BLOCK_DAYS),
            second: second + time.num_seconds_from_midnight(),
            // A leap second is more than a thousand milliseconds long: it ends with its minute.
            ms: (time.nanosecond() / 1_000_000).min(999),
        }
    }

    fn of_ms(at: i64) -> Self {
        let (block, ms) = (at.div_euclid(BLOCK_MS), at.rem_euclid(BLOCK_MS));
        Self { block, second: (ms / SECOND_MS) as u32, ms: (ms % SECOND_MS) as u32 }
    }

    fn at_ms(self) -> i64 {
        self.block * BLOCK_MS + i64::from(self.second) * SECOND_MS + i64::from(self.ms)
    }

    /// Returns the seconds from another place to this one.
    #[inline]
    fn seconds_after(self, other: Self) -> i64 {
        (self.block - other.block) * BLOCK_SECONDS + i64::from(self.second)
            - i64::from(other.second)
    }
}

/// A block that is kept, or one that was made for this question.
pub(super) enum Held<'a> {
    Kept(&'a Block),
    Made(Box<Block>),
}

impl Deref for Held<'_> {
    type Target = Block;

    #[inline]
    fn deref(&self) -> &Block {
        match self {
            Self::Kept(block) => block,
            Self::Made(block) => block,
        }
    }
}

impl Calendar {
    /// Returns the earliest instant by which that many seconds have been worked since `from`.
    #[inline]
    pub(super) fn worked_after(&self, from: Place, wanted: i64) -> Option<DateTime<Utc>> {
        if wanted > HORIZON_SECONDS {
            return None;
        }
        let wanted = wanted as u32;
        // Nearly always the answer lies in the block of the start, and that is made already.
        let made = self.compiled.kept(from.block).and_then(OnceLock::get);
        let near = made.and_then(|block| {
            let (worked, works) = block.worked_by(from.second);
            let ms = if works { from.ms } else { 0 };
            block.instant(block.reach(worked + wanted, ms > 0)?, ms)
        });
        near.or_else(|| self.worked_far_after(from, wanted))
    }

    #[cold]
    fn worked_far_after(&self, from: Place, wanted: u32) -> Option<DateTime<Utc>> {
        let (worked, works) = self.block(from.block).worked_by(from.second);
        let mut place = Place { second: 0, ms: if works { from.ms } else { 0 }, ..from };
        let mut left = worked + wanted;
        while place.seconds_after(from) <= HORIZON_SECONDS {
            let block = self.block(place.block);
            if let Some(second) = block.reach(left, place.ms > 0) {
                place.second = second;
                let is_near = place.seconds_after(from) <= HORIZON_SECONDS;
                return block.instant(second, place.ms).filter(|_| is_near);
            }
            left -= block.total();
            place.block += 1;
        }
        None
    }

    /// Returns the latest instant from which that many seconds are worked until `until`.
    pub(super) fn left_before(&self, until: i64, wanted: i64) -> Option<i64> {
        let until = Place::of_ms(until);
        let mut block = self.block(until.block);
        let (worked, works) = block.worked_by(until.second);
        let mut place = Place { ms: if works { until.ms } else { 0 }, ..until };
        let mut left = i64::from(worked) - wanted;
        while left < 0 {
            (place.block, place.second) = (place.block - 1, 0);
            if until.seconds_after(place) > HORIZON_SECONDS + BLOCK_SECONDS {
                return None;
            }
            block = self.block(place.block);
            left += i64::from(block.total());
        }
        place.second = block.reach(u32::try_from(left).ok()?, true)?;
        Some(place.at_ms()).filter(|at| *at >= until.at_ms() - HORIZON_MS)
    }

    /// Returns the milliseconds that are worked between two instants, the later one last.
    pub(super) fn worked_between(&self, from: Place, to: Place) -> i64 {
        let worked = |place: Place| {
            let (worked, works) = self.block(place.block).worked_by(place.second);
            i64::from(worked) * SECOND_MS + if works { i64::from(place.ms) } else { 0 }
        };
        let total = |block| i64::from(self.block(block).total()) * SECOND_MS;
        (from.block..to.block).map(total).sum::<i64>() + worked(to) - worked(from)
    }

    /// Returns the instant itself if it works, else the start of the next working interval.
    pub(super) fn next_working_ms(&self, from: i64) -> Option<i64> {
        if self.works(from) {
            return Some(from);
        }
        let start = Place::of_ms(from);
        let mut place = Place { ms: 0, ..start };
        while place.seconds_after(start) < HORIZON_SECONDS {
            if let Some(second) = self.block(place.block).next(place.second) {
                place.second = second;
                return Some(place.at_ms()).filter(|at| *at < from + HORIZON_MS);
            }
            (place.block, place.second) = (place.block + 1, 0);
        }
        None
    }

    /// Returns the instant itself if it works or ends a working interval, else the last such end.
    pub(super) fn previous_working_ms(&self, from: i64) -> Option<i64> {
        if self.works(from) {
            return Some(from);
        }
        let end = Place::of_ms(from);
        let mut place = Place { ms: 0, ..end };
        while end.seconds_after(place) < HORIZON_SECONDS + BLOCK_SECONDS {
            if let Some(second) = self.block(place.block).last_end(place.second) {
                place.second = second;
                return Some(place.at_ms()).filter(|at| *at > from - HORIZON_MS);
            }
            (place.block, place.second) = (place.block - 1, BLOCK_SECONDS as u32);
        }
        None
    }

    pub(super) fn works(&self, at: i64) -> bool {
        let place = Place::of_ms(at);
        self.block(place.block).worked_by(place.second).1
    }

    /// Returns a block, making it first if nobody has.
    #[inline]
    pub(super) fn block(&self, index: i64) -> Held<'_> {
        match self.compiled.kept(index) {
            Some(kept) => Held::Kept(kept.get_or_init(|| Box::new(self.compile(index)))),
            None => Held::Made(Box::new(self.compile(index))),
        }
    }

    /// Compiles a block: nothing works in one that reaches beyond the dates that can be told.
    #[cold]
    fn compile(&self, index: i64) -> Block {
        let (from, until) = (index * BLOCK_MS, (index + 1) * BLOCK_MS);
        // Local days may begin a day before the block and end a day after, and windows reach into
        // the day after the one that owns them.
        let days = index * BLOCK_DAYS - 3..(index + 1) * BLOCK_DAYS + 3;
        let Some(windows) = self.windows_between(days.start, days.end) else {
            return Block::new(None, Vec::new(), std::iter::empty(), Vec::new());
        };
        let steadies = zone::steadies(self.timezone, from, until);
        let mut intervals = Vec::new();
        for Steady { from: steady_from, until, offset } in steadies.iter().copied() {
            let first_day = (steady_from + offset).div_euclid(DAY_MS) - 1;
            let last_day = (until - 1 + offset).div_euclid(DAY_MS);
            for day in first_day..=last_day {
                let midnight = day * DAY_MS - offset;
                for window in windows[(day - days.start) as usize] {
                    let start = steady_from.max(midnight + window.start_ms());
                    let end = until.min(midnight + window.end_ms());
                    if start < end {
                        intervals.push((start - from, end - from));
                    }
                }
            }
        }
        let own_days = windows[3..windows.len() - 3].iter();
        let works = own_days.map(|windows| !windows.iter().all(Window::is_empty));
        let offsets = steadies.iter().map(|steady| (steady.until - from, steady.offset)).collect();
        Block::new(date(index * BLOCK_DAYS), intervals, works, offsets)
    }

    /// Lists the windows of each day from one to before another, if all of those have a date.
    fn windows_between(&self, first: i64, end: i64) -> Option<Vec<&[Window]>> {
        let dates = date(first)?..date(end)?;
        let mut windows: Vec<_> = (first..end).map(|day| self.weekly_on(day)).collect();
        let place = |date: &NaiveDate| (i64::from(date.to_epoch_days()) - first) as usize;
        for holiday in self.holidays.range(dates.clone()) {
            windows[place(holiday)] = &[];
        }
        for (day, extra) in self.extra.range(dates) {
            windows[place(day)] = extra;
        }
        Some(windows)
    }

    /// Returns what the zone adds to an instant for its local time.
    pub(super) fn offset_at(&self, at: i64) -> i64 {
        let index = at.div_euclid(BLOCK_MS);
        match self.compiled.kept(index) {
            Some(_) => self.block(index).offset_at(at - index * BLOCK_MS),
            None => zone::offset_at(self.timezone, at),
        }
    }
}
