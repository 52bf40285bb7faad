//! What the local cloud must not forget: a small SQLite store beside the database.
//!
//! It holds how far each stream consumer has come, the messages waiting in queues, the outbox, when
//! each schedule last ran, and what was given up. The order of writes is what makes a kill at any
//! moment safe: an event is stored with its queue messages before its sender hears "accepted", a
//! consumer's position moves only after its invocation ended, a message goes only when it has been
//! handled. So after a kill things happen again, and nothing is missed.

mod subscriptions;

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::engine::{EngineError, connect, refuse_damaged};
use crate::outbox::{OutboxEntry, Sent, envelope, message_id};
use crate::state::{Shared, StateError};

pub(crate) use subscriptions::Subscribed;

/// How many outbox entries are kept.
pub const OUTBOX_KEPT: i64 = 10_000;

/// How long a message is on its way from the bus to a function.
const BUS_LATENCY: TimeDelta = TimeDelta::milliseconds(150);

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS positions (
        consumer TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS firings (
        schedule TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body TEXT NOT NULL,
        sent_ms INTEGER NOT NULL, visible_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages (queue, visible_ms, id);
    CREATE TABLE IF NOT EXISTS outbox (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, sent TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS dead_letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, source TEXT NOT NULL,
        body TEXT NOT NULL, reason TEXT NOT NULL);
    -- No other process holds what the last one had taken, and this one's clock may start earlier.
    UPDATE messages SET visible_ms = 0;
";

/// What a directory of an earlier version lacks: how often a message's function failed it.
const FAILURES: &str = "ALTER TABLE messages ADD COLUMN failures INTEGER NOT NULL DEFAULT 0";

/// Writes a file anew, without what was deleted from it.
pub(crate) const WIPE: &str = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE);";

/// The store; clones share one connection.
#[derive(Clone, Debug)]
pub struct Ledger {
    connection: Shared,
}

/// A message taken from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number, from 1 over all queues.
    pub id: i64,
    /// What was sent.
    pub body: String,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
    /// How often it has been taken, this time included.
    pub tries: u32,
    /// How often its function failed it. Where it was taken more often, nothing came of it: the
    /// process was stopped meanwhile.
    pub failures: u32,
}

/// Something that was given up: the operator's to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// When it was given up.
    pub at: DateTime<Utc>,
    /// The queue or the stream's consumer it was meant for.
    pub source: String,
    /// The message's body, or the record's keys.
    pub body: String,
    /// What the function said last.
    pub reason: String,
}

impl Ledger {
    /// Opens the store, made if it is missing.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        refuse_damaged(path)?;
        let open = || -> rusqlite::Result<Connection> {
            let connection = connect(path)?;
            connection.execute_batch(SCHEMA)?;
            connection.execute_batch(subscriptions::SCHEMA)?;
            if !connection.column_exists(None, "messages", "failures")? {
                connection.execute_batch(FAILURES)?;
            }
            Ok(connection)
        };
        let connection = open().map_err(|error| EngineError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self { connection: Shared::new(connection) })
    }

    /// How far a consumer has come in the stream; 0 before its first record.
    pub fn position(&self, consumer: &str) -> Result<i64, StateError> {
        let query = "SELECT position FROM positions WHERE consumer = ?1";
        self.connection.with("read a position", |connection| {
            let found = connection.prepare_cached(query)?.query_row([consumer], |row| row.get(0));
            Ok(found.optional()?.unwrap_or(0))
        })
    }

    /// Stores how far a consumer has come.
    pub fn move_position(&self, consumer: &str, position: i64) -> Result<(), StateError> {
        self.connection
            .with("store a position", |connection| set_position(connection, consumer, position))
    }

    /// Gives up one record of the stream: its dead letter and the consumer's way past it.
    pub fn skip_record(
        &self,
        consumer: &str,
        position: i64,
        letter: &DeadLetter,
    ) -> Result<(), StateError> {
        self.connection.with("give up a record", |connection| {
            let transaction = connection.transaction()?;
            bury(&transaction, letter)?;
            set_position(&transaction, consumer, position)?;
            transaction.commit()
        })
    }

    /// When a schedule last ran to its end.
    pub fn fired(&self, schedule: &str) -> Result<Option<DateTime<Utc>>, StateError> {
        let query = "SELECT at_ms FROM firings WHERE schedule = ?1";
        self.connection.with("read a schedule's last run", |connection| {
            let found = connection.prepare_cached(query)?.query_row([schedule], |row| row.get(0));
            Ok(found.optional()?.map(instant))
        })
    }

    /// Stores that a schedule ran to its end; an earlier run that ends later changes nothing.
    pub fn mark_fired(&self, schedule: &str, at: DateTime<Utc>) -> Result<(), StateError> {
        let upsert = "INSERT INTO firings VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)";
        self.connection.with("store a schedule's run", |connection| {
            connection.prepare_cached(upsert)?.execute(params![schedule, at.timestamp_millis()])?;
            Ok(())
        })
    }

    /// Stores a message to the topic; returns its id.
    pub fn publish(&self, now: DateTime<Utc>, sent: &Sent) -> Result<String, StateError> {
        self.connection.with("store a message", |connection| {
            let transaction = connection.transaction()?;
            let sequence = insert_sent(&transaction, now, sent)?;
            transaction.commit()?;
            Ok(message_id(sequence))
        })
    }

    /// Stores bus events, each with one message for every queue it goes to; returns their ids.
    pub fn put_events(
        &self,
        now: DateTime<Utc>,
        events: &[(Sent, Vec<String>)],
    ) -> Result<Vec<String>, StateError> {
        self.connection.with("store bus events", |connection| {
            let transaction = connection.transaction()?;
            let mut ids = Vec::with_capacity(events.len());
            for (sent, queues) in events {
                let id = message_id(insert_sent(&transaction, now, sent)?);
                let Sent::Bus { source, detail_type, time, detail, .. } = sent else {
                    continue;
                };
                let body = envelope(&id, source, detail_type, *time, detail).to_string();
                for queue in queues {
                    insert_message(&transaction, now, queue, &body)?;
                }
                ids.push(id);
            }
            transaction.commit()?;
            Ok(ids)
        })
    }

    /// Says for each queue that is not empty when its next message can be taken.
    pub fn waiting(&self) -> Result<Vec<(String, DateTime<Utc>)>, StateError> {
        let query = "SELECT queue, min(visible_ms) FROM messages GROUP BY queue ORDER BY queue";
        self.connection.with("look at the queues", |connection| {
            let mut statement = connection.prepare_cached(query)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, instant(row.get(1)?))))?;
            rows.collect()
        })
    }

    /// Takes up to `limit` messages; nobody else gets them before `until`.
    pub fn take(
        &self,
        queue: &str,
        limit: usize,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Message>, StateError> {
        let query = "SELECT id, body, sent_ms, tries + 1, failures FROM messages
             WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY visible_ms, id LIMIT ?3";
        let hide = "UPDATE messages SET visible_ms = ?2, tries = tries + 1 WHERE id = ?1";
        self.connection.with("take messages from a queue", |connection| {
            let transaction = connection.transaction()?;
            let messages: Vec<Message> = transaction
                .prepare_cached(query)?
                .query_map(params![queue, now.timestamp_millis(), limit as i64], |row| {
                    let (id, body, sent_at) = (row.get(0)?, row.get(1)?, instant(row.get(2)?));
                    Ok(Message { id, body, sent_at, tries: row.get(3)?, failures: row.get(4)? })
                })?
                .collect::<rusqlite::Result<_>>()?;
            for message in &messages {
                let until_ms = until.timestamp_millis();
                transaction.prepare_cached(hide)?.execute(params![message.id, until_ms])?;
            }
            transaction.commit()?;
            Ok(messages)
        })
    }

    /// Puts messages back that were taken and not delivered, each until its time.
    pub(crate) fn put_off(&self, messages: &[(i64, DateTime<Utc>)]) -> Result<(), StateError> {
        let back = "UPDATE messages SET visible_ms = ?2, tries = tries - 1 WHERE id = ?1";
        self.connection.with("put messages back", |connection| {
            for (id, until) in messages {
                connection.prepare_cached(back)?.execute(params![id, until.timestamp_millis()])?;
            }
            Ok(())
        })
    }

    /// Removes messages: those that were handled, and those given up with their dead letters; those
    /// that failed stay, one failure richer.
    pub fn settle(
        &self,
        handled: &[i64],
        failed: &[i64],
        given_up: &[(i64, DeadLetter)],
    ) -> Result<(), StateError> {
        let fail = "UPDATE messages SET failures = failures + 1 WHERE id = ?1";
        let delete = "DELETE FROM messages WHERE id = ?1";
        self.connection.with("settle messages", |connection| {
            let transaction = connection.transaction()?;
            for id in handled {
                transaction.prepare_cached(delete)?.execute([id])?;
            }
            for id in failed {
                transaction.prepare_cached(fail)?.execute([id])?;
            }
            for (id, letter) in given_up {
                transaction.prepare_cached(delete)?.execute([id])?;
                bury(&transaction, letter)?;
            }
            transaction.commit()
        })
    }

    /// Lists what was sent, oldest first: the newest [`OUTBOX_KEPT`].
    pub fn outbox(&self) -> Result<Vec<OutboxEntry>, StateError> {
        self.outbox_after(0)
    }

    /// Lists what was sent after an entry, oldest first.
    pub fn outbox_after(&self, sequence: i64) -> Result<Vec<OutboxEntry>, StateError> {
        self.connection.with("read the outbox", |connection| {
            let query =
                "SELECT sequence, at_ms, sent FROM outbox WHERE sequence > ?1 ORDER BY sequence";
            let mut statement = connection.prepare_cached(query)?;
            let rows = statement.query_map([sequence], |row| {
                let (sequence, text): (i64, String) = (row.get(0)?, row.get(2)?);
                let (at, message_id) = (instant(row.get(1)?), message_id(sequence));
                let sent = serde_json::from_str(&text).map_err(to_sql)?;
                Ok(OutboxEntry { sequence, at, message_id, sent })
            })?;
            rows.collect()
        })
    }

    /// Forgets what was sent and given up with one of these texts in it; returns how far every
    /// consumer of the stream has come.
    pub(crate) fn forget(&self, texts: &[String]) -> Result<i64, StateError> {
        self.connection.with("forget what was sent", |connection| {
            for text in texts {
                for (table, column) in [("outbox", "sent"), ("dead_letters", "body")] {
                    let named = format!("instr(lower({column}), lower(?1)) > 0");
                    connection.execute(&format!("DELETE FROM {table} WHERE {named}"), [text])?;
                }
            }
            connection.execute_batch(WIPE)?;
            let past = "SELECT coalesce(min(position), 0) FROM positions";
            connection.query_row(past, [], |row| row.get(0))
        })
    }

    /// Lists what was given up, oldest first.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>, StateError> {
        self.connection.with("read the dead letters", |connection| {
            let query = "SELECT at_ms, source, body, reason FROM dead_letters ORDER BY id";
            let mut statement = connection.prepare_cached(query)?;
            let rows = statement.query_map([], |row| {
                let (at, source) = (instant(row.get(0)?), row.get(1)?);
                Ok(DeadLetter { at, source, body: row.get(2)?, reason: row.get(3)? })
            })?;
            rows.collect()
        })
    }
}

fn set_position(connection: &Connection, consumer: &str, position: i64) -> rusqlite::Result<()> {
    let upsert = "INSERT INTO positions VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET position = excluded.position";
    connection.prepare_cached(upsert)?.execute(params![consumer, position])?;
    Ok(())
}

fn bury(connection: &Connection, letter: &DeadLetter) -> rusqlite::Result<()> {
    let insert = "INSERT INTO dead_letters (at_ms, source, body, reason) VALUES (?1, ?2, ?3, ?4)";
    let at_ms = letter.at.timestamp_millis();
    let values = params![at_ms, letter.source, letter.body, letter.reason];
    connection.prepare_cached(insert)?.execute(values)?;
    Ok(())
}

fn insert_sent(
    transaction: &Transaction<'_>,
    now: DateTime<Utc>,
    sent: &Sent,
) -> rusqlite::Result<i64> {
    let text = serde_json::to_string(sent).map_err(to_sql)?;
    let insert = "INSERT INTO outbox (at_ms, sent) VALUES (?1, ?2)";
    transaction.prepare_cached(insert)?.execute(params![now.timestamp_millis(), text])?;
    let sequence = transaction.last_insert_rowid();
    let trim = "DELETE FROM outbox WHERE sequence <= ?1";
    transaction.prepare_cached(trim)?.execute([sequence - OUTBOX_KEPT])?;
    Ok(sequence)
}

fn insert_message(
    transaction: &Transaction<'_>,
    now: DateTime<Utc>,
    queue: &str,
    body: &str,
) -> rusqlite::Result<()> {
    let insert = "INSERT INTO messages (queue, body, sent_ms, visible_ms) VALUES (?1, ?2, ?3, ?4)";
    let visible_ms = (now + BUS_LATENCY).timestamp_millis();
    let values = params![queue, body, now.timestamp_millis(), visible_ms];
    transaction.prepare_cached(insert)?.execute(values)?;
    Ok(())
}

fn instant(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

fn to_sql(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
