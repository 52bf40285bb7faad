//! The topic's subscriptions: who was invited, who confirmed, and what they let through.

use super::Ledger;
use crate::state::StateError;
use rusqlite::{OptionalExtension, params};

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS subscriptions (
        id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, protocol TEXT NOT NULL,
        endpoint TEXT NOT NULL, policy TEXT, confirmed INTEGER NOT NULL DEFAULT 0,
        UNIQUE (topic, protocol, endpoint));
";

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscribed {
    /// Its number.
    pub(crate) id: i64,
    /// The topic.
    pub(crate) topic: String,
    /// How it is delivered.
    pub(crate) protocol: String,
    /// Where to.
    pub(crate) endpoint: String,
    /// What it lets through; none lets everything.
    pub(crate) policy: Option<String>,
    /// Whether its reader confirmed it.
    pub(crate) confirmed: bool,
}

impl Ledger {
    /// Keeps a subscription that was asked for, unless the endpoint has one; tells which it has.
    pub(crate) fn subscribe(
        &self,
        topic: &str,
        (protocol, endpoint): (&str, &str),
        policy: Option<&str>,
    ) -> Result<Subscribed, StateError> {
        let insert = "INSERT INTO subscriptions (topic, protocol, endpoint, policy)
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        self.connection.with("keep a subscription", |connection| {
            let values = params![topic, protocol, endpoint, policy];
            connection.prepare_cached(insert)?.execute(values)?;
            let query = "SELECT * FROM subscriptions
                 WHERE topic = ?1 AND protocol = ?2 AND endpoint = ?3";
            connection.prepare_cached(query)?.query_row([topic, protocol, endpoint], subscribed)
        })
    }

    /// Lists a topic's subscriptions after a number, oldest first, up to a hundred.
    pub(crate) fn subscriptions(
        &self,
        topic: &str,
        after: i64,
    ) -> Result<Vec<Subscribed>, StateError> {
        self.connection.with("read the subscriptions", |connection| {
            let query = "SELECT * FROM subscriptions WHERE topic = ?1 AND id > ?2
                 ORDER BY id LIMIT 100";
            let mut statement = connection.prepare_cached(query)?;
            statement.query_map(params![topic, after], subscribed)?.collect()
        })
    }

    /// Finds a subscription by its number.
    pub(crate) fn subscription(&self, id: i64) -> Result<Option<Subscribed>, StateError> {
        self.connection.with("read a subscription", |connection| {
            let query = "SELECT * FROM subscriptions WHERE id = ?1";
            connection.prepare_cached(query)?.query_row([id], subscribed).optional()
        })
    }

    /// Has a subscription let something else through.
    pub(crate) fn set_policy(&self, id: i64, policy: Option<&str>) -> Result<(), StateError> {
        let update = "UPDATE subscriptions SET policy = ?2 WHERE id = ?1";
        self.connection.with("change a subscription", |connection| {
            connection.prepare_cached(update)?.execute(params![id, policy]).map(|_| ())
        })
    }

    /// Notes that a subscription's reader confirmed it.
    pub(crate) fn confirm(&self, id: i64) -> Result<(), StateError> {
        let update = "UPDATE subscriptions SET confirmed = 1 WHERE id = ?1";
        self.connection.with("confirm a subscription", |connection| {
            connection.prepare_cached(update)?.execute([id]).map(|_| ())
        })
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(&self, id: i64) -> Result<(), StateError> {
        self.connection.with("end a subscription", |connection| {
            let delete = "DELETE FROM subscriptions WHERE id = ?1";
            connection.prepare_cached(delete)?.execute([id]).map(|_| ())
        })
    }
}

fn subscribed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Subscribed> {
    Ok(Subscribed {
        id: row.get(0)?,
        topic: row.get(1)?,
        protocol: row.get(2)?,
        endpoint: row.get(3)?,
        policy: row.get(4)?,
        confirmed: row.get(5)?,
    })
}
