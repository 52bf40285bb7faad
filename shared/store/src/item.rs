//! Items: typed records to and from attributes, and the three reads everything else is made of.

use crate::{
    Store, StoreError,
    keys::{Key, PK, SK},
};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, HashMap},
    io::{Read, Write},
};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The version of record shapes this software understands; a row that says more was written to
/// break older readers.
pub(crate) const BREAKS: u32 = 1;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn bytes(value: Vec<u8>) -> AttributeValue {
    AttributeValue::B(value.into())
}

/// Makes an item of a record and its key.
pub(crate) fn to_item<T: Serialize>(
    what: &'static str,
    key: &Key,
    record: &T,
) -> Result<Item, StoreError> {
    let mut item = attributes(what, record)?;
    item.insert(PK.to_owned(), text(&key.pk));
    item.insert(SK.to_owned(), text(&key.sk));
    Ok(item)
}

/// Makes attributes of a record, without a key.
pub(crate) fn attributes<T: Serialize>(what: &'static str, record: &T) -> Result<Item, StoreError> {
    serde_dynamo::aws_sdk_dynamodb_1::to_item(record)
        .map_err(|error| StoreError::Malformed { what, reason: error.to_string() })
}

/// Reads a record from an item; refuses what a newer version wrote to break older ones.
pub(crate) fn from_item<T: DeserializeOwned>(
    what: &'static str,
    item: Item,
) -> Result<T, StoreError> {
    let breaks = number_of(&item, "breaks").unwrap_or(0);
    if breaks > i64::from(BREAKS) {
        return Err(StoreError::TooNew { breaks: u32::try_from(breaks).unwrap_or(u32::MAX) });
    }
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item)
        .map_err(|error| StoreError::Malformed { what, reason: error.to_string() })
}

pub(crate) fn key_item(key: &Key) -> Item {
    Item::from([(PK.to_owned(), text(&key.pk)), (SK.to_owned(), text(&key.sk))])
}

pub(crate) fn text_of(item: &Item, name: &str) -> Option<String> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned()
}

pub(crate) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok())
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to a vector does not fail.
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

pub(crate) fn gunzip(what: &'static str, packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut plain = Vec::new();
    GzDecoder::new(packed)
        .read_to_end(&mut plain)
        .map_err(|error| StoreError::Malformed { what, reason: error.to_string() })?;
    Ok(plain)
}

/// A query: which rows of one partition, in which order.
#[derive(Default)]
pub(crate) struct Query<'a> {
    pub(crate) index: Option<&'a str>,
    pub(crate) condition: &'a str,
    pub(crate) values: Vec<(&'a str, AttributeValue)>,
    pub(crate) newest_first: bool,
    pub(crate) limit: Option<i32>,
    pub(crate) start: Option<Item>,
}

impl Store {
    /// Reads one row, seeing every write that was answered before.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_item(key)))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(StoreError::of)?;
        self.meter.read_of("GetItem", answer.consumed_capacity());
        Ok(answer.item)
    }

    /// Reads many rows at once; absent ones are absent from the answer.
    pub(crate) async fn get_many(
        &self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<BTreeMap<Key, Item>, StoreError> {
        self.get_each(keys, true).await
    }

    /// Reads many rows at once, at half the price but perhaps a moment old: only for what a
    /// condition checks again when it is written.
    pub(crate) async fn get_many_lately(
        &self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<BTreeMap<Key, Item>, StoreError> {
        self.get_each(keys, false).await
    }

    async fn get_each(
        &self,
        keys: impl IntoIterator<Item = Key>,
        consistent: bool,
    ) -> Result<BTreeMap<Key, Item>, StoreError> {
        let mut wanted: Vec<Key> = keys.into_iter().collect();
        wanted.sort();
        wanted.dedup();
        let mut found = BTreeMap::new();
        for chunk in wanted.chunks(100) {
            let mut asked: Vec<Item> = chunk.iter().map(key_item).collect();
            while !asked.is_empty() {
                asked = self.get_batch(asked, consistent, &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn get_batch(
        &self,
        keys: Vec<Item>,
        consistent: bool,
        found: &mut BTreeMap<Key, Item>,
    ) -> Result<Vec<Item>, StoreError> {
        let asked = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(consistent)
            .build()
            .map_err(|error| StoreError::Refused { reason: error.to_string() })?;
        let answer = self
            .client
            .batch_get_item()
            .request_items(&self.table, asked)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(StoreError::of)?;
        self.meter.read_of("BatchGetItem", answer.consumed_capacity().first());
        let items = answer.responses.and_then(|mut all| all.remove(&self.table));
        for item in items.unwrap_or_default() {
            if let (Some(pk), Some(sk)) = (text_of(&item, PK), text_of(&item, SK)) {
                found.insert(Key { pk, sk }, item);
            }
        }
        let left = answer.unprocessed_keys.and_then(|mut all| all.remove(&self.table));
        Ok(left.map(|left| left.keys).unwrap_or_default())
    }

    /// Reads one page of a query, and where the next one starts.
    pub(crate) async fn query_page(
        &self,
        query: Query<'_>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let values =
            query.values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .set_index_name(query.index.map(str::to_owned))
            .key_condition_expression(query.condition)
            .set_expression_attribute_values(Some(values))
            .scan_index_forward(!query.newest_first)
            .consistent_read(query.index.is_none())
            .set_limit(query.limit)
            .set_exclusive_start_key(query.start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(StoreError::of)?;
        self.meter.read_of("Query", answer.consumed_capacity());
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    /// Reads a whole query, page by page.
    pub(crate) async fn query_all(&self, query: Query<'_>) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start = query.start.clone();
        loop {
            let page = Query { values: query.values.clone(), start, ..query };
            let (more, next) = self.query_page(page).await?;
            items.extend(more);
            match (next, query.limit) {
                (Some(next), None) => start = Some(next),
                _ => return Ok(items),
            }
        }
    }
}
