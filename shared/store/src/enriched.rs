//! What another system answered when it was asked about somebody, kept so that it is not asked
//! again: by a hash of the question, for as long as the configuration says.

use crate::{
    Store, StoreError,
    item::{gunzip, gzip, key_item, number, number_of},
    keys::{self, TTL},
};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use chrono::{DateTime, Duration, Utc};

impl Store {
    /// Reads what was answered to a question, unless its time is over.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn enriched(
        &self,
        name: &str,
        question: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, StoreError> {
        let Some(item) = self.get(&keys::enriched(name, question)).await? else { return Ok(None) };
        let until = number_of(&item, TTL).unwrap_or(0);
        let Some(AttributeValue::B(packed)) = item.get("said") else { return Ok(None) };
        if until <= now.timestamp() {
            return Ok(None);
        }
        let said = gunzip("enrichment", packed.as_ref())?;
        Ok(Some(String::from_utf8_lossy(&said).into_owned()))
    }

    /// Keeps what was answered to a question for some time.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer, `Refused` when it is too large.
    pub async fn keep_enriched(
        &self,
        (name, question): (&str, &str),
        said: &str,
        now: DateTime<Utc>,
        kept: Duration,
    ) -> Result<(), StoreError> {
        let mut item = key_item(&keys::enriched(name, question));
        let packed = gzip(said.as_bytes());
        item.insert("said".to_owned(), AttributeValue::B(Blob::new(packed)));
        item.insert(TTL.to_owned(), number((now + kept).timestamp()));
        self.put(item).await
    }
}
