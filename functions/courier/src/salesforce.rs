//! Salesforce: a record's owner and status and a task for the owner, in one request that does all
//! or nothing.
//!
//! It signs in as an application by its own credentials, and keeps the session until it is refused.
//! Assignment rules of the organisation are told to leave the owner alone. A task whose answer was
//! lost is looked for by the handoff's id at the end of its line.

use crate::{
    Courier,
    context::Context,
    record::{Job, TaskJob, deleted, job, said, tasked, written},
    send::{Line, encoded},
    verdict::{Later, Verdict, left_alone},
};
use bytes::Bytes;
use domain::{
    delivery::{CrmTask, TaskState},
    subject::{ObjectKind, Reference},
};
use http::Method;
use runtime::Ask;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use store::Delivery;

/// The version of the API that is spoken.
const DATA: &str = "/services/data/v66.0";

/// Sessions by destination; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<BTreeMap<String, String>>>);

impl Sessions {
    fn of(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn keep(&self, name: &str, session: Option<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match session {
            Some(session) => all.insert(name.to_owned(), session),
            None => all.remove(name),
        };
    }
}

impl Courier {
    /// Brings a record up to date.
    pub(crate) async fn salesforce(
        &self,
        context: &Context,
        line: &Line<'_>,
        claimed: &Delivery,
    ) -> Verdict {
        let mut job = match job(context, (line.name, line.destination), &claimed.known) {
            Ok(Some(job)) => job,
            Ok(None) => return Verdict::Nothing,
            Err(verdict) => return verdict,
        };
        let Some(kind) = kind(&job.object) else {
            return Verdict::never("Salesforce has no record by such an id.");
        };
        let mut known = BTreeMap::new();
        if let (true, Some(make @ TaskJob::Make(..))) = (claimed.unsure, job.task.clone()) {
            match self.find_salesforce(line, context.handoff.id.as_str(), &job.object).await {
                Ok(Some(id)) => {
                    known.extend(tasked(&make, Some(&id)));
                    job.task = None;
                }
                Ok(None) => {}
                Err(verdict) => return verdict,
            }
        }
        let requests = match requests(&job, kind) {
            Ok(requests) if requests.is_empty() => {
                known.extend(written(&job));
                return Verdict::Arrived { answer: said(&job), known };
            }
            Ok(requests) => requests,
            Err(verdict) => return verdict,
        };
        let body = json!({ "allOrNone": true, "compositeRequest": requests });
        let address = format!("{}{DATA}/composite", line.base);
        let answer = match self.ask_salesforce(line, Method::POST, address, Some(&body)).await {
            Ok(answer) => answer,
            Err(verdict) => return verdict.knowing(known),
        };
        let results = answer["compositeResponse"].as_array().cloned().unwrap_or_default();
        if let Some(task) = job.task.as_ref().filter(|task| lost(task, &results)) {
            return deleted(task).knowing(known);
        }
        if let Some(verdict) = refused(&results, requests.len()) {
            return verdict.knowing(known);
        }
        known.extend(written(&job));
        if let Some(task) = &job.task {
            let made = results.iter().find(|result| result["referenceId"] == "task");
            let made = made.and_then(|made| made["body"]["id"].as_str());
            known.extend(tasked(task, made));
        }
        Verdict::Arrived { answer: said(&job), known }
    }

    /// Looks for a handoff's task.
    async fn find_salesforce(
        &self,
        line: &Line<'_>,
        handoff: &str,
        object: &Reference,
    ) -> Result<Option<String>, Verdict> {
        let by = whose(object.object);
        // The handoff's id is ours and the record's was looked at: neither holds a quote.
        let asked = format!(
            "SELECT Id FROM Task WHERE {by} = '{}' AND Subject LIKE '%[{handoff}]' LIMIT 1",
            object.id
        );
        let address = format!("{}{DATA}/query?q={}", line.base, encoded(&asked));
        let answer = self.ask_salesforce(line, Method::GET, address, None).await?;
        Ok(answer["records"][0]["Id"].as_str().map(str::to_owned))
    }

    /// Asks with the session there is, and once more with a new one where that is over.
    async fn ask_salesforce(
        &self,
        line: &Line<'_>,
        method: Method,
        address: String,
        body: Option<&Value>,
    ) -> Result<Value, Verdict> {
        for is_last in [false, true] {
            let session = match self.sessions.of(line.name) {
                Some(session) => session,
                None => self.sign_in(line).await?,
            };
            let headers = vec![("authorization", format!("Bearer {session}"))];
            let asked = self.answered(method.clone(), address.clone(), headers, body);
            let (answer, after) = asked.await?;
            match answer.status.as_u16() {
                200..=299 => return answer.json().map_err(|error| Verdict::of_silence(&error)),
                401 => {
                    self.sessions.keep(line.name, None);
                    if is_last {
                        return Err(Verdict::of_status(answer.status, after));
                    }
                }
                403 if code(&answer.body) == "REQUEST_LIMIT_EXCEEDED" => {
                    return Err(Verdict::Later(Later {
                        why: "Salesforce's requests of the day are used up.".to_owned(),
                        after: after.or(Some(chrono::Duration::minutes(30))),
                        of_all: true,
                        must_act: true,
                        ..Later::default()
                    }));
                }
                400 => {
                    return Err(Verdict::refused(format!(
                        "Salesforce refused what was written ({}).",
                        code(&answer.body)
                    )));
                }
                _ => return Err(Verdict::of_status(answer.status, after)),
            }
        }
        Err(Verdict::must_act("Salesforce ends every session at once."))
    }

    /// Signs in as an application, by the client credentials flow.
    async fn sign_in(&self, line: &Line<'_>) -> Result<String, Verdict> {
        let wrong =
            || Verdict::must_act("The secret is not `id:secret` of an application: put one there.");
        let (id, secret) = line.secret().split_once(':').ok_or_else(wrong)?;
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            encoded(id),
            encoded(secret)
        );
        let body = Some(("application/x-www-form-urlencoded", Bytes::from(form.into_bytes())));
        let address = format!("{}/services/oauth2/token", line.base);
        let ask = Ask { method: Method::POST, address, headers: Vec::new(), body };
        let answer = self.ask(ask).await;
        let answer = answer.map_err(|error| match Verdict::of_silence(&error) {
            // Nothing was written yet.
            Verdict::Later(later) => Verdict::Later(Later { unsure: false, ..later }),
            other => other,
        })?;
        let after = left_alone(&answer.headers, self.clock.now());
        match answer.status.as_u16() {
            200 => {
                let said = answer.json().map_err(|error| Verdict::of_silence(&error))?;
                let session = said["access_token"].as_str().map(str::to_owned);
                self.sessions.keep(line.name, session.clone());
                session.ok_or_else(|| Verdict::must_act("Salesforce gave no session."))
            }
            400 | 401 => Err(Verdict::must_act(
                "Salesforce does not know the application: allow it the client credentials flow, \
                 and keep its `id:secret` where `secret` says.",
            )),
            _ => Err(Verdict::of_status(answer.status, after)),
        }
    }
}

/// Finds a record's kind; none for an id Salesforce cannot have given.
fn kind(object: &Reference) -> Option<&'static str> {
    let is_id = matches!(object.id.len(), 15 | 18)
        && object.id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let kind = match object.object {
        ObjectKind::Lead => "Lead",
        ObjectKind::Contact => "Contact",
        ObjectKind::Deal => "Opportunity",
        ObjectKind::Account => "Account",
        ObjectKind::Email => return None,
    };
    is_id.then_some(kind)
}

/// Names the property by which a task is a person's, or a deal's or an account's.
fn whose(object: ObjectKind) -> &'static str {
    match object {
        ObjectKind::Deal | ObjectKind::Account => "WhatId",
        ObjectKind::Lead | ObjectKind::Contact | ObjectKind::Email => "WhoId",
    }
}

fn requests(job: &Job, kind: &str) -> Result<Vec<Value>, Verdict> {
    let mut all = Vec::new();
    let mut fields = Map::new();
    if let Some(owner) = &job.owner {
        fields.insert("OwnerId".to_owned(), owner.as_str().into());
    }
    if let Some((property, status)) = &job.status {
        let own = match kind {
            "Lead" => Some("Status"),
            "Opportunity" => Some("StageName"),
            _ => None,
        };
        let Some(property) = property.as_deref().or(own) else {
            return Err(Verdict::Never {
                why: format!("A {kind} has no status of its own: name a `status_property`."),
                must_act: true,
                known: BTreeMap::new(),
            });
        };
        fields.insert(property.to_owned(), status.as_str().into());
    }
    if !fields.is_empty() {
        all.push(json!({
            "method": "PATCH",
            "url": format!("{DATA}/sobjects/{kind}/{}", job.object.id),
            "referenceId": "record",
            // A part has headers of its own: the whole's are not handed down.
            "httpHeaders": { "Sforce-Auto-Assign": "FALSE" },
            "body": fields,
        }));
    }
    all.extend(job.task.as_ref().map(|task| match task {
        TaskJob::Make(task, owner) => json!({
            "method": "POST",
            "url": format!("{DATA}/sobjects/Task"),
            "referenceId": "task",
            "body": new_task(task, owner, &job.object),
        }),
        TaskJob::Change { id, owner, state } => {
            let mut body = Map::new();
            body.insert("Status".to_owned(), status_of(*state).into());
            body.extend(owner.clone().map(|owner| ("OwnerId".to_owned(), owner.into())));
            json!({
                "method": "PATCH",
                "url": format!("{DATA}/sobjects/Task/{id}"),
                "referenceId": "task",
                "body": body,
            })
        }
    }));
    Ok(all)
}

fn new_task(task: &CrmTask, owner: &str, object: &Reference) -> Value {
    json!({
        whose(object.object): object.id,
        "OwnerId": owner,
        "Subject": task.subject,
        "Description": task.text,
        "Status": "Not Started",
        "Priority": if task.pressing { "High" } else { "Normal" },
        "ActivityDate": task.due_at.format("%Y-%m-%d").to_string(),
        "IsReminderSet": true,
        "ReminderDateTime": task.due_at.format("%Y-%m-%dT%H:%M:%S.000+0000").to_string(),
    })
}

/// A standard organisation has both words.
fn status_of(state: TaskState) -> &'static str {
    match state {
        TaskState::Open => "Not Started",
        TaskState::Done => "Completed",
        TaskState::Dropped => "Deferred",
    }
}

/// Tells whether the task that was to be changed is not there any more.
fn lost(task: &TaskJob, results: &[Value]) -> bool {
    let Some(result) = results.iter().find(|result| result["referenceId"] == "task") else {
        return false;
    };
    let code = result["body"][0]["errorCode"].as_str();
    matches!(task, TaskJob::Change { .. })
        && matches!(code, Some("ENTITY_IS_DELETED" | "NOT_FOUND"))
}

/// Reads what it means that a part was refused; with it, all were.
fn refused(results: &[Value], asked: usize) -> Option<Verdict> {
    if results.len() < asked {
        return Some(Verdict::Later(Later {
            why: "It answered, and not as Salesforce does.".to_owned(),
            unsure: true,
            ..Later::default()
        }));
    }
    let failed = |result: &&Value| !matches!(result["httpStatusCode"].as_u64(), Some(200..=299));
    let code = |result: &Value| {
        let code = result["body"][0]["errorCode"].as_str().unwrap_or_default();
        let fits = |c: &char| c.is_ascii_uppercase() || *c == '_';
        code.chars().filter(fits).take(60).collect::<String>()
    };
    let failures: Vec<String> = results.iter().filter(failed).map(code).collect();
    let failure = failures.iter().find(|code| *code != "PROCESSING_HALTED").or(failures.first())?;
    Some(match failure.as_str() {
        "UNABLE_TO_LOCK_ROW" | "SERVER_UNAVAILABLE" => Verdict::Later(Later {
            why: format!("Salesforce is busy with the record ({failure})."),
            ..Later::default()
        }),
        "ENTITY_IS_DELETED" | "NOT_FOUND" | "INVALID_CROSS_REFERENCE_KEY" => {
            Verdict::never(format!(
                "The record or the owner is not there any more ({failure}): it was deleted, merged or \
             converted."
            ))
        }
        "INACTIVE_OWNER_OR_USER" | "OPERATION_WITH_INACTIVE_USER_EXCEPTION" => Verdict::Never {
            why: format!("The owner is no active user ({failure}): mend the ids."),
            must_act: true,
            known: BTreeMap::new(),
        },
        other => Verdict::refused(format!("Salesforce refused what was written ({other}).")),
    })
}

fn code(body: &[u8]) -> String {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = said[0]["errorCode"].as_str().unwrap_or_default();
    code.chars().filter(|c| c.is_ascii_uppercase() || *c == '_').take(60).collect()
}
