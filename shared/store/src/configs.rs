//! Configurations: immutable versions, and a pointer to the active one. Parts are kept by content,
//! so an unchanged part is stored once.

use crate::{
    Store, StoreError,
    item::{bytes, from_item, gunzip, gzip, number, number_of, to_item},
    keys,
    lists::Roster,
    transaction::{Guard, Transaction, marked},
};
use chrono::{DateTime, Utc};
use domain::AttemptId;
use serde::{Deserialize, Serialize};

/// Packed bytes a part holds.
const PART_BYTES: usize = 350_000;

#[derive(Serialize, Deserialize)]
struct VersionRow {
    parts: Vec<String>,
    #[serde(with = "chrono::serde::ts_milliseconds")]
    stored_at: DateTime<Utc>,
}

/// A stored configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConfig {
    /// Its version.
    pub version: u64,
    /// The file's text.
    pub text: String,
}

/// Tells when a version's change is due: long ago, and each at a time of its own.
fn due_of_version(version: u64) -> DateTime<Utc> {
    let millis = i64::try_from(version).unwrap_or_default();
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

impl Store {
    /// Reads the number of the active version; none before the first push.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn active_version(&self) -> Result<Option<u64>, StoreError> {
        let item = self.get(&keys::config_active()).await?;
        let version = item.and_then(|item| number_of(&item, "version"));
        Ok(version.and_then(|version| u64::try_from(version).ok()))
    }

    /// Reads when the first version was stored; none before that.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn first_config_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let item = self.get(&keys::config_version(1)).await?;
        let row = item.map(|item| from_item::<VersionRow>("configuration", item)).transpose()?;
        Ok(row.map(|row| row.stored_at))
    }

    /// Reads the active version; none before the first push.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn active_config(&self) -> Result<Option<StoredConfig>, StoreError> {
        match self.active_version().await? {
            Some(version) => Ok(Some(self.config(version).await?)),
            None => Ok(None),
        }
    }

    /// Reads a version.
    ///
    /// # Errors
    /// `Missing` when there is no such version.
    pub async fn config(&self, version: u64) -> Result<StoredConfig, StoreError> {
        let missing = || StoreError::Missing { what: "configuration", id: version.to_string() };
        let item = self.get(&keys::config_version(version)).await?.ok_or_else(missing)?;
        let row: VersionRow = from_item("configuration", item)?;
        let found = self.get_many(row.parts.iter().map(|part| keys::config_part(part))).await?;
        let mut packed = Vec::new();
        for part in &row.parts {
            let item = found.get(&keys::config_part(part)).ok_or_else(missing)?;
            let blob = item.get("packed").and_then(|value| value.as_b().ok());
            packed.extend_from_slice(blob.ok_or_else(missing)?.as_ref());
        }
        let plain = gunzip("configuration", &packed)?;
        let malformed = |error: std::string::FromUtf8Error| StoreError::Malformed {
            what: "configuration",
            reason: error.to_string(),
        };
        Ok(StoredConfig { version, text: String::from_utf8(plain).map_err(malformed)? })
    }

    /// Stores a configuration as the version after `after` and makes it the active one.
    ///
    /// # Errors
    /// `Conflict` when somebody else pushed first.
    pub async fn push_config(
        &self,
        text: &str,
        after: Option<u64>,
        attempt: &AttemptId,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let version = after.unwrap_or(0) + 1;
        let packed = gzip(text.as_bytes());
        let mut parts = Vec::new();
        for chunk in packed.chunks(PART_BYTES) {
            let hash = keys::hash(&[&format!("{chunk:?}")]);
            let mut item = crate::item::key_item(&keys::config_part(&hash));
            item.insert("packed".to_owned(), bytes(chunk.to_vec()));
            self.put(item).await?;
            parts.push(hash);
        }
        let row = VersionRow { parts, stored_at: now };
        let mut transaction = Transaction::new(attempt);
        let item = to_item("configuration", &keys::config_version(version), &row)?;
        let item = marked(item, attempt);
        let once = Some(("attribute_not_exists(pk)", vec![]));
        transaction.put(self, Guard::Commit, item, once)?;
        let mut active = crate::item::key_item(&keys::config_active());
        active.insert("version".to_owned(), number(version));
        let condition = match after {
            None => ("attribute_not_exists(pk)", vec![]),
            Some(after) => {
                // Whoever waits may have somebody now. Each version is due once, whatever the
                // pusher's clock says.
                active.extend(Roster::Config.due(due_of_version(version)));
                ("version = :after", vec![(":after", number(after))])
            }
        };
        transaction.put(self, Guard::Changed, active, Some(condition))?;
        transaction.commit(self).await?;
        Ok(version)
    }
}
