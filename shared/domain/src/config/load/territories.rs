//! Territory tables as the file names them: a CSV file next to it, or rows written inline; and what
//! is wrong with one.
//!
//! A table that is wrong is often wrong in every row: the first problems are told, and the rest
//! counted.

use super::Reader;
use crate::{
    config::{
        Person,
        territories::{Cells, Column, Place, RowFault, Territories, compile, sheet},
    },
    ids::PersonId,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::de::DeTable;

/// How many problems of a table are told.
const TOLD_MAX: usize = 20;

/// A territory table as the file writes it.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TableRule {
    file: Option<String>,
    rows: Option<Vec<BTreeMap<String, Cell>>>,
}

/// A cell written inline.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "a cell is no text and no whole number: write \"50\" or 50")]
enum Cell {
    Text(String),
    Number(i64),
}

/// Reads the territory tables of a document, and reports what is wrong with them.
pub(super) fn territories<'a>(
    reader: &mut Reader<'a>,
    document: &DeTable<'a>,
    rules: &BTreeMap<String, TableRule>,
    files: &BTreeMap<String, String>,
    people: &BTreeMap<PersonId, Person>,
) -> BTreeMap<String, Territories> {
    let owners = Owners::of(people);
    let mut tables = BTreeMap::new();
    for (name, rule) in rules {
        let mut reading = Reading { reader, document, name, rule };
        tables.insert(name.clone(), reading.table(files, &owners));
    }
    tables
}

/// Who is meant by a key or a work address.
struct Owners<'a> {
    people: &'a BTreeMap<PersonId, Person>,
    by_email: BTreeMap<String, &'a PersonId>,
}

impl<'a> Owners<'a> {
    fn of(people: &'a BTreeMap<PersonId, Person>) -> Self {
        // The first of those who share an address, as wherever a person is found by it.
        let by_email = people.iter().rev().map(|(id, person)| (person.email.to_lowercase(), id));
        Self { people, by_email: by_email.collect() }
    }

    fn find(&self, text: &str) -> Option<PersonId> {
        let known = self.people.get_key_value(text).map(|(id, _)| id);
        known.or_else(|| self.by_email.get(&text.to_lowercase()).copied()).cloned()
    }
}

/// One table being made.
struct Reading<'r, 'a> {
    reader: &'r mut Reader<'a>,
    document: &'r DeTable<'a>,
    name: &'r str,
    rule: &'r TableRule,
}

impl Reading<'_, '_> {
    fn report(&mut self, path: &[&str], code: &'static str, message: String, help: &str) {
        let path = [&["territories", self.name], path].concat();
        let span = self.reader.find(self.document, &path);
        self.reader.report(span, code, message, help);
    }

    fn table(&mut self, files: &BTreeMap<String, String>, owners: &Owners<'_>) -> Territories {
        let rule = self.rule;
        let (cells, mut faults) = match (&rule.file, &rule.rows) {
            (Some(name), None) => {
                let place = ["territories", self.name, "file"];
                match self.reader.file(self.document, &place, name, files) {
                    Some(text) => sheet(text),
                    None => return Territories::default(),
                }
            }
            (None, Some(rows)) => inline(rows),
            _ => {
                let message = format!("The table `{}` has either a file or rows.", self.name);
                let help = "Write `file = \"territories.csv\"`, or `rows = [{ territory = … }]`.";
                self.report(&[], "wrong-territories", message, help);
                return Territories::default();
            }
        };
        if cells.is_empty() && faults.is_empty() {
            let message = format!("The table `{}` has no rows.", self.name);
            let help = "Give it rows, or take it out.";
            let place = if rule.file.is_some() { "file" } else { "rows" };
            self.report(&[place], "no-rows", message, help);
        }
        let (table, found) = compile(&cells, |text| owners.find(text));
        faults.extend(found);
        self.faults(faults);
        table
    }

    /// Reports the first faults at their places, and how many more there are.
    fn faults(&mut self, mut faults: Vec<RowFault>) {
        faults.sort_by_key(|fault| match fault.place {
            Place::Line(at) | Place::Row(at) => at,
        });
        let rule = self.rule;
        let more = faults.len().saturating_sub(TOLD_MAX);
        for RowFault { place, code, message, help } in faults.into_iter().take(TOLD_MAX) {
            match (place, &rule.file) {
                (Place::Row(row), _) => {
                    let index = (row - 1).to_string();
                    let message = format!("Row {row}: {message}");
                    self.report(&["rows", &index], code, message, help);
                }
                (place, file) => {
                    let file = file.as_deref().unwrap_or_default();
                    let message = format!("`{file}`, {place}: {message}");
                    self.report(&["file"], code, message, help);
                }
            }
        }
        if more > 0 {
            let message = format!("The table `{}` has {more} more problems.", self.name);
            let help = "Correct those that are told first.";
            let place = if rule.file.is_some() { "file" } else { "rows" };
            self.report(&[place], "wrong-territories", message, help);
        }
    }
}

/// Reads rows that are written inline.
fn inline(rows: &[BTreeMap<String, Cell>]) -> (Vec<Cells>, Vec<RowFault>) {
    let (mut read, mut faults) = (Vec::new(), Vec::new());
    for (number, row) in (1..).zip(rows) {
        let place = Place::Row(number);
        let mut cells = Vec::new();
        let mut unknown = None;
        for (header, cell) in row {
            let text = match cell {
                Cell::Text(text) => text.clone(),
                Cell::Number(number) => number.to_string(),
            };
            match Column::of(header) {
                Some(column) => cells.push((column, text)),
                None => unknown = Some(header),
            }
        }
        match unknown {
            None => read.push(Cells { place, cells }),
            Some(header) => faults.push(RowFault {
                place,
                code: "unknown-column",
                message: format!("There is no column `{header}`. {}", Column::all()),
                help: "Rename it, or take it out of the row.",
            }),
        }
    }
    (read, faults)
}

#[cfg(test)]
mod tests;
