//! History: one row a commit, append-only; what the stream carries.
//!
//! The entry is one JSON attribute, so that a reader of the stream parses text and not a map of
//! maps; what is personal is an attribute of its own, so that erasing a person leaves history
//! whole.

use crate::{
    Store, StoreError,
    item::{BREAKS, Item, Query, from_item, text},
    keys::{self, COMMIT, HANDOFF_PREFIX, Key},
};
use domain::{Commit, HandoffId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct Entry {
    entry: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    personal: Option<String>,
}

pub(crate) fn to_item(key: &Key, commit: &Commit) -> Result<Item, StoreError> {
    let malformed = |error: serde_json::Error| StoreError::Malformed {
        what: "commit",
        reason: error.to_string(),
    };
    let personal = match commit.personal.is_empty() {
        true => None,
        false => Some(serde_json::to_string(&commit.personal).map_err(malformed)?),
    };
    let bare = Commit { personal: BTreeMap::new(), ..commit.clone() };
    let entry = serde_json::to_string(&bare).map_err(malformed)?;
    crate::item::to_item("commit", key, &Entry { entry, personal })
}

/// Tells whether a stream record's sort key is a commit's: what every consumer filters on.
pub fn is_commit_key(sk: &str) -> bool {
    sk.starts_with(COMMIT)
}

/// Reads a commit from a stream record's new image.
///
/// # Errors
/// `Malformed` or `TooNew`, for the consumer to quarantine.
pub fn commit_of(image: serde_dynamo::Item) -> Result<Commit, StoreError> {
    let malformed = |reason: String| StoreError::Malformed { what: "commit", reason };
    if let Some(serde_dynamo::AttributeValue::N(breaks)) = image.get("breaks") {
        let breaks = breaks.parse().unwrap_or(u32::MAX);
        if breaks > BREAKS {
            return Err(StoreError::TooNew { breaks });
        }
    }
    let entry: Entry =
        serde_dynamo::from_item(image).map_err(|error| malformed(error.to_string()))?;
    read(entry)
}

/// Names the commit that a stream record is of by the record's keys, as `handoff:version`; for what
/// is in quarantine.
pub fn commit_name(keys: &serde_dynamo::Item) -> String {
    let key = |name| match keys.get(name) {
        Some(serde_dynamo::AttributeValue::S(text)) => text.as_str(),
        _ => "",
    };
    let (pk, sk) = (key(keys::PK), key(keys::SK));
    let handoff = pk.strip_prefix(HANDOFF_PREFIX).unwrap_or(pk);
    let version = sk.strip_prefix(COMMIT).unwrap_or(sk).trim_start_matches('0');
    format!("{handoff}:{version}")
}

fn read(entry: Entry) -> Result<Commit, StoreError> {
    let malformed = |error: serde_json::Error| StoreError::Malformed {
        what: "commit",
        reason: error.to_string(),
    };
    let mut commit: Commit = serde_json::from_str(&entry.entry).map_err(malformed)?;
    if let Some(personal) = &entry.personal {
        commit.personal = serde_json::from_str(personal).map_err(malformed)?;
    }
    Ok(commit)
}

impl Store {
    /// Reads a handoff's whole history, oldest first.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn history(&self, id: &HandoffId) -> Result<Vec<Commit>, StoreError> {
        let query = Query {
            condition: "pk = :handoff AND begins_with(sk, :commit)",
            values: vec![(":handoff", text(keys::handoff(id))), (":commit", text(COMMIT))],
            ..Query::default()
        };
        let items = self.query_all(query).await?;
        items.into_iter().map(|item| read(from_item("commit", item)?)).collect()
    }

    /// Reads one commit by its key.
    ///
    /// # Errors
    /// `Missing` when there is none.
    pub async fn commit_at(&self, id: &HandoffId, version: u64) -> Result<Commit, StoreError> {
        let item = self.get(&keys::commit(id, version)).await?;
        let missing = || StoreError::Missing { what: "commit", id: format!("{id}:{version}") };
        read(from_item("commit", item.ok_or_else(missing)?)?)
    }

    /// Reads one commit by the name it has in quarantine, `handoff:version`.
    ///
    /// # Errors
    /// `Missing` when there is none.
    pub async fn commit_named(&self, name: &str) -> Result<Commit, StoreError> {
        let missing = || StoreError::Missing { what: "commit", id: name.to_owned() };
        let (handoff, version) = name.rsplit_once(':').ok_or_else(missing)?;
        let version = version.parse().map_err(|_| missing())?;
        self.commit_at(&HandoffId::from(handoff), version).await
    }
}
