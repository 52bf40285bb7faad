//! DynamoDB on this machine: the dynoxide engine, served on loopback over a database file.
//!
//! The store's SDK client talks to it as it talks to AWS. It needs a file even for a run that keeps
//! nothing, because the table's stream is read through a second connection, and because the engine
//! looks up the last stream record at each write: without the index made here that is a scan.
//! Tables are made by the store, through the SDK. A file that cannot be read is left as it is.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dynoxide::Database;
use rusqlite::{Connection, OpenFlags};

use crate::background::Background;
use crate::directory::Directory;

/// The database file's name in the data directory.
const DATABASE: &str = "dynamodb.sqlite";

/// How long a second connection waits for the engine's writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the local cloud cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The directory cannot be made or written.
    #[error(
        "The data directory {} cannot be used: {source}. Give --data a directory that this \
         user can write to.", path.display()
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the directory.
    #[error(
        "The data directory {} is in use by another handoff process. Stop that one, or give \
         --data another directory.", path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file is there that is no database, or a broken one.
    #[error(
        "The data file {} cannot be read as a database ({reason}). Nothing in it was changed: \
         move it away to start afresh, or put a backup in its place.", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// A loopback server cannot start.
    #[error("The local services cannot listen on 127.0.0.1: {source}.")]
    Listen {
        /// What the system said.
        source: io::Error,
    },
}

/// A running engine; dropping it stops it.
pub struct Engine {
    server: Background,
    database: Database,
    directory: Directory,
}

impl Engine {
    /// Starts the engine over a directory, or over a temporary one that goes with it.
    pub fn start(directory: Option<PathBuf>) -> Result<Self, EngineError> {
        let directory = Directory::open(directory)?;
        let path = directory.file(DATABASE);
        refuse_damaged(&path)?;
        let damaged = |reason: String| EngineError::Damaged { path: path.clone(), reason };
        // The engine takes its path as text.
        let text = path.to_str().ok_or_else(|| damaged("its path is not UTF-8".to_owned()))?;
        let database = Database::new(text).map_err(|error| damaged(error.to_string()))?;
        index_stream(&path).map_err(|error| damaged(error.to_string()))?;
        let served = database.clone();
        let server = Background::start("dynamodb", move |listener, stopped| async move {
            let stopped = async {
                let _ = stopped.await;
            };
            if let Err(error) =
                dynoxide::server::serve_with_shutdown(listener, served, stopped).await
            {
                tracing::error!(error, "the local DynamoDB stopped");
            }
        });
        let server = server.map_err(|source| EngineError::Listen { source })?;
        Ok(Self { server, database, directory })
    }

    /// Where an SDK client finds it.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// The database itself, for what AWS does unasked and the engine only when told.
    pub(crate) fn database(&self) -> Database {
        self.database.clone()
    }

    /// The database file.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.file(DATABASE)
    }

    /// The path of another file beside the database.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.file(name)
    }
}

/// Opens a further connection to a database that may be written by another at the same time.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// Refuses a file that SQLite cannot read from end to end, without writing to it.
pub(crate) fn refuse_damaged(path: &Path) -> Result<(), EngineError> {
    if !path.exists() {
        return Ok(());
    }
    let check = || -> rusqlite::Result<String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
    };
    let reason = match check() {
        Ok(said) if said == "ok" => return Ok(()),
        Ok(said) => said,
        Err(error) => error.to_string(),
    };
    Err(EngineError::Damaged { path: path.to_owned(), reason })
}

fn index_stream(path: &Path) -> rusqlite::Result<()> {
    connect(path)?.execute_batch(
        "CREATE INDEX IF NOT EXISTS handoff_stream_by_sequence
         ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::ledger::Ledger;
    use crate::testing::{Scratch, TABLE, create_table, dynamodb, put};

    fn refusal(directory: &Path) -> String {
        match Engine::start(Some(directory.to_owned())) {
            Ok(_) => panic!("{} should be refused", directory.display()),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_directory_keeps_the_table_and_a_temporary_one_goes() {
        let scratch = Scratch::new();
        let engine = Engine::start(Some(scratch.0.join("data"))).unwrap();
        let client = dynamodb(engine.endpoint());
        create_table(&client).await;
        put(&client, "H", "STATE", "kept").await;
        drop(engine);
        let engine = Engine::start(Some(scratch.0.join("data"))).unwrap();
        let found = dynamodb(engine.endpoint()).scan().table_name(TABLE).send().await.unwrap();
        assert_eq!(found.items()[0]["note"].as_s().unwrap(), "kept");

        let engine = Engine::start(None).unwrap();
        let file = engine.file();
        assert!(file.exists());
        drop(engine);
        assert!(!file.parent().unwrap().exists());
    }

    #[tokio::test]
    async fn the_engine_finds_its_last_stream_record_by_the_index() {
        let engine = Engine::start(None).unwrap();
        let plan: String = connect(&engine.file())
            .unwrap()
            .query_row(
                "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
                 FROM _stream_records WHERE table_name = 'handoff'",
                [],
                |row| row.get(3),
            )
            .unwrap();
        assert!(plan.contains("handoff_stream_by_sequence"), "{plan}");
    }

    #[test]
    fn a_directory_has_one_process() {
        let scratch = Scratch::new();
        let _engine = Engine::start(Some(scratch.0.clone())).unwrap();
        let sentence = refusal(&scratch.0);
        assert!(sentence.contains("in use by another handoff process"), "{sentence}");
        assert!(sentence.contains(scratch.0.to_str().unwrap()), "{sentence}");
    }

    #[test]
    fn a_lock_file_without_its_process_is_no_obstacle() {
        let scratch = Scratch::new();
        fs::write(scratch.0.join("lock"), "left by a killed process").unwrap();
        assert!(Engine::start(Some(scratch.0.clone())).is_ok());
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_left_alone() {
        let scratch = Scratch::new();
        for name in [DATABASE, "cloud.sqlite"] {
            let path = scratch.0.join(name);
            fs::write(&path, "this is no database ".repeat(500)).unwrap();
            let sentence = match name {
                DATABASE => refusal(&scratch.0),
                _ => Ledger::open(&path).unwrap_err().to_string(),
            };
            assert!(sentence.contains(path.to_str().unwrap()), "{sentence}");
            assert!(sentence.contains("Nothing in it was changed"), "{sentence}");
            assert_eq!(fs::read_to_string(&path).unwrap(), "this is no database ".repeat(500));
            fs::remove_file(&path).unwrap();
        }
    }

    #[tokio::test]
    async fn a_database_that_is_broken_inside_is_refused_and_left_alone() {
        let scratch = Scratch::new();
        let engine = Engine::start(Some(scratch.0.clone())).unwrap();
        let client = dynamodb(engine.endpoint());
        create_table(&client).await;
        for number in 0..200 {
            put(&client, "H", &format!("COMMIT#{number}"), &"x".repeat(500)).await;
        }
        drop((client, engine));
        let path = scratch.0.join(DATABASE);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 20_000].fill(0xa5);
        fs::write(&path, &bytes).unwrap();
        let sentence = refusal(&scratch.0);
        assert!(sentence.contains("cannot be read as a database"), "{sentence}");
        assert!(fs::read(&path).unwrap() == bytes, "the file was changed");
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named_in_a_sentence() {
        let scratch = Scratch::new();
        let file = scratch.0.join("file");
        fs::write(&file, "").unwrap();
        for path in [file.join("data"), PathBuf::from("/proc/handoff")] {
            let sentence = refusal(&path);
            assert!(sentence.starts_with("The data directory "), "{sentence}");
            assert!(sentence.contains(path.to_str().unwrap()), "{sentence}");
            assert!(sentence.contains("--data"), "{sentence}");
        }
    }
}
