//! A running system, looked at from outside: what it has stored, what still waits, what it takes up.
//!
//! Its files are read beside it and never written; what it has open is the kernel's to tell, where
//! it tells that.

use std::{fs, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

/// What waits to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Messages in queues.
    pub(crate) messages: i64,
    /// Commits in the stream that a consumer has not seen.
    pub(crate) commits: i64,
    /// The newest record of the stream: as long as it moves, somebody works.
    pub(crate) head: i64,
}

impl Waiting {
    /// Reads it.
    pub(crate) fn read(data: &Path) -> rusqlite::Result<Self> {
        let cloud = open(&data.join("cloud.sqlite"))?;
        let table = open(&data.join("dynamodb.sqlite"))?;
        let messages = cloud.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))?;
        let position: Option<i64> =
            cloud.query_row("SELECT min(position) FROM positions", [], |row| row.get(0))?;
        let (commits, head) = table.query_row(
            "SELECT count(*) FILTER (WHERE id > ?1 AND event_name = 'INSERT'
                AND substr(keys_json ->> '$.sk.S', 1, 7) = 'COMMIT#'), coalesce(max(id), 0)
             FROM _stream_records",
            [position.unwrap_or(0)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(Self { messages, commits, head })
    }

    /// Tells whether nothing waits.
    pub(crate) fn is_over(self) -> bool {
        self.messages == 0 && self.commits == 0
    }
}

/// How many webhooks are stored whole.
pub(crate) fn receipts(data: &Path) -> rusqlite::Result<i64> {
    let query = "SELECT count(DISTINCT pk) FROM \"handoff\" WHERE pk LIKE 'S:RECEIPT#%'";
    open(&data.join("dynamodb.sqlite"))?.query_row(query, [], |row| row.get(0))
}

/// How many files and connections a process has open.
pub(crate) fn open_files(process: &str) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{process}/fd")).ok()?.count())
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}
