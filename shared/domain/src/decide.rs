//! The one place where it is decided what happens to a handoff.
//!
//! `decide` is a plain function of the stored state, the command, the configuration and the time.
//! The same inputs give the same changes, so a lost race is answered by deciding again on the new
//! truth. A refusal is data whose `Display` is the sentence a person reads; a source's fact is
//! never refused, only recorded.

mod clocks;
mod touching;

pub use clocks::{calendar_of, start_clocks};

use crate::{
    change::Change,
    clock::Credit,
    config::{Config, FieldRule, HandoffType, Stop},
    handoff::{Flag, Handoff, Routing},
    ids::{PersonId, PoolId, TypeKey},
    ladder,
    money::Money,
    routing::Trace,
    stage::{Stage, Verb},
};
use chrono::{DateTime, Utc};
use clocks::{moved, recounted};
use touching::{stopped, touch};

/// What somebody or something wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The router, or a person, gives it to a rep.
    Assign {
        /// The rep.
        owner: PersonId,
        /// The pool they take it from.
        pool: PoolId,
        /// The rule that chose the pool.
        rule: Option<String>,
        /// Why them.
        trace: Box<Trace>,
    },
    /// The router found nobody.
    LeaveUnrouted {
        /// Why.
        reason: String,
        /// What was considered.
        trace: Box<Trace>,
    },
    /// A person wants it given to a pool, or to whom the rules choose.
    RequestRouting {
        /// The pool; none lets the rules decide.
        pool: Option<PoolId>,
        /// Why.
        reason: String,
    },
    /// Its owner takes it.
    Accept {
        /// Who says so.
        by: PersonId,
    },
    /// Somebody touched the subject.
    Touch {
        /// How.
        channel: String,
        /// When it happened.
        at: DateTime<Utc>,
        /// Who, if known; an unknown toucher counts as the receiving team.
        by: Option<PersonId>,
    },
    /// Its owner gives it back.
    Reject {
        /// Who says so.
        by: PersonId,
        /// Why, from the type's list.
        reason: String,
    },
    /// Its sender sends it again.
    Resubmit,
    /// Its outcome is known.
    Complete {
        /// From the type's list.
        outcome: String,
        /// What it is worth.
        value: Option<Money>,
    },
    /// It goes back to an earlier stage or to nurture.
    Recycle {
        /// Where to, from the type's list.
        to: String,
        /// Why, from the type's list.
        reason: String,
    },
    /// It is withdrawn.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Somebody writes something.
    Note,
    /// Somebody judges it.
    Rate {
        /// One to five.
        score: u8,
        /// Whether the information was complete.
        complete: bool,
    },
    /// Another trigger of its lane fired.
    Join {
        /// The type it would have opened.
        kind: TypeKey,
        /// When.
        at: DateTime<Utc>,
    },
    /// A source told more about it.
    Update {
        /// The score, if told.
        score: Option<i64>,
        /// The amount, if told.
        amount: Option<Money>,
        /// The meeting's time, if told.
        meeting_at: Option<DateTime<Utc>>,
        /// The package's completeness now, in percent.
        completeness: u8,
    },
    /// People should know something about it.
    Flag(Flag),
    /// The clock says something is due.
    Tick,
}

/// What a decision may look at besides the handoff and the command.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The active configuration: roster, roles, pools.
    pub active: &'a Config,
    /// The configuration the handoff opened with: clocks, ladders, reasons.
    pub pinned: &'a Config,
}

impl<'a> Facts<'a> {
    fn kind(&self, handoff: &Handoff) -> Option<&'a HandoffType> {
        self.pinned.types.get(&handoff.kind).or_else(|| self.active.types.get(&handoff.kind))
    }

    /// Finds what must be passed on: the fields of the configuration the handoff opened with.
    pub fn template(&self, handoff: &Handoff) -> &'a [FieldRule] {
        self.kind(handoff).map_or(&[], |kind| kind.fields.as_slice())
    }
}

/// Why a command is not carried out, as the person who gave it reads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The stage table has no such move.
    #[error("This handoff is {stage}: it cannot be {verb} now.")]
    Stage {
        /// Where it stands.
        stage: Stage,
        /// What was wanted.
        verb: Verb,
    },
    /// Somebody else has it.
    #[error("{owner} has this handoff now; only its owner can do that.")]
    NotYours {
        /// Who has it.
        owner: String,
    },
    /// A word that is not on the list.
    #[error("`{said}` is not one of this type's {what}: choose {choices}.")]
    NotListed {
        /// What was said.
        said: String,
        /// The list's name.
        what: &'static str,
        /// The list.
        choices: String,
    },
    /// A rating out of range.
    #[error("A rating is 1 to 5, not {0}.")]
    Rating(u8),
    /// A type the configuration no longer has.
    #[error("The configuration has no handoff type `{0}`: choose one it has.")]
    UnknownType(TypeKey),
    /// A pool the configuration does not have.
    #[error("There is no pool `{0}`.")]
    UnknownPool(PoolId),
    /// Nothing would change.
    #[error("Nothing changes by that.")]
    Nothing,
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
    match command {
        Command::Assign { owner, pool, rule, trace } => {
            assign(handoff, (owner, pool, rule, trace), facts)
        }
        Command::LeaveUnrouted { reason, trace } => unrouted(handoff, reason, trace, facts, now),
        Command::RequestRouting { pool, reason } => request(handoff, pool, reason, facts, now),
        Command::Accept { by } => accept(handoff, by, facts, now),
        Command::Touch { channel, at, by } => Ok(touch(handoff, channel, at.min(now), by, facts)),
        Command::Reject { by, reason } => reject(handoff, by, reason, facts),
        Command::Resubmit => {
            allow(handoff, Verb::Resubmit)?;
            let routing = standing(handoff, "resubmitted", None, facts, now);
            Ok(vec![Change::Resubmitted { routing }])
        }
        Command::Complete { outcome, value } => complete(handoff, outcome, value, facts),
        Command::Recycle { to, reason } => recycle(handoff, to, reason, facts),
        Command::Cancel { reason } => {
            allow(handoff, Verb::Cancel)?;
            Ok(vec![Change::Cancelled { reason }])
        }
        Command::Note => Ok(vec![Change::Noted]),
        Command::Rate { score, complete } => match score {
            1..=5 => Ok(vec![Change::Rated { score, complete }]),
            _ => Err(Refusal::Rating(score)),
        },
        Command::Join { kind, at } => join(handoff, kind, at, facts),
        Command::Update { score, amount, meeting_at, completeness } => {
            update(handoff, (score, amount, meeting_at, completeness), facts, now)
        }
        Command::Flag(flag) if handoff.flags.contains(&flag) => Err(Refusal::Nothing),
        Command::Flag(flag) => Ok(vec![Change::Flagged { flag }]),
        Command::Tick => ladder::tick(handoff, facts.active, now).ok_or(Refusal::Nothing),
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
    let clocks = match handoff.pool {
        None => recounted(handoff, &pool, facts),
        Some(_) => Vec::new(),
    };
    let before = handoff.owner.clone();
    Ok(vec![Change::Assigned { owner, before, pool, rule, clocks, trace }])
}

fn unrouted(
    handoff: &Handoff,
    reason: String,
    trace: Box<Trace>,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::RequestRouting)?;
    let known = handoff.routing.as_ref();
    if known.is_some_and(|routing| routing.reason == reason && routing.retry_at > now) {
        return Err(Refusal::Nothing);
    }
    let pool = known.and_then(|routing| routing.pool.clone());
    let considered = trace.pool.as_ref().or(handoff.pool.as_ref());
    let told = facts.active.role(considered, "manager").cloned().into_iter().collect();
    let routing = standing(handoff, &reason, pool, facts, now);
    Ok(vec![Change::Unrouted { routing, told, trace }])
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
    outcome: String,
    value: Option<Money>,
    facts: Facts<'_>,
) -> Result<Vec<Change>, Refusal> {
    if handoff.stage == Stage::Completed && handoff.outcome.as_ref() == Some(&outcome) {
        return Err(Refusal::Nothing);
    }
    allow(handoff, Verb::Complete)?;
    let kind = facts.kind(handoff).ok_or(Refusal::UnknownType(handoff.kind.clone()))?;
    listed(&outcome, &kind.outcomes, "outcomes")?;
    let success = kind.success.contains(&outcome);
    Ok(vec![Change::Completed { outcome, success, value }])
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
    at: DateTime<Utc>,
    facts: Facts<'_>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::Record)?;
    let hotter = facts.active.types.get(&kind).ok_or(Refusal::UnknownType(kind.clone()))?;
    if hotter.heat <= handoff.heat || handoff.first_touch_at.is_some() {
        return Ok(vec![Change::Joined { kind }]);
    }
    let pool = handoff.pool.as_ref();
    let clocks = start_clocks(hotter, facts.active, pool, at, handoff.meeting_at);
    let was = handoff.kind.clone();
    Ok(vec![Change::Upgraded { kind, was, heat: hotter.heat, clocks, triggered_at: at }])
}

fn update(
    handoff: &Handoff,
    (score, amount, meeting_at, completeness): (
        Option<i64>,
        Option<Money>,
        Option<DateTime<Utc>>,
        u8,
    ),
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::Record)?;
    let score = score.filter(|score| handoff.score != Some(*score));
    let amount = amount.filter(|amount| handoff.amount.as_ref() != Some(amount));
    let meeting_at = meeting_at.filter(|at| handoff.meeting_at != Some(*at));
    let mut changes = Vec::new();
    if let Some(meeting) = meeting_at {
        changes.extend(moved(handoff, meeting, facts, now));
    }
    changes.insert(0, Change::Updated { score, amount, meeting_at, completeness });
    Ok(changes)
}

#[cfg(test)]
mod tests;
