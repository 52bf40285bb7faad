//! Past handoffs through another configuration: who would have had them, and what that would have
//! meant.
//!
//! The past is what is stored: when each handoff opened, when it ended, what was known of the lead,
//! who answered for which clock. Places fill and become free as they did, turns go as they would
//! have gone; who waits is asked again when something happens. What is not known of the past is
//! left out: absences, and the package as it was on the day. It reads and changes nothing.

use crate::{
    clock::ClockState,
    config::Config,
    handoff::{Handoff, Routing},
    ids::{HandoffId, PersonId, PoolId, TypeKey},
    package::Package,
    routing::{Asking, Places, Rules, Unread, Way, route, turn},
    stage::Stage,
};
use chrono::{DateTime, Duration, Utc};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

/// How many of those that wait are asked for again at once.
const TRIED_MAX: usize = 200;

/// A handoff of the past.
#[derive(Clone, Debug)]
pub struct Past {
    /// As it is stored.
    pub handoff: Handoff,
    /// What is known of the lead.
    pub package: Package,
}

/// What a handoff would have come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Which.
    pub handoff: HandoffId,
    /// Its type.
    pub kind: TypeKey,
    /// Who would have had it; none when nobody could.
    pub owner: Option<(PersonId, PoolId)>,
    /// How long it would have waited for them.
    pub waited: Duration,
    /// Why nobody could, when it was last tried.
    pub reason: String,
}

/// Routes the past by a configuration, in the order in which it opened.
pub fn replay(past: &[Past], config: &Config, rules: &Rules) -> Vec<Given> {
    let mut order: Vec<&Past> = past.iter().collect();
    order.sort_by_key(|one| (one.handoff.opened_at, one.handoff.id.clone()));
    let mut course = Course {
        config,
        rules,
        places: config.pools.keys().map(|pool| (pool.clone(), BTreeMap::new())).collect(),
        ends: BinaryHeap::new(),
        tried_at: None,
        waiting: Vec::new(),
        given: Vec::new(),
    };
    for one in order {
        course.opens(one);
    }
    // Whoever waits still is asked once more as the last of them ends, however many they are.
    while let Some(Reverse((at, _))) = course.ends.peek() {
        if course.waiting.is_empty() {
            break;
        }
        let at = *at;
        course.until(at);
        if course.ends.is_empty() {
            course.asks(at, usize::MAX);
        }
    }
    let Course { waiting, mut given, .. } = course;
    given.extend(waiting.into_iter().map(|(one, reason)| Given {
        handoff: one.handoff.id.clone(),
        kind: one.handoff.kind.clone(),
        owner: None,
        waited: Duration::zero(),
        reason,
    }));
    given.sort_by(|one, other| one.handoff.cmp(&other.handoff));
    given
}

/// How far a replay has come.
struct Course<'a> {
    config: &'a Config,
    rules: &'a Rules,
    places: Places,
    /// When handoffs end, and whose place becomes free then.
    ends: BinaryHeap<Reverse<(DateTime<Utc>, PersonId)>>,
    /// When whoever waits was last asked for.
    tried_at: Option<DateTime<Utc>>,
    waiting: Vec<(&'a Past, String)>,
    given: Vec<Given>,
}

impl<'a> Course<'a> {
    fn opens(&mut self, one: &'a Past) {
        let at = one.handoff.opened_at;
        self.until(at);
        if let Err(reason) = self.gives(one, at) {
            self.waiting.push((one, reason));
        }
    }

    /// Frees the places that are free by then, and asks again for whoever waits: those who waited
    /// longest, where a place became free or time has passed.
    fn until(&mut self, at: DateTime<Utc>) {
        let mut freed = false;
        while let Some(Reverse((_, rep))) =
            self.ends.peek().filter(|Reverse((end, _))| *end <= at).cloned()
        {
            self.ends.pop();
            freed = true;
            for places in self.places.values_mut() {
                if let Some(place) = places.get_mut(&rep) {
                    place.open = place.open.saturating_sub(1);
                }
            }
        }
        let every = self.config.organisation.reroute_every.elapsed();
        if !freed && self.tried_at.is_some_and(|tried_at| at - tried_at < every) {
            return;
        }
        self.tried_at = Some(at);
        self.asks(at, TRIED_MAX);
    }

    /// Asks again for as many of those who wait.
    fn asks(&mut self, at: DateTime<Utc>, most: usize) {
        let mut waiting = std::mem::take(&mut self.waiting);
        let rest = waiting.split_off(waiting.len().min(most));
        // Who could not be given goes to the end, so that nobody waits behind them for ever.
        self.waiting = rest;
        for (one, _) in waiting {
            if let Err(reason) = self.gives(one, at) {
                self.waiting.push((one, reason));
            }
        }
    }

    /// Gives a handoff to whose turn it is; else says why nobody can take it.
    fn gives(&mut self, one: &'a Past, now: DateTime<Utc>) -> Result<(), String> {
        let handoff = unrouted(&one.handoff);
        let asking = Asking {
            handoff: &handoff,
            package: &one.package,
            config: self.config,
            rules: self.rules,
            now,
        };
        let way = match route(asking, &self.places) {
            Ok(way) => way,
            // Every pool of the configuration has places: this names one that it has not.
            Err(Unread(pool)) => return Err(format!("there is no pool {pool}")),
        };
        let Way { owner: Some((owner, pool)), taken, .. } = way else { return Err(way.reason) };
        self.takes(&owner, &pool, taken.map(|(_, taken)| taken), now);
        if let Some(end) = one.handoff.closed_at {
            self.ends.push(Reverse((end.max(now), owner.clone())));
        }
        self.given.push(Given {
            handoff: one.handoff.id.clone(),
            kind: one.handoff.kind.clone(),
            owner: Some((owner, pool)),
            waited: now - one.handoff.opened_at,
            reason: String::new(),
        });
        Ok(())
    }

    fn takes(
        &mut self,
        owner: &PersonId,
        pool: &PoolId,
        taken: Option<crate::routing::Candidate>,
        now: DateTime<Utc>,
    ) {
        let (today, config) = (self.config.day_of(now), self.config);
        for (id, places) in &mut self.places {
            if !config.askable(id).contains(owner) && id != pool {
                continue;
            }
            let place = places.entry(owner.clone()).or_default();
            place.open += 1;
            let before = place.taken.filter(|(day, _)| *day == today).map_or(0, |(_, count)| count);
            place.taken = Some((today, before + 1));
            if let Some(taken) = taken.as_ref().filter(|_| id == pool) {
                (place.position, place.floor) = (taken.position_after, taken.floor);
                place.owed = taken.owed_after();
            }
        }
    }
}

/// Takes a handoff back to when it opened and asked for an owner.
fn unrouted(handoff: &Handoff) -> Handoff {
    Handoff {
        stage: Stage::Opened,
        owner: None,
        pool: None,
        had: Vec::new(),
        closed_at: None,
        routing: Some(Routing {
            reason: "replayed".to_owned(),
            since: handoff.opened_at,
            retry_at: handoff.opened_at,
            pool: None,
            held: false,
        }),
        ..handoff.clone()
    }
}

/// What a rep had, or would have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// How many the rep has had in the past.
    pub had: usize,
    /// How many of those missed a deadline.
    pub missed: usize,
    /// How many they would have by the active configuration.
    pub before: usize,
    /// How many they would have by the other one.
    pub after: usize,
}

/// What another configuration would have meant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// How many handoffs were replayed.
    pub handoffs: usize,
    /// How many would have somebody else, by who would have them before and after.
    pub moved: BTreeMap<(Option<PersonId>, Option<PersonId>), usize>,
    /// What each rep had and would have.
    pub loads: BTreeMap<PersonId, Load>,
    /// How many would wait for ever, before and after, by why.
    pub unrouted: (BTreeMap<String, usize>, BTreeMap<String, usize>),
    /// How many would have had to wait, before and after.
    pub waited: (usize, usize),
    /// How many would miss a deadline if each rep did as well as before: by the active
    /// configuration, and by the other.
    pub missed: (f64, f64),
    /// How far apart the shares of a pool's reps would be, in turns, at most.
    pub apart: BTreeMap<PoolId, (f64, f64)>,
    /// How complete the packages of a type are on average, in percent, by the templates of both.
    pub complete: BTreeMap<TypeKey, (i64, i64)>,
}

/// Compares what two configurations make of the past.
pub fn compare(
    past: &[Past],
    (active, before): (&Config, &[Given]),
    (other, after): (&Config, &[Given]),
) -> Comparison {
    let mut said = Comparison { handoffs: past.len(), ..Comparison::default() };
    let who = |given: &Given| given.owner.as_ref().map(|(owner, _)| owner.clone());
    for one in past {
        let Some((owner, missed)) = answered(&one.handoff) else { continue };
        let load = said.loads.entry(owner).or_default();
        load.had += 1;
        load.missed += usize::from(missed);
    }
    for (was, is) in before.iter().zip(after) {
        let (was, is) = (who(was), who(is));
        if let Some(rep) = &was {
            said.loads.entry(rep.clone()).or_default().before += 1;
        }
        if let Some(rep) = &is {
            said.loads.entry(rep.clone()).or_default().after += 1;
        }
        if was != is {
            *said.moved.entry((was, is)).or_default() += 1;
        }
    }
    let history = History::of(past);
    said.missed = (history.expects(before), history.expects(after));
    said.unrouted = (reasons(before), reasons(after));
    let waited = |given: &[Given]| given.iter().filter(|one| one.waited > Duration::zero()).count();
    said.waited = (waited(before), waited(after));
    let pools: BTreeSet<&PoolId> = active.pools.keys().chain(other.pools.keys()).collect();
    said.apart = pools
        .into_iter()
        .map(|pool| (pool.clone(), (apart(active, pool, before), apart(other, pool, after))))
        .collect();
    said.complete = complete(past, active, other);
    said
}

/// Scores what is known of the past by the templates of both, for the types both have.
fn complete(past: &[Past], active: &Config, other: &Config) -> BTreeMap<TypeKey, (i64, i64)> {
    let mut sums: BTreeMap<TypeKey, (i64, i64, i64)> = BTreeMap::new();
    for one in past {
        let (key, stage) = (&one.handoff.kind, one.handoff.stage);
        let scored = |config: &Config| {
            let fields = &config.types.get(key)?.fields;
            Some(i64::from(one.package.completeness(fields, stage).percent))
        };
        if let (Some(before), Some(after)) = (scored(active), scored(other)) {
            let sum = sums.entry(key.clone()).or_default();
            *sum = (sum.0 + before, sum.1 + after, sum.2 + 1);
        }
    }
    let average = |(before, after, count): (i64, i64, i64)| (before / count, after / count);
    sums.into_iter().map(|(key, sum)| (key, average(sum))).collect()
}

fn reasons(given: &[Given]) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for one in given.iter().filter(|one| one.owner.is_none()) {
        *reasons.entry(one.reason.clone()).or_default() += 1;
    }
    reasons
}

/// Finds who answered for a handoff, and whether a deadline of it was missed.
fn answered(handoff: &Handoff) -> Option<(PersonId, bool)> {
    let credits = handoff.clocks.iter().filter_map(|clock| clock.credit.as_ref());
    let credited = credits.filter_map(|credit| credit.owner.clone()).next();
    let owner = credited.or_else(|| handoff.owner.clone())?;
    let missed = handoff.clocks.iter().any(|clock| clock.state == ClockState::Breached);
    Some((owner, missed))
}

/// How well reps did, by type; who did too little of one to tell counts as all together.
struct History {
    by_rep: BTreeMap<(PersonId, TypeKey), (usize, usize)>,
    by_type: BTreeMap<TypeKey, (usize, usize)>,
}

/// How many of a type tell how well a rep does.
const ENOUGH: usize = 10;

impl History {
    fn of(past: &[Past]) -> Self {
        let (mut by_rep, mut by_type) = (BTreeMap::new(), BTreeMap::new());
        for one in past {
            let Some((owner, missed)) = answered(&one.handoff) else { continue };
            let kind = one.handoff.kind.clone();
            for count in [
                by_rep.entry((owner, kind.clone())).or_insert((0, 0)),
                by_type.entry(kind).or_insert((0, 0)),
            ] {
                count.0 += usize::from(missed);
                count.1 += 1;
            }
        }
        Self { by_rep, by_type }
    }

    /// Adds up how many would be missed; one that nobody has is.
    fn expects(&self, given: &[Given]) -> f64 {
        given.iter().map(|one| self.expects_of(one)).sum()
    }

    fn expects_of(&self, given: &Given) -> f64 {
        let Some((owner, _)) = &given.owner else { return 1.0 };
        let own = self.by_rep.get(&(owner.clone(), given.kind.clone()));
        let enough = own.filter(|(_, count)| *count >= ENOUGH);
        let (missed, count) = enough.or(self.by_type.get(&given.kind)).copied().unwrap_or((0, 0));
        if count == 0 { 0.0 } else { missed as f64 / count as f64 }
    }
}

/// Tells how far apart the shares of a pool's active reps are, in turns of weight 1.
fn apart(config: &Config, id: &PoolId, given: &[Given]) -> f64 {
    let Some(pool) = config.pools.get(id) else { return 0.0 };
    let mut counts: BTreeMap<&PersonId, u64> = BTreeMap::new();
    for (owner, pool) in given.iter().filter_map(|one| one.owner.as_ref()) {
        if pool == id {
            *counts.entry(owner).or_default() += 1;
        }
    }
    let takes_part = |rep: &PersonId| config.people.get(rep).is_some_and(|person| person.active);
    let shares = pool
        .members
        .iter()
        .filter(|member| takes_part(&member.rep))
        .map(|member| counts.get(&member.rep).copied().unwrap_or(0) * turn(member.weight));
    let shares: Vec<u64> = shares.collect();
    match (shares.iter().max(), shares.iter().min()) {
        (Some(most), Some(least)) => (most - least) as f64 / turn(1) as f64,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
