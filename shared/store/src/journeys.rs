//! Journeys: which references are one subject, what that subject's handoffs are, and what is
//! claimed.
//!
//! A reference points to one journey for ever; a merged journey points on to the older one. A claim
//! outlives the handoff that held it, with a count, so that "first in its lane" is known.

use crate::{
    Store, StoreError,
    item::{Query, from_item, number, number_of, text, text_of, to_item},
    keys::{self, HANDOFF_PREFIX, Key},
    transaction::{Guard, Transaction, marked},
};
use chrono::{DateTime, Utc};
use domain::{AttemptId, Handoff, HandoffId, JourneyId, LaneKey, TypeKey, subject::Reference};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A claim as read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Claim {
    /// The open handoff that holds it.
    #[serde(default)]
    pub open: Option<HandoffId>,
    /// How often it was ever held.
    #[serde(default)]
    pub count: u64,
}

/// A handoff as its journey lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JourneyHandoff {
    /// The handoff.
    pub id: HandoffId,
    /// Its type when it opened.
    #[serde(rename = "type")]
    pub kind: TypeKey,
    /// Its lane.
    pub lane: LaneKey,
    /// When it opened.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub opened_at: DateTime<Utc>,
}

/// The last value of a property where a trigger needs a crossing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Whose property.
    pub reference: Reference,
    /// Which.
    pub property: String,
    /// The value.
    pub value: i64,
    /// When it was so.
    pub at: DateTime<Utc>,
    /// When the value before it was so, as read; the write holds only if that still stands.
    pub before_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Finds the journeys references point to, following merges; references nobody knows are left
    /// out.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn journeys_of(
        &self,
        references: &[Reference],
    ) -> Result<BTreeMap<Reference, JourneyId>, StoreError> {
        let found = self.get_many(references.iter().map(keys::reference)).await?;
        let mut journeys = BTreeMap::new();
        for reference in references {
            let item = found.get(&keys::reference(reference));
            if let Some(id) = item.and_then(|item| text_of(item, "journey")) {
                journeys.insert(reference.clone(), JourneyId(id));
            }
        }
        let ids: BTreeSet<JourneyId> = journeys.values().cloned().collect();
        let current = self.current_journeys(ids).await?;
        for id in journeys.values_mut() {
            if let Some(now) = current.get(id) {
                *id = now.clone();
            }
        }
        Ok(journeys)
    }

    /// Follows merges to the journeys that stand, one request for each generation of merges.
    async fn current_journeys(
        &self,
        ids: BTreeSet<JourneyId>,
    ) -> Result<BTreeMap<JourneyId, JourneyId>, StoreError> {
        let mut current: BTreeMap<JourneyId, JourneyId> =
            ids.into_iter().map(|id| (id.clone(), id)).collect();
        loop {
            let asked = current.values().map(keys::merged).collect::<BTreeSet<Key>>();
            let merged = self.get_many(asked).await?;
            let mut moved = false;
            for now in current.values_mut() {
                let item = merged.get(&keys::merged(now));
                if let Some(into) = item.and_then(|item| text_of(item, "into")) {
                    *now = JourneyId(into);
                    moved = true;
                }
            }
            if !moved {
                return Ok(current);
            }
        }
    }

    /// Lists a journey's handoffs, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn journey_handoffs(
        &self,
        journey: &JourneyId,
        limit: i32,
    ) -> Result<Vec<JourneyHandoff>, StoreError> {
        let query = Query {
            condition: "pk = :journey AND begins_with(sk, :handoff)",
            values: vec![
                (":journey", text(keys::journey(journey))),
                (":handoff", text(HANDOFF_PREFIX)),
            ],
            newest_first: true,
            limit: Some(limit),
            ..Query::default()
        };
        let (items, _) = self.query_page(query).await?;
        items.into_iter().map(|item| from_item("journey row", item)).collect()
    }

    /// Reads a claim.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn claim_of(&self, lane: &LaneKey, claim: &str) -> Result<Claim, StoreError> {
        match self.get(&keys::claim(lane, claim)).await? {
            Some(item) => from_item("claim", item),
            None => Ok(Claim::default()),
        }
    }

    /// Reads the last value of a property and when it was so.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn observed(
        &self,
        reference: &Reference,
        property: &str,
    ) -> Result<Option<(i64, DateTime<Utc>)>, StoreError> {
        let item = self.get(&keys::observed(reference, property)).await?;
        Ok(item.and_then(|item| {
            let at = DateTime::from_timestamp_millis(number_of(&item, "occurred_at")?)?;
            Some((number_of(&item, "value")?, at))
        }))
    }

    /// Stores the last value of a property that triggered nothing.
    ///
    /// # Errors
    /// `Conflict` when another value came in between.
    pub async fn put_observed(
        &self,
        observed: &Observed,
        attempt: &AttemptId,
    ) -> Result<(), StoreError> {
        let mut transaction = Transaction::new(attempt);
        self.observe(&mut transaction, observed)?;
        transaction.commit(self).await
    }

    pub(crate) fn observe(
        &self,
        transaction: &mut Transaction,
        observed: &Observed,
    ) -> Result<(), StoreError> {
        let key = keys::observed(&observed.reference, &observed.property);
        let mut item = marked(crate::item::key_item(&key), transaction.attempt());
        item.insert("value".to_owned(), number(observed.value));
        item.insert("occurred_at".to_owned(), number(observed.at.timestamp_millis()));
        let mut values = vec![];
        let condition = match observed.before_at {
            None => "attribute_not_exists(pk)",
            Some(before) => {
                values.push((":before", number(before.timestamp_millis())));
                "occurred_at = :before"
            }
        };
        transaction.put(self, Guard::Changed, item, Some((condition, values)))
    }

    /// Adds a new handoff to its journey, with the references that do not point there yet.
    pub(crate) fn join_journey(
        &self,
        transaction: &mut Transaction,
        handoff: &Handoff,
        new_references: &[Reference],
    ) -> Result<(), StoreError> {
        let row = JourneyHandoff {
            id: handoff.id.clone(),
            kind: handoff.kind.clone(),
            lane: handoff.lane.clone(),
            opened_at: handoff.opened_at,
        };
        let opened = handoff.opened_at.timestamp_millis();
        let key = keys::journey_handoff(&handoff.journey, opened, &handoff.id);
        transaction.put(self, Guard::Changed, to_item("journey row", &key, &row)?, None)?;
        for reference in new_references {
            self.point(transaction, reference, &handoff.journey)?;
        }
        // A journey with its first handoff is known to nobody yet, so it cannot be ending.
        match handoff.previous {
            Some(_) => self.join_head(transaction, &handoff.journey),
            None => Ok(()),
        }
    }

    /// Makes a reference point to a journey, if it points to none.
    pub(crate) fn point(
        &self,
        transaction: &mut Transaction,
        reference: &Reference,
        journey: &JourneyId,
    ) -> Result<(), StoreError> {
        let mut item = crate::item::key_item(&keys::reference(reference));
        item.insert("journey".to_owned(), text(journey.as_str()));
        let unclaimed = Some(("attribute_not_exists(pk)", vec![]));
        transaction.put(self, Guard::Changed, item, unclaimed)?;
        let back = to_item("reference", &keys::journey_reference(journey, reference), reference)?;
        transaction.put(self, Guard::Changed, back, None)
    }

    /// Lists the references of a journey.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn journey_references(
        &self,
        journey: &JourneyId,
    ) -> Result<Vec<Reference>, StoreError> {
        let query = Query {
            condition: "pk = :journey AND begins_with(sk, :reference)",
            values: vec![
                (":journey", text(keys::journey(journey))),
                (":reference", text(keys::REF_PREFIX)),
            ],
            ..Query::default()
        };
        let items = self.query_all(query).await?;
        items.into_iter().map(|item| from_item("reference", item)).collect()
    }
}
