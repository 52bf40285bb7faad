//! What others hear of a commit: an event on the bus, a webhook. Ids and no personal data; whoever
//! may know more asks the API.
//!
//! Their shapes are JSON Schemas made from these types, so that what is documented is what is sent.
//! Every instant in them is RFC 3339, also where the table keeps milliseconds.

use crate::{
    change::Change,
    commit::{About, Actor, Commit},
    ids::HandoffId,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

/// An event on the bus: the `detail` beside EventBridge's own envelope.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(title = "An event of a handoff on the bus"))]
pub struct BusDetail<'a> {
    /// What happened; also the event's `detail-type`.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = crate::change::EVENTS.as_slice())))]
    kind: &'a str,
    /// When it was recorded.
    timestamp: DateTime<Utc>,
    /// The handoff. With its version and the type it identifies the event, which may come twice.
    handoff: &'a HandoffId,
    /// The handoff's version since, from 1: of two events the higher is the later.
    version: u64,
    /// Whether it is the first of its commit's: whoever works by commits listens to no other.
    lead: bool,
    /// What else is told.
    data: Told<'a>,
}

/// The body of a webhook, in the form of Standard Webhooks.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(title = "A webhook of a handoff"))]
pub struct WebhookBody<'a> {
    /// What happened.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = crate::change::EVENTS.as_slice())))]
    kind: &'a str,
    /// When it was recorded.
    timestamp: DateTime<Utc>,
    /// What is told.
    data: WebhookData<'a>,
}

/// What a webhook tells.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookData<'a> {
    /// The handoff.
    handoff: &'a HandoffId,
    /// The handoff's version since, from 1: of two messages the higher is the later.
    version: u64,
    /// Its page at the desk.
    link: String,
    /// What else is told.
    #[serde(flatten)]
    told: Told<'a>,
}

/// What is told of a commit, wherever it is.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Told<'a> {
    /// Who did it.
    actor: &'a Actor,
    /// What it is about.
    about: &'a About,
    /// The change; what is long in it is read from the API.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Change>"))]
    change: Option<Value>,
}

/// Makes the events of a commit, in the order of its changes.
pub fn bus_details(commit: &Commit) -> Vec<BusDetail<'_>> {
    let kinds = commit.events();
    let lead = kinds.first().copied();
    let detail = |kind: &'static str| BusDetail {
        kind,
        timestamp: commit.at,
        handoff: &commit.handoff,
        version: commit.version,
        lead: lead == Some(kind),
        data: told(commit, kind),
    };
    kinds.into_iter().map(detail).collect()
}

/// Makes the webhook of one of a commit's events; `desk` is the desk's address.
pub fn webhook_body<'a>(commit: &'a Commit, event: &'a str, desk: &str) -> WebhookBody<'a> {
    let (handoff, version) = (&commit.handoff, commit.version);
    let link = format!("{}/handoffs/{handoff}", desk.trim_end_matches('/'));
    let data = WebhookData { handoff, version, link, told: told(commit, event) };
    WebhookBody { kind: event, timestamp: commit.at, data }
}

impl BusDetail<'_> {
    /// What happened.
    pub fn kind(&self) -> &str {
        self.kind
    }

    /// Writes it as JSON.
    pub fn document(&self) -> Value {
        // Names and plain values: there is nothing in it that JSON could not say.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl WebhookBody<'_> {
    /// Writes it as the text that is signed and sent.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn told<'a>(commit: &'a Commit, event: &str) -> Told<'a> {
    let change = commit.changes.iter().find(|change| change.event() == Some(event));
    Told { actor: &commit.actor, about: &commit.about, change: change.map(shown) }
}

/// Shows what outsiders see of a change: an opening's whole state, a trace and a list of clocks are
/// read from the API.
fn shown(change: &Change) -> Value {
    let mut value = serde_json::to_value(change).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        for long in ["handoff", "trace", "clocks"] {
            fields.remove(long);
        }
    }
    write_times(&mut value);
    value
}

/// Writes what the table keeps as milliseconds as people read it.
fn write_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_time =
                    name.ends_with("_at") || matches!(name.as_str(), "at" | "until" | "since");
                let time =
                    value.as_i64().filter(|_| is_time).and_then(DateTime::from_timestamp_millis);
                match time {
                    Some(time) => *value = serde_json::to_value(time).unwrap_or_default(),
                    None => write_times(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(write_times),
        _ => {}
    }
}

/// Makes the JSON Schema of the events on the bus.
#[cfg(feature = "schema")]
pub fn bus_schema() -> Value {
    written_by::<BusDetail<'static>>()
}

/// Makes the JSON Schema of the webhooks.
#[cfg(feature = "schema")]
pub fn webhook_schema() -> Value {
    written_by::<WebhookBody<'static>>()
}

#[cfg(feature = "schema")]
fn written_by<T: schemars::JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>().to_value()
}
