//! Reads a configuration file and reports every problem at once, each with its place and a way out.
//!
//! Each entry of each table is read on its own, so that one wrong value does not hide the next;
//! only when every entry has a shape are the references between them linted.

mod calendars;
mod files;
mod territories;

use super::{
    lint::lint,
    model::*,
    nearest::{among, meant},
    territories::Territories,
};
use crate::{
    calendar::Calendar,
    ids::{CalendarKey, PersonId},
};
pub(super) use calendars::CalendarRule;
pub use files::{files_named, with_files};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, fmt, ops::Range};
pub(super) use territories::TableRule;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// One thing that is wrong with a configuration, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the file it concerns.
    pub span: Range<usize>,
    /// First line it concerns, from 1.
    pub line: usize,
    /// First column it concerns, from 1.
    pub column: usize,
    /// A stable name of the kind of problem, such as `unknown-pool`.
    pub code: &'static str,
    /// What is wrong, a sentence.
    pub message: String,
    /// What to do, a sentence.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} [{}] {}", self.line, self.column, self.code, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, " {}", self.help) }
    }
}

/// The kinds of problem that leave nothing unread.
const SOFT: [&str; 9] = [
    "unknown-table",
    "covered-row",
    "same-row",
    "no-rows",
    "overlapping-hours",
    "empty-week",
    "empty-extra",
    "twice-extra",
    "long-closure",
];

/// How many problems are told at once: each is looked up in the file, and a file that is no
/// configuration at all has one a byte.
const PROBLEMS_MAX: usize = 1_000;

const SECTIONS: [&str; 17] = [
    "organisation",
    "calendars",
    "people",
    "pools",
    "lanes",
    "types",
    "territories",
    "rules",
    "sources",
    "messages",
    "notices",
    "enrichments",
    "destinations",
    "mail",
    "test_leads",
    "sign_in",
    "files",
];

/// Reads and lints a configuration.
///
/// # Errors
/// Every problem of the file, in file order; never an empty list.
pub fn load(text: &str) -> Result<Config, Vec<Problem>> {
    read(text, Some(lint))
}

/// Reads a configuration that was linted when it was stored, perhaps by an earlier version of this
/// software: what later lints find in it keeps nobody from their work.
///
/// # Errors
/// Every problem that keeps it from being read at all; never an empty list.
pub fn load_stored(text: &str) -> Result<Config, Vec<Problem>> {
    read(text, None)
}

/// The checks of what could be read. They are passed along, so that a function that only reads
/// stored configurations carries none of what they need.
type Lint = for<'a> fn(&Config, &DeTable<'a>, &mut Reader<'a>);

fn read(text: &str, lints: Option<Lint>) -> Result<Config, Vec<Problem>> {
    let mut reader = Reader { text, problems: Vec::new(), lints };
    let config = reader.config();
    match config {
        Some(config) if reader.problems.is_empty() => Ok(config),
        _ => {
            let mut problems = reader.problems;
            problems.sort_by_key(|problem| (problem.span.start, problem.code));
            Err(problems)
        }
    }
}

/// A file being read, and what was wrong with it so far.
pub(super) struct Reader<'a> {
    text: &'a str,
    problems: Vec<Problem>,
    /// What tells of what could be read and yet is wrong; none where nobody is to be told.
    lints: Option<Lint>,
}

impl<'a> Reader<'a> {
    fn config(&mut self) -> Option<Config> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let help = "Write TOML: `name = value`, texts in quotes, a table's name in brackets.";
            self.report(span, "syntax", sentence(error.message()), help);
        }
        if !self.problems.is_empty() {
            return None;
        }
        let document = document.into_inner();
        for (name, value) in &document {
            if !SECTIONS.contains(&name.get_ref().as_ref()) {
                let help = among(name.get_ref(), SECTIONS);
                let message = format!("There is no table `{}`.", name.get_ref());
                self.report(name.span().start..value.span().end, "unknown-table", message, &help);
            }
        }
        let organisation = self.single::<Organisation>(&document, "organisation");
        let files = self.optional(&document, "files");
        let calendars = self.calendars(&document, &files);
        let people = self.entries(&document, "people");
        let territories = self.territories(&document, &files, &people);
        let config = Config {
            version: 0,
            calendars,
            people,
            pools: self.entries(&document, "pools"),
            lanes: self.entries(&document, "lanes"),
            types: self.entries(&document, "types"),
            territories,
            rules: self.list(&document, "rules"),
            sources: self.entries(&document, "sources"),
            messages: self.optional(&document, "messages"),
            notices: self.optional(&document, "notices"),
            enrichments: self.optional(&document, "enrichments"),
            destinations: self.optional(&document, "destinations"),
            mail: self.perhaps(&document, "mail"),
            test_leads: self.perhaps(&document, "test_leads"),
            sign_in: self.perhaps(&document, "sign_in"),
            organisation: organisation?,
        };
        if let Some(lint) = self.lints.filter(|_| self.problems.is_empty()) {
            lint(&config, &document, self);
        }
        Some(config)
    }

    fn single<T: DeserializeOwned>(&mut self, document: &DeTable<'a>, name: &str) -> Option<T> {
        let Some(value) = document.get(name) else {
            self.report(0..0, "missing-table", format!("There is no `[{name}]`."), "Add it.");
            return None;
        };
        self.value(value.clone())
    }

    fn perhaps<T: DeserializeOwned + Default>(&mut self, document: &DeTable<'a>, name: &str) -> T {
        let value = document.get(name).cloned();
        value.and_then(|value| self.value(value)).unwrap_or_default()
    }

    fn entries<K: Ord + From<String>, T: DeserializeOwned>(
        &mut self,
        document: &DeTable<'a>,
        name: &str,
    ) -> BTreeMap<K, T> {
        let Some(section) = document.get(name) else {
            let help = format!("Add at least one `[{name}.NAME]`.");
            self.report(0..0, "missing-table", format!("There is no `[{name}.…]`."), &help);
            return BTreeMap::new();
        };
        let Some(table) = section.get_ref().as_table() else {
            let message = format!("`{name}` is not a table.");
            let help = format!("Write `[{name}.NAME]` and its settings below.");
            self.report(section.span(), "not-a-table", message, &help);
            return BTreeMap::new();
        };
        let mut entries = BTreeMap::new();
        for (key, value) in table {
            if let Some(entry) = self.value(value.clone()) {
                entries.insert(K::from(key.get_ref().to_string()), entry);
            }
        }
        entries
    }

    fn list<T: DeserializeOwned>(&mut self, document: &DeTable<'a>, name: &str) -> Vec<T> {
        let Some(values) = document.get(name).and_then(|value| value.get_ref().as_array()) else {
            let help = format!("Add at least one `[[{name}]]`.");
            self.report(0..0, "missing-table", format!("There is no `[[{name}]]`."), &help);
            return Vec::new();
        };
        values.iter().filter_map(|value| self.value(value.clone())).collect()
    }

    fn value<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'a>>) -> Option<T> {
        let whole = value.span();
        match T::deserialize(toml::de::ValueDeserializer::from(value)) {
            Ok(value) => Some(value),
            Err(error) => {
                let span = error.span().unwrap_or(whole);
                let (message, help) = worded(error.message());
                self.report(span, "wrong-value", message, &help);
                None
            }
        }
    }

    /// Reads the entries of a table that need not be there.
    fn optional<K: Ord + From<String>, T: DeserializeOwned>(
        &mut self,
        document: &DeTable<'a>,
        name: &str,
    ) -> BTreeMap<K, T> {
        match document.get(name) {
            Some(_) => self.entries(document, name),
            None => BTreeMap::new(),
        }
    }

    fn calendars(
        &mut self,
        document: &DeTable<'a>,
        files: &BTreeMap<String, String>,
    ) -> BTreeMap<CalendarKey, Calendar> {
        let rules: BTreeMap<CalendarKey, CalendarRule> = self.optional(document, "calendars");
        calendars::calendars(self, document, &rules, files)
    }

    fn territories(
        &mut self,
        document: &DeTable<'a>,
        files: &BTreeMap<String, String>,
        people: &BTreeMap<PersonId, Person>,
    ) -> BTreeMap<String, Territories> {
        let rules: BTreeMap<String, TableRule> = self.optional(document, "territories");
        territories::territories(self, document, &rules, files, people)
    }

    /// Finds the bytes of a value by its path; a number in the path counts list entries.
    pub(super) fn find(&self, document: &DeTable<'a>, path: &[&str]) -> Range<usize> {
        let mut span = 0..0;
        let Some((first, rest)) = path.split_first() else { return span };
        let Some((key, mut value)) = document.get_key_value(*first) else { return span };
        span = key.span();
        for step in rest {
            let next = match value.get_ref() {
                DeValue::Table(table) => {
                    table.get_key_value(*step).map(|(key, value)| (key.span(), value))
                }
                DeValue::Array(list) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| list.get(index))
                    .map(|value| (value.span(), value)),
                _ => None,
            };
            let Some((found, inner)) = next else { return span };
            (span, value) = (found, inner);
        }
        if value.get_ref().is_str() { value.span() } else { span }
    }

    /// Adds a problem.
    pub(super) fn report(
        &mut self,
        span: Range<usize>,
        code: &'static str,
        message: String,
        help: &str,
    ) {
        if (self.lints.is_none() && SOFT.contains(&code)) || self.problems.len() >= PROBLEMS_MAX {
            return;
        }
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        self.problems.push(Problem { span, line, column, code, message, help: help.to_owned() });
    }
}

/// Words why a value was refused and, where that is known, what to write.
fn worded(message: &str) -> (String, String) {
    if let Some(zone) = message.strip_prefix("failed to parse timezone: ") {
        let message = format!("`{}` is no time zone.", zone.trim().trim_matches('\''));
        return (message, "Write an IANA name such as `Europe/London` or `UTC`.".to_owned());
    }
    // Our own errors end with the way out.
    let first = message.lines().next().unwrap_or_default();
    match first.split_once(": write ") {
        Some((message, way_out)) => (sentence(message), sentence(&format!("write {way_out}"))),
        None => (sentence(message), meant_in(first).unwrap_or_default()),
    }
}

/// Finds what a misspelt word was to be, where a message names it and then those there are.
fn meant_in(message: &str) -> Option<String> {
    let mut words = message.split('`').skip(1).step_by(2);
    let said = words.next().filter(|_| message.starts_with("unknown "))?;
    meant(said, words).map(|name| format!("Did you mean `{name}`?"))
}

/// Makes a library's message a sentence: its first line, with a capital and a full stop.
fn sentence(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim();
    let mut characters = line.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    let mut text = first.unwrap_or_default() + characters.as_str();
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests;
