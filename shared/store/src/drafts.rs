//! Drafts: what somebody has typed into a form and not sent yet, so that nothing they wrote is
//! lost. One for each person and type; the later one stands, and after thirty days none does.

use crate::{
    Store, StoreError,
    item::{Item, Query, gunzip, gzip, key_item, number, number_of, text, text_of},
    keys::{self, SK, TTL},
};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use chrono::{DateTime, Duration, Utc};
use domain::{PersonId, TypeKey};

/// How long a draft is kept.
const KEPT_DAYS: i64 = 30;

/// A form that was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The type it would open.
    pub kind: TypeKey,
    /// What was typed, as the desk wrote it.
    pub text: String,
    /// When it was saved.
    pub at: DateTime<Utc>,
}

impl Store {
    /// Keeps what somebody typed, instead of what they had typed before.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer, `Refused` when it is too large.
    pub async fn put_draft(&self, person: &PersonId, draft: &Draft) -> Result<(), StoreError> {
        let mut item = key_item(&keys::draft(person, draft.kind.as_str()));
        let packed = gzip(draft.text.as_bytes());
        item.insert("typed".to_owned(), AttributeValue::B(Blob::new(packed)));
        item.insert("at".to_owned(), number(draft.at.timestamp_millis()));
        let forgotten = draft.at + Duration::days(KEPT_DAYS);
        item.insert(TTL.to_owned(), number(forgotten.timestamp()));
        self.put(item).await
    }

    /// Reads what somebody has typed for a type.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn draft(&self, person: &PersonId, kind: &str) -> Result<Option<Draft>, StoreError> {
        let item = self.get(&keys::draft(person, kind)).await?;
        Ok(item.map(|item| draft_of(&item)).transpose()?.flatten())
    }

    /// Lists somebody's drafts, by type.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn drafts(&self, person: &PersonId) -> Result<Vec<Draft>, StoreError> {
        let query = Query {
            condition: "pk = :person",
            values: vec![(":person", text(keys::drafts(person)))],
            ..Query::default()
        };
        let rows = self.query_all(query).await?;
        let drafts = rows.iter().map(|item| draft_of(item).transpose());
        drafts.flatten().collect()
    }

    /// Forgets what somebody has typed: an empty row takes its place until the table drops it.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn forget_draft(
        &self,
        person: &PersonId,
        kind: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut item = key_item(&keys::draft(person, kind));
        item.insert(TTL.to_owned(), number(now.timestamp()));
        self.put(item).await
    }
}

/// Reads a row; nothing, where the draft is forgotten.
fn draft_of(item: &Item) -> Result<Option<Draft>, StoreError> {
    let Some(AttributeValue::B(packed)) = item.get("typed") else { return Ok(None) };
    let typed = gunzip("draft", packed.as_ref())?;
    let ms = number_of(item, "at").unwrap_or(0);
    Ok(Some(Draft {
        kind: text_of(item, SK).unwrap_or_default().as_str().into(),
        text: String::from_utf8_lossy(&typed).into_owned(),
        at: DateTime::from_timestamp_millis(ms).unwrap_or_default(),
    }))
}
