//! Why not them, asked of a stored trace: what was asked then is asked again, with the places the
//! trace remembers.
//!
//! A trace knows one pool's reps. What it does not know is given to the rep in doubt, so that
//! nothing is said to have stood in the way that may not have.

use super::{
    lacking::lacking,
    place::{Place, Places},
    trace::{Candidate, PassedOver, Trace},
    way::Asking,
};
use crate::{
    config::Config,
    handoff::{Handoff, Routing},
    ids::{PersonId, PoolId},
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Says what would have had to differ for a rep to get what a trace tells of, one sentence each;
/// nothing where they got it.
///
/// `asking` is what was asked then: the handoff before the commit, the trace's configuration, the
/// commit's time.
pub fn why_not(asking: Asking<'_>, trace: &Trace, rep: &PersonId) -> Vec<String> {
    let config = asking.config;
    let name = config.name_of(rep);
    let is_of = |pool: &PoolId| config.pools_of(rep).any(|theirs| theirs == pool);
    if let Some(by) = &trace.by_hand {
        let got = trace.candidates.iter().any(|one| one.rep == *rep && one.passed_over.is_none());
        let by = config.name_of(by);
        return match got {
            true => Vec::new(),
            false => vec![format!("{by} gave it by hand and would have to have chosen {name}.")],
        };
    }
    let stepped_in = trace.otherwise.as_deref() == Some("manager");
    if stepped_in && config.role(trace.pool.as_ref(), "manager") == Some(rep) {
        return Vec::new();
    }
    let was_asked = trace.pool.as_ref().is_some_and(is_of);
    let tried = trace.tried.iter().find(|tried| is_of(&tried.pool) && !was_asked);
    if let Some(tried) = tried {
        return vec![format!("This would have to be otherwise: {}.", tried.why)];
    }
    let routing = routing(asking, trace, was_asked);
    let config = match routing == asking.handoff.routing {
        true => None,
        false => Some(without_tried(config, trace)),
    };
    let handoff = Handoff { routing, ..asking.handoff.clone() };
    let config = config.as_ref().unwrap_or(asking.config);
    let asking = Asking { handoff: &handoff, config, ..asking };
    // Every pool has places, so none is missing.
    lacking(asking, &places(asking, trace, rep), rep).unwrap_or_default()
}

/// Finds the standing request that was answered. Where another pool was asked otherwise, its reps
/// were asked as if by request: neither rules nor skills decided among them.
fn routing(asking: Asking<'_>, trace: &Trace, was_asked: bool) -> Option<Routing> {
    let routing = asking.handoff.routing.clone();
    let named = |rule: &String| asking.config.rules.iter().find(|known| known.name == *rule);
    let by_rule = trace.rule.as_ref().and_then(named).map(|rule| &rule.pool);
    let by_request = routing.as_ref().and_then(|routing| routing.pool.as_ref());
    let first = by_request.or(by_rule);
    let otherwise = was_asked && !trace.tried.is_empty() && first != trace.pool.as_ref();
    match otherwise {
        true => routing.map(|routing| Routing { pool: trace.pool.clone(), ..routing }),
        false => routing,
    }
}

/// Leaves out whom pools ask otherwise that had been tried before: nobody is asked twice, and who
/// is asked in the middle of a way would otherwise lead back to its beginning.
fn without_tried(config: &Config, trace: &Trace) -> Config {
    let mut config = config.clone();
    for tried in &trace.tried {
        if let Some(pool) = config.pools.get_mut(&tried.pool) {
            pool.otherwise.clear();
        }
    }
    config
}

/// Rebuilds how everybody stood.
fn places(asking: Asking<'_>, trace: &Trace, rep: &PersonId) -> Places {
    let Asking { config, now, .. } = asking;
    let of_pool = |pool: &PoolId| -> BTreeMap<PersonId, Place> {
        let place = |one: &PersonId| match pool {
            pool if trace.pool.as_ref() == Some(pool) => {
                known(trace, config, (pool, one), rep, now)
            }
            pool if trace.tried.iter().any(|tried| tried.pool == *pool) => away(now),
            _ => in_doubt(one == rep),
        };
        config.askable(pool).into_iter().map(|one| (one.clone(), place(one))).collect()
    };
    let mut places: Places =
        config.pools.keys().map(|pool| (pool.clone(), of_pool(pool))).collect();
    if let Some(owner) = &trace.account_owner {
        for place in places.values_mut().filter_map(|places| places.get_mut(&owner.rep)) {
            hold_up(place, owner.passed_over, config, (&owner.rep, now));
        }
    }
    places
}

/// Tells how somebody stood in the pool the trace knows.
fn known(
    trace: &Trace,
    config: &Config,
    (pool, one): (&PoolId, &PersonId),
    rep: &PersonId,
    now: DateTime<Utc>,
) -> Place {
    let candidates = &trace.candidates;
    if let Some(candidate) = candidates.iter().find(|candidate| candidate.rep == *one) {
        return stood(candidate, now);
    }
    let is_member = config.pools_of(one).any(|theirs| theirs == pool);
    let is_account_owners =
        trace.account_owner.as_ref().is_some_and(|owner| owner.passed_over.is_none());
    match (is_member, is_account_owners) {
        // The manager, who steps in only where the trace says so.
        (false, _) if trace.otherwise.as_deref() != Some("manager") => away(now),
        (false, _) => Place::default(),
        (true, true) => in_doubt(one == rep),
        // Left out of a long list, whose end is furthest from its turn.
        (true, false) => {
            let last = candidates.iter().map(|candidate| candidate.position_before).max();
            Place { position: last.unwrap_or(0), ..Place::default() }
        }
    }
}

fn stood(candidate: &Candidate, now: DateTime<Utc>) -> Place {
    let is_away = candidate.passed_over == Some(PassedOver::Absent);
    Place {
        open: candidate.open,
        away: is_away.then_some((now, None)),
        taken: candidate.daily.map(|daily| (daily.day, daily.taken)),
        position: candidate.position_before,
        floor: candidate.floor,
        owed: candidate.owed,
    }
}

fn away(now: DateTime<Utc>) -> Place {
    Place { away: Some((now, None)), ..Place::default() }
}

/// Stands in for what is not known: it is taken to be the rep's turn.
fn in_doubt(is_rep: bool) -> Place {
    Place { position: u64::from(!is_rep), ..Place::default() }
}

/// Lets a place be in the way as the trace says it was.
fn hold_up(
    place: &mut Place,
    why: Option<PassedOver>,
    config: &Config,
    (rep, now): (&PersonId, DateTime<Utc>),
) {
    let person = config.people.get(rep);
    match why {
        Some(PassedOver::Absent) => place.away = Some((now, None)),
        Some(PassedOver::AtCapacity) => {
            let most = person.and_then(|person| person.capacity).unwrap_or(0);
            place.open = place.open.max(most);
        }
        Some(PassedOver::DayFull) => {
            let most = person.and_then(|person| person.capacity_per_day).unwrap_or(0);
            place.taken = Some((config.day_of(now), most));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
