//! The organisation a command works on: a file, or the sample that is shipped.

use crate::Failure;
use domain::{Config, TypeKey, config, config::HandoffType};
use local::sample;
use std::{fs, path::Path};

/// A configuration and its text.
#[derive(Debug)]
pub(crate) struct Organisation {
    /// The text as it is stored.
    pub(crate) text: String,
    /// What it says.
    pub(crate) config: Config,
}

/// Reads a file as text.
pub(crate) fn read_file(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|source| Failure::Unreadable { path: path.to_owned(), source })
}

impl Organisation {
    /// Reads a file, or the sample organisation.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        match path {
            Some(path) => Self::parse(&path.display().to_string(), read_file(path)?),
            None => Self::sample(sample::PUBLIC_URL),
        }
    }

    /// Makes the sample organisation, reached at `url`.
    pub(crate) fn sample(url: &str) -> Result<Self, Failure> {
        let text = sample::ORGANISATION.replace(sample::PUBLIC_URL, url);
        Self::parse("The sample organisation", text)
    }

    fn parse(name: &str, text: String) -> Result<Self, Failure> {
        match config::load(&text) {
            Ok(config) => Ok(Self { text, config }),
            Err(problems) => Err(Failure::Config { name: name.to_owned(), text, problems }),
        }
    }

    /// Tells which version it was stored as; a file has none until it is pushed.
    pub(crate) fn version(&self) -> Option<u64> {
        Some(self.config.version).filter(|version| *version > 0)
    }

    /// Finds a type.
    pub(crate) fn kind(&self, wanted: &TypeKey) -> Result<&HandoffType, Failure> {
        self.config.types.get(wanted).ok_or_else(|| {
            let known: Vec<_> = self.config.types.keys().map(TypeKey::as_str).collect();
            Failure::UnknownType { wanted: wanted.clone(), known: known.join(", ") }
        })
    }
}
