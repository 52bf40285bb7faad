//! DynamoDB on this machine: the dynoxide engine, served on loopback over a database file.
//!
//! The store's SDK client talks to it as it talks to AWS. It needs a file even for a run that keeps
//! nothing, because the table's stream is read through a second connection, and because the engine
//! looks up the last stream record at each write: without the index made here that is a scan.
//! Tables are made by the store, through the SDK; the engine makes one in several steps, and what a
//! kill left between them is unmade. A file that cannot be read is left as it is.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dynoxide::Database;
use rusqlite::ffi::{SQLITE_READONLY_RECOVERY, SQLITE_READONLY_ROLLBACK};
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
        unmake_unfinished(&path).map_err(|error| damaged(error.to_string()))?;
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

/// Refuses a file that SQLite cannot read from end to end, without writing to it; only what a killed
/// process was in the midst of writing is first taken back, by the journal it left.
pub(crate) fn refuse_damaged(path: &Path) -> Result<(), EngineError> {
    if !path.exists() {
        return Ok(());
    }
    let check = |access: OpenFlags| -> rusqlite::Result<String> {
        let connection =
            Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
    };
    let said = match check(OpenFlags::SQLITE_OPEN_READ_ONLY) {
        Err(error) if is_cut_off(&error) => check(OpenFlags::SQLITE_OPEN_READ_WRITE),
        said => said,
    };
    let reason = match said {
        Ok(said) if said == "ok" => return Ok(()),
        Ok(said) => said,
        Err(error) => error.to_string(),
    };
    Err(EngineError::Damaged { path: path.to_owned(), reason })
}

/// Tells whether a file could not be read because a journal beside it must be applied first.
fn is_cut_off(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code.is_some_and(|code| [SQLITE_READONLY_ROLLBACK, SQLITE_READONLY_RECOVERY].contains(&code))
}

/// Unmakes a table that was not made to its end, which is its time to live: it would be there, and
/// lack an index or its stream for good. Nothing is stored before that, and what holds anything is
/// kept.
fn unmake_unfinished(path: &Path) -> rusqlite::Result<()> {
    let mut connection = connect(path)?;
    let transaction = connection.transaction()?;
    let exists = |table: &str| -> rusqlite::Result<bool> {
        let query = "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = ?1";
        transaction.query_row(query, [table], |row| row.get(0))
    };
    let texts = |query: &str, about: &[&str]| -> rusqlite::Result<Vec<String>> {
        let mut statement = transaction.prepare(query)?;
        let rows = statement.query_map(rusqlite::params_from_iter(about), |row| row.get(0))?;
        rows.collect()
    };
    if !exists("_tables")? {
        return Ok(());
    }
    for table in texts("SELECT table_name FROM _tables WHERE coalesce(ttl_enabled, 0) = 0", &[])? {
        let any = format!("SELECT count(*) > 0 FROM {}", quoted(&table));
        if exists(&table)? && transaction.query_row(&any, [], |row| row.get(0))? {
            continue;
        }
        let parts = "SELECT name FROM sqlite_master WHERE type = 'table'
             AND (name = ?1 OR substr(name, 1, length(?1) + 2) = ?1 || '::')";
        for part in texts(parts, &[&table])? {
            transaction.execute(&format!("DROP TABLE {}", quoted(&part)), [])?;
        }
        transaction.execute("DELETE FROM _tables WHERE table_name = ?1", [&table])?;
        tracing::info!(table, "a table that was not made to its end is made again");
    }
    transaction.commit()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
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
    use crate::stream::Stream;
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
    async fn a_table_whose_making_was_cut_off_is_made_again_wherever_it_stopped() {
        // The engine's steps: what it knows of the table, the table, its stream; then its time to
        // live is asked for.
        let steps = [
            format!("DROP TABLE {TABLE}"),
            "UPDATE _tables SET stream_enabled = 0".to_owned(),
            String::new(),
        ];
        for left_off in steps {
            let scratch = Scratch::new();
            let engine = Engine::start(Some(scratch.0.clone())).unwrap();
            create_table(&dynamodb(engine.endpoint())).await;
            let file = engine.file();
            drop(engine);
            connect(&file).unwrap().execute_batch(&left_off).unwrap();

            let engine = Engine::start(Some(scratch.0.clone())).unwrap();
            let client = dynamodb(engine.endpoint());
            create_table(&client).await;
            put(&client, "H", "COMMIT#1", "first").await;
            let news = Stream::open(&file, TABLE).unwrap().news(0).unwrap();
            assert!(news.last_commit.is_some(), "{left_off}");
        }
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
    fn what_a_killed_process_was_writing_is_taken_back() {
        let scratch = Scratch::new();
        let (writing, left) = (scratch.0.join("writing"), scratch.0.join("left"));
        fs::create_dir(&writing).unwrap();
        fs::create_dir(&left).unwrap();
        let writer = connect(&writing.join(DATABASE)).unwrap();
        writer.execute_batch("CREATE TABLE kept (what)").unwrap();
        // A transaction that outgrows its cache is written into the file before it ends.
        let some = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)";
        let unfinished = format!(
            "INSERT INTO kept VALUES ('before'); PRAGMA cache_size = 1; BEGIN;
             {some} INSERT INTO kept SELECT hex(zeroblob(500)) FROM n"
        );
        writer.execute_batch(&unfinished).unwrap();
        for name in [DATABASE.to_owned(), format!("{DATABASE}-journal")] {
            fs::copy(writing.join(&name), left.join(&name)).unwrap();
        }
        let engine = Engine::start(Some(left)).unwrap();
        let count = "SELECT group_concat(what) FROM kept";
        let kept = connect(&engine.file()).unwrap().query_row(count, [], |row| row.get(0));
        assert_eq!(kept, Ok("before".to_owned()));
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
