//! One SQLite connection behind a lock, and what is said when it fails.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

/// What the local cloud keeps could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error(
    "The local cloud could not {doing}: {source}. What it had stored is kept: make room or free \
     the file, then start again."
)]
pub struct StateError {
    /// What it was about to do.
    pub doing: &'static str,
    /// What SQLite said.
    pub source: rusqlite::Error,
}

/// A connection that several parts share; each use is short and synchronous.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<Connection>>);

impl Shared {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(Arc::new(Mutex::new(connection)))
    }

    /// Uses the connection for one piece of work.
    pub(crate) fn with<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        // A panic between statements leaves no open transaction: each rolls back when dropped.
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut connection).map_err(|source| StateError { doing, source })
    }
}
