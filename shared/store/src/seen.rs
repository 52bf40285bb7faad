//! What was done before, so that what arrives twice is done once.

use crate::{
    Store, StoreError,
    item::{from_item, number, to_item},
    keys::{self, TTL},
    transaction::{Guard, Transaction, marked},
};
use chrono::{DateTime, Duration, Utc};
use domain::{AttemptId, HandoffId, SourceKey};
use serde::{Deserialize, Serialize};

/// How long a done thing is remembered: longer than any sender retries.
const REMEMBERED_DAYS: i64 = 35;

/// The mark of one done thing, and the answer that was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What happened: `opened`, `joined`, `updated`, or a verb.
    pub effect: String,
    /// The handoff it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<HandoffId>,
    /// The version that came of it.
    #[serde(default)]
    pub version: u64,
    /// Hash of what was said, so that one key with two contents is seen as a conflict.
    #[serde(default)]
    pub fingerprint: String,
}

impl Store {
    /// Looks up whether a source's event, or a person's command, was done before.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn seen(
        &self,
        source: &SourceKey,
        duplicate_key: &str,
    ) -> Result<Option<Seen>, StoreError> {
        let item = self.get(&keys::seen(source, duplicate_key)).await?;
        item.map(|item| from_item("seen row", item)).transpose()
    }
}

impl Transaction {
    /// Marks a thing done, unless it was.
    pub(crate) fn mark_seen(
        &mut self,
        store: &Store,
        attempt: &AttemptId,
        (source, duplicate_key, seen): (&SourceKey, &str, &Seen),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let item = to_item("seen row", &keys::seen(source, duplicate_key), seen)?;
        let mut item = marked(item, attempt);
        let forgotten = now + Duration::days(REMEMBERED_DAYS);
        item.insert(TTL.to_owned(), number(forgotten.timestamp()));
        self.put(store, Guard::Seen, item, Some(("attribute_not_exists(pk)", vec![])))
    }
}
