//! Who it should be, from what was read: the pool by the rules or by request, the rep by rotation,
//! the trace of both.

use chrono::{DateTime, Utc};
use domain::{
    Command, Config, Handoff, Package, PersonId, PoolId,
    config::Pool,
    routing::{Candidate, Match, PassedOver, Standing, Trace, choose},
};
use runtime::Active;
use std::collections::BTreeMap;
use store::{MemberRow, RepRow};

/// What routing looks at.
pub(crate) struct Situation<'a> {
    pub(crate) handoff: &'a Handoff,
    pub(crate) package: &'a Package,
    pub(crate) now: DateTime<Utc>,
}

/// The pool that is asked, and why.
pub(crate) struct Asked {
    pool: Option<PoolId>,
    trace: Trace,
    rule: Option<String>,
}

/// What is to be decided, and whose turn it takes.
pub(crate) struct Outcome {
    pub(crate) command: Command,
    pub(crate) taken: Option<(PoolId, Candidate)>,
}

type Standings = BTreeMap<PersonId, (RepRow, MemberRow)>;

impl Asked {
    /// Finds the asked pool in the configuration.
    pub(crate) fn pool<'c>(&self, config: &'c Config) -> Option<(&'c PoolId, &'c Pool)> {
        config.pools.get_key_value(self.pool.as_ref()?)
    }
}

impl Situation<'_> {
    /// Finds the pool: the one the request names, else the first rule's whose clauses all hold.
    pub(crate) fn pool(&self, active: &Active) -> Asked {
        let mut trace = Trace { config_version: active.config.version, ..Trace::default() };
        let wanted = self.handoff.routing.as_ref().and_then(|routing| routing.pool.clone());
        if let Some(pool) = wanted {
            trace.pool = Some(pool.clone());
            return Asked { pool: Some(pool), trace, rule: None };
        }
        let Match { won, failed } =
            active.rules.matching(&active.config, self.handoff, self.package, self.now);
        trace.failed = failed;
        let Some((rule, pool, clauses)) = won else {
            return Asked { pool: None, trace, rule: None };
        };
        trace.rule = Some(rule.clone());
        trace.pool = Some(pool.clone());
        trace.clauses = clauses;
        Asked { pool: Some(pool), trace, rule: Some(rule) }
    }

    /// Chooses the rep, or says why nobody.
    pub(crate) fn choose(&self, asked: Asked, config: &Config, standings: &Standings) -> Outcome {
        let Some((pool_id, pool)) = asked.pool(config) else {
            let reason = match &asked.pool {
                Some(gone) => format!("there is no pool {gone} any more"),
                None => "no rule matches".to_owned(),
            };
            return unrouted(reason, asked.trace);
        };
        let members: Vec<Standing> =
            pool.members.iter().map(|member| self.standing(member, config, standings)).collect();
        let choice = choose(&members);
        let mut trace = asked.trace;
        trace.candidates = choice.candidates.clone();
        let trace = trace.bounded();
        let Some(owner) = choice.chosen else {
            return unrouted(why_nobody(pool, &choice.candidates), trace);
        };
        let candidate = choice.candidates.into_iter().find(|candidate| candidate.rep == owner);
        let (pool, rule) = (pool_id.clone(), asked.rule);
        Outcome {
            taken: candidate.map(|candidate| (pool.clone(), candidate)),
            command: Command::Assign { owner, pool, rule, trace: Box::new(trace) },
        }
    }

    fn standing(
        &self,
        member: &domain::config::Member,
        config: &Config,
        standings: &Standings,
    ) -> Standing {
        let (rep, place) = standings.get(&member.rep).cloned().unwrap_or_default();
        let person = config.people.get(&member.rep);
        let ruled_out = if person.is_none_or(|person| !person.active) {
            Some(PassedOver::Inactive)
        } else if rep.absent(self.now) {
            Some(PassedOver::Absent)
        } else if self.handoff.had.contains(&member.rep)
            || self.handoff.owner.as_ref() == Some(&member.rep)
        {
            Some(PassedOver::HadIt)
        } else {
            None
        };
        Standing {
            rep: member.rep.clone(),
            weight: member.weight,
            position: place.position,
            open: u32::try_from(rep.open.max(0)).unwrap_or(u32::MAX),
            capacity: person.and_then(|person| person.capacity).unwrap_or(0),
            ruled_out,
        }
    }
}

fn unrouted(reason: String, trace: Trace) -> Outcome {
    let trace = Box::new(trace);
    Outcome { command: Command::LeaveUnrouted { reason, trace }, taken: None }
}

/// Says why a pool has nobody, in one line: the same situation always in the same words.
fn why_nobody(pool: &Pool, candidates: &[Candidate]) -> String {
    let count = |code| candidates.iter().filter(|one| one.passed_over == Some(code)).count();
    let reasons: Vec<String> = [
        (PassedOver::AtCapacity, "at capacity"),
        (PassedOver::Absent, "away"),
        (PassedOver::HadIt, "had it already"),
        (PassedOver::Inactive, "inactive"),
    ]
    .into_iter()
    .filter_map(|(code, words)| match count(code) {
        0 => None,
        count => Some(format!("{count} {words}")),
    })
    .collect();
    match reasons.is_empty() {
        true => format!("{} has no reps", pool.name),
        false => format!("nobody in {} can take it: {}", pool.name, reasons.join(", ")),
    }
}
