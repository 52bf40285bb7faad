//! The relay: each commit leaves the table once recorded.
//!
//! It works from commit rows alone and relies on no order between them. Every event and notice
//! carries an id made of the commit (handoff, version, place), so a batch that comes twice says the
//! same things again and a listener can tell. What cannot be read is quarantined by its key and the
//! rest goes on: one poisoned record delays nobody.

mod events;

use aws_lambda_events::event::{
    dynamodb::{Event, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use chrono::{DateTime, Utc};
use domain::{
    AttemptId, Commit, Config, PersonId,
    delivery::mailed_at_once,
    mail::{self, When},
    notice::{Notice, notices},
};
use runtime::{
    Bus, Clock, Configs, Figure, Message, Topic, bus::BusError, configs::ConfigError,
    topic::TopicError,
};
use store::{
    Delivery, DeliveryState, Quarantined, Store, StoreError, commit_name, commit_of, is_restored,
};

/// Tells downstream what was committed.
#[derive(Clone)]
pub struct Relay {
    store: Store,
    configs: Configs,
    bus: Bus,
    topic: Topic,
    clock: Clock,
}

/// Why a record could not be told now; the stream brings it back.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The bus did not take it.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The topic did not take it.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// There is no configuration to name people with.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A record could neither be read nor put aside.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Relay {
    /// Makes a relay of its parts.
    pub fn new(store: Store, configs: Configs, (bus, topic): (Bus, Topic), clock: Clock) -> Self {
        Self { store, configs, bus, topic, clock }
    }

    /// Tells a batch of the stream; on failure the stream replays from the record named.
    pub async fn handle(&self, batch: Event) -> DynamoDbEventResponse {
        let mut response = DynamoDbEventResponse::default();
        for record in batch.records {
            let sequence = record.change.sequence_number.clone().unwrap_or_default();
            if let Err(error) = Box::pin(self.take(record)).await {
                tracing::error!(%error, stream.sequence = sequence, "not told yet");
                let mut failure = DynamoDbBatchItemFailure::default();
                failure.item_identifier = Some(sequence);
                response.batch_item_failures.push(failure);
                break;
            }
        }
        response
    }

    async fn take(&self, mut record: EventRecord) -> Result<(), RelayError> {
        let image = std::mem::take(&mut record.change.new_image);
        let (keys, written_at) =
            (&record.change.keys, record.change.approximate_creation_date_time);
        let sequence = record.change.sequence_number.clone().unwrap_or_default();
        if is_restored(&image) {
            // It was told where it was copied from.
            return Ok(());
        }
        match commit_of(image) {
            Ok(commit) => self.tell(&commit).await,
            Err(error) => {
                tracing::error!(%error, "a commit cannot be read: it is in quarantine");
                Figure::Quarantined.count(1);
                let aside = Quarantined {
                    what: commit_name(keys),
                    kind: "commit".to_owned(),
                    by: "relay".to_owned(),
                    reason: error.to_string(),
                    at: written_at,
                    part: None,
                };
                self.store.quarantine(&aside, &sequence).await?;
                Ok(())
            }
        }
    }

    /// Tells a commit that is in quarantine; what was told of it before is told again.
    ///
    /// # Errors
    /// `Store` when it still cannot be read, or not now; the others mean later.
    pub async fn tell_again(&self, commit: &str) -> Result<(), RelayError> {
        let commit = self.store.commit_named(commit).await?;
        self.tell(&commit).await
    }

    /// Tells one commit: events to the bus, urgent notices to the topic.
    async fn tell(&self, commit: &Commit) -> Result<(), RelayError> {
        self.bus.put(&events::events(commit)).await?;
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let all = notices(commit, &active.config);
        // What somebody chose to hear later, the courier says then.
        let urgent = |notice: &Notice, person: &PersonId| {
            let kind = &commit.about.kind;
            mail::when(&active.config, person, notice, kind, commit.at) == When::Now
        };
        let all = all.into_iter().filter_map(|notice| {
            let to = notice.to.iter().filter(|person| urgent(&notice, person));
            let to: Vec<String> = to.map(ToString::to_string).collect();
            (!to.is_empty()).then_some((notice, to))
        });
        let all: Vec<_> = all.collect();
        if all.is_empty() {
            return Ok(());
        }
        if self.store.mute(now).await?.is_some() {
            return self.list_unsent(commit, &active.config, now).await;
        }
        for (notice, to) in all {
            let attributes = vec![
                ("kind", vec![notice.kind.to_owned()]),
                ("severity", vec![notice.severity.to_owned()]),
                ("team", notice.teams),
                ("to", to),
            ];
            let message = Message { subject: notice.subject, body: notice.body, attributes };
            self.topic.publish(&message).await?;
        }
        Ok(())
    }

    /// Lists mail that nobody is sent because everything is muted, for somebody to send it after.
    async fn list_unsent(
        &self,
        commit: &Commit,
        config: &Config,
        now: DateTime<Utc>,
    ) -> Result<(), RelayError> {
        for wanted in mailed_at_once(commit, config) {
            let part = wanted.part();
            let unsent = Delivery {
                handoff: commit.handoff.clone(),
                destination: wanted.destination.clone(),
                what: wanted.word().to_owned(),
                to: wanted.person().cloned(),
                version: commit.version,
                state: DeliveryState::Muted,
                since: commit.at,
                at: now,
                // The same however often the stream brings it.
                attempt: AttemptId(format!("relay:{}:{part}", commit.version)),
                pressing: format!("{:014}", commit.at.timestamp_millis()),
                part,
                ..Delivery::default()
            };
            match self.store.put_delivery(&unsent, None).await {
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
