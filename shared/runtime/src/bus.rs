//! The event bus: at least once, in batches, every refused entry noticed.

use aws_sdk_eventbridge::{Client, primitives::DateTime as SdkTime, types::PutEventsRequestEntry};
use chrono::{DateTime, Utc};

/// The bus takes at most this many entries a request.
const BATCH: usize = 10;

/// One event for the bus.
#[derive(Clone, Debug, PartialEq)]
pub struct BusEvent {
    /// Its detail-type, such as `handoff.opened`.
    pub kind: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Its detail, a JSON document.
    pub detail: serde_json::Value,
}

/// Why events did not reach the bus.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The bus did not answer.
    #[error("the event bus did not answer ({0}): try again")]
    Unavailable(String),
    /// The bus refused some entries.
    #[error("the event bus refused {refused} of {sent} events, the first with {code}: try again")]
    Refused {
        /// How many.
        refused: usize,
        /// Of how many.
        sent: usize,
        /// Why the first.
        code: String,
    },
}

/// The bus that downstream listens to.
#[derive(Clone)]
pub struct Bus {
    client: Client,
    name: String,
}

/// What every event of this system names as its source.
const SOURCE: &str = "handoff";

impl Bus {
    /// Puts events on the bus called `name`.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// Puts events on the bus, in order, ten a request.
    ///
    /// # Errors
    /// When any was not taken; those before it were, so the caller tries all of them again.
    pub async fn put(&self, events: &[BusEvent]) -> Result<(), BusError> {
        for batch in events.chunks(BATCH) {
            let entries = batch.iter().map(|event| {
                PutEventsRequestEntry::builder()
                    .event_bus_name(&self.name)
                    .source(SOURCE)
                    .detail_type(&event.kind)
                    .time(SdkTime::from_millis(event.at.timestamp_millis()))
                    .detail(event.detail.to_string())
                    .build()
            });
            let answer = self
                .client
                .put_events()
                .set_entries(Some(entries.collect()))
                .send()
                .await
                .map_err(|error| BusError::Unavailable(error.into_service_error().to_string()))?;
            if answer.failed_entry_count() > 0 {
                let codes = answer.entries().iter().filter_map(|entry| entry.error_code());
                let codes: Vec<&str> = codes.collect();
                let code = codes.first().copied().unwrap_or("unknown").to_owned();
                return Err(BusError::Refused { refused: codes.len(), sent: batch.len(), code });
            }
        }
        Ok(())
    }
}
