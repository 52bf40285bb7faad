//! Territory tables: which territory a lead belongs to, and whose named account it is, as rows that
//! a sales operations team keeps in a spreadsheet.
//!
//! A row says what must be so (an empty cell asks for nothing), and the first row that matches
//! wins, in the order of the file. Rules ask for the result by the table's name:
//! `territory.sales == 'DACH'`. Text is compared without regard to case and surrounding space. A
//! table is indexed when it is loaded, so that thousands of rows cost a lookup.

mod cells;
mod compile;
mod sheet;

pub(crate) use cells::whole_number;
pub(super) use cells::{Column, Place};
pub(crate) use compile::{RowFault, compile};
pub(crate) use sheet::{Cells, sheet};

use crate::{candidates::Candidates, ids::PersonId, package::Package};
use cells::{Band, Postal, code_of, keys_of, postal_key};
use std::collections::{BTreeMap, BTreeSet};

/// The longest file of a table that is read, in bytes.
pub(super) const TERRITORIES_BYTES_MAX: usize = 4_000_000;
/// The most rows a table may have.
pub(super) const ROWS_MAX: usize = 20_000;

/// A territory table, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Territories {
    rows: Vec<Row>,
    candidates: Candidates<Column>,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    territory: String,
    /// The owner of the named account.
    owner: Option<PersonId>,
    /// What must be equal, as it is compared.
    texts: BTreeMap<Column, String>,
    postal: Option<Postal>,
    employees: Option<Band>,
}

/// What a lead says of where it belongs, as tables compare it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    texts: BTreeMap<Column, String>,
    /// The postal code without spaces and hyphens.
    code: String,
    /// The number it begins with.
    code_number: Option<u64>,
    /// Where prefixes and ranges stand that it can match.
    code_keys: Vec<String>,
    employees: i64,
}

impl Territories {
    /// Finds the first row that a lead matches.
    pub fn find(&self, seen: &Seen) -> Option<&Row> {
        let texts = looked_up(&seen.texts, &seen.code_keys);
        let mut rows = self.candidates.among(texts).filter_map(|position| self.rows.get(position));
        rows.find(|row| row.matches(seen))
    }

    /// Lists the territories that rows give.
    pub fn names(&self) -> BTreeSet<&str> {
        self.rows.iter().map(Row::territory).collect()
    }

    /// Counts the rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Tells whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Row {
    /// Reads the territory it gives.
    pub fn territory(&self) -> &str {
        &self.territory
    }

    /// Reads whose named account it is.
    pub fn owner(&self) -> Option<&PersonId> {
        self.owner.as_ref()
    }

    fn matches(&self, seen: &Seen) -> bool {
        let postal = |postal: &Postal| postal.matches(&seen.code, seen.code_number);
        self.postal.as_ref().is_none_or(postal)
            && self.employees.is_none_or(|band| band.contains(seen.employees))
            && self.texts.iter().all(|(column, text)| seen.texts.get(column) == Some(text))
    }

    /// Tells whether whatever matches another row matches this one.
    fn covers(&self, other: &Row) -> bool {
        let postal = match (&self.postal, &other.postal) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(one), Some(other)) => one.covers(other),
        };
        let employees = match (self.employees, other.employees) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(one), Some(other)) => one.covers(other),
        };
        let equal = |(column, text)| other.texts.get(column) == Some(text);
        postal && employees && self.texts.iter().all(equal)
    }
}

impl Seen {
    /// Reads what a package says.
    pub fn of(package: &Package) -> Self {
        let value = |name: &str| package.values.get(name).map(|value| &value.value);
        let text = |name: &str| match value(name) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let mut seen =
            Self { employees: value("employees").map_or(0, whole_number), ..Self::default() };
        (seen.code, seen.code_number) = code_of(&text(Column::PostalCode.name()));
        seen.code_keys = keys_of(&seen.code, seen.code_number);
        for column in Column::TEXTS {
            let text = match column {
                Column::PostalCode => postal_key(&seen.code).to_owned(),
                Column::Domain => package.subject.email_domain(),
                _ => compared(&text(column.name())),
            };
            if !text.is_empty() {
                seen.texts.insert(column, text);
            }
        }
        seen
    }
}

/// Lists the texts by which rows are looked up: columns', and the keys of a postal code.
fn looked_up<'a>(
    texts: &'a BTreeMap<Column, String>,
    code_keys: &'a [String],
) -> impl Iterator<Item = (&'a Column, &'a str)> {
    let keys = code_keys.iter().map(|key| (&Column::PostalCode, key.as_str()));
    texts.iter().map(|(column, text)| (column, text.as_str())).chain(keys)
}

/// Writes a text as tables compare it.
fn compared(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests;
