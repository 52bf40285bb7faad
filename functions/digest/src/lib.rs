//! The digest: numbers become the mail a manager reads.
//!
//! Each recipient's mail of a period is claimed before it is published and settled after. A run that died between the two leaves a
//! claim; the next run publishes again, so a mail is sent at least once and at most once more than once for an
//! unknown outcome, never not at all.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::{
    AttemptId, Config, PersonId,
    dashboard::Numbers,
    digest::{Mail, Open, Recorded, Waiting, daily, recipients},
};
use runtime::{
    Clock, Configs, Ids, Message, Topic, configs::ConfigError, topic::TopicError,
};
use serde::{Deserialize, Serialize};
use store::{DigestClaim, QueueKey, QueueRow, Store, StoreError};

/// How long a claim that was never settled is left alone, in seconds: longer than a run takes.
const CLAIM_SECONDS: i64 = 60;

/// How many rows of a queue are looked at for what is overdue.
const LOOKED_AT: i32 = 200;

/// Sends managers their digests.
#[derive(Clone)]
pub struct Digest {
    store: Store,
    configs: Configs,
    topic: Topic,
    clock: Clock,
    ids: Ids,
}

/// Which digest a schedule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// Yesterday, in the morning.
    Daily,
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

    /// Sends the digest of the day before `scheduled` to everybody who has not had it.
    ///
    /// # Errors
    /// When any could not be sent; the others were.
    pub async fn handle(
        &self,
        wanted: Wanted,
        scheduled: DateTime<Utc>,
    ) -> Result<usize, DigestError> {
        let Period::Daily = wanted.period;
        let active = self.configs.active(self.clock.now()).await?;
        let config = &active.config;
        let day = config.day_of(scheduled).pred_opt().unwrap_or_default();
        let recorded = self.recorded(config, day).await?;
        let open = self.open(config).await?;
        let (mut sent, mut failure) = (0, None);
        for recipient in recipients(config) {
            let mail = daily(config, &recipient, day, &recorded, &open);
            match self.send(&recipient, &format!("daily#{day}"), mail).await {
                Ok(now) => sent += usize::from(now),
                Err(error) => {
                    tracing::error!(%error, digest.recipient = %recipient, "not sent yet");
                    failure.get_or_insert(error);
                }
            }
        }
        self.store.beat("digest", self.clock.now()).await?;
        failure.map_or(Ok(sent), Err)
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

    async fn recorded(&self, config: &Config, day: NaiveDate) -> Result<Recorded, DigestError> {
        let mut recorded = Recorded { all: self.numbers("all", day).await?, ..Recorded::default() };
        for pool in config.pools.keys() {
            let numbers = self.numbers(&format!("pool:{pool}"), day).await?;
            recorded.pools.insert(pool.clone(), numbers);
        }
        for (rep, _) in config.people.iter().filter(|(_, person)| person.capacity.is_some()) {
            let numbers = self.numbers(&format!("rep:{rep}"), day).await?;
            recorded.reps.insert(rep.clone(), numbers);
        }
        Ok(recorded)
    }

    async fn numbers(&self, dimension: &str, day: NaiveDate) -> Result<Numbers, StoreError> {
        let mut rows = self.store.rollups("happened", dimension, day, day).await?;
        Ok(Numbers(rows.remove(&day).unwrap_or_default()))
    }

    /// Finds what is past a deadline or without an owner now: the top of every queue.
    async fn open(&self, config: &Config) -> Result<Open, DigestError> {
        let now = self.clock.now();
        let mut open = Open::default();
        let mut queues = vec![QueueKey::Unrouted];
        for (rep, _) in config.people.iter().filter(|(_, person)| person.capacity.is_some()) {
            queues.push(QueueKey::Owner(rep.clone()));
        }
        for queue in queues {
            for row in self.store.queue(&queue, LOOKED_AT).await? {
                let overdue = row.lead.as_ref().filter(|lead| lead.due_at <= now);
                if queue == QueueKey::Unrouted {
                    let since = row.lead.as_ref().map_or(now, |lead| lead.due_at);
                    open.unrouted.push(waiting(&row, since));
                } else if let Some(lead) = overdue.filter(|lead| is_missed(lead.state)) {
                    open.overdue.push(waiting(&row, lead.due_at));
                }
            }
        }
        Ok(open)
    }
}

fn is_missed(state: domain::clock::ClockState) -> bool {
    use domain::clock::ClockState::{Breached, Running};
    matches!(state, Breached | Running)
}

fn waiting(row: &QueueRow, since: DateTime<Utc>) -> Waiting {
    Waiting {
        handoff: row.id.clone(),
        kind: row.kind.clone(),
        pool: row.pool.clone(),
        owner: row.owner.clone(),
        since,
    }
}
