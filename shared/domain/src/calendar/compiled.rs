//! Working time compiled: blocks of days with intervals and prefix sums, each made once, when it is
//! first asked for.
//!
//! A block counts in seconds from its start, since zones change their clocks at whole seconds and
//! windows begin and end at whole minutes. Besides its intervals and sums it knows how many
//! intervals start before each of its days, so that the one an instant lies in is found at once;
//! how many end before each step of working time, so that the binary search for an answer has a
//! handful to choose from; and its working days with a count before each day, so that the n-th is
//! looked up. What must stay true: intervals are in order, none touches the next within a block,
//! and there is one sum more than there are intervals.

use std::fmt;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::{DAY_MS, SECOND_MS};

/// How many days a block has.
pub(super) const BLOCK_DAYS: i64 = 1024;
/// How long a block is.
pub(super) const BLOCK_MS: i64 = BLOCK_DAYS * DAY_MS;
const DAY_SECONDS: u32 = 86_400;
/// How many blocks are kept: from 1970 into 2104; others are made whenever they are asked for.
const BLOCKS: usize = 48;
/// Working time is looked up in steps of two to this power of seconds, about nine hours.
const STEP: u32 = 15;

/// The blocks of one calendar that were made so far, counted from 1970-01-01.
///
/// It is no part of the calendar's value: any two are equal, and a clone shares what is made.
#[derive(Clone)]
pub(super) struct Compiled(Arc<[OnceLock<Box<Block>>; BLOCKS]>);

impl Default for Compiled {
    fn default() -> Self {
        Self(Arc::new([const { OnceLock::new() }; BLOCKS]))
    }
}

impl PartialEq for Compiled {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Compiled {}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl Compiled {
    /// Returns the place of a block, if it is one of those that are kept.
    #[inline]
    pub(super) fn kept(&self, index: i64) -> Option<&OnceLock<Box<Block>>> {
        self.0.get(usize::try_from(index).ok()?)
    }
}

/// The working time of a block of days.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The date of each day and of the one after the last: a look-up is cheaper than chrono's sums.
    dates: Vec<NaiveDate>,
    /// When each interval starts.
    starts: Vec<u32>,
    /// The working time before each interval and, last, in all.
    sums: Vec<u32>,
    /// How many intervals start before each day and, last, in all.
    started: Vec<u32>,
    /// How many sums are less than each step of working time.
    stepped: Vec<u32>,
    /// The local days that have working time.
    days: Vec<u16>,
    /// How many of those are before each local day and, last, in all.
    days_before: Vec<u16>,
    /// Until when each of the zone's offsets holds, in milliseconds, and the offset.
    offsets: Vec<(i64, i64)>,
}

impl Block {
    /// Makes a block from its first date, from its intervals in milliseconds from its start, in any
    /// order, from which of its local days have working time, and from its zone's offsets.
    pub(super) fn new(
        first: Option<NaiveDate>,
        mut intervals: Vec<(i64, i64)>,
        works: impl Iterator<Item = bool>,
        offsets: Vec<(i64, i64)>,
    ) -> Self {
        intervals.sort_unstable();
        let dates =
            first.into_iter().flat_map(|first| first.iter_days().take(BLOCK_DAYS as usize + 1));
        let mut block = Self { dates: dates.collect(), offsets, ..Self::default() };
        let (mut sum_ms, mut end_ms) = (0, -1);
        for (from, until) in intervals {
            if from > end_ms {
                block.starts.push(seconds(from));
                block.sums.push(seconds(sum_ms));
                end_ms = from;
            }
            sum_ms += (until - end_ms).max(0);
            end_ms = end_ms.max(until);
        }
        block.sums.push(seconds(sum_ms));
        let midnights = (0..=BLOCK_DAYS as u32).map(|day| day * DAY_SECONDS);
        block.started = counts_before(&block.starts, midnights);
        let steps = (0..=block.total() >> STEP).map(|step| step << STEP);
        block.stepped = counts_before(&block.sums, steps);
        block.stepped.push(block.sums.len() as u32);
        for (day, works) in (0..).zip(works) {
            block.days_before.push(block.days.len() as u16);
            if works {
                block.days.push(day);
            }
        }
        block.days_before.push(block.days.len() as u16);
        block
    }

    /// Returns how many intervals have started at a second.
    #[inline(always)]
    fn started_by(&self, second: u32) -> usize {
        let day = (second / DAY_SECONDS) as usize;
        let Some([first, last]) = self.started.get(day..day + 2) else { return self.starts.len() };
        let today = &self.starts[*first as usize..*last as usize];
        // A day starts few intervals: to look at each is the shortest way.
        *first as usize + today.iter().filter(|start| **start <= second).count()
    }

    /// Returns the working time of the whole block.
    #[inline]
    pub(super) fn total(&self) -> u32 {
        self.sums.last().copied().unwrap_or(0)
    }

    /// Returns the working time before a second, and whether that second works.
    #[inline(always)]
    pub(super) fn worked_by(&self, second: u32) -> (u32, bool) {
        let started = self.started_by(second);
        let Some(last) = started.checked_sub(1) else { return (0, false) };
        let worked = self.sums[last] + (second - self.starts[last]);
        let ended = self.sums[started];
        (worked.min(ended), worked < ended)
    }

    /// Returns when that much has been worked: the earliest such second or, if a part of a second
    /// `more` is to follow, the latest. None if the block has less.
    #[inline]
    pub(super) fn reach(&self, worked: u32, more: bool) -> Option<u32> {
        let least = worked + u32::from(more);
        let step = (least >> STEP) as usize;
        let [first, last] = self.stepped.get(step..step + 2)? else { return None };
        let few = self.sums.get(*first as usize..*last as usize)?;
        let interval =
            (*first as usize + few.partition_point(|sum| *sum < least)).checked_sub(1)?;
        Some(self.starts.get(interval)? + (worked - self.sums.get(interval)?))
    }

    /// Returns the instant of a second and a part of the next.
    #[inline]
    pub(super) fn instant(&self, second: u32, ms: u32) -> Option<DateTime<Utc>> {
        let date = *self.dates.get((second / DAY_SECONDS) as usize)?;
        let time = (second % DAY_SECONDS, ms * 1_000_000);
        let time = NaiveTime::from_num_seconds_from_midnight_opt(time.0, time.1)?;
        Some(date.and_time(time).and_utc())
    }

    /// Returns the second itself if it works, else the start of the block's next interval.
    pub(super) fn next(&self, second: u32) -> Option<u32> {
        let (_, works) = self.worked_by(second);
        if works { Some(second) } else { self.starts.get(self.started_by(second)).copied() }
    }

    /// Returns the end of the last of the block's intervals that ended by a second not at work.
    pub(super) fn last_end(&self, second: u32) -> Option<u32> {
        let last = self.started_by(second).checked_sub(1)?;
        Some(self.starts[last] + (self.sums[last + 1] - self.sums[last]))
    }

    /// Returns the `count`-th working day from a local day on; else how many there were.
    pub(super) fn day_from(&self, day: i64, count: usize) -> Result<i64, usize> {
        let before = self.working_days_before(day);
        match self.days.get(before.saturating_add(count).saturating_sub(1)) {
            Some(found) => Ok(i64::from(*found)),
            None => Err(self.days.len() - before),
        }
    }

    /// Returns the `count`-th working day before a local day; else how many there were.
    pub(super) fn day_before(&self, day: i64, count: usize) -> Result<i64, usize> {
        let before = self.working_days_before(day);
        before.checked_sub(count).map(|place| i64::from(self.days[place])).ok_or(before)
    }

    fn working_days_before(&self, day: i64) -> usize {
        let place = usize::try_from(day).ok();
        let count = place.and_then(|day| self.days_before.get(day)).copied();
        count.map_or(self.days.len(), usize::from)
    }

    /// Returns what the zone adds to an instant of the block for its local time.
    pub(super) fn offset_at(&self, at_ms: i64) -> i64 {
        let steady = self.offsets.iter().find(|(until, _)| at_ms < *until);
        steady.or(self.offsets.last()).map_or(0, |(_, offset)| *offset)
    }
}

/// Counts how many of some numbers in order are less than each of others in order.
fn counts_before(numbers: &[u32], others: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut count = 0;
    let count_before = |other| {
        count += numbers[count..].iter().take_while(|number| **number < other).count();
        count as u32
    };
    others.map(count_before).collect()
}

/// Counts whole seconds; a block has fewer than the type can hold.
fn seconds(ms: i64) -> u32 {
    (ms / SECOND_MS) as u32
}
