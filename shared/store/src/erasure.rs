//! Erasing a person: what of the table is about them, and how it goes.
//!
//! History stays whole and numbers stay what they are: a commit loses its personal part, a package
//! what it says, and the references by which the outside knew them go. What is about somebody else
//! and names them loses the address. What must stay true: running it again does no harm and finds
//! what an interrupted run left, because what leads to a person goes last.

use crate::{
    Row, Store, StoreError,
    item::{Item, Query, gunzip, gzip, key_item, number, text, text_of},
    keys::{self, COMMIT, HANDOFF_PREFIX, Key, PACKAGE, QUARANTINE, RECEIPT_PREFIX, SESSIONS},
};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use domain::{HandoffId, JourneyId, ReceiptId, erasure::Address};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How often a row that somebody else is writing is looked at again.
const TRIES: usize = 5;

/// Who is to be erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sought {
    /// Their journeys, merged ones too.
    pub journeys: BTreeSet<JourneyId>,
    /// Their address, where they are known by one.
    pub address: Option<Address>,
}

/// What a row has to do with whoever is sought.
#[derive(Clone, Debug, PartialEq)]
pub enum Trace {
    /// It belongs to a handoff that is about them.
    Handoff(HandoffId),
    /// It says which journey an outside name of theirs leads to.
    Reference(Row),
    /// It holds the exact bytes of a request that names them.
    Receipt(ReceiptId),
    /// It names them and is kept for a while only: an entry in quarantine, a draft, an answer.
    Passing(Row),
    /// It is about somebody or something else and has their address in it.
    Mention(Row),
}

impl Row {
    /// Says which journey was merged into which, where the row says that.
    pub fn merged(&self) -> Option<(JourneyId, JourneyId)> {
        match self.place() {
            (Some(pk), Some(keys::MERGED)) => {
                let from = pk.strip_prefix(keys::JOURNEY_PREFIX)?;
                Some((JourneyId(from.to_owned()), JourneyId(text_of(&self.0, "into")?)))
            }
            _ => None,
        }
    }

    fn key(&self) -> Option<Key> {
        let (pk, sk) = self.place();
        Some(Key { pk: pk?.to_owned(), sk: sk?.to_owned() })
    }

    fn leads_to(&self, journeys: &BTreeSet<JourneyId>) -> bool {
        text_of(&self.0, "journey").is_some_and(|id| journeys.contains(&JourneyId(id)))
    }

    fn names(&self, address: &Address) -> bool {
        self.0.values().any(|value| names(value, address))
    }

    fn is_about(&self, address: &Address) -> bool {
        let subject = self.0.get("subject").and_then(|subject| subject.as_m().ok());
        let email = subject.and_then(|subject| subject.get("email"));
        email.and_then(|email| email.as_s().ok()).is_some_and(|email| address.is(email))
    }
}

impl Store {
    /// Says what a row has to do with whoever is sought.
    ///
    /// # Errors
    /// `Unavailable` when the rest of a large receipt cannot be read.
    pub async fn trace(&self, row: &Row, sought: &Sought) -> Result<Option<Trace>, StoreError> {
        let (Some(pk), Some(sk)) = row.place() else { return Ok(None) };
        let named = |trace: fn(Row) -> Trace| {
            let named = sought.address.as_ref().is_some_and(|address| row.names(address));
            named.then(|| trace(row.clone()))
        };
        if let Some(id) = pk.strip_prefix(HANDOFF_PREFIX) {
            let about = sought.address.as_ref().is_some_and(|address| row.is_about(address));
            let theirs = row.leads_to(&sought.journeys) || (sk == PACKAGE && about);
            return Ok(match theirs {
                true => Some(Trace::Handoff(HandoffId::from(id))),
                false => named(Trace::Mention),
            });
        }
        let of_theirs = || pk.strip_prefix(keys::JOURNEY_PREFIX).map(|id| JourneyId(id.to_owned()));
        Ok(match pk {
            _ if pk.starts_with(keys::REF_PREFIX) && row.leads_to(&sought.journeys) => {
                Some(Trace::Reference(row.clone()))
            }
            _ if sk.starts_with(keys::REF_PREFIX) => {
                let theirs = of_theirs().is_some_and(|id| sought.journeys.contains(&id));
                theirs.then(|| Trace::Reference(row.clone()))
            }
            _ if pk.starts_with(RECEIPT_PREFIX) => {
                self.names_in_receipt(row, sought).await?.map(Trace::Receipt)
            }
            QUARANTINE => named(Trace::Passing),
            SESSIONS => named(Trace::Mention),
            _ if pk.starts_with("DRAFT#") || pk.starts_with("ENRICHED#") => named(Trace::Passing),
            _ => None,
        })
    }

    /// Finds the receipt that a row begins, where it names whoever is sought.
    async fn names_in_receipt(
        &self,
        row: &Row,
        sought: &Sought,
    ) -> Result<Option<ReceiptId>, StoreError> {
        let (Some(address), (Some(pk), Some(sk))) = (&sought.address, row.place()) else {
            return Ok(None);
        };
        let id = ReceiptId::from(pk.strip_prefix(RECEIPT_PREFIX).unwrap_or(pk));
        if sk != keys::receipt(&id, 0).sk {
            return Ok(None);
        }
        let body = match self.receipt(&id).await {
            Ok(receipt) => receipt.body,
            // It is expiring, or was never stored whole: it goes by itself.
            Err(StoreError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(address.is_in(&String::from_utf8_lossy(&body)).then_some(id))
    }

    /// Takes everything personal from a handoff; returns how many commits had something.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer: run it again.
    pub async fn erase_handoff(
        &self,
        id: &HandoffId,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let empty = || AttributeValue::M(HashMap::new());
        let erased = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_item(&keys::package(id))))
            .update_expression(
                "SET subject = :nothing, #values = :nothing, erased_at = :now REMOVE subject_at",
            )
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#values", "values")
            .expression_attribute_values(":nothing", empty())
            .expression_attribute_values(":now", number(now.timestamp_millis()))
            .send()
            .await
            .map_err(StoreError::of);
        match erased {
            Ok(_) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
        let query = Query {
            condition: "pk = :handoff AND begins_with(sk, :commit)",
            values: vec![(":handoff", text(keys::handoff(id))), (":commit", text(COMMIT))],
            ..Query::default()
        };
        let mut had = 0;
        for item in self.query_all(query).await? {
            let (true, Some(key)) = (item.contains_key("personal"), Row(item).key()) else {
                continue;
            };
            self.without_personal(&key).await?;
            had += 1;
        }
        Ok(had)
    }

    /// Deletes a row that names somebody, and, where it is one of a reference, whatever else is
    /// kept of that.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer: run it again.
    pub async fn forget(&self, row: &Row) -> Result<(), StoreError> {
        let Some(key) = row.key() else { return Ok(()) };
        match key.pk.starts_with(keys::REF_PREFIX) {
            true => self.forget_all(&key.pk).await,
            false => self.take_away(&key).await,
        }
    }

    /// Deletes a receipt.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer: run it again.
    pub async fn forget_receipt(&self, id: &ReceiptId) -> Result<(), StoreError> {
        self.forget_all(&keys::receipt(id, 0).pk).await
    }

    /// Takes an address out of a row that is about something else.
    ///
    /// # Errors
    /// `Conflict` when somebody writes it all the time, `Unavailable` when the table does not
    /// answer: run it again.
    pub async fn forget_mention(&self, row: &Row, address: &Address) -> Result<(), StoreError> {
        let Some(key) = row.key() else { return Ok(()) };
        for _ in 0..TRIES {
            let Some(item) = self.get(&key).await? else { return Ok(()) };
            let changed = without(&item, address);
            if changed.is_empty() {
                return Ok(());
            }
            match self.replace(&key, &item, changed).await {
                Err(StoreError::Conflict) => {}
                done => return done,
            }
        }
        Err(StoreError::Conflict)
    }

    /// Replaces attributes of a row, if they are as they were read.
    async fn replace(
        &self,
        key: &Key,
        was: &Item,
        becomes: BTreeMap<String, AttributeValue>,
    ) -> Result<(), StoreError> {
        let mut request = self.client.update_item().table_name(&self.table);
        let (mut sets, mut holds) = (Vec::new(), Vec::new());
        for (at, (name, value)) in becomes.into_iter().enumerate() {
            sets.push(format!("#a{at} = :new{at}"));
            holds.push(format!("#a{at} = :old{at}"));
            request = request
                .expression_attribute_values(format!(":old{at}"), was[&name].clone())
                .expression_attribute_values(format!(":new{at}"), value)
                .expression_attribute_names(format!("#a{at}"), name);
        }
        let request = request
            .set_key(Some(key_item(key)))
            .update_expression(format!("SET {}", sets.join(", ")))
            .condition_expression(holds.join(" AND "));
        request.send().await.map_err(StoreError::of).map(|_| ())
    }

    /// Takes the personal part from a commit; one that is gone has none.
    async fn without_personal(&self, key: &Key) -> Result<(), StoreError> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(key_item(key)))
            .update_expression("REMOVE personal")
            .condition_expression("attribute_exists(pk)");
        match request.send().await.map_err(StoreError::of) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn forget_all(&self, pk: &str) -> Result<(), StoreError> {
        let values = vec![(":pk", text(pk))];
        let query = Query { condition: "pk = :pk", values, ..Query::default() };
        for item in self.query_all(query).await? {
            if let Some(key) = Row(item).key() {
                self.take_away(&key).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn take_away(&self, key: &Key) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.table);
        let gone = request.set_key(Some(key_item(key))).send().await;
        gone.map_err(StoreError::of).map(|_| ())
    }
}

/// Tells whether an attribute names an address, packed or encoded or within something else.
fn names(value: &AttributeValue, address: &Address) -> bool {
    match value {
        AttributeValue::S(said) => {
            let decoded =
                BASE64_STANDARD.decode(said).ok().and_then(|it| String::from_utf8(it).ok());
            address.is_in(said) || decoded.is_some_and(|said| address.is_in(&said))
        }
        AttributeValue::B(packed) => address.is_in(&unpacked(packed)),
        AttributeValue::M(map) => map.values().any(|value| names(value, address)),
        AttributeValue::L(list) => list.iter().any(|value| names(value, address)),
        _ => false,
    }
}

fn unpacked(packed: &Blob) -> String {
    let plain = gunzip("row", packed.as_ref()).unwrap_or_else(|_| packed.as_ref().to_vec());
    String::from_utf8_lossy(&plain).into_owned()
}

/// Lists the attributes that name an address, as they are without it.
fn without(item: &Item, address: &Address) -> BTreeMap<String, AttributeValue> {
    let changed = |(name, value): (&String, &AttributeValue)| {
        redacted(value, address).map(|value| (name.clone(), value))
    };
    item.iter().filter_map(changed).collect()
}

/// Takes an address out of a value; none where it is not in it.
fn redacted(value: &AttributeValue, address: &Address) -> Option<AttributeValue> {
    let named = |value: &&AttributeValue| names(value, address);
    match value {
        AttributeValue::S(said) => address.out_of(said).map(AttributeValue::S),
        AttributeValue::B(packed) => {
            let said = address.out_of(&unpacked(packed))?;
            Some(AttributeValue::B(Blob::new(gzip(said.as_bytes()))))
        }
        AttributeValue::M(map) => {
            map.values().find(named)?;
            let each = map.iter().map(|(name, value)| {
                (name.clone(), redacted(value, address).unwrap_or_else(|| value.clone()))
            });
            Some(AttributeValue::M(each.collect()))
        }
        AttributeValue::L(list) => {
            list.iter().find(named)?;
            let each = list.iter();
            let each = each.map(|value| redacted(value, address).unwrap_or_else(|| value.clone()));
            Some(AttributeValue::L(each.collect()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::bytes;

    fn dana() -> Address {
        Address::read("dana@acme.example").unwrap()
    }

    #[test]
    fn an_address_is_found_wherever_it_is_put() {
        let map = |value| AttributeValue::M([("who".to_owned(), value)].into());
        for value in [
            text("write to Dana@Acme.Example."),
            text(BASE64_STANDARD.encode(r#"{"email":"dana@acme.example"}"#)),
            bytes(gzip(b"dana%40acme.example")),
            bytes(b"dana@acme.example".to_vec()),
            map(AttributeValue::L(vec![text("dana@acme.example")])),
        ] {
            assert!(names(&value, &dana()), "{value:?}");
        }
        assert!(!names(&text("jordana@acme.example"), &dana()));
    }

    #[test]
    fn what_is_about_somebody_else_only_loses_the_address() {
        let item: Item = [
            (
                "who".to_owned(),
                AttributeValue::L(vec![text("dana@acme.example, CFO"), text("Lee")]),
            ),
            ("what".to_owned(), text("a renewal")),
        ]
        .into();
        let changed = without(&item, &dana());
        let list = AttributeValue::L(vec![text("[erased], CFO"), text("Lee")]);
        assert_eq!(changed, [("who".to_owned(), list)].into());
    }
}
