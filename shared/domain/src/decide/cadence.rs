//! The receiver's sequence of touches: begun by acceptance, done touch by touch, over when the
//! subject replies or a meeting is booked.
//!
//! Every fact counts by its own time, however late it is told: a touch in time takes back that its
//! task was missed, and so does a reply that came before the task was due. What must stay true: the
//! same facts leave the same misses, in whatever order they were told. Final is only what a
//! sequence missed that was given back, or that another owner or a hotter trigger began anew.

use super::{Facts, credit};
use crate::{
    beside::{Task, TaskState, tasks},
    change::Change,
    handoff::Handoff,
};
use chrono::{DateTime, Utc};

/// Begins the sequence of a handoff's type, unless the subject has answered already. One that was
/// begun before goes on, also for another owner; where all of it was missed, they begin anew.
pub(super) fn begun(handoff: &Handoff, at: DateTime<Utc>, facts: Facts<'_>) -> Option<Vec<Task>> {
    let kind = facts.kind(handoff)?;
    let none_left = handoff.tasks.iter().all(|task| task.state == TaskState::Missed);
    let begins = none_left && handoff.answered_at.is_none() && !kind.cadence.is_empty();
    begins.then(|| tasks(&kind.cadence, at))
}

/// Tells what a touch does to the sequence: it begins it where nobody had accepted, and does a
/// task.
pub(super) fn touched(
    handoff: &Handoff,
    channel: &str,
    (at, accepts): (DateTime<Utc>, bool),
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Vec<Change> {
    let from = handoff.assigned_at.map_or(at, |assigned_at| at.max(assigned_at));
    let Some(tasks) = accepts.then(|| begun(handoff, from, facts)).flatten() else {
        return done(handoff, channel, at);
    };
    let mut begun = Handoff { tasks, ..handoff.clone() };
    let done = done(&begun, channel, from);
    let does = |task: &Task| {
        done.iter().any(|change| match change {
            Change::TaskDone { task: name, .. } => *name == task.name,
            _ => false,
        })
    };
    // What was over before anybody could know of it counts from now.
    for task in begun.tasks.iter_mut().filter(|task| task.due_at <= now && !does(task)) {
        (task.at, task.due_at) = (now, now + (task.due_at - task.at));
    }
    let started = Change::CadenceStarted { tasks: begun.tasks };
    [started].into_iter().chain(done).collect()
}

/// Does the task that a touch is: the first of its channel that was to be done by then and is in
/// time, else the first that was missed. One that was done late may have been done in time too.
fn done(handoff: &Handoff, channel: &str, at: DateTime<Utc>) -> Vec<Change> {
    let answered = handoff.answered_at.is_some_and(|answered_at| at > answered_at);
    let waits = |task: &&Task| match task.state {
        TaskState::Open | TaskState::Missed => true,
        TaskState::Ended => !answered,
        TaskState::Done => task.credit.is_some(),
    };
    let mut tasks = handoff
        .tasks
        .iter()
        .filter(waits)
        .filter(|task| since(handoff, task) <= at && spelt(&task.channel) == spelt(channel));
    let in_time = tasks.clone().find(|task| !is_over(handoff, task, at));
    let missed_one = || tasks.find(|task| task.state != TaskState::Done);
    let Some(task) = in_time.or_else(missed_one) else { return Vec::new() };
    let late = is_over(handoff, task, at);
    let unseen = late && task.state == TaskState::Open;
    let excused = (!late).then(|| excused(task)).flatten();
    let is_new = task.state != TaskState::Done;
    let done = is_new.then(|| Change::TaskDone { task: task.name.clone(), at, late });
    unseen.then(|| missed(handoff, task)).into_iter().chain(excused).chain(done).collect()
}

/// Finds the earliest touch that does a task: what is to be done at once is done by whoever has it
/// from the moment they do.
fn since(handoff: &Handoff, task: &Task) -> DateTime<Utc> {
    let assigned_at = handoff.assigned_at.filter(|_| task.first);
    assigned_at.map_or(task.at, |assigned_at| assigned_at.min(task.at))
}

/// Tells whether a task's time was over at an instant; what stands still is not.
fn is_over(handoff: &Handoff, task: &Task, at: DateTime<Utc>) -> bool {
    let still = handoff.pauses.iter().any(|pause| pause.covers(at) && task.due_at > pause.at);
    at > task.due_at && !still
}

/// Records that a task was missed, and who answers for it.
pub(crate) fn missed(handoff: &Handoff, task: &Task) -> Change {
    Change::TaskMissed { task: task.name.clone(), due_at: task.due_at, credit: credit(handoff) }
}

/// Spells the one channel that people call by two names in one way.
fn spelt(channel: &str) -> &str {
    if channel == "call" { "phone" } else { channel }
}

/// Takes back that a task was missed, where it was counted so.
fn excused(task: &Task) -> Option<Change> {
    let was = task.credit.clone()?;
    Some(Change::TaskExcused { task: task.name.clone(), was })
}

/// Ends the sequence at the answer's own time: what was due by then and not done is missed, what
/// was due after it need not be done. Nothing where an earlier answer is known.
pub fn ended(handoff: &Handoff, reason: &str, at: DateTime<Utc>, facts: Facts<'_>) -> Vec<Change> {
    let has_one = facts.kind(handoff).is_some_and(|kind| !kind.cadence.is_empty());
    let earlier = handoff.answered_at.is_none_or(|answered_at| at < answered_at);
    let stood_open = at >= handoff.triggered_at && handoff.closed_at.is_none_or(|end| at <= end);
    let excuses = handoff.tasks.iter().filter(|task| task.is_excused_by(at)).filter_map(excused);
    let excuses: Vec<Change> = excuses.collect();
    let concerns = handoff.stage.is_open() || !excuses.is_empty();
    let has_one = has_one || !handoff.tasks.is_empty();
    if ![has_one, earlier, stood_open, concerns].into_iter().all(|so| so) {
        return Vec::new();
    }
    let unseen = |task: &&Task| task.state == TaskState::Open && is_over(handoff, task, at);
    let missed = handoff.tasks.iter().filter(unseen).map(|task| missed(handoff, task));
    let ended = Change::CadenceEnded { reason: reason.to_owned(), at };
    missed.chain(excuses).chain([ended]).collect()
}
