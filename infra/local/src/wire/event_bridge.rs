//! EventBridge's `PutEvents`, in its JSON protocol.

use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Desk, Refusal, respond};
use crate::outbox::Sent;

/// How many events one request may carry.
const ENTRIES_MAX: usize = 10;

/// How large one request's events may be together, in bytes.
const REQUEST_BYTES_MAX: usize = 256 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    time: Option<f64>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    detail_type: String,
    #[serde(default)]
    detail: String,
    event_bus_name: Option<String>,
}

pub(super) fn answer(desk: &Desk, target: &str, body: &[u8]) -> Response {
    let answer = match target {
        "AWSEvents.PutEvents" => put_events(desk, body),
        _ => Err(Refusal::new(
            400,
            "UnknownOperationException",
            format!("The local bus knows no {target}."),
        )),
    };
    match answer {
        Ok(answer) => respond(200, "application/x-amz-json-1.1", answer.to_string()),
        Err(Refusal { status, code, message }) => {
            let error = json!({ "__type": code, "message": message });
            respond(status, "application/x-amz-json-1.1", error.to_string())
        }
    }
}

fn put_events(desk: &Desk, body: &[u8]) -> Result<Value, Refusal> {
    let request: PutEvents = serde_json::from_slice(body)
        .map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))?;
    refuse_unfit(&request)?;

    let now = desk.clock.now();
    let mut answers = Vec::with_capacity(request.entries.len());
    let mut accepted = Vec::new();
    for entry in request.entries {
        match event(entry, now) {
            Ok(sent) => {
                accepted.push(route(desk, sent));
                answers.push(None);
            }
            Err((code, message)) => {
                answers.push(Some(json!({ "ErrorCode": code, "ErrorMessage": message })));
            }
        }
    }
    let ids = desk.ledger.put_events(now, &accepted).map_err(|error| {
        tracing::error!(%error, "bus events could not be stored");
        Refusal::new(500, "InternalException", error.to_string())
    })?;

    let failed = answers.iter().flatten().count();
    let mut ids = ids.into_iter();
    let entries: Vec<Value> = answers
        .into_iter()
        .map(|refused| refused.unwrap_or_else(|| json!({ "EventId": ids.next() })))
        .collect();
    Ok(json!({ "FailedEntryCount": failed, "Entries": entries }))
}

fn refuse_unfit(request: &PutEvents) -> Result<(), Refusal> {
    let count = request.entries.len();
    if !(1..=ENTRIES_MAX).contains(&count) {
        let message = format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member \
             must have length between 1 and {ENTRIES_MAX}, and has {count}"
        );
        return Err(Refusal::new(400, "ValidationException", message));
    }
    let size = |entry: &Entry| entry.source.len() + entry.detail_type.len() + entry.detail.len();
    if request.entries.iter().map(size).sum::<usize>() > REQUEST_BYTES_MAX {
        let message = "Total size of the entries in the request is over the limit.";
        return Err(Refusal::new(400, "ValidationException", message));
    }
    Ok(())
}

/// One entry as an event, or the code and the message it is refused with.
fn event(entry: Entry, now: DateTime<Utc>) -> Result<Sent, (&'static str, String)> {
    let required =
        [("Source", &entry.source), ("DetailType", &entry.detail_type), ("Detail", &entry.detail)];
    if let Some((name, _)) = required.iter().find(|(_, value)| value.is_empty()) {
        let message =
            format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
        return Err(("InvalidArgument", message));
    }
    let Ok(detail @ Value::Object(_)) = serde_json::from_str(&entry.detail) else {
        return Err(("MalformedDetail", "Detail is malformed.".to_owned()));
    };
    let time = entry.time.map(|seconds| (seconds * 1_000.0).round() as i64);
    Ok(Sent::Bus {
        bus: entry.event_bus_name.unwrap_or_else(|| "default".to_owned()),
        source: entry.source,
        detail_type: entry.detail_type,
        time: time.and_then(DateTime::from_timestamp_millis).unwrap_or(now),
        detail,
        rules: Vec::new(),
    })
}

/// Writes the rules an event matches into it, and says which queues it goes to: each rule's.
fn route(desk: &Desk, mut sent: Sent) -> (Sent, Vec<String>) {
    let mut queues = Vec::new();
    if let Sent::Bus { detail_type, rules, detail, .. } = &mut sent {
        for rule in desk.rules.iter().filter(|rule| rule.matches(detail_type, detail)) {
            rules.push(rule.name.clone());
            queues.push(rule.queue.clone());
        }
    }
    (sent, queues)
}
