//! Salesforce: sessions, records and tasks, and requests that are done all together or not at all.
//!
//! As the REST reference has it: the parts of a composite request take over three headers of the
//! whole (`Accept`, `Authorization`, `Content-Type`) and no other, so what tells assignment rules to
//! leave an owner alone must stand at the part itself. Where it does not, the real one writes the
//! owner and lets a rule write another; here it is a fault, and is written.

use super::{
    call::{Call, Faults, Reply, fields, form},
    soql,
};
use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many requests one composite request may hold.
const PARTS_MAX: usize = 25;

/// The kinds of record that are written, and their fields beside those every one has.
const KINDS: [(&str, &[&str]); 4] = [
    ("Lead", &["Status", "Rating", "LeadSource", "Industry"]),
    ("Contact", &["Title", "Department", "LeadSource"]),
    ("Opportunity", &["StageName", "NextStep", "Type", "LeadSource", "ForecastCategoryName"]),
    ("Account", &["Rating", "Type", "Industry", "Site"]),
];

/// A task's fields.
const TASK: [&str; 11] = [
    "WhoId",
    "WhatId",
    "OwnerId",
    "Subject",
    "Description",
    "Status",
    "Priority",
    "ActivityDate",
    "IsReminderSet",
    "ReminderDateTime",
    "TaskSubtype",
];

/// Why a part was refused: the code, and whether it is a fault of whoever asks.
type Refused = (&'static str, Option<String>);

/// What Salesforce knows.
#[derive(Clone, Default)]
pub(super) struct Salesforce {
    /// Records' fields that were written, by kind and id.
    pub(super) records: BTreeMap<(String, String), Map<String, Value>>,
    /// Tasks by id.
    pub(super) tasks: BTreeMap<String, Map<String, Value>>,
    /// Ids of records that are not there any more.
    pub(super) gone: BTreeSet<String>,
    /// Sessions that are good.
    pub(super) sessions: BTreeSet<String>,
    given: u32,
}

impl Salesforce {
    /// Answers a request.
    pub(super) fn answer(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        let verb = call.asked.method.as_str();
        let parts = call.parts();
        if parts == ["services", "oauth2", "token"] {
            return self.sign_in(call, faults);
        }
        let session = call.bearer().unwrap_or_default();
        if !self.sessions.contains(session) {
            let number = session.strip_prefix("local-session-");
            let number = number.and_then(|number| number.parse::<u32>().ok());
            let was = number.is_some_and(|number| number <= self.given);
            faults.must(was, || "the session was never given".to_owned());
            return refused(401, "INVALID_SESSION_ID");
        }
        match (verb, parts.as_slice()) {
            ("POST", ["services", "data", version, "composite"]) if is_version(version) => {
                self.composite(call, faults)
            }
            ("GET", ["services", "data", version, "query"]) if is_version(version) => {
                self.query(call, faults)
            }
            _ => {
                faults.must(false, || format!("there is no {verb} {}", call.place()));
                refused(404, "NOT_FOUND")
            }
        }
    }

    fn sign_in(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        faults.must(call.asked.method == "POST", || "a token is POSTed for".to_owned());
        let is_form = call.media() == "application/x-www-form-urlencoded";
        faults.must(is_form, || "what asks for a token is no form".to_owned());
        let form = form(&String::from_utf8_lossy(call.raw));
        let said = |name: &str| form.get(name).map_or("", String::as_str);
        let grant = said("grant_type");
        let known = faults
            .must(grant == "client_credentials", || format!("`{grant}` is no grant used here"));
        let answer = |error: &str| {
            let body = json!({ "error": error, "error_description": "it was refused" });
            Reply::json(400, &body)
        };
        if !known || !is_form {
            return answer("unsupported_grant_type");
        }
        let pair = format!("{}:{}", said("client_id"), said("client_secret"));
        if !faults.must(call.is_good(Some(&pair)), || "the application is another".to_owned()) {
            return answer("invalid_client");
        }
        self.given += 1;
        let session = format!("local-session-{}", self.given);
        self.sessions.insert(session.clone());
        let body = json!({
            "access_token": session, "token_type": "Bearer", "issued_at": "1767605400000",
            "instance_url": "https://local.my.salesforce.com", "signature": "bG9jYWw=",
            "id": "https://login.salesforce.com/id/00D000000000001AAA/005000000000001AAA",
        });
        Reply::json(200, &body)
    }

    fn composite(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        let Some(whole) = call.object() else {
            faults.must(false, || "the body is no JSON object by its media type".to_owned());
            return refused(415, "UNSUPPORTED_MEDIA_TYPE");
        };
        let all = whole.get("compositeRequest").and_then(Value::as_array).cloned();
        let all = all.unwrap_or_default();
        faults.must((1..=PARTS_MAX).contains(&all.len()), || {
            format!("there are {} requests in one: 1 to {PARTS_MAX} may be", all.len())
        });
        let mut names = BTreeSet::new();
        for one in &all {
            let name = one["referenceId"].as_str().unwrap_or_default();
            let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            faults.must(is_name, || format!("the referenceId `{name}` is none"));
            faults.must(names.insert(name), || format!("the referenceId `{name}` is there twice"));
            for (name, _) in fields(&one["httpHeaders"]) {
                let inherited = ["accept", "authorization", "content-type"];
                let own = !inherited.contains(&name.to_ascii_lowercase().as_str());
                faults.must(own, || format!("`{name}` may not stand at a part"));
            }
        }
        if !faults.is_clean() {
            return refused(400, "JSON_PARSER_ERROR");
        }
        let before = (self.records.clone(), self.tasks.clone());
        let done: Vec<Result<Value, &'static str>> =
            all.iter().map(|one| self.part(one, faults)).collect();
        let together = whole.get("allOrNone") == Some(&Value::Bool(true));
        let halted = together && done.iter().any(Result::is_err);
        if halted {
            (self.records, self.tasks) = before;
        }
        let results = all.iter().zip(&done).map(|(one, done)| {
            let (status, body) = match done {
                Ok(made) if halted => {
                    let _ = made;
                    (400, error("PROCESSING_HALTED"))
                }
                Ok(Value::Null) => (204, Value::Null),
                Ok(made) => (201, made.clone()),
                Err(code @ ("NOT_FOUND" | "ENTITY_IS_DELETED")) => (404, error(code)),
                Err(code) => (400, error(code)),
            };
            json!({
                "body": body, "httpHeaders": {}, "httpStatusCode": status,
                "referenceId": one["referenceId"],
            })
        });
        let results: Vec<Value> = results.collect();
        Reply::json(200, &json!({ "compositeResponse": results }))
    }

    /// Does one part; what was made, or the code it is refused with.
    fn part(&mut self, one: &Value, faults: &mut Faults) -> Result<Value, &'static str> {
        self.done(one, faults).map_err(|(code, fault)| {
            faults.found.extend(fault);
            code
        })
    }

    fn done(&mut self, one: &Value, faults: &mut Faults) -> Result<Value, Refused> {
        let wrong = |code, why: String| -> Refused { (code, Some(why)) };
        let url = one["url"].as_str().unwrap_or_default();
        let place: Vec<&str> = url.split('/').collect();
        let body = one["body"].as_object().cloned().unwrap_or_default();
        let (kind, id) = match place.as_slice() {
            ["", "services", "data", version, "sobjects", kind] if is_version(version) => {
                (*kind, None)
            }
            ["", "services", "data", version, "sobjects", kind, id] if is_version(version) => {
                (*kind, Some((*id).to_owned()))
            }
            _ => return Err(wrong("NOT_FOUND", format!("`{url}` is no place of a record"))),
        };
        if body.is_empty() {
            return Err(wrong("JSON_PARSER_ERROR", format!("{url} is written nothing")));
        }
        for (name, value) in &body {
            field(kind, name, value)?;
        }
        if let Some(id) = &id
            && !is_id(id)
        {
            return Err(wrong("MALFORMED_ID", format!("`{id}` is no id")));
        }
        match (one["method"].as_str().unwrap_or_default(), kind, id) {
            ("POST", "Task", None) => {
                let due = body.contains_key("ReminderDateTime");
                if body.get("IsReminderSet") == Some(&Value::Bool(true)) && !due {
                    let why = "a reminder is set, and no time of it".to_owned();
                    return Err(wrong("REQUIRED_FIELD_MISSING", why));
                }
                let of = ["WhoId", "WhatId"].iter().filter_map(|name| body.get(*name)?.as_str());
                if of.into_iter().any(|id| self.gone.contains(id)) {
                    return Err(("ENTITY_IS_DELETED", None));
                }
                let id = format!("00T{:012}AAA", self.tasks.len() + 1);
                self.tasks.insert(id.clone(), body);
                Ok(json!({ "id": id, "success": true, "errors": [] }))
            }
            ("PATCH", "Task", Some(id)) => {
                let task = self.tasks.get_mut(&id).ok_or(("ENTITY_IS_DELETED", None))?;
                task.extend(body);
                Ok(Value::Null)
            }
            ("PATCH", kind, Some(id)) => {
                let ruled = matches!(kind, "Lead" | "Account") && body.contains_key("OwnerId");
                let said = fields(&one["httpHeaders"])
                    .find(|(name, _)| name.eq_ignore_ascii_case("sforce-auto-assign"))
                    .and_then(|(_, value)| value.as_str());
                let spared = said.is_some_and(|said| said.eq_ignore_ascii_case("false"));
                faults.must(!ruled || spared, || {
                    format!(
                        "the owner of {kind} {id} is written without `Sforce-Auto-Assign: FALSE` in \
                         the part's own httpHeaders: an assignment rule may write another"
                    )
                });
                if self.gone.contains(&id) {
                    return Err(("ENTITY_IS_DELETED", None));
                }
                self.records.entry((kind.to_owned(), id)).or_default().extend(body);
                Ok(Value::Null)
            }
            (method, ..) => {
                Err(wrong("METHOD_NOT_ALLOWED", format!("nobody may {method} {url} here")))
            }
        }
    }

    fn query(&self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        let asked = call.query().remove("q").unwrap_or_default();
        let query = match soql::read(&asked) {
            Ok(query) => query,
            Err(wrong) => {
                faults.must(false, || wrong);
                return refused(400, "MALFORMED_QUERY");
            }
        };
        let known = matches!(query.by.as_str(), "WhoId" | "WhatId");
        if !faults.must(known, || format!("a task has no `{}`", query.by)) {
            return refused(400, "INVALID_FIELD");
        }
        if !faults.must(is_id(&query.id), || format!("`{}` is no id", query.id)) {
            return refused(400, "INVALID_QUERY_FILTER_OPERATOR");
        }
        // The three letters after fifteen only tell capitals from small ones.
        let short = |id: &str| id.get(..15).unwrap_or(id).to_owned();
        let fits = |task: &Map<String, Value>| {
            let text = |name: &str| task.get(name).and_then(Value::as_str).unwrap_or_default();
            short(text(&query.by)) == short(&query.id)
                && soql::is_like(text("Subject"), &query.like)
        };
        let found = self.tasks.iter().filter(|(_, task)| fits(task)).take(query.limit);
        let records: Vec<Value> = found
            .map(|(id, _)| {
                let url = format!("/services/data/v66.0/sobjects/Task/{id}");
                json!({ "attributes": { "type": "Task", "url": url }, "Id": id })
            })
            .collect();
        let body = json!({ "totalSize": records.len(), "done": true, "records": records });
        Reply::json(200, &body)
    }
}

/// Looks at one field of a record or a task.
fn field(kind: &str, name: &str, value: &Value) -> Result<(), Refused> {
    let known = match KINDS.iter().find(|(known, _)| *known == kind) {
        Some((_, own)) => own.contains(&name) || matches!(name, "OwnerId" | "Description"),
        None if kind == "Task" => TASK.contains(&name),
        None => return Err(("NOT_FOUND", Some(format!("`{kind}` is no kind of record here")))),
    };
    if !known && !name.ends_with("__c") {
        return Err(("INVALID_FIELD", Some(format!("{kind} has no field `{name}`"))));
    }
    let refused = |code| -> Result<(), Refused> {
        Err((code, Some(format!("{kind}.{name} is not as it must be: {value}"))))
    };
    if name == "IsReminderSet" {
        return if value.is_boolean() { Ok(()) } else { refused("JSON_PARSER_ERROR") };
    }
    let Some(text) = value.as_str() else { return refused("JSON_PARSER_ERROR") };
    let count = text.chars().count();
    match name {
        "OwnerId" | "WhoId" | "WhatId" if !is_id(text) => refused("MALFORMED_ID"),
        "ActivityDate" if NaiveDate::parse_from_str(text, "%Y-%m-%d").is_err() => {
            refused("JSON_PARSER_ERROR")
        }
        "ReminderDateTime" if !is_time(text) => refused("JSON_PARSER_ERROR"),
        "Status" if kind == "Task" && !TASK_STATUSES.contains(&text) => {
            refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        }
        "Priority" if !["High", "Normal", "Low"].contains(&text) => {
            refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        }
        "Description" if count > 32_000 => refused("STRING_TOO_LONG"),
        "Description" => Ok(()),
        _ if count > 255 => refused("STRING_TOO_LONG"),
        _ => Ok(()),
    }
}

/// What a task of a standard organisation may be.
const TASK_STATUSES: [&str; 5] =
    ["Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"];

fn is_time(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok()
        || DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3f%z").is_ok()
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_version(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|number| number.parse::<f32>().is_ok())
}

fn error(code: &str) -> Value {
    json!([{ "message": "It was refused, and this text holds nothing.", "errorCode": code }])
}

/// Answers that it will not, as Salesforce does.
pub(super) fn refused(status: u16, code: &str) -> Reply {
    Reply::json(status, &error(code))
}

/// Answers a composite request whose first part is refused with a code.
pub(super) fn halted(asked: &Value, code: &str) -> Reply {
    let parts = asked["compositeRequest"].as_array().cloned().unwrap_or_default();
    let results = parts.iter().enumerate().map(|(index, one)| {
        let code = if index == 0 { code } else { "PROCESSING_HALTED" };
        json!({
            "body": error(code), "httpHeaders": {}, "httpStatusCode": 400,
            "referenceId": one["referenceId"],
        })
    });
    let results: Vec<Value> = results.collect();
    Reply::json(200, &json!({ "compositeResponse": results }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &str, name: &str, value: Value, expected: Option<&str>) {
        let refused = field(kind, name, &value).err().map(|(code, _)| code);
        assert_eq!(refused, expected, "{kind}.{name} {value}");
    }

    #[test]
    fn a_field_is_of_its_kind() {
        check("Task", "Subject", json!("x".repeat(255)), None);
        check("Task", "Subject", json!("x".repeat(256)), Some("STRING_TOO_LONG"));
        check("Task", "WhoId", json!("00Q1"), Some("MALFORMED_ID"));
        check("Task", "WhoId", json!("00Q000000000001AAA"), None);
        check("Task", "ActivityDate", json!("2026-1-5T00"), Some("JSON_PARSER_ERROR"));
        check("Task", "ReminderDateTime", json!("2026-01-05T10:00:00.000+0000"), None);
        check("Task", "IsReminderSet", json!("true"), Some("JSON_PARSER_ERROR"));
        check("Contact", "Status", json!("Open"), Some("INVALID_FIELD"));
        check("Contact", "Handoff_Status__c", json!("Open"), None);
        check("Case", "Status", json!("Open"), Some("NOT_FOUND"));
        let unknown = Some("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
        check("Task", "Status", json!("Done"), unknown);
    }
}
