//! What is in quarantine, to be put through again: listed whole, and taken out once it went
//! through.
//!
//! A row's key is made of what the row is about, so whoever puts the same thing aside again finds
//! the same row. What must stay true: a commit's numbers are added in the transaction that takes
//! its row out, so that they count once, whoever redrives it and however often.

use crate::{
    Quarantined, Rows, Store, StoreError,
    item::{Item, Query, from_item, key_item, text, text_of},
    keys::{self, Key, QUARANTINE, SK},
    transaction::{Guard, Transaction},
};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use chrono::{DateTime, Utc};
use domain::AttemptId;

/// A place in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AsideKey(String);

/// Something in quarantine, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Its place.
    pub key: AsideKey,
    /// What it is, without its bytes.
    pub row: Quarantined,
}

impl AsideKey {
    pub(crate) fn of(key: Key) -> Self {
        Self(key.sk)
    }

    fn key(&self) -> Key {
        Key { pk: QUARANTINE.to_owned(), sk: self.0.clone() }
    }
}

impl Quarantined {
    /// Tells where an `entry` of this is put aside.
    pub fn place(&self, entry: &str) -> AsideKey {
        AsideKey::of(keys::quarantine(self.at.timestamp_millis(), &self.by, &self.what, entry))
    }
}

impl Store {
    /// Lists everything that was put aside, from `since` on and before `until` where they are said,
    /// oldest first.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn aside(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Vec<Aside>, StoreError> {
        let (since, until) =
            (since.unwrap_or(DateTime::UNIX_EPOCH), until.unwrap_or(DateTime::<Utc>::MAX_UTC));
        let bound = |at: DateTime<Utc>| text(keys::quarantine_at(at.timestamp_millis()));
        let values =
            vec![(":all", text(QUARANTINE)), (":since", bound(since)), (":until", bound(until))];
        let (mut all, mut start) = (Vec::new(), None);
        loop {
            let query = Query {
                condition: "pk = :all AND sk BETWEEN :since AND :until",
                values: values.clone(),
                start,
                ..Query::default()
            };
            let (items, next) = self.query_page(query).await?;
            // A page at a time, each without its bytes: a month of poison may be large.
            all.extend(items.into_iter().map(aside));
            match next {
                Some(next) => start = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Takes something out of quarantine; what is not there any more is out.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn release(&self, key: &AsideKey) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.table);
        let answer = request
            .set_key(Some(key_item(&key.key())))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(StoreError::of)?;
        self.meter.write_of("DeleteItem", answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// Adds the numbers of what is in these places and takes it out, together; what is out already
    /// was counted by whoever took it out.
    ///
    /// # Errors
    /// `Conflict` when some of it is out and some is not, or others hold the rows: list it again.
    pub async fn count_aside(
        &self,
        places: &[AsideKey],
        rows: &Rows,
        attempt: &AttemptId,
    ) -> Result<(), StoreError> {
        let mut transaction = Transaction::new(attempt);
        for place in places {
            transaction.delete(self, Guard::Changed, &place.key(), "attribute_exists(pk)")?;
        }
        for ((family, dimension, day), counters) in rows {
            self.add(&mut transaction, &keys::rollup(family, dimension, *day), counters)?;
        }
        match transaction.commit(self).await {
            // Perhaps this attempt's own: a row that is gone cannot say whose reply was lost.
            Err(StoreError::Conflict) if self.are_out(places).await? => Ok(()),
            result => result,
        }
    }

    async fn are_out(&self, places: &[AsideKey]) -> Result<bool, StoreError> {
        Ok(self.get_many(places.iter().map(AsideKey::key)).await?.is_empty())
    }
}

/// Reads a row; one that cannot be read is told of by its place, and hides none of the others.
fn aside(item: Item) -> Aside {
    let place = text_of(&item, SK).unwrap_or_default();
    let unread = |error: StoreError| Quarantined {
        what: place.clone(),
        kind: "row".to_owned(),
        by: "somebody".to_owned(),
        reason: error.to_string(),
        at: DateTime::UNIX_EPOCH,
        part: None,
    };
    let row: Quarantined = from_item("quarantined row", item).unwrap_or_else(unread);
    Aside { key: AsideKey(place), row: Quarantined { part: None, ..row } }
}
