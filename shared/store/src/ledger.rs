//! Numbers, quarantine, beats and digests: what is kept about the work rather than the work itself.

use crate::{
    AsideKey, Store, StoreError,
    item::{Item, Query, from_item, number, number_of, text, text_of, to_item},
    keys::{self, QUARANTINE, SK, TTL},
    transaction::{Change, Guard, Transaction, marked},
};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::{AttemptId, PersonId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Numbers to add: family, dimension, day, then counter to amount.
pub type Rows = BTreeMap<(String, String, NaiveDate), BTreeMap<String, i64>>;

/// How far a consumer has come with a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last sequence number it has folded.
    pub sequence: String,
    /// The time of the latest commit it has folded.
    pub until: DateTime<Utc>,
}

/// A batch folded into numbers: counters to add per row, and the checkpoint that makes it count
/// once.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    /// The stream's shard.
    pub shard: String,
    /// The checkpoint as read; none at the beginning.
    pub from: Option<Checkpoint>,
    /// The last sequence number this fold covers.
    pub to: String,
    /// The time of the latest commit it or a fold before it covers.
    pub until: DateTime<Utc>,
    /// What is added.
    pub rows: Rows,
    /// What could not be read and is put aside with it, each with its entry: so that what is behind
    /// the checkpoint is either counted or in quarantine, and never both.
    pub aside: Vec<(Quarantined, String)>,
}

/// Something that was authentic but could not be used, with everything needed to try again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// What it is: a receipt's id, or a commit as `handoff:version`.
    pub what: String,
    /// Whether `what` names a `receipt` or a `commit`.
    pub kind: String,
    /// Who could not use it.
    pub by: String,
    /// Why not, a stable code.
    pub reason: String,
    /// When.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// The bytes concerned, base64, at most a few kilobytes; the receipt has them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

/// A counter that is put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// What it must be now; 0 where it is not there.
    pub was: i64,
    /// What it becomes.
    pub becomes: i64,
}

/// What came of claiming a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestClaim {
    /// It is this attempt's to send.
    Mine,
    /// It was sent.
    Sent,
    /// Somebody else claimed it and has not said that it was sent.
    Pending(DateTime<Utc>),
}

fn checkpoint_of(item: &Item) -> Option<Checkpoint> {
    let ms = number_of(item, "until").unwrap_or(0);
    let until = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    Some(Checkpoint { sequence: text_of(item, "folded_to")?, until })
}

/// How long quarantined things are kept.
const QUARANTINE_DAYS: i64 = 30;

impl Store {
    /// Reads how far a consumer has folded a shard.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn checkpoint(
        &self,
        consumer: &str,
        shard: &str,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let item = self.get(&keys::checkpoint(consumer, shard)).await?;
        Ok(item.as_ref().and_then(checkpoint_of))
    }

    /// Tells the time of the latest commit a consumer has folded, over all shards; `None` while it
    /// has folded nothing.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn folded_until(&self, consumer: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let query = Query {
            condition: "pk = :consumer",
            values: vec![(":consumer", text(keys::checkpoints(consumer)))],
            ..Query::default()
        };
        let rows = self.query_all(query).await?;
        Ok(rows.iter().filter_map(checkpoint_of).map(|shard| shard.until).max())
    }

    /// Adds a batch's numbers and moves the checkpoint, together, if the checkpoint is exactly as
    /// read.
    ///
    /// # Errors
    /// `Conflict` when somebody folded the shard further: read the checkpoint again.
    pub async fn fold(
        &self,
        consumer: &str,
        fold: &Fold,
        attempt: &AttemptId,
    ) -> Result<(), StoreError> {
        let mut transaction = Transaction::new(attempt);
        let key = keys::checkpoint(consumer, &fold.shard);
        let mut item = marked(crate::item::key_item(&key), attempt);
        item.insert("folded_to".to_owned(), text(&fold.to));
        item.insert("until".to_owned(), number(fold.until.timestamp_millis()));
        let (condition, values) = match &fold.from {
            None => ("attribute_not_exists(pk)", vec![]),
            Some(from) => ("folded_to = :from", vec![(":from", text(&from.sequence))]),
        };
        transaction.put(self, Guard::Commit, item, Some((condition, values)))?;
        for ((family, dimension, day), counters) in &fold.rows {
            self.add(&mut transaction, &keys::rollup(family, dimension, *day), counters)?;
        }
        for (what, entry) in &fold.aside {
            transaction.put(self, Guard::Changed, aside_item(what, entry)?.1, None)?;
        }
        transaction.commit(self).await
    }

    pub(crate) fn add(
        &self,
        transaction: &mut Transaction,
        key: &keys::Key,
        counters: &BTreeMap<String, i64>,
    ) -> Result<(), StoreError> {
        let names: Vec<(String, String)> = counters
            .keys()
            .enumerate()
            .map(|(index, name)| (format!("#c{index}"), name.clone()))
            .collect();
        let amounts: Vec<(String, i64)> = counters
            .values()
            .enumerate()
            .map(|(index, amount)| (format!(":a{index}"), *amount))
            .collect();
        let terms: Vec<String> =
            (0..counters.len()).map(|index| format!("#c{index} :a{index}")).collect();
        let update = format!("ADD {}", terms.join(", "));
        let change = Change {
            update: &update,
            condition: None,
            names: names.iter().map(|(short, name)| (short.as_str(), name.as_str())).collect(),
            values: amounts.iter().map(|(name, amount)| (name.as_str(), number(amount))).collect(),
        };
        transaction.update(self, Guard::Changed, key, change)
    }

    /// Puts counters of one row right: adds what each lacks, if each is still as it was read.
    ///
    /// # Errors
    /// `Conflict` when any of them has moved.
    pub async fn correct_rollup(
        &self,
        (family, dimension, day): (String, String, NaiveDate),
        counters: BTreeMap<String, Correction>,
        attempt: &AttemptId,
    ) -> Result<(), StoreError> {
        let place =
            |index: usize| (format!("#c{index}"), format!(":w{index}"), format!(":a{index}"));
        let places: Vec<_> = (0..counters.len()).map(place).collect();
        let terms = |(name, _, added): &(String, String, String)| format!("{name} {added}");
        let update = format!("ADD {}", places.iter().map(terms).collect::<Vec<_>>().join(", "));
        let as_read =
            |((name, was, _), one): (&(String, String, String), &Correction)| match one.was {
                0 => format!("(attribute_not_exists({name}) OR {name} = {was})"),
                _ => format!("{name} = {was}"),
            };
        let conditions: Vec<String> = places.iter().zip(counters.values()).map(as_read).collect();
        let condition = conditions.join(" AND ");
        let mut values = Vec::new();
        for ((_, was, added), one) in places.iter().zip(counters.values()) {
            values.push((was.as_str(), number(one.was)));
            values.push((added.as_str(), number(one.becomes - one.was)));
        }
        let names = places.iter().zip(counters.keys());
        let change = Change {
            update: &update,
            condition: Some(&condition),
            names: names.map(|((short, ..), name)| (short.as_str(), name.as_str())).collect(),
            values,
        };
        let mut transaction = Transaction::new(attempt);
        let key = keys::rollup(&family, &dimension, day);
        transaction.update(self, Guard::Changed, &key, change)?;
        transaction.commit(self).await
    }

    /// Reads a dimension's numbers for a range of days, both included.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn rollups(
        &self,
        family: &str,
        dimension: &str,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<BTreeMap<NaiveDate, BTreeMap<String, i64>>, StoreError> {
        let query = Query {
            condition: "pk = :row AND sk BETWEEN :from AND :to",
            values: vec![
                (":row", text(keys::rollup_pk(family, dimension))),
                (":from", text(from.to_string())),
                (":to", text(to.to_string())),
            ],
            ..Query::default()
        };
        let items = self.query_all(query).await?;
        Ok(items.iter().filter_map(|item| Some((day_of(item)?, counters_of(item)))).collect())
    }

    /// Puts something aside that could not be used, and tells where; the same `entry` of the same
    /// thing, of the same time, is put aside once however often it comes.
    ///
    /// # Errors
    /// `Unavailable` when it could not be stored.
    pub async fn quarantine(
        &self,
        what: &Quarantined,
        entry: &str,
    ) -> Result<AsideKey, StoreError> {
        let (place, item) = aside_item(what, entry)?;
        self.put(item).await?;
        Ok(place)
    }

    /// Lists what is in quarantine, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn quarantined(&self, limit: i32) -> Result<Vec<Quarantined>, StoreError> {
        let query = Query {
            condition: "pk = :quarantine",
            values: vec![(":quarantine", text(QUARANTINE))],
            newest_first: true,
            limit: Some(limit),
            ..Query::default()
        };
        let (items, _) = self.query_page(query).await?;
        items.into_iter().map(|item| from_item("quarantined row", item)).collect()
    }

    /// Records that a function did its work.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn beat(&self, function: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        let mut item = crate::item::key_item(&keys::beat(function));
        item.insert("at".to_owned(), number(at.timestamp_millis()));
        self.put(item).await
    }

    /// Reads when each function last did its work.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn beats(&self) -> Result<BTreeMap<String, DateTime<Utc>>, StoreError> {
        let query = Query {
            condition: "pk = :beat",
            values: vec![(":beat", text(keys::BEAT))],
            ..Query::default()
        };
        let items = self.query_all(query).await?;
        let beat = |item: &Item| {
            let at = DateTime::from_timestamp_millis(number_of(item, "at")?)?;
            Some((text_of(item, SK)?, at))
        };
        Ok(items.iter().filter_map(beat).collect())
    }

    /// Claims the sending of a period's digest to somebody.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn claim_digest(
        &self,
        period: &str,
        recipient: &PersonId,
        attempt: &AttemptId,
        now: DateTime<Utc>,
    ) -> Result<DigestClaim, StoreError> {
        let key = keys::digest(period, recipient);
        let mut item = marked(crate::item::key_item(&key), attempt);
        item.insert("claimed_at".to_owned(), number(now.timestamp_millis()));
        let mut transaction = Transaction::new(attempt);
        let unclaimed = Some(("attribute_not_exists(pk)", vec![]));
        transaction.put(self, Guard::Commit, item, unclaimed)?;
        match transaction.commit(self).await {
            Ok(()) => Ok(DigestClaim::Mine),
            Err(StoreError::Conflict) => self.digest_claim(&key).await,
            Err(error) => Err(error),
        }
    }

    async fn digest_claim(&self, key: &keys::Key) -> Result<DigestClaim, StoreError> {
        let item = self.get(key).await?.unwrap_or_default();
        if number_of(&item, "sent_at").is_some() {
            return Ok(DigestClaim::Sent);
        }
        let claimed = number_of(&item, "claimed_at").and_then(DateTime::from_timestamp_millis);
        Ok(DigestClaim::Pending(claimed.unwrap_or_default()))
    }

    /// Records that a digest was sent.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn settle_digest(
        &self,
        period: &str,
        recipient: &PersonId,
        attempt: &AttemptId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut transaction = Transaction::new(attempt);
        let change = Change {
            update: "SET sent_at = :now",
            condition: Some("attribute_exists(pk)"),
            values: vec![(":now", number(now.timestamp_millis()))],
            ..Change::default()
        };
        transaction.update(self, Guard::Changed, &keys::digest(period, recipient), change)?;
        transaction.commit(self).await
    }
}

/// Makes the row of something that is put aside, and tells where that is.
fn aside_item(what: &Quarantined, entry: &str) -> Result<(AsideKey, Item), StoreError> {
    let key = keys::quarantine(what.at.timestamp_millis(), &what.by, &what.what, entry);
    let mut item = to_item("quarantined row", &key, what)?;
    let forgotten = what.at + Duration::days(QUARANTINE_DAYS);
    item.insert(TTL.to_owned(), number(forgotten.timestamp()));
    Ok((AsideKey::of(key), item))
}

fn day_of(item: &Item) -> Option<NaiveDate> {
    text_of(item, SK)?.parse().ok()
}

fn counters_of(item: &Item) -> BTreeMap<String, i64> {
    let mut counters = BTreeMap::new();
    let mut names: Vec<&String> = item.keys().collect();
    names.sort();
    for name in names {
        if let Some(amount) = number_of(item, name) {
            counters.insert(name.clone(), amount);
        }
    }
    counters
}
