//! Pipedrive: a deal's or a person's owner, and an activity for the owner.
//!
//! What it is told comes back as a webhook that says it was done by the API; intake knows it by that.

use crate::{
    Courier,
    context::Context,
    record::{Job, TaskJob, as_html, deleted, is_of, job, said, tasked, written},
    send::Line,
    verdict::Verdict,
};
use chrono::Duration;
use domain::{
    delivery::{CrmTask, TaskState},
    subject::{ObjectKind, Reference},
};
use http::Method;
use serde_json::{Map, Value, json};
use store::Delivery;

/// How many of a record's activities are looked through, the latest.
const LOOKED_THROUGH: usize = 100;

impl Courier {
    /// Brings a record up to date.
    pub(crate) async fn pipedrive(
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
        let Some((path, id)) = path(&job.object) else {
            return Verdict::never("Pipedrive has no record by such an id.");
        };
        let mut known = written(&job);
        match changed(&job) {
            Ok(None) => {}
            Ok(Some(body)) => {
                let address = format!("{}/api/v2/{path}/{id}", line.base);
                let asked = self.ask_pipedrive(line, Method::PATCH, address, Some(&body)).await;
                if let Err(verdict) = asked {
                    return verdict;
                }
            }
            Err(verdict) => return verdict,
        }
        let Some(task) = &job.task else { return Verdict::Arrived { answer: said(&job), known } };
        let done = match task {
            TaskJob::Make(crm_task, owner) => {
                let found = match claimed.unsure {
                    true => self.find_pipedrive(line, &job.object, id, &context.handoff.id.0).await,
                    false => Ok(None),
                };
                match (found, new_activity(crm_task, owner, &job.object, id)) {
                    (Ok(Some(id)), _) => Ok(Some(id)),
                    (Ok(None), Ok(body)) => {
                        let address = format!("{}/api/v2/activities", line.base);
                        let made = self.ask_pipedrive(line, Method::POST, address, Some(&body));
                        made.await.map(|made| Some(made["data"]["id"].to_string()))
                    }
                    (Err(verdict), _) | (_, Err(verdict)) => Err(verdict),
                }
            }
            TaskJob::Change { id, owner, state } => {
                let mut body = Map::new();
                body.insert("done".to_owned(), (*state != TaskState::Open).into());
                match owner.as_deref().map(number).transpose() {
                    Ok(owner) => {
                        body.extend(owner.map(|owner| ("owner_id".to_owned(), owner.into())));
                        let address = format!("{}/api/v2/activities/{id}", line.base);
                        let body = Value::Object(body);
                        let asked = self.ask_pipedrive(line, Method::PATCH, address, Some(&body));
                        asked.await.map(|_| None)
                    }
                    Err(verdict) => Err(verdict),
                }
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

    /// Looks for a handoff's activity among those of a record.
    async fn find_pipedrive(
        &self,
        line: &Line<'_>,
        object: &Reference,
        id: u64,
        handoff: &str,
    ) -> Result<Option<String>, Verdict> {
        let by = match object.object {
            ObjectKind::Deal => "deal_id",
            ObjectKind::Account => "org_id",
            _ => "person_id",
        };
        let latest = "sort_by=id&sort_direction=desc";
        let address =
            format!("{}/api/v2/activities?{by}={id}&{latest}&limit={LOOKED_THROUGH}", line.base);
        let read = self.ask_pipedrive(line, Method::GET, address, None).await?;
        let mut all = read["data"].as_array().into_iter().flatten();
        let ours = all.find(|one| one["subject"].as_str().is_some_and(|line| is_of(line, handoff)));
        Ok(ours.map(|one| one["id"].to_string()))
    }

    async fn ask_pipedrive(
        &self,
        line: &Line<'_>,
        method: Method,
        address: String,
        body: Option<&Value>,
    ) -> Result<Value, Verdict> {
        let token = vec![("x-api-token", line.secret().to_owned())];
        let (answer, after) = self.answered(method, address, token, body).await?;
        let reset = answer.headers.get("x-ratelimit-reset").and_then(|it| it.to_str().ok());
        let reset = reset.and_then(|text| text.trim().parse().ok()).map(Duration::seconds);
        let reset = reset.map(|reset| reset.clamp(Duration::seconds(1), Duration::hours(1)));
        let after = after.or(reset);
        match answer.status.as_u16() {
            200..=299 => {
                let said = answer.json().map_err(|error| Verdict::of_silence(&error))?;
                match said["success"].as_bool() {
                    Some(true) => Ok(said),
                    _ => Err(Verdict::never("Pipedrive refused what was written.")),
                }
            }
            400 => Err(Verdict::refused(
                "Pipedrive refused what was written (400): look at the ids in the configuration.",
            )),
            _ => Err(Verdict::of_status(answer.status, after)),
        }
    }
}

/// Finds a record's place and number; none for an id Pipedrive cannot have given.
fn path(object: &Reference) -> Option<(&'static str, u64)> {
    let path = match object.object {
        ObjectKind::Contact => "persons",
        ObjectKind::Deal => "deals",
        ObjectKind::Account => "organizations",
        ObjectKind::Lead | ObjectKind::Email => return None,
    };
    Some((path, object.id.parse().ok()?))
}

/// Reads a user's id, which Pipedrive takes as a number only.
fn number(id: &str) -> Result<u64, Verdict> {
    id.parse().map_err(|_| Verdict::Never {
        why: format!("`{id}` is no user of Pipedrive: an id there is a number."),
        must_act: true,
        known: Default::default(),
    })
}

fn changed(job: &Job) -> Result<Option<Value>, Verdict> {
    let mut body = Map::new();
    if let Some(owner) = &job.owner {
        body.insert("owner_id".to_owned(), number(owner)?.into());
    }
    if let Some((property, status)) = &job.status {
        let Some(property) = property else {
            return Err(Verdict::Never {
                why: "Pipedrive has no status of its own for that: name a `status_property`."
                    .to_owned(),
                must_act: true,
                known: Default::default(),
            });
        };
        body.insert("custom_fields".to_owned(), json!({ property: status }));
    }
    Ok((!body.is_empty()).then_some(Value::Object(body)))
}

fn new_activity(
    task: &CrmTask,
    owner: &str,
    object: &Reference,
    id: u64,
) -> Result<Value, Verdict> {
    let mut body = json!({
        "subject": task.subject,
        "type": if task.pressing { "call" } else { "task" },
        "owner_id": number(owner)?,
        "due_date": task.due_at.format("%Y-%m-%d").to_string(),
        "due_time": task.due_at.format("%H:%M:%S").to_string(),
        "note": as_html(&task.text),
        "done": false,
    });
    match object.object {
        ObjectKind::Deal => body["deal_id"] = id.into(),
        ObjectKind::Account => body["org_id"] = id.into(),
        _ => body["participants"] = json!([{ "person_id": id, "primary": true }]),
    }
    Ok(body)
}
