//! The directory that holds a local cloud's state: one process at a time.
//!
//! With no directory given, a fresh one is made where files live in memory, and goes when it is
//! dropped; what a killed process left there is removed by the next. The lock is the operating
//! system's, on an open file, so a killed process never leaves a stale one.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::EngineError;

/// Where files live in memory, on systems that have such a place.
const MEMORY: &str = "/dev/shm";

/// What temporary directories are called, before the process and a number.
const PREFIX: &str = "handoff-";

/// How old an abandoned directory must be: one that is being made is younger.
const ABANDONED: Duration = Duration::from_secs(600);

/// A locked directory.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    is_temporary: bool,
    _lock: File,
}

impl Directory {
    /// Opens the directory given, made if it is missing, or a temporary one.
    pub(crate) fn open(given: Option<PathBuf>) -> Result<Self, EngineError> {
        let is_temporary = given.is_none();
        let path = match given {
            Some(path) => {
                fs::create_dir_all(&path).map_err(|source| unusable(&path, source))?;
                path
            }
            None => make_temporary()?,
        };
        match lock(&path) {
            Ok(lock) => Ok(Self { path, is_temporary, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(EngineError::InUse { path }),
            Err(TryLockError::Error(source)) => Err(unusable(&path, source)),
        }
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.is_temporary {
            // What cannot be removed now, the next start removes.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn unusable(path: &Path, source: io::Error) -> EngineError {
    EngineError::Directory { path: path.to_owned(), source }
}

fn lock(path: &Path) -> Result<File, TryLockError> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path.join("lock")).map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
}

fn make_temporary() -> Result<PathBuf, EngineError> {
    let memory = Path::new(MEMORY);
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    remove_abandoned(&base, ABANDONED);
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    for number in 0_u64.. {
        let path = base.join(format!("{PREFIX}{}-{number}", std::process::id()));
        match builder.create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(unusable(&path, source)),
        }
    }
    Err(unusable(&base, io::ErrorKind::AlreadyExists.into()))
}

/// Removes what killed processes left: old directories of ours that nobody holds locked.
fn remove_abandoned(base: &Path, age_min: Duration) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let age = entry.metadata().and_then(|about| about.modified()).map(|made| made.elapsed());
        let is_old = matches!(age, Ok(Ok(age)) if age >= age_min);
        if is_ours && is_old && entry.path().join("lock").exists() && lock(&entry.path()).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn only_old_directories_of_ours_that_nobody_holds_are_removed() {
        let scratch = Scratch::new();
        let make = |name: &str| {
            let path = scratch.0.join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let (held, left, strange) = (make("handoff-1-0"), make("handoff-2-0"), make("other"));
        let unlocked = make("handoff-3-0");
        let _held = lock(&held).unwrap();
        drop((lock(&left).unwrap(), lock(&strange).unwrap()));

        remove_abandoned(&scratch.0, ABANDONED);
        assert!(left.exists(), "it is young");
        remove_abandoned(&scratch.0, Duration::ZERO);
        assert!(!left.exists());
        assert!(held.exists() && strange.exists() && unlocked.exists());
    }
}
