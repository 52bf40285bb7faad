//! What is left to write in a CRM: how the record should stand, less what was written before.

use crate::{
    context::Context,
    verdict::{Later, Verdict},
};
use domain::{
    config::Destination,
    delivery::{CrmTask, TaskState, desired, object},
    subject::Reference,
};
use std::collections::BTreeMap;

/// The longest one line of a task may be, in characters: Salesforce takes the fewest.
const SUBJECT_MAX: usize = 255;

/// What is left to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// The record.
    pub(crate) object: Reference,
    /// Who is to own it, by the id they have there.
    pub(crate) owner: Option<String>,
    /// The property a status goes to, if not the vendor's own, and the status.
    pub(crate) status: Option<(Option<String>, String)>,
    /// What becomes of the task.
    pub(crate) task: Option<TaskJob>,
}

/// What becomes of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TaskJob {
    /// It is made, for somebody by the id they have there.
    Make(CrmTask, String),
    /// The one that was made goes to somebody else, or is over, or is to be done again.
    Change { id: String, owner: Option<String>, state: TaskState },
}

/// Finds out what is left to write; nothing where the handoff is about no record there.
pub(crate) fn job(
    context: &Context,
    (name, destination): (&str, &Destination),
    known: &BTreeMap<String, String>,
) -> Result<Option<Job>, Verdict> {
    let (handoff, config) = (&context.handoff, context.config());
    let system = destination.system();
    let keeps = |object| destination.kind.keeps(object);
    let object = object(handoff, &context.package, (system, &keeps), config);
    let Some(object) = object else { return Ok(None) };
    let desired = desired(handoff, &context.package, destination, config);
    let person = desired.owner.as_ref().or(handoff.owner.as_ref());
    let id = person.and_then(|person| config.people.get(person)?.ids.get(name)).cloned();
    let needs_one = desired.owner.is_some()
        || desired.task.as_ref().is_some_and(|task| task.state == TaskState::Open);
    if let (true, None, Some(person)) = (needs_one, &id, person) {
        return Err(Verdict::Never {
            why: format!(
                "{} has no id at `{}`: write `ids = {{ {} = \"…\" }}` at `[people.{person}]`.",
                config.name_of(person),
                name,
                name
            ),
            must_act: true,
            known: BTreeMap::new(),
        });
    }
    let was = |name: &str| known.get(name).map(String::as_str);
    let owner = desired.owner.and(id.clone()).filter(|id| was("owner") != Some(id));
    let status = desired.status.filter(|(_, status)| was("status") != Some(status));
    let task = desired.task.and_then(|task| task_job(task, id, known));
    let is_empty = owner.is_none() && status.is_none() && task.is_none();
    Ok((!is_empty).then_some(Job { object, owner, status, task }))
}

fn task_job(
    task: CrmTask,
    owner: Option<String>,
    known: &BTreeMap<String, String>,
) -> Option<TaskJob> {
    let was = |name: &str| known.get(name).map(String::as_str);
    let Some(made) = was("task").filter(|made| !made.is_empty()) else {
        // One that nobody is to do need not be made.
        let open = task.state == TaskState::Open;
        let task = CrmTask { subject: bounded(&task.subject), ..task };
        return owner.filter(|_| open).map(|owner| TaskJob::Make(task, owner));
    };
    let owner = owner
        .filter(|owner| task.state == TaskState::Open && was("task_owner") != Some(owner.as_str()));
    let changes = was("task_state") != Some(word(task.state)) || owner.is_some();
    changes.then(|| TaskJob::Change { id: made.to_owned(), owner, state: task.state })
}

/// Names what a job wrote, for the next one.
pub(crate) fn written(job: &Job) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    known.extend(job.owner.clone().map(|owner| ("owner".to_owned(), owner)));
    known.extend(job.status.clone().map(|(_, status)| ("status".to_owned(), status)));
    known
}

/// Names what became of a task, for the next job.
pub(crate) fn tasked(job: &TaskJob, made: Option<&str>) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    let mut know = |name: &str, value: &str| known.insert(name.to_owned(), value.to_owned());
    match job {
        TaskJob::Make(task, owner) => {
            know("task", made.unwrap_or_default());
            know("task_owner", owner);
            know("task_state", word(task.state));
        }
        TaskJob::Change { owner, state, .. } => {
            if let Some(owner) = owner {
                know("task_owner", owner);
            }
            know("task_state", word(*state));
        }
    }
    known
}

/// Follows from a task that somebody deleted there: the next try goes on without it, and makes
/// another where it is still to be done.
pub(crate) fn deleted(job: &TaskJob) -> Verdict {
    let over = match job {
        TaskJob::Change { state, .. } if *state != TaskState::Open => word(*state),
        _ => "",
    };
    let made = match job {
        TaskJob::Change { id, .. } if !over.is_empty() => id,
        _ => "",
    };
    let known = [("task", made), ("task_owner", ""), ("task_state", over)];
    Verdict::Later(Later {
        why: "Its task was deleted there: it goes on without.".to_owned(),
        after: Some(chrono::Duration::seconds(10)),
        known: known.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Later::default()
    })
}

/// Says what a job wrote.
pub(crate) fn said(job: &Job) -> String {
    let mut parts = Vec::new();
    parts.extend(job.owner.as_ref().map(|_| "owner"));
    parts.extend(job.status.as_ref().map(|_| "status"));
    parts.extend(job.task.as_ref().map(|task| match task {
        TaskJob::Make(..) => "a task",
        TaskJob::Change { state: TaskState::Open, .. } => "the task's owner",
        TaskJob::Change { .. } => "the end of the task",
    }));
    format!("Written: {}.", parts.join(", "))
}

/// Writes a text as HTML, in which nothing it says is markup.
pub(crate) fn as_html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped.replace('"', "&quot;").replace('\n', "<br>")
}

/// Tells whether a task's line is the one of a handoff.
pub(crate) fn is_of(subject: &str, handoff: &str) -> bool {
    subject.trim_end().ends_with(&format!("[{handoff}]"))
}

/// Cuts a line so that the id at its end stays.
fn bounded(subject: &str) -> String {
    let count = subject.chars().count();
    let Some((words, id)) = subject.rsplit_once(" [").filter(|_| count > SUBJECT_MAX) else {
        return subject.to_owned();
    };
    let room = SUBJECT_MAX.saturating_sub(id.chars().count() + 3);
    let kept: String = words.chars().take(room).collect();
    format!("{kept}… [{id}")
}

fn word(state: TaskState) -> &'static str {
    match state {
        TaskState::Open => "open",
        TaskState::Done => "done",
        TaskState::Dropped => "dropped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn task(state: TaskState) -> CrmTask {
        let (subject, text) = ("Hot lead: call Dana [h1]".to_owned(), String::new());
        let due_at = DateTime::UNIX_EPOCH;
        CrmTask { subject, text, due_at, pressing: true, state }
    }

    #[track_caller]
    fn check(known: &[(&str, &str)], state: TaskState, owner: Option<&str>, expected: &str) {
        let known = known.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned()));
        let job = task_job(task(state), owner.map(str::to_owned), &known.collect());
        let said = job.map_or("nothing".to_owned(), |job| match job {
            TaskJob::Make(_, owner) => format!("make for {owner}"),
            TaskJob::Change { id, owner, state } => format!("change {id} {owner:?} {state:?}"),
        });
        assert_eq!(said, expected);
    }

    #[test]
    fn a_task_is_made_once_goes_with_its_owner_and_ends_once() {
        let made = [("task", "9"), ("task_owner", "1"), ("task_state", "open")];
        check(&[], TaskState::Open, Some("1"), "make for 1");
        check(&[], TaskState::Done, Some("1"), "nothing");
        check(&made, TaskState::Open, Some("1"), "nothing");
        check(&made, TaskState::Open, Some("2"), "change 9 Some(\"2\") Open");
        check(&made, TaskState::Done, Some("1"), "change 9 None Done");
        check(&made, TaskState::Dropped, None, "change 9 None Dropped");
        let done = [("task", "9"), ("task_owner", "1"), ("task_state", "done")];
        check(&done, TaskState::Done, Some("2"), "nothing");
        check(&done, TaskState::Open, Some("1"), "change 9 None Open");
    }

    #[test]
    fn a_long_line_keeps_the_id_it_is_found_by() {
        let long = bounded(&format!("Hot lead: call {} [01JD]", "x".repeat(400)));
        assert_eq!(long.chars().count(), SUBJECT_MAX);
        assert!(is_of(&long, "01JD"), "{long}");
        assert!(!is_of("Call [01JD] back", "01JD"));
    }
}
