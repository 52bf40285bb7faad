//! What left the system: every message to the topic, every event on the bus, and what a laptop
//! answers for others, as it was sent.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// One thing that was sent, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// Its place in the outbox, from 1.
    pub sequence: i64,
    /// When it was accepted, by the local cloud's clock.
    pub at: DateTime<Utc>,
    /// The id its sender was given.
    pub message_id: String,
    /// What was sent.
    #[serde(flatten)]
    pub sent: Sent,
}

/// A message to the topic, an event on the bus, or a request to somebody outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "via", rename_all = "snake_case")]
pub enum Sent {
    /// An SNS message.
    Topic {
        /// The topic's ARN.
        topic: String,
        /// The mail's subject line.
        subject: Option<String>,
        /// The text.
        message: String,
        /// What filter policies look at: texts, or lists of texts.
        attributes: Map<String, Value>,
    },
    /// An EventBridge event.
    Bus {
        /// The bus's name.
        bus: String,
        /// Who sent it.
        source: String,
        /// What kind of event it is.
        detail_type: String,
        /// When it happened, as the sender says.
        time: DateTime<Utc>,
        /// The event itself.
        detail: Value,
        /// The rules it matched.
        rules: Vec<String>,
    },
    /// A request to a vendor that this machine answers for.
    Outside {
        /// Which, by the kind of destination.
        vendor: String,
        /// How.
        method: String,
        /// Where, below the vendor's address.
        path: String,
        /// What was said.
        body: Value,
    },
}

/// The id of the outbox's entry at a place: looks like AWS's, and is the same in every equal run.
pub(crate) fn message_id(sequence: i64) -> String {
    format!("00000000-0000-4000-8000-{sequence:012x}")
}

/// An event as EventBridge hands it to a target.
pub(crate) fn envelope(
    id: &str,
    source: &str,
    detail_type: &str,
    time: DateTime<Utc>,
    detail: &Value,
) -> Value {
    json!({
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": source,
        "account": "000000000000",
        "time": time.to_rfc3339_opts(SecondsFormat::Secs, true),
        "region": "local",
        "resources": [],
        "detail": detail,
    })
}
