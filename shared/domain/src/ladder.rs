//! What a sweep does to a handoff whose time has come.
//!
//! Every step happens once, in order, and never before its time, with one exception: a step with
//! nobody to tell does not wait, and the next one stands in for it, at that step's time; the
//! deadline itself is never brought forward. After an outage a handoff moves to its current step
//! and the ones it missed are recorded, so that nobody is paged for what is long over. Steps were
//! fixed from the deadline, so a late sweep delays nothing that follows.

use crate::{
    change::Change,
    clock::{Clock, ClockState, Credit, Step},
    config::{Act, Config},
    decide::{Facts, resumed, task_missed},
    handoff::{Handoff, Routing},
    ids::PersonId,
    milestone,
    stage::{Stage, Verb},
};
use chrono::{DateTime, Utc};

/// Decides what is due by `now`; `None` when nothing is.
pub(crate) fn tick(handoff: &Handoff, facts: Facts<'_>, now: DateTime<Utc>) -> Option<Vec<Change>> {
    if !handoff.stage.is_open() {
        return milestone::tick(handoff, facts, now);
    }
    let mut changes = Vec::new();
    if let Some(pause) = handoff.paused().filter(|pause| pause.until <= now) {
        // The pause ended then, however late it is seen; what is due by now comes after it.
        let resumed = resumed(handoff, pause.until, None, facts)?;
        let mut after = handoff.clone();
        after.apply(&resumed, now);
        let due = tick(&after, facts, now).unwrap_or_default();
        return Some([resumed].into_iter().chain(due).collect());
    }
    let active = facts.active;
    for clock in handoff.moving_clocks() {
        climb(handoff, clock, active, now, &mut changes);
    }
    for task in handoff.moving_tasks().filter(|task| task.due_at <= now) {
        changes.push(task_missed(handoff, task));
    }
    changes.extend(beside(handoff, now));
    if let Some(routing) = handoff.routing.as_ref().filter(|routing| routing.retry_at <= now) {
        let asked = changes.iter().any(|change| matches!(change, Change::RoutingRequested { .. }));
        if !asked && Verb::RequestRouting.leads(handoff.stage).is_some() {
            changes
                .push(Change::RoutingRequested { routing: again(routing, active, now), had: None });
        }
    }
    (!changes.is_empty()).then_some(changes)
}

/// Lists the deadlines and tasks that were missed by `now` and that nobody has recorded; nobody is
/// told by it.
pub(crate) fn missed(handoff: &Handoff, facts: Facts<'_>, now: DateTime<Utc>) -> Vec<Change> {
    // A pause that is over hides nothing, seen or not.
    let over = handoff.paused().filter(|pause| pause.until <= now);
    if let Some(resumed) = over.and_then(|pause| resumed(handoff, pause.until, None, facts)) {
        let mut after = handoff.clone();
        after.apply(&resumed, now);
        return [resumed].into_iter().chain(missed(&after, facts, now)).collect();
    }
    let running = |clock: &&Clock| clock.state == ClockState::Running && clock.due_at <= now;
    let breached = handoff.moving_clocks().filter(running).map(|clock| breach(handoff, clock));
    let tasks = handoff.moving_tasks().filter(|task| task.due_at <= now);
    breached.chain(tasks.map(|task| task_missed(handoff, task))).collect()
}

/// Sends what is due before a meeting, and ends the time somebody stood beside the owner.
fn beside(handoff: &Handoff, now: DateTime<Utc>) -> Vec<Change> {
    let mut changes = Vec::new();
    let brief = handoff.brief.filter(|brief| !brief.sent && brief.at <= now);
    match handoff.owner.clone().filter(|_| brief.is_some()) {
        // Nobody prepares for a meeting that is over.
        Some(_) if handoff.meeting_at.is_some_and(|meeting| meeting <= now) => {
            let overlap = handoff.overlap.clone();
            changes.push(Change::Rescheduled { brief: None, overlap });
        }
        Some(to) => changes.push(Change::Briefed { to, meeting_at: handoff.meeting_at }),
        None => {}
    }
    let over = |until: Option<DateTime<Utc>>| until.is_some_and(|until| until <= now);
    if let Some(overlap) = handoff.overlap.as_ref().filter(|overlap| over(overlap.until)) {
        changes.push(Change::OverlapEnded { who: overlap.who.clone(), by: None });
    }
    changes
}

/// Takes the rungs of one clock that are due: the breach always, of the others those of the latest
/// instant.
fn climb(
    handoff: &Handoff,
    clock: &Clock,
    active: &Config,
    now: DateTime<Utc>,
    changes: &mut Vec<Change>,
) {
    let Some(current) = clock.steps.iter().map(|step| step.at).filter(|at| *at <= now).max() else {
        return;
    };
    let mut skip_ahead = false;
    for step in &clock.steps {
        if step.at > now && !skip_ahead {
            break;
        }
        if step.act == Act::Breach {
            if step.at <= now {
                changes.push(breach(handoff, clock));
                continue;
            }
            break;
        }
        if step.at < current {
            let reason = "its time was over before a sweep could run".to_owned();
            changes.push(passed(clock, step, reason));
            continue;
        }
        skip_ahead = !take(handoff, clock, step, active, now, changes);
    }
}

/// Takes one rung; false when there is nobody to tell, so that the next stands in for it.
fn take(
    handoff: &Handoff,
    clock: &Clock,
    step: &Step,
    active: &Config,
    now: DateTime<Utc>,
    changes: &mut Vec<Change>,
) -> bool {
    if step.act == Act::Reassign {
        reassign(handoff, clock, step, active, now, changes);
        return true;
    }
    let to = told(handoff, step, active);
    if to.is_empty() {
        let role = step.to.as_deref().unwrap_or("nobody");
        changes.push(passed(clock, step, format!("there is no {role} to tell")));
        return false;
    }
    changes.push(stepped(clock, step, to));
    true
}

/// Asks for another owner, unless there is none to take it from: it stands with its sender, or
/// somebody is being looked for already.
fn reassign(
    handoff: &Handoff,
    clock: &Clock,
    step: &Step,
    active: &Config,
    now: DateTime<Utc>,
    changes: &mut Vec<Change>,
) {
    let standing = handoff.routing.as_ref();
    if handoff.stage == Stage::Returned {
        changes.push(passed(clock, step, "it stands with its sender".to_owned()));
        return;
    }
    // Asked for again under another reason, it would be news to the manager who knows already.
    if handoff.owner.is_none() && standing.is_some() {
        changes.push(passed(clock, step, "nobody has it: it is already being routed".to_owned()));
        return;
    }
    changes.push(stepped(clock, step, told(handoff, step, active)));
    let routing = Routing {
        reason: format!("{} missed", clock.name),
        since: standing.map_or(now, |routing| routing.since),
        retry_at: now + active.organisation.reroute_every.elapsed(),
        pool: standing.and_then(|routing| routing.pool.clone()),
        held: false,
    };
    changes.push(Change::RoutingRequested { routing, had: handoff.owner.clone() });
}

/// Resolves whom a rung concerns, on the roster of the moment.
fn told(handoff: &Handoff, step: &Step, active: &Config) -> Vec<PersonId> {
    let person = match step.to.as_deref() {
        Some("owner") => handoff.owner.as_ref(),
        Some(role) => active.role(handoff.pool.as_ref(), role),
        None => None,
    };
    person.cloned().into_iter().collect()
}

fn breach(handoff: &Handoff, clock: &Clock) -> Change {
    let credit = Credit {
        owner: handoff.owner.clone(),
        pool: handoff.pool.clone(),
        rule: handoff.rule.clone(),
    };
    Change::Breached { clock: clock.name.clone(), due_at: clock.due_at, credit }
}

fn stepped(clock: &Clock, step: &Step, to: Vec<PersonId>) -> Change {
    Change::Stepped {
        clock: clock.name.clone(),
        n: step.n,
        act: step.act,
        due_at: step.at,
        deadline: clock.due_at,
        short_notice: clock.short_notice,
        to,
    }
}

fn passed(clock: &Clock, step: &Step, reason: String) -> Change {
    Change::StepPassed {
        clock: clock.name.clone(),
        n: step.n,
        act: step.act,
        due_at: step.at,
        reason,
    }
}

/// Puts off a standing request: the next try follows the last one's time, and lies ahead.
fn again(routing: &Routing, active: &Config, now: DateTime<Utc>) -> Routing {
    let every = active.organisation.reroute_every.elapsed();
    let next = routing.retry_at + every;
    let retry_at = if next > now { next } else { now + every };
    Routing { retry_at, held: false, ..routing.clone() }
}

#[cfg(test)]
mod tests;
