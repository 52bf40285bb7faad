//! Receipts: an authentic request's exact bytes, stored before anything is made of them, kept
//! thirty days.
//!
//! A receipt whose events are not all settled keeps a `due` key, so that the sweep hands it back to
//! intake.

use crate::{
    Store, StoreError,
    item::{Item, Query, bytes, from_item, gunzip, gzip, number, text, text_of, to_item},
    keys::{self, DUE_AT, DUE_SHARD, DUE_SHARDS, SK, TTL},
};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use chrono::{DateTime, Duration, Utc};
use domain::{ReceiptId, SourceKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a receipt is kept.
const KEPT_DAYS: i64 = 30;

/// Packed bytes a row holds; an item may have 400 KB.
const PART_BYTES: usize = 350_000;

/// What a receipt remembers of a request besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptKind {
    /// The source it came to.
    pub source: SourceKey,
    /// When it came.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub received_at: DateTime<Utc>,
    /// The headers a reader needs: content type, encoding, the sender's id of the message. Never a
    /// signature.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How many rows its bytes fill.
    #[serde(default)]
    pub parts: usize,
    /// How often it was handed back to intake.
    #[serde(default)]
    pub tries: u32,
}

/// A stored request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What is known of it.
    pub kind: ReceiptKind,
    /// Its body, exactly as received.
    pub body: Vec<u8>,
}

impl Store {
    /// Stores a request's exact bytes.
    ///
    /// # Errors
    /// `Unavailable` when they could not be stored: the sender must be told to try again.
    pub async fn put_receipt(
        &self,
        id: &ReceiptId,
        kind: &ReceiptKind,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let packed = gzip(body);
        let parts: Vec<&[u8]> = packed.chunks(PART_BYTES).collect();
        let kind = ReceiptKind { parts: parts.len(), ..kind.clone() };
        let forgotten = (kind.received_at + Duration::days(KEPT_DAYS)).timestamp();
        // The first part last: it names the others, so a receipt that can be found is whole.
        for (index, part) in parts.into_iter().enumerate().rev() {
            let key = keys::receipt(id, index);
            let mut item = match index {
                0 => to_item("receipt", &key, &kind)?,
                _ => crate::item::key_item(&key),
            };
            item.insert("packed".to_owned(), bytes(part.to_vec()));
            item.insert(TTL.to_owned(), number(forgotten));
            self.put(item).await?;
        }
        Ok(())
    }

    /// Reads a stored request.
    ///
    /// # Errors
    /// `Missing` when there is none, or it has expired.
    pub async fn receipt(&self, id: &ReceiptId) -> Result<Receipt, StoreError> {
        let query = Query {
            condition: "pk = :receipt",
            values: vec![(":receipt", text(keys::receipt(id, 0).pk))],
            ..Query::default()
        };
        let items = self.query_all(query).await?;
        let missing = || StoreError::Missing { what: "receipt", id: id.to_string() };
        // Without its first part it was never stored; with fewer than it names it is expiring.
        let first = items.first().filter(|item| is_first(item)).ok_or_else(missing)?;
        let kind: ReceiptKind = from_item("receipt", first.clone())?;
        if items.len() != kind.parts {
            return Err(missing());
        }
        let packed: Vec<u8> = items.iter().flat_map(packed_of).collect();
        Ok(Receipt { kind, body: gunzip("receipt", &packed)? })
    }

    /// Marks a receipt as waiting, to be handed back to intake at `at`, or as settled with `None`.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn await_receipt(
        &self,
        id: &ReceiptId,
        at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(crate::item::key_item(&keys::receipt(id, 0))))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        request = match at {
            Some(at) => request
                .update_expression("SET due_shard = :shard, due_at = :at, tries = tries + :one")
                .condition_expression("attribute_exists(pk)")
                .expression_attribute_values(
                    ":shard",
                    text(keys::shard(id.as_str(), DUE_SHARDS).to_string()),
                )
                .expression_attribute_values(":at", number(at.timestamp_millis()))
                .expression_attribute_values(":one", number(1)),
            None => request
                .update_expression(format!("REMOVE {DUE_SHARD}, {DUE_AT}"))
                .condition_expression("attribute_exists(pk)"),
        };
        match request.send().await.map_err(StoreError::of) {
            Ok(answer) => {
                self.meter.write_of("UpdateItem", answer.consumed_capacity.as_slice());
                Ok(())
            }
            // It expired meanwhile: there is nothing to wait for.
            Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes one row without a condition.
    pub(crate) async fn put(&self, item: Item) -> Result<(), StoreError> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(StoreError::of)?;
        self.meter.write_of("PutItem", answer.consumed_capacity.as_slice());
        Ok(())
    }
}

fn is_first(item: &Item) -> bool {
    text_of(item, SK) == Some(keys::receipt(&ReceiptId::default(), 0).sk)
}

fn packed_of(item: &Item) -> Vec<u8> {
    let packed = item.get("packed").and_then(|value| value.as_b().ok());
    packed.map(|blob| blob.as_ref().to_vec()).unwrap_or_default()
}
