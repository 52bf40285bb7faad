//! The one place where it is decided what happens to a handoff.
//!
//! `decide` is a plain function of the stored state, the command, the configuration and the time.
//! The same inputs give the same changes, so a lost race is answered by deciding again on the new
//! truth. A refusal is data whose `Display` is the sentence a person reads; a source's fact is
//! never refused, only recorded.

mod cadence;
mod clocks;
mod command;
mod refusal;
mod touching;
mod waiting;

pub use cadence::ended as cadence_ended;
pub use clocks::{Targets, calendar_of, lacks_a_deadline, start_clocks, targets};
pub use command::Command;
pub use refusal::Refusal;

use crate::{
    beside,
    change::Change,
    clock::Credit,
    config::{Config, FieldRule, HandoffType, Stop},
    handoff::{Handoff, Routing},
    ids::{PersonId, PoolId, TypeKey},
    involved, ladder, milestone,
    money::Money,
    question,
    routing::Trace,
    stage::{Stage, Verb},
    survey, threshold,
};
pub(crate) use cadence::missed as task_missed;
use chrono::{DateTime, Utc};
pub(crate) use clocks::resumed;
use clocks::{moved, recounted, rescheduled, retargeted, undated};
use touching::{stopped, touch};

/// What a decision may look at besides the handoff and the command.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The active configuration: roster, roles, pools.
    pub active: &'a Config,
    /// The configuration the handoff opened with: clocks, ladders, reasons.
    pub pinned: &'a Config,
}

impl<'a> Facts<'a> {
    /// Finds a handoff's type, as it opened with it where that version has it.
    pub fn kind(&self, handoff: &Handoff) -> Option<&'a HandoffType> {
        self.pinned.types.get(&handoff.kind).or_else(|| self.active.types.get(&handoff.kind))
    }

    /// Finds what must be passed on: the fields of the configuration the handoff opened with.
    pub fn template(&self, handoff: &Handoff) -> &'a [FieldRule] {
        self.kind(handoff).map_or(&[], |kind| kind.fields.as_slice())
    }
}

/// Decides what a command changes.
///
/// # Errors
/// A [`Refusal`], as a sentence; `Nothing` when the command is already fulfilled, which a retry
/// takes for success.
pub fn decide(
    handoff: &Handoff,
    command: Command,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    // What ends, or passes into other hands, hides no miss that no sweep has seen.
    let unseen = match &command {
        Command::Assign { .. }
        | Command::Reject { .. }
        | Command::Recycle { .. }
        | Command::Cancel { .. }
        | Command::Join { .. } => ladder::missed(handoff, facts, now),
        Command::Complete { at, .. } => ladder::missed(handoff, facts, now.min(*at)),
        _ => Vec::new(),
    };
    if unseen.is_empty() {
        return decided(handoff, command, facts, now);
    }
    let mut seen = handoff.clone();
    unseen.iter().for_each(|change| seen.apply(change, now));
    let decided = decided(&seen, command, facts, now)?;
    Ok(unseen.into_iter().chain(decided).collect())
}

fn decided(
    handoff: &Handoff,
    command: Command,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    match command {
        Command::Assign { owner, pool, rule, trace } => {
            assign(handoff, (owner, pool, rule, trace), facts)
        }
        Command::LeaveUnrouted { reason, back_at, trace } => {
            unrouted(handoff, (reason, back_at), trace, facts, now)
        }
        Command::RequestRouting { pool, reason } => request(handoff, pool, reason, facts, now),
        Command::Accept { by } => accept(handoff, by, facts, now),
        Command::Touch { channel, at, by } => {
            Ok(touch(handoff, channel, (at.min(now), by), facts, now))
        }
        Command::Reply { at } => {
            let ended = cadence::ended(handoff, "reply", at.min(now), facts);
            Ok(if ended.is_empty() { vec![Change::Noted] } else { ended })
        }
        Command::Pause { by, reason, until } => {
            waiting::pause(handoff, (by, reason), until, facts, now)
        }
        Command::Resume { by } => waiting::resume(handoff, by, facts, now),
        Command::EndOverlap { by } => match &handoff.overlap {
            Some(overlap) => {
                Ok(vec![Change::OverlapEnded { who: overlap.who.clone(), by: Some(by) }])
            }
            None => Err(Refusal::Nothing),
        },
        Command::Reject { by, reason } => reject(handoff, by, reason, facts),
        Command::Resubmit => {
            allow(handoff, Verb::Resubmit)?;
            let routing = standing(handoff, "resubmitted", None, facts, now);
            Ok(vec![Change::Resubmitted { routing }])
        }
        Command::Complete { outcome, value, at } => {
            complete(handoff, (outcome, value), (at.min(now), now), facts)
        }
        Command::Recycle { to, reason } => recycle(handoff, to, reason, facts),
        Command::Cancel { reason } => {
            allow(handoff, Verb::Cancel)?;
            Ok(vec![Change::Cancelled { reason }])
        }
        Command::Note { mentions } if mentions.is_empty() => Ok(vec![Change::Noted]),
        Command::Note { mentions } => Ok(vec![Change::Noted, Change::Mentioned { who: mentions }]),
        Command::Ask { by, to } => question::ask(handoff, (by, to), facts, now),
        Command::Answer { by, question } => question::answer(handoff, by, question),
        Command::Rate { score, complete } => match score {
            1..=5 => Ok(vec![Change::Rated { score, complete, stands: true }]),
            _ => Err(Refusal::Rating(score)),
        },
        Command::AskSurvey => survey::ask(handoff, facts, now),
        Command::WithdrawSurvey { by } => survey::withdraw(handoff, by),
        Command::AnswerSurvey { n, score } => survey::answer(handoff, n, score, now),
        Command::Involve { by, who, part } => {
            allow(handoff, Verb::Record)?;
            involved::involve(handoff, by, (who, part), facts)
        }
        Command::Release { by, who } => involved::release(handoff, by, who),
        Command::Join { kind, at, targets } => join(handoff, kind, (at, &targets), facts, now),
        Command::Update { score, amount, meeting_at, completeness, targets } => {
            let told = Change::Updated { score, amount, meeting_at, completeness };
            update(handoff, told, &targets, facts, now)
        }
        Command::Flag(flag) if handoff.flags.contains(&flag) => Err(Refusal::Nothing),
        Command::Flag(flag) => Ok(vec![Change::Flagged { flag }]),
        Command::Tick => ladder::tick(handoff, facts, now).ok_or(Refusal::Nothing),
    }
}

fn allow(handoff: &Handoff, verb: Verb) -> Result<Stage, Refusal> {
    verb.leads(handoff.stage).ok_or(Refusal::Stage { stage: handoff.stage, verb })
}

fn listed(said: &str, list: &[String], what: &'static str) -> Result<(), Refusal> {
    if list.iter().any(|known| known == said) {
        return Ok(());
    }
    Err(Refusal::NotListed { said: said.to_owned(), what, choices: list.join(", ") })
}

fn credit(handoff: &Handoff) -> Credit {
    Credit { owner: handoff.owner.clone(), pool: handoff.pool.clone(), rule: handoff.rule.clone() }
}

fn standing(
    handoff: &Handoff,
    reason: &str,
    pool: Option<PoolId>,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Routing {
    Routing {
        reason: reason.to_owned(),
        since: handoff.routing.as_ref().map_or(now, |routing| routing.since),
        retry_at: now + facts.active.organisation.reroute_every.elapsed(),
        pool,
        held: false,
    }
}

fn assign(
    handoff: &Handoff,
    (owner, pool, rule, trace): (PersonId, PoolId, Option<String>, Box<Trace>),
    facts: Facts<'_>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::Assign)?;
    if handoff.owner.as_ref() == Some(&owner) {
        return Err(Refusal::Nothing);
    }
    let (clocks, reached) = match handoff.pool {
        None => recounted(handoff, &pool, facts),
        Some(_) => (Vec::new(), true),
    };
    let (before, turn) = (handoff.owner.clone(), trace.turn());
    let mut changes = vec![Change::Assigned { owner, before, pool, rule, turn, clocks, trace }];
    changes.extend((!reached).then(|| undated(handoff)).flatten());
    Ok(changes)
}

fn unrouted(
    handoff: &Handoff,
    (reason, back_at): (String, Option<DateTime<Utc>>),
    trace: Box<Trace>,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::RequestRouting)?;
    let known = handoff.routing.as_ref();
    let back_at = back_at.filter(|back_at| *back_at > now);
    let sooner = |routing: &Routing| back_at.is_some_and(|back_at| back_at < routing.retry_at);
    let stands = |routing: &Routing| routing.reason == reason && routing.retry_at > now;
    if known.is_some_and(|routing| stands(routing) && !sooner(routing)) {
        return Err(Refusal::Nothing);
    }
    // Of the same reasons in other numbers nobody need hear again.
    let kind_of = |reason: &str| reason.replace(|c: char| c.is_ascii_digit(), "");
    let again = known.is_some_and(|routing| kind_of(&routing.reason) == kind_of(&reason));
    let pool = known.and_then(|routing| routing.pool.clone());
    let considered = trace.pool.as_ref().or(handoff.pool.as_ref());
    let told = facts.active.role(considered, "manager").cloned().into_iter().collect();
    let mut routing = standing(handoff, &reason, pool, facts, now);
    // Whoever comes back before the next try is asked as they come.
    routing.retry_at = back_at.map_or(routing.retry_at, |back_at| back_at.min(routing.retry_at));
    Ok(vec![Change::Unrouted { routing, told, again, trace }])
}

fn request(
    handoff: &Handoff,
    pool: Option<PoolId>,
    reason: String,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::RequestRouting)?;
    if let Some(unknown) = pool.as_ref().filter(|pool| !facts.active.pools.contains_key(*pool)) {
        return Err(Refusal::UnknownPool(unknown.clone()));
    }
    let routing = standing(handoff, &reason, pool, facts, now);
    Ok(vec![Change::RoutingRequested { routing, had: handoff.owner.clone() }])
}

fn accept(
    handoff: &Handoff,
    by: PersonId,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    owned_by(handoff, &by, facts)?;
    if handoff.stage == Stage::Accepted {
        return Err(Refusal::Nothing);
    }
    allow(handoff, Verb::Accept)?;
    let mut changes = vec![Change::Accepted { by, at: now }];
    changes.extend(stopped(handoff, now, |stop| stop == Stop::Accept));
    let tasks = cadence::begun(handoff, now, facts);
    changes.extend(tasks.map(|tasks| Change::CadenceStarted { tasks }));
    Ok(changes)
}

fn owned_by(handoff: &Handoff, by: &PersonId, facts: Facts<'_>) -> Result<(), Refusal> {
    match &handoff.owner {
        Some(owner) if owner != by => {
            Err(Refusal::NotYours { owner: facts.active.name_of(owner).to_owned() })
        }
        _ => Ok(()),
    }
}

fn reject(
    handoff: &Handoff,
    by: PersonId,
    reason: String,
    facts: Facts<'_>,
) -> Result<Vec<Change>, Refusal> {
    owned_by(handoff, &by, facts)?;
    allow(handoff, Verb::Reject)?;
    let kind = facts.kind(handoff).ok_or(Refusal::UnknownType(handoff.kind.clone()))?;
    listed(&reason, &kind.reject_reasons, "reasons to reject")?;
    Ok(vec![Change::Returned { reason, by }])
}

fn complete(
    handoff: &Handoff,
    (outcome, value): (String, Option<Money>),
    (at, now): (DateTime<Utc>, DateTime<Utc>),
    facts: Facts<'_>,
) -> Result<Vec<Change>, Refusal> {
    if handoff.stage == Stage::Completed {
        let is_news = milestone::waits_for(handoff, &outcome);
        if handoff.outcome.as_ref() == Some(&outcome) && !is_news {
            return Err(Refusal::Nothing);
        }
        if !handoff.milestones.is_empty() {
            return milestone::known(handoff, (outcome, value), at);
        }
    }
    allow(handoff, Verb::Complete)?;
    let kind = facts.kind(handoff).ok_or(Refusal::UnknownType(handoff.kind.clone()))?;
    listed(&outcome, &kind.outcomes, "outcomes")?;
    let success = kind.success.contains(&outcome);
    let mut changes = Vec::new();
    if success {
        changes.extend(stopped(handoff, at, |stop| stop == Stop::Success));
    }
    changes.push(Change::Completed { outcome, success, value });
    changes.extend(success.then(|| milestone::begun(handoff, &kind.milestones, now)).flatten());
    Ok(changes)
}

fn recycle(
    handoff: &Handoff,
    to: String,
    reason: String,
    facts: Facts<'_>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::Recycle)?;
    let kind = facts.kind(handoff).ok_or(Refusal::UnknownType(handoff.kind.clone()))?;
    listed(&to, &kind.recycle_to, "places to recycle to")?;
    listed(&reason, &kind.recycle_reasons, "reasons to recycle")?;
    Ok(vec![Change::Recycled { to, reason }])
}

/// Joins a second trigger; a hotter one upgrades the handoff, and its clocks count from that
/// trigger.
fn join(
    handoff: &Handoff,
    kind: TypeKey,
    (at, targets): (DateTime<Utc>, &Targets),
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::Record)?;
    let hotter = facts.active.types.get(&kind).ok_or(Refusal::UnknownType(kind.clone()))?;
    if hotter.heat <= handoff.heat || handoff.first_touch_at.is_some() {
        return Ok(vec![Change::Joined { kind }]);
    }
    let pool = handoff.pool.as_ref();
    let times = (at, handoff.meeting_at);
    let clocks = start_clocks(hotter, facts.active, pool, times, targets);
    let was = handoff.kind.clone();
    // Somebody who asks again does not ask to wait.
    let paused_at = handoff.paused().map(|pause| pause.at);
    let resumed = paused_at.and_then(|from| resumed(handoff, at.max(from), None, facts));
    let told = Handoff { clocks: clocks.clone(), ..handoff.clone() };
    let undated = lacks_a_deadline(hotter, &told).then(|| undated(handoff)).flatten();
    let upgraded = Change::Upgraded { kind, was, heat: hotter.heat, clocks, triggered_at: at };
    // Whoever has accepted it has the hotter type's sequence to do, from then on.
    let accepted = handoff.stage == Stage::Accepted && !hotter.cadence.is_empty();
    let tasks =
        accepted.then(|| Change::CadenceStarted { tasks: beside::tasks(&hotter.cadence, at) });
    // What held the cooler type holds the hotter one only if that asks for it too.
    let released = threshold::is_met(handoff, Some(hotter), handoff.completeness).then(|| {
        let routing = standing(handoff, "a hotter request joined it", None, facts, now);
        Change::RoutingRequested { routing, had: None }
    });
    let joined = resumed.into_iter().chain([upgraded]).chain(tasks).chain(undated);
    Ok(joined.chain(released).collect())
}

fn update(
    handoff: &Handoff,
    told: Change,
    targets: &Targets,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::Record)?;
    let Change::Updated { score, amount, meeting_at, completeness } = told else {
        return Err(Refusal::Nothing);
    };
    let score = score.filter(|score| handoff.score != Some(*score));
    let amount = amount.filter(|amount| handoff.amount.as_ref() != Some(amount));
    let meeting_at = meeting_at.filter(|at| handoff.meeting_at != Some(*at));
    let mut changes = vec![Change::Updated { score, amount, meeting_at, completeness }];
    changes.extend(retargeted(handoff, targets, facts, now));
    if let Some(meeting) = meeting_at {
        changes.extend(moved(handoff, meeting, targets, facts, now));
        changes.extend(rescheduled(handoff, meeting, facts, now));
    }
    if threshold::is_met(handoff, facts.kind(handoff), completeness) {
        let routing = standing(handoff, "its package is complete enough", None, facts, now);
        changes.push(Change::RoutingRequested { routing, had: None });
    }
    // Two clocks may lack a deadline; it is said once.
    let mut said = false;
    changes.retain(|change| {
        !matches!(change, Change::Flagged { .. }) || !std::mem::replace(&mut said, true)
    });
    Ok(changes)
}

#[cfg(test)]
mod tests;
