//! Whole working days: the same local time that many working days on, or before.
//!
//! What must stay true: a day's work belongs to the local day its window starts on, also after
//! midnight, and where the clocks skip or repeat the time, the definition of an instant that works
//! holds literally.

use super::compiled::BLOCK_DAYS;
use super::zone::{self, Steady};
use super::{Calendar, DAY_MS, HORIZON_DAYS, Window};

impl Calendar {
    pub(super) fn add_days(&self, start: i64, days: i64) -> Option<i64> {
        let at = self.next_working_ms(start)?;
        let local = at + self.offset_at(at);
        let owner = self.owner_of(local)?;
        let target = self.working_day_after(owner, days)?;
        let time = local + (target - owner) * DAY_MS;
        let reached = self.first_reaching(time)?;
        // Where the clocks skip the time, what stands is the end of the window they cut short.
        let in_or_ending = |window: &Window| window.spans(time - target * DAY_MS);
        if self.works(reached - 1) && self.windows_on(target).iter().any(in_or_ending) {
            return Some(reached);
        }
        self.next_working_ms(reached)
    }

    pub(super) fn subtract_days(&self, end: i64, days: i64) -> Option<i64> {
        let at = self.previous_working_ms(end)?;
        // At a window's end the local time is the window's, whatever the clocks show next.
        let just_before = i64::from(!self.works(at));
        let local = at - just_before + self.offset_at(at - just_before);
        let owner = self.owner_of(local)?;
        let target = self.working_day_before(owner, days)?;
        let time = local + just_before + (target - owner) * DAY_MS;
        self.previous_working_ms(self.last_reaching(time)?)
    }

    /// Returns the day whose window contains the local time; if windows overlap, the later day.
    fn owner_of(&self, local: i64) -> Option<i64> {
        let today = local.div_euclid(DAY_MS);
        [today, today - 1].into_iter().find(|day| {
            let contains = |window: &Window| window.contains(local - day * DAY_MS);
            self.windows_on(*day).iter().any(contains)
        })
    }

    /// Returns the working day that many working days after `day`.
    fn working_day_after(&self, day: i64, count: i64) -> Option<i64> {
        let (mut at, mut left) = (day + 1, usize::try_from(count).ok()?);
        while at <= day + HORIZON_DAYS {
            let index = at.div_euclid(BLOCK_DAYS);
            let first = index * BLOCK_DAYS;
            match self.block(index).day_from(at - first, left) {
                Ok(found) => return Some(first + found).filter(|at| *at <= day + HORIZON_DAYS),
                Err(there) => left -= there,
            }
            at = first + BLOCK_DAYS;
        }
        None
    }

    /// Returns the working day that many working days before `day`.
    fn working_day_before(&self, day: i64, count: i64) -> Option<i64> {
        let (mut at, mut left) = (day, usize::try_from(count).ok()?);
        while at > day - HORIZON_DAYS {
            let index = (at - 1).div_euclid(BLOCK_DAYS);
            let first = index * BLOCK_DAYS;
            match self.block(index).day_before(at - first, left) {
                Ok(found) => return Some(first + found).filter(|at| *at >= day - HORIZON_DAYS),
                Err(there) => left -= there,
            }
            at = first;
        }
        None
    }

    /// Returns the first instant at which the local clock has reached a time.
    fn first_reaching(&self, local: i64) -> Option<i64> {
        let steadies = zone::steadies(self.timezone, local - DAY_MS, local + DAY_MS);
        steadies.into_iter().find_map(|Steady { from, until, offset }| {
            let at = from.max(local - offset);
            (at < until).then_some(at)
        })
    }

    /// Returns the last instant at which the local clock has not passed a time.
    fn last_reaching(&self, local: i64) -> Option<i64> {
        let steadies = zone::steadies(self.timezone, local - DAY_MS, local + DAY_MS);
        let mut latest_first = steadies.into_iter().rev();
        latest_first.find_map(|Steady { from, until, offset }| {
            let at = local - offset;
            (at >= from).then_some(at.min(until))
        })
    }
}
