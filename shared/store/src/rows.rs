//! Stored records that outlive this version: what they hold beyond what is known here survives a
//! rewrite.
//!
//! It is kept as the attributes it was read as, of whatever type: bytes, sets and numbers of any
//! length come back as they were. That holds for a row's own attributes, not for what is added
//! inside a list or a map that is known.

use crate::{
    StoreError,
    item::{self, Item},
    keys::{DAY_AT, DAY_SHARD, DUE_AT, DUE_SHARD, Key, PK, QUEUE_KEY, SK, TTL, URGENCY},
};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
};

/// A record as stored, with the attributes a newer version added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored<T> {
    /// The record.
    pub record: T,
    /// What this version does not know.
    unknown: BTreeMap<String, AttributeValue>,
}

/// Attributes derived from the record at each write.
const DERIVED: [&str; 12] = [
    PK, SK, TTL, DUE_SHARD, DUE_AT, QUEUE_KEY, URGENCY, DAY_SHARD, DAY_AT, "breaks", "attempt",
    "lead",
];

impl<T> Stored<T> {
    /// Wraps a record that is about to be stored for the first time.
    pub fn new(record: T) -> Self {
        Self { record, unknown: BTreeMap::new() }
    }

    /// Replaces the record, keeping what this version does not know.
    pub fn with(&self, record: T) -> Self {
        Self { record, unknown: self.unknown.clone() }
    }
}

impl<T: Serialize + DeserializeOwned> Stored<T> {
    pub(crate) fn read(what: &'static str, item: Item) -> Result<Self, StoreError> {
        let mut unknown: BTreeMap<String, AttributeValue> = item.clone().into_iter().collect();
        let record: T = item::from_item(what, item)?;
        let known = item::attributes(what, &record)?;
        unknown.retain(|name, _| !known.contains_key(name) && !DERIVED.contains(&name.as_str()));
        Ok(Self { record, unknown })
    }

    pub(crate) fn write(&self, what: &'static str, key: &Key) -> Result<Item, StoreError> {
        let mut item = item::to_item(what, key, &self.record)?;
        for (name, value) in &self.unknown {
            item.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Ok(item)
    }
}

impl<T> Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.record
    }
}

impl<T> DerefMut for Stored<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{item::text, keys};
    use domain::{HandoffId, Package};

    #[test]
    fn what_a_newer_version_wrote_survives_a_rewrite() {
        let key = keys::package(&HandoffId::from("h"));
        let mut item = Stored::new(Package::default()).write("package", &key).unwrap();
        item.insert("mood".to_owned(), text("cheerful"));
        let read: Stored<Package> = Stored::read("package", item).unwrap();
        let again = read.write("package", &key).unwrap();
        assert_eq!(again["mood"], text("cheerful"));
        assert_eq!(again["pk"], text("HANDOFF#h"));
    }

    #[test]
    fn only_a_raised_breaks_number_is_refused() {
        let key = keys::package(&HandoffId::from("h"));
        let mut item = Stored::new(Package::default()).write("package", &key).unwrap();
        item.insert("breaks".to_owned(), item::number(item::BREAKS));
        assert!(Stored::<Package>::read("package", item.clone()).is_ok());
        item.insert("breaks".to_owned(), item::number(item::BREAKS + 1));
        let refused = Stored::<Package>::read("package", item);
        assert!(matches!(refused, Err(StoreError::TooNew { .. })));
    }
}
