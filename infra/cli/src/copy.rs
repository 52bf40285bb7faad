//! Copies of the table as files: what `backup` writes and `restore` reads.
//!
//! A copy is a directory: `rows.json.gz`, a row a line as DynamoDB's export to S3 writes them, and
//! `manifest.json`, which is written last, so that a copy that has one is whole. A directory that
//! such an export made is read as well.

use chrono::{DateTime, Utc};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};
use store::Row;

/// The file that has the rows.
const ROWS: &str = "rows.json.gz";

/// The file that says what is there.
const MANIFEST: &str = "manifest.json";

/// The file in which an export to S3 lists its own.
const EXPORTED: &str = "manifest-files.json";

/// The format this version writes and reads.
const FORMAT: u32 = 1;

/// What a copy says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format.
    pub format: u32,
    /// When the copy was begun.
    pub begun_at: DateTime<Utc>,
    /// How many rows it has.
    pub rows: u64,
    /// The SHA-256 of its rows, in hex, before they are packed.
    pub sha256: String,
}

/// Why a copy cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A copy would be mixed with something else.
    #[error("`{}` has something in it: name a directory that is new or empty", .0.display())]
    Taken(PathBuf),
    /// There is no whole copy.
    #[error(
        "`{}` is no whole copy: it has neither a {MANIFEST}, which `handoff backup` writes last, nor \
         the {EXPORTED} of an export to S3",
        .0.display()
    )]
    NotWhole(PathBuf),
    /// A newer version wrote it.
    #[error("a newer version wrote this copy (format {0}): restore it with that version")]
    TooNew(u32),
    /// What is there is not what was written.
    #[error("{} is damaged: {reason}. Nothing was put back that is not in it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A copy that is being written.
pub struct Writer {
    folder: PathBuf,
    begun_at: DateTime<Utc>,
    out: GzEncoder<BufWriter<File>>,
    hash: Sha256,
    rows: u64,
}

impl Writer {
    /// Begins a copy in a directory that is new or empty; only its owner can read what is in it.
    ///
    /// # Errors
    /// `Taken` when something is there, `File` when it cannot be written.
    pub fn begin(folder: &Path, begun_at: DateTime<Utc>) -> Result<Self, CopyError> {
        fs::create_dir_all(folder).map_err(of_file(folder))?;
        if fs::read_dir(folder).map_err(of_file(folder))?.next().is_some() {
            return Err(CopyError::Taken(folder.to_owned()));
        }
        let path = folder.join(ROWS);
        let file = private(&path).map_err(of_file(&path))?;
        let out = GzEncoder::new(BufWriter::new(file), Compression::default());
        let folder = folder.to_owned();
        Ok(Self { folder, begun_at, out, hash: Sha256::new(), rows: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `File` when it cannot be written.
    pub fn add(&mut self, row: &Row) -> Result<(), CopyError> {
        let line = format!("{}\n", row.document());
        self.hash.update(line.as_bytes());
        self.rows += 1;
        let path = self.folder.join(ROWS);
        self.out.write_all(line.as_bytes()).map_err(of_file(&path))
    }

    /// Ends the copy: only now is it one.
    ///
    /// # Errors
    /// `File` when it cannot be written.
    pub fn end(self) -> Result<Manifest, CopyError> {
        let path = self.folder.join(ROWS);
        let file = self.out.finish().and_then(|out| Ok(out.into_inner()?));
        file.and_then(|file| file.sync_all()).map_err(of_file(&path))?;
        let manifest = Manifest {
            format: FORMAT,
            begun_at: self.begun_at,
            rows: self.rows,
            sha256: hex::encode(self.hash.finalize()),
        };
        let path = self.folder.join(MANIFEST);
        let mut file = private(&path).map_err(of_file(&path))?;
        let text = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(of_file(&path))?;
        Ok(manifest)
    }
}

/// A copy to be read: its files, and how many rows each has.
#[derive(Debug)]
pub struct Copy {
    files: Vec<(PathBuf, u64)>,
    /// The hash of its rows, where it says one.
    sha256: Option<String>,
    /// What tells it from others.
    pub name: String,
}

impl Copy {
    /// Finds out what a directory has.
    ///
    /// # Errors
    /// `NotWhole` when it is no copy, `TooNew` when this version cannot read it.
    pub fn find(folder: &Path) -> Result<Self, CopyError> {
        let (manifest, exported) = (folder.join(MANIFEST), folder.join(EXPORTED));
        if manifest.is_file() {
            let text = fs::read_to_string(&manifest).map_err(of_file(&manifest))?;
            return Self::ours(folder, &manifest, &text);
        }
        if exported.is_file() {
            let text = fs::read_to_string(&exported).map_err(of_file(&exported))?;
            return Self::exported(folder, &exported, &text);
        }
        Err(CopyError::NotWhole(folder.to_owned()))
    }

    fn ours(folder: &Path, path: &Path, text: &str) -> Result<Self, CopyError> {
        let said: Value = serde_json::from_str(text).map_err(damaged(path))?;
        if let Some(format) = said["format"].as_u64().filter(|format| *format > FORMAT.into()) {
            return Err(CopyError::TooNew(u32::try_from(format).unwrap_or(u32::MAX)));
        }
        let said: Manifest = serde_json::from_value(said).map_err(damaged(path))?;
        let files = vec![(folder.join(ROWS), said.rows)];
        Ok(Self { files, name: said.sha256.clone(), sha256: Some(said.sha256) })
    }

    /// An export lists its files a line each, by their place in the bucket.
    fn exported(folder: &Path, path: &Path, text: &str) -> Result<Self, CopyError> {
        let mut files = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let said: Value = serde_json::from_str(line).map_err(damaged(path))?;
            let (Some(place), Some(rows)) =
                (said["dataFileS3Key"].as_str(), said["itemCount"].as_u64())
            else {
                return Err(damaged(path)("a line names no file or no count"));
            };
            let name = place.rsplit('/').next().unwrap_or(place);
            files.push((folder.join("data").join(name), rows));
        }
        Ok(Self { files, sha256: None, name: hex::encode(Sha256::digest(text.as_bytes())) })
    }

    /// Reads its rows one after another, and at the end whether they are what was written.
    pub fn rows(&self) -> Rows<'_> {
        Rows { copy: self, at: 0, lines: None, there: 0, hash: Sha256::new(), ended: false }
    }
}

/// The rows of a copy; the last of them may be an error.
pub struct Rows<'a> {
    copy: &'a Copy,
    /// Which file is read.
    at: usize,
    lines: Option<BufReader<MultiGzDecoder<File>>>,
    /// How many rows it had so far.
    there: u64,
    hash: Sha256,
    ended: bool,
}

impl Rows<'_> {
    fn step(&mut self) -> Result<Option<Row>, CopyError> {
        while let Some((path, rows)) = self.copy.files.get(self.at) {
            if self.lines.is_none() {
                let file = File::open(path).map_err(of_file(path))?;
                (self.lines, self.there) = (Some(BufReader::new(MultiGzDecoder::new(file))), 0);
            }
            let mut line = String::new();
            let read = self.lines.as_mut().map(|lines| lines.read_line(&mut line));
            if read.transpose().map_err(damaged(path))?.unwrap_or(0) > 0 {
                self.hash.update(line.as_bytes());
                self.there += 1;
                let document: Value = serde_json::from_str(&line).map_err(damaged(path))?;
                return Row::of_document(&document).map(Some).map_err(damaged(path));
            }
            if self.there != *rows {
                let reason = format!("it has {} rows and should have {rows}", self.there);
                return Err(damaged(path)(reason));
            }
            (self.lines, self.at) = (None, self.at + 1);
        }
        let hash = hex::encode(std::mem::take(&mut self.hash).finalize());
        match (&self.copy.sha256, self.copy.files.first()) {
            (Some(expected), Some((path, _))) if *expected != hash => {
                Err(damaged(path)("its rows are not those that were written"))
            }
            _ => Ok(None),
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, CopyError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.step().transpose();
        self.ended = !matches!(row, Some(Ok(_)));
        row
    }
}

fn of_file(path: &Path) -> impl FnOnce(io::Error) -> CopyError {
    let path = path.to_owned();
    move |source| CopyError::File { path, source }
}

fn damaged<E: ToString>(path: &Path) -> impl FnOnce(E) -> CopyError {
    let path = path.to_owned();
    move |error| CopyError::Damaged { path, reason: error.to_string() }
}

/// Makes a file that only its owner can read: it has everybody's names in it.
fn private(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
