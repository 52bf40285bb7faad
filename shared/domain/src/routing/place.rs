//! How reps stand at the moment of choosing: what the table knows of them, and what the
//! configuration makes of it.

use super::{rotation::Standing, rules::skill_of, trace::PassedOver};
use crate::{
    config::{Config, Member, Person, Pool},
    handoff::Handoff,
    ids::{PersonId, PoolId},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How often being away and being on shift are looked at in turns for when somebody is back.
const CHANGES_MAX: usize = 8;

/// What the table knows of a rep, as a member of one pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// How many handoffs they have open, over all pools.
    pub open: u32,
    /// From when until when they are away; without an end, until they say otherwise.
    pub away: Option<(DateTime<Utc>, Option<DateTime<Utc>>)>,
    /// The last day on which they were given any, and how many on it.
    pub taken: Option<(NaiveDate, u32)>,
    /// Their place in the pool's rotation; 0 for a newcomer.
    pub position: u64,
    /// The pool's floor when they were last chosen.
    pub floor: u64,
    /// How far below the floor they may stand: turns that were given back to them.
    pub owed: u64,
}

/// The places of the pools that were read; who is missing stands at nothing.
pub type Places = BTreeMap<PoolId, BTreeMap<PersonId, Place>>;

/// What a rep was given on a day, where that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daily {
    /// The organisation's day.
    pub day: NaiveDate,
    /// How many before.
    pub taken: u32,
    /// How many they may be given on one day.
    pub most: u32,
}

impl Place {
    /// Tells whether they are away at an instant.
    pub fn is_away(&self, at: DateTime<Utc>) -> bool {
        self.away.is_some_and(|(from, to)| from <= at && to.is_none_or(|to| at < to))
    }
}

/// A handoff that asks for somebody with certain skills, now.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) config: &'a Config,
    pub(super) handoff: &'a Handoff,
    pub(super) skills: &'a BTreeSet<String>,
    pub(super) now: DateTime<Utc>,
}

impl Wanted<'_> {
    /// Tells how a member of a pool stands.
    pub(super) fn standing(&self, pool: &Pool, member: &Member, place: &Place) -> Standing {
        let person = self.config.people.get(&member.rep);
        let daily = person.and_then(|person| self.daily(person, place));
        Standing {
            rep: member.rep.clone(),
            weight: member.weight,
            position: place.position,
            floor: place.floor,
            owed: place.owed,
            open: place.open,
            capacity: person.and_then(|person| person.capacity).unwrap_or(0),
            daily,
            ruled_out: self.ruled_out(pool, member, place),
        }
    }

    /// Finds what rules a member out, apart from how much they have: the longest-lasting reason.
    fn ruled_out(&self, pool: &Pool, member: &Member, place: &Place) -> Option<PassedOver> {
        let Some(person) = self.config.people.get(&member.rep).filter(|person| person.active)
        else {
            return Some(PassedOver::Inactive);
        };
        let today = self.config.day_of(self.now);
        let has = |skill: &String| person.skills.iter().any(|known| skill_of(known) == *skill);
        let had = self.handoff.had.contains(&member.rep)
            || self.handoff.owner.as_ref() == Some(&member.rep);
        let off = || {
            pool.on_shift
                && self.config.hours(pool, person).is_some_and(|hours| !hours.works_at(self.now))
        };
        if person.starts.is_some_and(|starts| today < starts) {
            Some(PassedOver::NotStarted)
        } else if had {
            Some(PassedOver::HadIt)
        } else if !self.skills.iter().all(has) {
            Some(PassedOver::LacksSkill)
        } else if place.is_away(self.now) {
            Some(PassedOver::Absent)
        } else if off() {
            Some(PassedOver::OffShift)
        } else {
            None
        }
    }

    /// Finds when somebody who is ruled out now may be so no longer, apart from what others do.
    pub(super) fn back_at(
        &self,
        pool: &Pool,
        rep: &PersonId,
        why: PassedOver,
        place: &Place,
    ) -> Option<DateTime<Utc>> {
        let person = self.config.people.get(rep)?;
        let today = self.config.day_of(self.now);
        let from = match why {
            PassedOver::Absent | PassedOver::OffShift => Some(self.now),
            PassedOver::NotStarted => self.config.start_of(person.starts?),
            PassedOver::DayFull => self.config.start_of(today.succ_opt()?),
            _ => None,
        }?;
        let hours = self.config.hours(pool, person).filter(|_| pool.on_shift);
        let mut at = from.max(self.now);
        // An absence may end off shift, and a shift begin within an absence.
        for _ in 0..CHANGES_MAX {
            let back = match place.away.filter(|_| place.is_away(at)) {
                Some((_, until)) => until?,
                None => at,
            };
            let works = hours.map_or(Some(back), |hours| hours.next_working(back))?;
            if works == at {
                return Some(at).filter(|at| *at > self.now);
            }
            at = works;
        }
        None
    }

    fn daily(&self, person: &Person, place: &Place) -> Option<Daily> {
        let (most, day) = (person.capacity_per_day?, self.config.day_of(self.now));
        let taken = place.taken.filter(|(on, _)| *on == day).map_or(0, |(_, taken)| taken);
        Some(Daily { day, taken, most })
    }
}
