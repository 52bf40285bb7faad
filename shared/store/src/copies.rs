//! Every row there is: for whoever copies the table or looks for somebody in it. Commands do that,
//! somebody at a keyboard waits for them, and no function's role lets it.
//!
//! A row's document is what DynamoDB's own export to S3 writes, so one reader reads both. What must
//! stay true: a commit that is put back was told and counted where it came from, so it says that it
//! is, and neither the relay nor metrics takes it for new.

use crate::{
    Store, StoreError,
    item::{Item, key_item, text, text_of},
    keys::{self, BEAT, COMMIT, PK, SK},
};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// What a commit's row says that was put back.
const RESTORED: &str = "restored";

/// Rows a request may put.
const BATCH: usize = 25;

/// How often what the table did not take is put again.
const TRIES: u32 = 8;

/// How long it is left alone after the first time; twice as long after each more.
const PATIENCE: Duration = Duration::from_millis(50);

/// A row as it is stored, whatever it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub(crate) Item);

/// Where the rows of a page end.
#[derive(Clone, Debug, PartialEq)]
pub struct PageEnd(Item);

impl Row {
    /// Reads a row from a document of a copy.
    ///
    /// # Errors
    /// `Malformed` when it is none, or has no key.
    pub fn of_document(document: &Value) -> Result<Self, StoreError> {
        let malformed = |reason: String| StoreError::Malformed { what: "row", reason };
        let attributes: BTreeMap<String, serde_dynamo::AttributeValue> =
            serde_json::from_value(document["Item"].clone())
                .map_err(|error| malformed(error.to_string()))?;
        let item: Item = attributes.into_iter().map(|(name, value)| (name, value.into())).collect();
        let row = Self(item);
        match row.place() {
            (Some(_), Some(_)) => Ok(row),
            _ => Err(malformed("it has no key".to_owned())),
        }
    }

    /// Writes it as a document: the same row gives the same text.
    pub fn document(&self) -> Value {
        let attributes: BTreeMap<&String, serde_dynamo::AttributeValue> =
            self.0.iter().map(|(name, value)| (name, value.clone().into())).collect();
        json!({ "Item": attributes })
    }

    /// Tells whether functions write it by themselves, in a table nobody has used: that they run,
    /// and how far they have come with a stream that is this table's only.
    pub fn is_of_the_running(&self) -> bool {
        let (pk, _) = self.place();
        pk.is_some_and(|pk| pk == BEAT || pk.starts_with("CHECKPOINT#"))
    }

    /// Tells whether it says which configuration is active: what makes functions work.
    pub fn is_active_config(&self) -> bool {
        let active = keys::config_active();
        self.place() == (Some(active.pk.as_str()), Some(active.sk.as_str()))
    }

    fn is_restoring(&self) -> bool {
        self.place().0 == Some(keys::restoring().pk.as_str())
    }

    pub(crate) fn place(&self) -> (Option<&str>, Option<&str>) {
        let key = |name| self.0.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
        (key(PK), key(SK))
    }

    /// The row as it is put back.
    fn put_back(&self) -> Item {
        let mut item = self.0.clone();
        if self.place().1.is_some_and(|sk| sk.starts_with(COMMIT)) {
            item.insert(RESTORED.to_owned(), AttributeValue::Bool(true));
        }
        item
    }
}

/// Tells whether a commit in a stream record was put back from a copy: told and counted before.
pub fn is_restored(image: &serde_dynamo::Item) -> bool {
    image.get(RESTORED) == Some(&serde_dynamo::AttributeValue::Bool(true))
}

impl Store {
    /// Reads a page of all rows, and where the next one starts.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn rows(
        &self,
        after: Option<PageEnd>,
    ) -> Result<(Vec<Row>, Option<PageEnd>), StoreError> {
        let answer = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .set_exclusive_start_key(after.map(|PageEnd(key)| key))
            .send()
            .await
            .map_err(StoreError::of)?;
        let rows = answer.items.unwrap_or_default().into_iter().map(Row).collect();
        Ok((rows, answer.last_evaluated_key.map(PageEnd)))
    }

    /// Says which copy is being put back, where that was begun and not ended.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn restoring(&self) -> Result<Option<String>, StoreError> {
        let item = self.get(&keys::restoring()).await?;
        Ok(item.as_ref().and_then(|item| text_of(item, "copy")))
    }

    /// Says that a copy is being put back; with `None` that it all is.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn set_restoring(&self, copy: Option<&str>) -> Result<(), StoreError> {
        let key = keys::restoring();
        match copy {
            Some(copy) => {
                let mut item = key_item(&key);
                item.insert("copy".to_owned(), text(copy));
                self.put(item).await
            }
            None => self.take_away(&key).await,
        }
    }

    /// Tells whether nobody has used the table: whatever is there is of functions that run.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn is_unused(&self) -> Result<bool, StoreError> {
        let mut after = None;
        loop {
            let (rows, next) = self.rows(after).await?;
            if !rows.iter().all(|row| row.is_of_the_running() || row.is_restoring()) {
                return Ok(false);
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(true),
            }
        }
    }

    /// Puts rows of a copy back, whatever is at their places; twice is the same as once.
    ///
    /// # Errors
    /// `Unavailable` when the table does not take them for now.
    pub async fn put_back(&self, rows: &[Row]) -> Result<(), StoreError> {
        for batch in rows.chunks(BATCH) {
            let mut left = batch.iter().map(put_request).collect::<Result<Vec<_>, _>>()?;
            let mut tries = 0;
            while !left.is_empty() {
                if tries == TRIES {
                    let reason = format!("{} rows were not taken", left.len());
                    return Err(StoreError::Unavailable { reason });
                }
                if tries > 0 {
                    tokio::time::sleep(PATIENCE * 2u32.pow(tries - 1)).await;
                }
                tries += 1;
                left = self.put_batch(left).await?;
            }
        }
        Ok(())
    }

    /// Puts a batch; returns what the table did not take.
    async fn put_batch(&self, batch: Vec<WriteRequest>) -> Result<Vec<WriteRequest>, StoreError> {
        let request = self.client.batch_write_item().request_items(&self.table, batch);
        let answer = request.send().await.map_err(StoreError::of)?;
        let left = answer.unprocessed_items.and_then(|mut all| all.remove(&self.table));
        Ok(left.unwrap_or_default())
    }
}

fn put_request(row: &Row) -> Result<WriteRequest, StoreError> {
    let put = PutRequest::builder().set_item(Some(row.put_back())).build();
    let put = put.map_err(|error| StoreError::Refused { reason: error.to_string() })?;
    Ok(WriteRequest::builder().put_request(put).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{bytes, number};

    fn row() -> Row {
        let mut item = key_item(&keys::commit(&"h".into(), 3));
        item.insert("entry".to_owned(), text("{}"));
        item.insert("packed".to_owned(), bytes(vec![0, 255]));
        item.insert("big".to_owned(), number("123456789012345678901234567890"));
        Row(item)
    }

    #[test]
    fn a_row_survives_its_document_to_the_bit() {
        let document = row().document();
        assert_eq!(document["Item"]["packed"], json!({ "B": "AP8=" }));
        assert_eq!(Row::of_document(&document).unwrap(), row());
        assert_eq!(document.to_string(), row().document().to_string());
    }

    #[test]
    fn a_document_that_is_no_row_is_refused() {
        for wrong in [json!(null), json!({ "Item": { "pk": "x" } }), json!({ "Item": {} })] {
            assert!(Row::of_document(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_commit_that_is_put_back_says_so() {
        let image = serde_dynamo::Item::from(row().put_back());
        assert!(is_restored(&image));
        assert!(!is_restored(&serde_dynamo::Item::from(row().0)));
    }
}
