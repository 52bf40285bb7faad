//! HubSpot: a record's owner and status, and a task for the owner.
//!
//! A PATCH may be sent twice without harm; a task may not be made twice, so one whose answer was
//! lost is looked for among the record's tasks, by the handoff's id at the end of its line.

use crate::{
    Courier,
    context::Context,
    record::{Job, TaskJob, as_html, deleted, is_of, job, said, tasked, written},
    send::Line,
    verdict::{Later, Verdict},
};
use domain::{
    delivery::{CrmTask, TaskState},
    subject::{ObjectKind, Reference},
};
use http::Method;
use serde_json::{Map, Value, json};
use store::Delivery;

/// The property a contact's status stands in.
const STATUS: &str = "hs_lead_status";

/// How many of a record's tasks are listed: as many as one answer has.
const LISTED: usize = 500;

/// How many of them are looked through, the latest: as many as are read at once.
const LOOKED_THROUGH: usize = 100;

impl Courier {
    /// Brings a record up to date.
    pub(crate) async fn hubspot(
        &self,
        context: &Context,
        line: &Line<'_>,
        claimed: &Delivery,
    ) -> Verdict {
        let job = match job(context, (line.name, line.destination), &claimed.known) {
            Ok(Some(job)) => job,
            Ok(None) => return Verdict::Nothing,
            Err(verdict) => return verdict,
        };
        let Some(path) = path(&job.object) else {
            return Verdict::never("HubSpot has no record by such an id.");
        };
        let mut known = written(&job);
        if let Some(body) = properties(&job) {
            let address = format!("{}/crm/v3/objects/{path}", line.base);
            if let Err(verdict) = self.ask_hubspot(line, Method::PATCH, address, Some(&body)).await
            {
                return verdict;
            }
        }
        let Some(task) = &job.task else { return Verdict::Arrived { answer: said(&job), known } };
        let done = match task {
            TaskJob::Make(crm_task, owner) => {
                let found = match claimed.unsure {
                    true => self.find_hubspot(line, &path, context.handoff.id.as_str()).await,
                    false => Ok(None),
                };
                match found {
                    Ok(Some(id)) => Ok(Some(id)),
                    Ok(None) => {
                        let body = new_task(crm_task, owner, &job.object);
                        let address = format!("{}/crm/v3/objects/tasks", line.base);
                        let made = self.ask_hubspot(line, Method::POST, address, Some(&body)).await;
                        made.map(|made| id_of(&made["id"]))
                    }
                    Err(verdict) => Err(verdict),
                }
            }
            TaskJob::Change { id, owner, state } => {
                let mut properties = Map::new();
                properties.insert("hs_task_status".to_owned(), status_of(*state).into());
                if let Some(owner) = owner {
                    properties.insert("hubspot_owner_id".to_owned(), owner.as_str().into());
                }
                let address = format!("{}/crm/v3/objects/tasks/{id}", line.base);
                let body = json!({ "properties": properties });
                let changed = self.ask_hubspot(line, Method::PATCH, address, Some(&body)).await;
                changed.map(|_| None)
            }
        };
        match done {
            Ok(made) => {
                known.extend(tasked(task, made.as_deref()));
                Verdict::Arrived { answer: said(&job), known }
            }
            Err(Verdict::Gone) if matches!(task, TaskJob::Change { .. }) => {
                deleted(task).knowing(known)
            }
            Err(verdict) => verdict.knowing(known),
        }
    }

    /// Looks for a handoff's task among those of a record.
    async fn find_hubspot(
        &self,
        line: &Line<'_>,
        path: &str,
        handoff: &str,
    ) -> Result<Option<String>, Verdict> {
        let address =
            format!("{}/crm/v4/objects/{path}/associations/tasks?limit={LISTED}", line.base);
        let tasks = self.ask_hubspot(line, Method::GET, address, None).await?;
        let ids = tasks["results"].as_array().into_iter().flatten();
        let mut ids: Vec<u64> =
            ids.filter_map(|one| id_of(&one["toObjectId"])?.parse().ok()).collect();
        // Later tasks have higher ids, and it was made a moment ago.
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.truncate(LOOKED_THROUGH);
        if ids.is_empty() {
            return Ok(None);
        }
        let ids: Vec<Value> = ids.iter().map(|id| json!({ "id": id.to_string() })).collect();
        let address = format!("{}/crm/v3/objects/tasks/batch/read", line.base);
        let body = json!({ "properties": ["hs_task_subject"], "inputs": ids });
        let read = self.ask_hubspot(line, Method::POST, address, Some(&body)).await?;
        let mut read = read["results"].as_array().cloned().unwrap_or_default().into_iter();
        let ours = read.find(|task| {
            task["properties"]["hs_task_subject"].as_str().is_some_and(|line| is_of(line, handoff))
        });
        Ok(ours.and_then(|task| id_of(&task["id"])))
    }

    async fn ask_hubspot(
        &self,
        line: &Line<'_>,
        method: Method,
        address: String,
        body: Option<&Value>,
    ) -> Result<Value, Verdict> {
        let token = vec![("authorization", format!("Bearer {}", line.secret()))];
        let (answer, after) = self.answered(method, address, token, body).await?;
        match answer.status.as_u16() {
            200..=299 => answer.json().map_err(|error| Verdict::of_silence(&error)),
            // A record that is locked for a moment, and an account that is moved.
            423 | 477 => Err(Verdict::Later(Later {
                why: format!("HubSpot cannot write now ({}).", answer.status.as_u16()),
                after,
                of_all: answer.status.as_u16() == 477,
                ..Later::default()
            })),
            400 | 409 => Err(Verdict::refused(format!(
                "HubSpot refused what was written ({}{}): look at the statuses and ids in the \
                 configuration.",
                answer.status.as_u16(),
                category(&answer.body)
            ))),
            _ => Err(Verdict::of_status(answer.status, after)),
        }
    }
}

/// Finds a record's place; none for an id HubSpot cannot have given.
fn path(object: &Reference) -> Option<String> {
    let is_id = !object.id.is_empty() && object.id.bytes().all(|byte| byte.is_ascii_digit());
    let kind = match object.object {
        ObjectKind::Contact => "contacts",
        ObjectKind::Deal => "deals",
        ObjectKind::Account => "companies",
        ObjectKind::Lead | ObjectKind::Email => return None,
    };
    is_id.then(|| format!("{kind}/{}", object.id))
}

fn properties(job: &Job) -> Option<Value> {
    let mut properties = Map::new();
    if let Some(owner) = &job.owner {
        properties.insert("hubspot_owner_id".to_owned(), owner.as_str().into());
    }
    // A deal has no status of this kind of its own: its stage is the pipeline's.
    let own = (job.object.object != ObjectKind::Deal).then_some(STATUS);
    if let Some((property, status)) = &job.status
        && let Some(property) = property.as_deref().or(own)
    {
        properties.insert(property.to_owned(), status.as_str().into());
    }
    (!properties.is_empty()).then(|| json!({ "properties": properties }))
}

fn new_task(task: &CrmTask, owner: &str, object: &Reference) -> Value {
    let (priority, kind) = if task.pressing { ("HIGH", "CALL") } else { ("MEDIUM", "TODO") };
    json!({
        "properties": {
            "hs_timestamp": task.due_at.timestamp_millis().to_string(),
            "hs_task_subject": task.subject,
            "hs_task_body": as_html(&task.text),
            "hubspot_owner_id": owner,
            "hs_task_status": "NOT_STARTED",
            "hs_task_priority": priority,
            "hs_task_type": kind,
        },
        "associations": [{
            "to": { "id": object.id },
            "types": [{
                "associationCategory": "HUBSPOT_DEFINED",
                "associationTypeId": association(object.object),
            }],
        }],
    })
}

/// The number of a task's association with a record, as HubSpot defines it.
fn association(object: ObjectKind) -> u32 {
    match object {
        ObjectKind::Account => 192,
        ObjectKind::Deal => 216,
        ObjectKind::Contact | ObjectKind::Lead | ObjectKind::Email => 204,
    }
}

fn status_of(state: TaskState) -> &'static str {
    match state {
        TaskState::Open => "NOT_STARTED",
        TaskState::Done => "COMPLETED",
        TaskState::Dropped => "DEFERRED",
    }
}

/// Reads an id that may be a text or a number.
fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// Reads the category of an error: a word, and nothing that may be personal.
fn category(body: &[u8]) -> String {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let word = said["category"].as_str().unwrap_or_default();
    let fits = |c: &char| c.is_ascii_uppercase() || *c == '_';
    let word: String = word.chars().filter(fits).take(40).collect();
    if word.is_empty() { word } else { format!(", {word}") }
}
