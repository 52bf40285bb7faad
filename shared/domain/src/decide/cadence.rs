//! The receiver's sequence of touches: begun by acceptance, done touch by touch, over when the
//! subject replies or a meeting is booked.

use super::Facts;
use crate::{
    beside::{TaskState, tasks},
    change::Change,
    handoff::Handoff,
};
use chrono::{DateTime, Utc};

/// Begins the sequence of a handoff's type; one that was begun before goes on, also for another
/// owner, until the handoff is given back.
pub(super) fn begun(handoff: &Handoff, at: DateTime<Utc>, facts: Facts<'_>) -> Option<Change> {
    let kind = facts.kind(handoff)?;
    let begins = handoff.tasks.is_empty() && !kind.cadence.is_empty();
    begins.then(|| Change::CadenceStarted { tasks: tasks(&kind.cadence, at) })
}

/// Finds the task that a touch does: the first of its channel that was to be done by then, in time
/// or missed.
pub(super) fn done(handoff: &Handoff, channel: &str, at: DateTime<Utc>) -> Option<Change> {
    let waits = |state| matches!(state, TaskState::Open | TaskState::Missed);
    let mut tasks = handoff.tasks.iter().filter(|task| waits(task.state) && task.at <= at);
    let task = tasks.find(|task| spelt(&task.channel) == spelt(channel))?;
    let late = at > task.due_at;
    Some(Change::TaskDone { task: task.name.clone(), at, late })
}

/// Spells the one channel that people call by two names in one way.
fn spelt(channel: &str) -> &str {
    if channel == "call" { "phone" } else { channel }
}

/// Ends the sequence, if anything of it is left to do.
pub fn ended(handoff: &Handoff, reason: &str, at: DateTime<Utc>) -> Option<Change> {
    let left = handoff.tasks.iter().any(|task| task.state == TaskState::Open);
    let reason = reason.to_owned();
    (left && handoff.stage.is_open()).then_some(Change::CadenceEnded { reason, at })
}
