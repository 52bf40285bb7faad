//! Feedback sessions: when two teams sat together over examples of their handoffs. Rows are kept
//! for good, like the numbers they stand beside.

use crate::{
    Store, StoreError,
    item::{Item, Query, gunzip, gzip, key_item, text},
    keys,
};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{PersonId, examples::Examples};
use serde::{Deserialize, Serialize};

/// One feedback session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The day it was held on.
    pub held_on: NaiveDate,
    /// The teams that took part.
    pub teams: Vec<String>,
    /// What came of it.
    pub notes: String,
    /// What was talked about.
    pub examples: Examples,
    /// Who wrote this down.
    pub by: PersonId,
    /// When.
    pub at: DateTime<Utc>,
}

impl Store {
    /// Reads a session.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn session(
        &self,
        held_on: NaiveDate,
        id: &str,
    ) -> Result<Option<Session>, StoreError> {
        let item = self.get(&keys::session(held_on, id)).await?;
        item.as_ref().and_then(session_of).transpose().map(Option::flatten)
    }

    /// Keeps a session; one of the same day and id before it is forgotten.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer, `Refused` when it is too large.
    pub async fn put_session(&self, session: &Session) -> Result<(), StoreError> {
        let mut item = key_item(&keys::session(session.held_on, &session.id));
        let said = serde_json::to_vec(session).unwrap_or_default();
        item.insert("said".to_owned(), AttributeValue::B(Blob::new(gzip(&said))));
        self.put(item).await
    }

    /// Lists the sessions that were held from one day to another, both included, oldest first.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn sessions(
        &self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<Session>, StoreError> {
        let (first, last) = keys::sessions_between(from, to);
        let query = Query {
            condition: "pk = :sessions AND sk BETWEEN :first AND :last",
            values: vec![
                (":sessions", text(keys::SESSIONS)),
                (":first", text(first)),
                (":last", text(last)),
            ],
            ..Query::default()
        };
        let rows = self.query_all(query).await?;
        let read = rows.iter().filter_map(session_of);
        read.filter_map(Result::transpose).collect()
    }
}

/// Reads a row; one of a newer version that cannot be read is left out, not the end of the list.
fn session_of(item: &Item) -> Option<Result<Option<Session>, StoreError>> {
    let Some(AttributeValue::B(packed)) = item.get("said") else { return None };
    let said = gunzip("session", packed.as_ref());
    Some(said.map(|said| serde_json::from_slice::<Session>(&said).ok()))
}
