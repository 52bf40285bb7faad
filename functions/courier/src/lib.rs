//! The courier: what a commit wants to be said or written elsewhere is, once in effect.
//!
//! It hears of commits by the bus and of what waits by the sweep. Whatever is to reach somebody has
//! a row of its own: it is claimed before anything is sent and settled after, so that of two
//! couriers one sends, and what nobody knows the end of is looked for before it is made again. A
//! vendor that is slow, away or says "not now" costs the others nothing: what is for it waits in
//! the table, most urgent first, for a day; then a person is told. What must stay true: a clock
//! never waits for any of this, and what would be said too late to be true is not said.

mod alert;
mod context;
mod deliver;
mod hubspot;
mod mail;
mod pipedrive;
mod pump;
mod record;
mod salesforce;
mod send;
mod slack;
mod verdict;
mod webhook;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use domain::{HandoffId, delivery::wanted};
use runtime::{Clock, Configs, Ids, Outside, Secrets, Topic, configs::ConfigError};
use salesforce::Sessions;
use serde::Deserialize;
use store::{Store, StoreError};

/// What a pending delivery is called on the bus.
pub const DELIVERY_DUE: &str = "delivery.due";

/// Says and writes elsewhere.
#[derive(Clone)]
pub struct Courier {
    store: Store,
    configs: Configs,
    secrets: Secrets,
    outside: Outside,
    topic: Topic,
    clock: Clock,
    ids: Ids,
    sessions: Sessions,
}

/// Why something could not be seen to now; the queue brings it back.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The message is not one of ours.
    #[error("the message cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Another courier is at it.
    #[error("another courier is at {0}")]
    Busy(String),
}

impl CourierError {
    /// Tells whether it may be otherwise in a moment.
    fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) => error.is_passing(),
            Self::Busy(_) => true,
            // Another version of the configuration, or of this software, reads it.
            Self::Config(_) => true,
            Self::Unreadable(_) => false,
        }
    }
}

/// A bus event as the queue carries it.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "detail-type")]
    kind: String,
    detail: Detail,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    handoff: HandoffId,
    version: u64,
    /// Whether it is the first of its commit's events: the others want nothing more.
    lead: bool,
    /// Whose turn it is to be looked at.
    destination: Option<String>,
}

impl Courier {
    /// Makes a courier of its parts.
    pub fn new(
        store: Store,
        (configs, secrets): (Configs, Secrets),
        (outside, topic): (Outside, Topic),
        (clock, ids): (Clock, Ids),
    ) -> Self {
        let sessions = Sessions::default();
        Self { store, configs, secrets, outside, topic, clock, ids, sessions }
    }

    /// Sees to a batch of the queue's messages; those that failed come back.
    pub async fn handle(&self, batch: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in batch.records {
            // Boxed: the future of a whole delivery is deep, and it is one allocation a message.
            if let Err(error) = Box::pin(self.take(&message)).await {
                tracing::warn!(%error, "not delivered yet");
                response.add_failure(message.message_id.unwrap_or_default());
            }
        }
        response
    }

    async fn take(&self, message: &SqsMessage) -> Result<(), CourierError> {
        let event: Event = serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
        match (event.kind.as_str(), &event.detail.destination) {
            (DELIVERY_DUE, Some(lane)) => self.pump(lane).await,
            _ if event.detail.lead => self.tell(&event.detail).await,
            _ => Ok(()),
        }
    }

    /// Sees to everything a commit wants.
    async fn tell(&self, detail: &Detail) -> Result<(), CourierError> {
        let active = self.configs.active(self.clock.now()).await?;
        // An organisation that tells nobody anything pays for nothing.
        let commit = self.store.commit_at(&detail.handoff, detail.version).await?;
        let all = wanted(&commit, &active.config);
        if all.is_empty() {
            return Ok(());
        }
        let context = self.context(&detail.handoff, Some(commit), active).await?;
        let mut failed = None;
        for wanted in &all {
            // One that fails keeps none of the others from being said.
            if let Err(error) = Box::pin(self.deliver(&context, wanted)).await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}
