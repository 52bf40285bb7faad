//! The organisation a command works on: a file, or the sample that is shipped.
//!
//! A configuration may name files that stand next to it; they are read with it and become part of
//! its text, so that what is stored is whole and means tomorrow what it meant today.

use crate::Failure;
use domain::{Config, TypeKey, config, config::HandoffType};
use local::sample;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Read},
    path::Path,
};

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

/// Reads a configuration with the files it names; one that is not there is left for the lint.
pub(crate) fn read_whole(path: &Path) -> Result<String, Failure> {
    let text = read_file(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut files = BTreeMap::new();
    for name in config::files_named(&text) {
        let path = folder.join(&name);
        let unreadable = |source| Failure::Unreadable { path: path.clone(), source };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(error)),
        };
        // One byte more than is allowed: the lint then says that it is too long.
        let mut content = Vec::new();
        let most = config::FILE_BYTES_MAX as u64 + 1;
        file.take(most).read_to_end(&mut content).map_err(unreadable)?;
        files.insert(name, String::from_utf8_lossy(&content).into_owned());
    }
    Ok(config::with_files(&text, &files))
}

impl Organisation {
    /// Reads a file, or the sample organisation.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        match path {
            Some(path) => Self::parse(&path.display().to_string(), read_whole(path)?),
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

#[cfg(test)]
mod tests {
    use super::*;

    const UK: &str = include_str!("../../../shared/domain/src/config/holidays/uk-holidays.ics");

    /// Writes a configuration, whose calendars name `uk.ics`, into a folder of its own.
    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("handoff-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let named = "[calendars.london]\nholidays_from = \"uk.ics\"";
        let text = sample::ORGANISATION.replace("[calendars.london]", named);
        fs::write(folder.join("organisation.toml"), text).unwrap();
        folder
    }

    #[test]
    fn holidays_are_read_from_the_file_next_to_the_configuration_and_stored_with_it() {
        let folder = folder("whole");
        fs::write(folder.join("uk.ics"), UK.replace('\n', "\r\n")).unwrap();
        let organisation = Organisation::read(Some(&folder.join("organisation.toml"))).unwrap();
        let stored = config::load(&organisation.text).unwrap();
        assert_eq!(stored.calendars["london"].holidays().len(), 24);
        assert!(stored.calendars["berlin"].holidays().is_empty());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_is_not_there_or_too_long_is_a_problem_with_its_place() {
        let folder = folder("missing");
        let path = folder.join("organisation.toml");
        let problems = |path: &Path| config::load(&read_whole(path).unwrap()).unwrap_err();
        assert_eq!(problems(&path)[0].code, "missing-file");
        fs::write(folder.join("uk.ics"), "\u{e9}\n".repeat(400_000)).unwrap();
        assert_eq!(problems(&path)[0].code, "wrong-holidays");
        assert!(problems(&path)[0].message.contains("more than 1000000 bytes"));
        fs::remove_dir_all(folder).unwrap();
    }
}
