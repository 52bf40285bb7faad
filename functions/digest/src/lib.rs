//! The digest: numbers become the mail a manager reads.
//!
//! Each recipient's mail of a period is claimed before it is published and settled after. A run
//! that died between the two leaves a claim; the next run publishes again, so a mail is sent at
//! least once and at most once more than once for an unknown outcome, never not at all.

use chrono::{DateTime, Duration, Utc};
use domain::{
    AttemptId, PersonId,
    digest::{
        Mail, mail, recipients,
        stretch::{Period, Stretch},
    },
};
use runtime::{
    Clock, Configs, Figure, Ids, Message, Topic, configs::ConfigError, report, topic::TopicError,
};
use serde::{Deserialize, Serialize};
use store::{DigestClaim, Store, StoreError};

/// How long a claim that was never settled is left alone, in seconds: longer than a run takes.
const CLAIM_SECONDS: i64 = 60;

/// Sends managers their digests.
#[derive(Clone)]
pub struct Digest {
    store: Store,
    configs: Configs,
    topic: Topic,
    clock: Clock,
    ids: Ids,
}

/// What the schedule passes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Wanted {
    /// Which digest.
    pub period: Period,
}

/// Why a digest was not sent; the schedule tries again.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The topic did not take a mail.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// Another run has claimed a mail and not said yet that it was sent.
    #[error("the digest of {0} is being sent by another run")]
    Claimed(PersonId),
}

impl Digest {
    /// Makes a digest of its parts.
    pub fn new(store: Store, configs: Configs, topic: Topic, clock: Clock, ids: Ids) -> Self {
        Self { store, configs, topic, clock, ids }
    }

    /// Sends the digest of the day, week or month before `scheduled` to everybody who has not had
    /// it.
    ///
    /// # Errors
    /// When any could not be sent; the others were.
    pub async fn handle(
        &self,
        wanted: Wanted,
        scheduled: DateTime<Utc>,
    ) -> Result<usize, DigestError> {
        if self.store.mute(self.clock.now()).await?.is_some() {
            tracing::info!("no digest is sent: everything is muted");
            self.beat(wanted.period).await?;
            return Ok(0);
        }
        let active = self.configs.active(self.clock.now()).await?;
        let config = &active.config;
        if !config.organisation.digests.contains(&wanted.period) {
            self.beat(wanted.period).await?;
            return Ok(0);
        }
        let day = config.day_of(scheduled).pred_opt().unwrap_or_default();
        let stretch = Stretch::with(wanted.period, day);
        let edition = report::edition(&self.store, config, stretch, self.clock.now()).await?;
        let (mut sent, mut failure) = (0, None);
        for recipient in recipients(config) {
            let mail = mail(config, &recipient, &edition);
            match self.send(&recipient, &stretch.name(), mail).await {
                Ok(now) => sent += usize::from(now),
                Err(error) => {
                    tracing::error!(%error, digest.recipient = %recipient, "not sent yet");
                    failure.get_or_insert(error);
                }
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None => self.beat(wanted.period).await.map(|()| sent),
        }
    }

    /// Says that all was done; who watches for it hears of a day's run that was not, and of none.
    /// A week's and a month's say nothing: they would hide that the day's is missing.
    async fn beat(&self, period: Period) -> Result<(), DigestError> {
        if period != Period::Daily {
            return Ok(());
        }
        self.store.beat("digest", self.clock.now()).await?;
        Figure::DigestBeat.count(1);
        Ok(())
    }

    /// Sends one mail, once; tells whether it was sent now.
    async fn send(
        &self,
        recipient: &PersonId,
        period: &str,
        mail: Mail,
    ) -> Result<bool, DigestError> {
        let now = self.clock.now();
        let attempt = AttemptId(self.ids.ulid(now));
        match self.store.claim_digest(period, recipient, &attempt, now).await? {
            DigestClaim::Sent => return Ok(false),
            DigestClaim::Pending(claimed) if now - claimed < Duration::seconds(CLAIM_SECONDS) => {
                return Err(DigestError::Claimed(recipient.clone()));
            }
            DigestClaim::Mine | DigestClaim::Pending(_) => {}
        }
        let attributes = vec![
            ("kind", vec!["digest".to_owned()]),
            ("severity", vec!["info".to_owned()]),
            ("to", vec![recipient.to_string()]),
        ];
        let message = Message { subject: mail.subject, body: mail.body, attributes };
        self.topic.publish(&message).await?;
        let settled = AttemptId(self.ids.ulid(now));
        self.store.settle_digest(period, recipient, &settled, now).await?;
        Ok(true)
    }
}
