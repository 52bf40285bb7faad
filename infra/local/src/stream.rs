//! The table's stream: what each commit changed, in the order it was stored.
//!
//! The engine writes a stream record in the same SQLite transaction as the item, so it is there if
//! and only if the item is. It is read here through a second connection, filtered as the event
//! source mappings filter on AWS: only new commit rows reach the consumers. A record is numbered
//! by its row, which the engine counts up from one and never uses twice: the engine's own sequence
//! numbers follow the system's clock, and two equal runs would not be equal.

use std::path::Path;

use aws_lambda_events::event::dynamodb::{EventRecord, StreamViewType};
use chrono::{DateTime, Utc};
use rusqlite::types::Type;
use rusqlite::{Row, params};
use serde_json::Value;

use crate::engine::{self, EngineError};
use crate::ledger::WIPE;
use crate::state::{Shared, StateError};

/// What is added to a record's number: sequence numbers have 21 digits, so text sorts as numbers.
const SEQUENCE_BASE: u128 = 100_000_000_000_000_000_000;

/// How many records are deleted at a time, so that the table's writers do not wait.
const TRIM_CHUNK: i64 = 2_000;

/// The filter of the event source mappings, in SQL.
const IS_NEW_COMMIT: &str =
    "event_name = 'INSERT' AND substr(keys_json ->> '$.sk.S', 1, 7) = 'COMMIT#'";

/// One table's stream; clones read through one connection.
#[derive(Clone, Debug)]
pub struct Stream {
    connection: Shared,
    table: String,
}

/// One record that passed the filter.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its place in the stream, from 1.
    pub number: i64,
    /// The record as the functions get it.
    pub change: EventRecord,
}

/// What happened to one row, whichever it is.
#[derive(Clone, Debug)]
pub struct RowChange {
    /// Its place in the stream, from 1.
    pub number: i64,
    /// The row's key.
    pub keys: serde_dynamo::Item,
    /// The row as it is now; empty when it is gone.
    pub new: serde_dynamo::Item,
}

/// What the stream holds after a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// The last record of all, filtered or not; 0 if there is none.
    pub head: i64,
    /// The last record that passes the filter.
    pub last_commit: Option<i64>,
}

impl Stream {
    /// Opens the stream of `table` in the engine's database file.
    pub fn open(file: &Path, table: &str) -> Result<Self, EngineError> {
        let connection = engine::connect(file).map_err(|error| EngineError::Damaged {
            path: file.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self { connection: Shared::new(connection), table: table.to_owned() })
    }

    /// Reads up to `limit` commits after a place; `now` is when they count as created.
    pub fn read_after(
        &self,
        position: i64,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<Record>, StateError> {
        let query = format!(
            "SELECT id, event_name, keys_json, new_image, old_image FROM _stream_records
             WHERE id > ?1 AND table_name = ?2 AND {IS_NEW_COMMIT} ORDER BY id LIMIT ?3"
        );
        self.connection.with("read the table's stream", |connection| {
            let mut statement = connection.prepare_cached(&query)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement
                .query_map(params![position, self.table, limit], |row| self.record(row, now))?;
            rows.collect()
        })
    }

    /// Reads every change of every row after a place, as long as it was not trimmed: for whoever
    /// checks what no consumer sees.
    pub fn changes_after(&self, position: i64) -> Result<Vec<RowChange>, StateError> {
        let query = "SELECT id, keys_json, new_image FROM _stream_records
             WHERE id > ?1 AND table_name = ?2 ORDER BY id";
        self.connection.with("read the table's stream", |connection| {
            let mut statement = connection.prepare_cached(query)?;
            let rows = statement.query_map(params![position, self.table], |row| {
                let mut size = 0;
                let (keys, new) = (image(row, 1, &mut size)?, image(row, 2, &mut size)?);
                Ok(RowChange { number: row.get(0)?, keys, new })
            })?;
            rows.collect()
        })
    }

    /// Says what is new after a place.
    pub fn news(&self, after: i64) -> Result<News, StateError> {
        let query = format!(
            "SELECT max(id), max(id) FILTER (WHERE {IS_NEW_COMMIT}) FROM _stream_records
             WHERE id > ?1 AND table_name = ?2"
        );
        self.connection.with("look at the table's stream", |connection| {
            connection.prepare_cached(&query)?.query_row(params![after, self.table], |row| {
                let head: Option<i64> = row.get(0)?;
                Ok(News { head: head.unwrap_or(after), last_commit: row.get(1)? })
            })
        })
    }

    /// Says which record is the last; 0 if there is none.
    pub fn head(&self) -> Result<i64, StateError> {
        let query = "SELECT coalesce(max(id), 0) FROM _stream_records WHERE table_name = ?1";
        self.connection.with("look at the table's stream", |connection| {
            connection.query_row(query, [&self.table], |row| row.get(0))
        })
    }

    /// Deletes the records up to `position`, but keeps the newest: the engine counts on from it.
    pub fn trim(&self, position: i64) -> Result<usize, StateError> {
        let delete = "DELETE FROM _stream_records WHERE id IN (
                SELECT id FROM _stream_records WHERE table_name = ?1 AND id <= ?2
                AND id < (SELECT max(id) FROM _stream_records WHERE table_name = ?1)
                ORDER BY id LIMIT ?3)";
        self.connection.with("trim the table's stream", |connection| {
            let mut trimmed = 0;
            loop {
                let gone = connection.execute(delete, params![self.table, position, TRIM_CHUNK])?;
                trimmed += gone;
                if gone == 0 {
                    return Ok(trimmed);
                }
            }
        })
    }

    /// Forgets what no consumer will ask for: what they are past, and whatever is no new commit. The
    /// newest stays, for the engine counts on from it, without what it shows.
    pub(crate) fn forget(&self, past: i64) -> Result<(), StateError> {
        let delete = format!(
            "DELETE FROM _stream_records WHERE table_name = ?1 AND (id <= ?2 OR NOT ({IS_NEW_COMMIT}))
             AND id < (SELECT max(id) FROM _stream_records WHERE table_name = ?1)"
        );
        let empty = format!(
            "UPDATE _stream_records SET new_image = NULL, old_image = NULL
             WHERE table_name = ?1 AND (id <= ?2 OR NOT ({IS_NEW_COMMIT}))"
        );
        self.connection.with("forget the table's stream", |connection| {
            connection.execute(&delete, params![self.table, past])?;
            connection.execute(&empty, params![self.table, past])?;
            connection.execute_batch(WIPE)
        })
    }

    /// Adds what changed in a table that another engine holds: records as `GetRecords` gives them.
    pub(crate) fn append(&self, changes: &[Value]) -> Result<(), StateError> {
        let insert = "INSERT INTO _stream_records (table_name, event_name, keys_json, new_image,
                old_image, sequence_number, shard_id, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)";
        let text = |value: &Value| (!value.is_null()).then(|| value.to_string());
        self.connection.with("copy a table's stream", |connection| {
            let transaction = connection.transaction()?;
            for change in changes {
                let (name, data) = (change["eventName"].as_str(), &change["dynamodb"]);
                let (keys, number) = (text(&data["Keys"]), data["SequenceNumber"].as_str());
                let (new, old) = (text(&data["NewImage"]), text(&data["OldImage"]));
                let row = params![self.table, name, keys, new, old, number, self.shard()];
                transaction.prepare_cached(insert)?.execute(row)?;
            }
            transaction.commit()
        })
    }

    /// The shard's id; there is one.
    pub fn shard(&self) -> String {
        format!("shardId-00000001-{}", self.table)
    }

    /// The stream's name, as events carry it.
    pub fn arn(&self) -> String {
        format!("arn:aws:dynamodb:local:000000000000:table/{}/stream/local", self.table)
    }

    fn record(&self, row: &Row<'_>, now: DateTime<Utc>) -> rusqlite::Result<Record> {
        let number: i64 = row.get(0)?;
        let mut change = EventRecord::default();
        change.aws_region = "local".to_owned();
        change.event_id = format!("{number:032x}");
        change.event_name = row.get(1)?;
        change.event_source = Some("aws:dynamodb".to_owned());
        change.event_source_arn = Some(self.arn());
        change.event_version = Some("1.1".to_owned());
        change.change.approximate_creation_date_time = now;
        change.change.sequence_number = Some(sequence(number));
        change.change.stream_view_type = Some(StreamViewType::NewAndOldImages);
        let mut size = 0;
        change.change.keys = image(row, 2, &mut size)?;
        change.change.new_image = image(row, 3, &mut size)?;
        change.change.old_image = image(row, 4, &mut size)?;
        change.change.size_bytes = i64::try_from(size).unwrap_or(i64::MAX);
        Ok(Record { number, change })
    }
}

/// The sequence number a record is delivered and failed under.
pub(crate) fn sequence(number: i64) -> String {
    (SEQUENCE_BASE + u128::try_from(number).unwrap_or(0)).to_string()
}

fn image(row: &Row<'_>, column: usize, size: &mut usize) -> rusqlite::Result<serde_dynamo::Item> {
    let Some(text) = row.get::<_, Option<String>>(column)? else {
        return Ok(serde_dynamo::Item::default());
    };
    *size += text.len();
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}
