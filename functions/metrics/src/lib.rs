//! Metrics: history becomes numbers, each commit exactly once.
//!
//! A batch is folded in one transaction that also moves the shard's checkpoint, on condition that
//! it is exactly where it was read. A batch that comes again finds its records behind the
//! checkpoint; a slow invocation that commits late finds the checkpoint moved. What does not fit
//! one transaction is folded by the next. A record that cannot be read is put in quarantine by the
//! transaction that folds the others, and counted when it is redriven by the one that takes it out
//! again: nobody waits for it, and it is never counted and in quarantine at once.

use aws_lambda_events::event::{
    dynamodb::{EventRecord, TimeWindowEvent, TimeWindowEventResponse},
    streams::DynamoDbBatchItemFailure,
};
use domain::{AttemptId, Commit, rollup::contributions};
use runtime::{Clock, Figure, Ids};
use store::{
    AsideKey, Checkpoint, Fold, Quarantined, Rows, Store, StoreError, commit_name, commit_of,
    is_restored,
};

/// Rows a fold may write: a transaction has a hundred, and one is the checkpoint.
const ROWS_MAX: usize = 99;

/// How often a moved checkpoint is read again before the batch is left to come back.
const TRIES: usize = 5;

/// The name this consumer's checkpoints go by.
const CONSUMER: &str = "metrics";

/// Folds history into numbers.
#[derive(Clone)]
pub struct Metrics {
    store: Store,
    clock: Clock,
    ids: Ids,
}

/// A stream record's place in its shard.
type Sequence = String;

impl Metrics {
    /// Makes a consumer of its parts.
    pub fn new(store: Store, clock: Clock, ids: Ids) -> Self {
        Self { store, clock, ids }
    }

    /// Folds a batch of one shard; what is not done comes back.
    pub async fn handle(&self, batch: TimeWindowEvent) -> TimeWindowEventResponse {
        let window = batch.time_window_properties;
        let shard = window.shard_id.unwrap_or_default();
        let mut response = TimeWindowEventResponse::default();
        response.time_window_event_response_properties.state = window.state;
        let records = batch.dynamo_db_event.records;
        if let Err((left_at, error)) = Box::pin(self.fold(&shard, records)).await {
            tracing::error!(%error, stream.sequence = left_at, "not counted yet");
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(left_at);
            response.batch_item_failures.push(failure);
        }
        response
    }

    /// Folds records in order, as many a transaction as fit; on failure says where it stopped.
    async fn fold(
        &self,
        shard: &str,
        records: Vec<EventRecord>,
    ) -> Result<(), (Sequence, StoreError)> {
        let first = records.first().and_then(|record| record.change.sequence_number.clone());
        let left_at = first.unwrap_or_default();
        let stop = |error| (left_at.clone(), error);
        let mut checkpoint = self.store.checkpoint(CONSUMER, shard).await.map_err(stop)?;
        let mut tries = 0;
        let mut next = 0;
        while next < records.len() {
            let sequence = sequence_of(&records[next]);
            if is_behind(&sequence, checkpoint.as_ref()) {
                next += 1;
                continue;
            }
            let (fold, taken) = gather(shard, &checkpoint, &records[next..]);
            match self.store.fold(CONSUMER, &fold, &self.attempt()).await {
                Ok(()) => {
                    checkpoint = Some(Checkpoint { sequence: fold.to, until: fold.until });
                    next += taken;
                    tries = 0;
                }
                Err(StoreError::Conflict) if tries < TRIES => {
                    tries += 1;
                    let now = self.store.checkpoint(CONSUMER, shard).await;
                    checkpoint = now.map_err(|error| (sequence, error))?;
                }
                Err(error) => return Err((sequence, error)),
            }
        }
        Ok(())
    }

    /// Counts a commit that is in quarantine, once, and takes it out of these places.
    ///
    /// # Errors
    /// `Malformed` or `TooNew` when it still cannot be read, `Missing` when it is not there;
    /// `Unavailable` and `Conflict` mean later.
    pub async fn count_again(&self, commit: &str, places: &[AsideKey]) -> Result<(), StoreError> {
        let commit = self.store.commit_named(commit).await?;
        let mut rows = Rows::new();
        add(&mut rows, &commit);
        without_zeros(&mut rows);
        self.store.count_aside(places, &rows, &self.attempt()).await
    }

    fn attempt(&self) -> AttemptId {
        AttemptId(self.ids.ulid(self.clock.now()))
    }
}

/// Adds up records until the rows they write fill a transaction; returns how many it took, at least
/// one.
fn gather(shard: &str, checkpoint: &Option<Checkpoint>, records: &[EventRecord]) -> (Fold, usize) {
    let mut fold = Fold { shard: shard.to_owned(), from: checkpoint.clone(), ..Fold::default() };
    fold.until = checkpoint.as_ref().map(|known| known.until).unwrap_or_default();
    let mut taken = 0;
    for record in records {
        let (mut rows, mut aside) = (fold.rows.clone(), None);
        let mut at = record.change.approximate_creation_date_time;
        match commit_of(record.change.new_image.clone()) {
            Ok(commit) => {
                at = commit.at;
                // What was put back from a copy was counted there, and the copy has the numbers.
                if !is_restored(&record.change.new_image) {
                    add(&mut rows, &commit);
                }
            }
            Err(error) => aside = Some((unreadable(record, &error), sequence_of(record))),
        }
        let written = rows.len() + fold.aside.len() + usize::from(aside.is_some());
        if written > ROWS_MAX && taken > 0 {
            break;
        }
        fold.rows = rows;
        fold.aside.extend(aside);
        (fold.to, fold.until) = (sequence_of(record), fold.until.max(at));
        taken += 1;
    }
    without_zeros(&mut fold.rows);
    (fold, taken)
}

/// Adds what a commit counts for.
fn add(rows: &mut Rows, commit: &Commit) {
    for delta in contributions(commit) {
        let row = (delta.family.to_string(), delta.dimension, delta.day);
        *rows.entry(row).or_default().entry(delta.counter).or_default() += delta.amount;
    }
}

/// Leaves out what adds nothing.
fn without_zeros(rows: &mut Rows) {
    rows.retain(|_, counters| {
        counters.retain(|_, amount| *amount != 0);
        !counters.is_empty()
    });
}

fn unreadable(record: &EventRecord, error: &StoreError) -> Quarantined {
    tracing::error!(%error, "a commit cannot be read: it goes to quarantine");
    Figure::Quarantined.count(1);
    Quarantined {
        what: commit_name(&record.change.keys),
        kind: "commit".to_owned(),
        by: CONSUMER.to_owned(),
        reason: error.to_string(),
        at: record.change.approximate_creation_date_time,
        part: None,
    }
}

fn sequence_of(record: &EventRecord) -> Sequence {
    record.change.sequence_number.clone().unwrap_or_default()
}

/// Compares sequence numbers as the numbers they are, however many digits they have.
fn is_behind(sequence: &str, checkpoint: Option<&Checkpoint>) -> bool {
    let number = |text: &str| {
        let digits = text.trim_start_matches('0').to_owned();
        (digits.len(), digits)
    };
    checkpoint.is_some_and(|checkpoint| number(sequence) <= number(&checkpoint.sequence))
}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, is_behind};

    #[test]
    fn sequence_numbers_compare_as_numbers() {
        let ten = Checkpoint { sequence: "10".to_owned(), ..Checkpoint::default() };
        for behind in ["9", "10", "0010"] {
            assert!(is_behind(behind, Some(&ten)));
        }
        assert!(!is_behind("11", Some(&ten)));
        assert!(!is_behind("1", None));
    }
}
