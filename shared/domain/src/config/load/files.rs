//! Files that stand next to a configuration and belong to it: holidays and territory tables.
//!
//! They are tables of the same text (`[files]`), so that a stored configuration is whole and means
//! tomorrow what it meant today: who reads a configuration from disk appends those it names first.

use super::Reader;
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeTable;

/// Where files are named: a section, and the key of its entries.
const NAMED_BY: [(&str, &str); 2] = [("calendars", "holidays_from"), ("territories", "file")];

impl<'a> Reader<'a> {
    /// Finds the text of a file that is named at a place; reports a name that names none.
    pub(super) fn file<'f>(
        &mut self,
        document: &DeTable<'a>,
        place: &[&str],
        name: &str,
        files: &'f BTreeMap<String, String>,
    ) -> Option<&'f str> {
        let span = self.find(document, place);
        if !is_plain(name) {
            let message = format!("`{name}` is no plain file name.");
            let help = "Put the file next to the configuration and write its name alone.";
            self.report(span, "wrong-file-name", message, help);
            return None;
        }
        let found = files.get(name).map(String::as_str);
        if found.is_none() {
            let message = format!("There is no file `{name}`.");
            let help = "Put it next to the configuration, or give its text in `[files]`.";
            self.report(span, "missing-file", message, help);
        }
        found
    }
}

/// Tells whether a name names a file next to the configuration and nothing else.
fn is_plain(name: &str) -> bool {
    let is_odd = |character: char| character.is_control() || "/\\:".contains(character);
    !name.is_empty() && !name.starts_with('.') && name.len() <= 255 && !name.contains(is_odd)
}

/// Lists the files that a configuration names and its text does not have.
///
/// None if it has a table `[files]`: then it is whole as it is.
pub fn files_named(text: &str) -> BTreeSet<String> {
    let Ok(document) = text.parse::<toml::Table>() else { return BTreeSet::new() };
    if document.contains_key("files") {
        return BTreeSet::new();
    }
    let named = |(section, key): (&str, &'static str)| {
        let entries = document.get(section).and_then(toml::Value::as_table);
        let entries = entries.into_iter().flat_map(toml::Table::values);
        entries.filter_map(move |entry| entry.get(key)?.as_str())
    };
    let names = NAMED_BY.into_iter().flat_map(named);
    names.filter(|name| is_plain(name)).map(str::to_owned).collect()
}

/// Appends files to a configuration's text, so that it is whole.
pub fn with_files(text: &str, files: &BTreeMap<String, String>) -> String {
    let mut whole = text.to_owned();
    if files.is_empty() {
        return whole;
    }
    if !whole.ends_with('\n') {
        whole.push('\n');
    }
    whole.push_str(
        "\n# --- files that the configuration names, as they were when it was read\n\n[files]\n",
    );
    for (name, content) in files {
        whole.push_str(&format!("{} = {}\n", quoted(name), quoted(content)));
    }
    whole
}

/// Writes a TOML string: as it is where that can be, else escaped.
fn quoted(text: &str) -> String {
    let is_odd = |character: char| character.is_control() && character != '\n';
    let as_it_is = text.replace("\r\n", "\n");
    if as_it_is.contains('\n') && !as_it_is.contains("'''") && !as_it_is.contains(is_odd) {
        let end = if as_it_is.ends_with('\n') { "" } else { "\n" };
        return format!("'''\n{as_it_is}{end}'''");
    }
    toml::Value::String(text.to_owned()).to_string()
}
