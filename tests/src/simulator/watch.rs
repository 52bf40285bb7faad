//! The watch: sees every row that changes, as soon as it did, and tells the model.
//!
//! It reads the engine's own stream of all rows, not the store, so it trusts nothing that is being
//! tested, and it costs the functions no request. What it has seen is a copy of the table, and a
//! number for the whole history, by which two runs of one seed are compared.

use super::Model;
use chrono::{DateTime, Utc};
use domain::{Commit, Config, Handoff};
use local::{Parts, RowChange};
use serde_dynamo::{AttributeValue, Item};
use std::collections::{BTreeMap, BTreeSet};

/// A row's key.
pub(crate) type Key = (String, String);

/// A copy of the table, and the model beside it.
pub struct Watch {
    position: i64,
    rows: BTreeMap<Key, Item>,
    model: Model,
    told: u64,
}

impl Watch {
    /// Watches a table from its beginning; machines' clocks are wrong by at most `skew_ms`.
    pub fn new(skew_ms: i64) -> Self {
        Self { position: 0, rows: BTreeMap::new(), model: Model::new(skew_ms), told: 0 }
    }

    /// The model, which knows what was committed.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Is told of a configuration that may be in force from now on.
    pub fn learns(&mut self, config: &Config) {
        self.model.learns(config);
    }

    /// How many rows changed so far.
    pub fn changes(&self) -> i64 {
        self.position
    }

    /// A number that two histories share only if every row changed in the same way.
    pub fn told(&self) -> u64 {
        self.told
    }

    /// Takes in what changed since it last looked, and checks all that this touches.
    pub fn look(&mut self, parts: &Parts, now: DateTime<Utc>) {
        let changes = parts.stream().changes_after(self.position).expect("the stream is readable");
        let mut touched = BTreeSet::new();
        for change in changes {
            assert_eq!(change.number, self.position + 1, "a change was trimmed before it was seen");
            self.position = change.number;
            let key = (text(&change.keys, "pk"), text(&change.keys, "sk"));
            self.hash(&key, &change, now);
            self.takes(&key, change, now);
            touched.insert(key);
        }
        for key in touched {
            self.check(&key);
        }
        self.model.check_places();
    }

    fn takes(&mut self, key: &Key, change: RowChange, now: DateTime<Utc>) {
        let before = match change.new.is_empty() {
            true => self.rows.remove(key),
            false => self.rows.insert(key.clone(), change.new.clone()),
        };
        if key.1.starts_with("COMMIT#") {
            assert!(before.is_none(), "the history was rewritten: {key:?}");
            let commit = store::commit_of(change.new).expect("a commit can be read");
            self.model.hears(&commit, now);
        } else if key.0.starts_with("REP#") && key.1 == "STATE" {
            let open = change.new.get("open").map_or(0, number);
            let away = change.new.get("absent_from").zip(change.new.get("absent_to"));
            let away = away.map(|(from, to)| (number(from), number(to)));
            self.model.place(&key.0["REP#".len()..], open, away);
        } else if key.0.starts_with("CLAIM#") {
            let holder = Some(text(&change.new, "open")).filter(|holder| !holder.is_empty());
            self.model.claimed(&key.0, holder);
        }
    }

    /// Checks a row that changed against the model.
    fn check(&self, key: &Key) {
        let Some(id) = key.0.strip_prefix("HANDOFF#") else { return };
        let row = self.rows.get(&(key.0.clone(), "STATE".to_owned()));
        let row = row.unwrap_or_else(|| panic!("{id} has rows and no state"));
        let stored: Handoff = serde_dynamo::from_item(row.clone()).expect("a state can be read");
        self.model.check(&stored);
    }

    /// Lists every commit, by handoff and version.
    pub fn commits(&self) -> impl Iterator<Item = Commit> {
        let is_commit = |key: &Key| key.1.starts_with("COMMIT#");
        let rows = self.rows.iter().filter(move |(key, _)| is_commit(key));
        rows.map(|(_, row)| store::commit_of(row.clone()).expect("a commit can be read"))
    }

    /// Lists every handoff as it is stored.
    pub fn handoffs(&self) -> impl Iterator<Item = Handoff> {
        let rows = self.rows.iter();
        let states = rows.filter(|(key, _)| key.0.starts_with("HANDOFF#") && key.1 == "STATE");
        states.map(|(_, row)| serde_dynamo::from_item(row.clone()).expect("a state can be read"))
    }

    /// Lists the rows whose partition key begins so.
    pub fn rows(&self, pk: &'static str) -> impl Iterator<Item = (&Key, &Item)> {
        self.rows.iter().filter(move |(key, _)| key.0.starts_with(pk))
    }

    fn hash(&mut self, key: &Key, change: &RowChange, now: DateTime<Utc>) {
        // Maps of JSON are in order, those of the table are not.
        let row = serde_json::to_value(&change.new).expect("a row is JSON");
        let line = format!("{now} {key:?} {row}");
        // FNV-1a: it only has to tell two histories apart.
        for byte in line.bytes() {
            self.told = (self.told ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn text(item: &Item, name: &str) -> String {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        _ => String::new(),
    }
}

fn number(value: &AttributeValue) -> i64 {
    match value {
        AttributeValue::N(text) => text.parse().expect("a whole number"),
        other => panic!("no number: {other:?}"),
    }
}
