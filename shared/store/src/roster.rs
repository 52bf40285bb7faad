//! Reps and members as the table knows them: open counts, absences, places in a rotation. Who they
//! are is configuration.

use crate::{
    Store, StoreError,
    item::{from_item, number},
    keys,
};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use chrono::{DateTime, Utc};
use domain::{PersonId, PoolId};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A rep's row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RepRow {
    /// How many handoffs they have open, over all pools.
    #[serde(default)]
    pub open: i64,
    /// Since when they are away, in milliseconds.
    #[serde(default)]
    pub absent_from: Option<i64>,
    /// Until when, in milliseconds.
    #[serde(default)]
    pub absent_to: Option<i64>,
}

impl RepRow {
    /// Tells whether they are away at an instant.
    pub fn absent(&self, now: DateTime<Utc>) -> bool {
        let now = now.timestamp_millis();
        self.absent_from.is_some_and(|from| from <= now) && self.absent_to.is_none_or(|to| now < to)
    }
}

/// A member's row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct MemberRow {
    /// Their place in the rotation.
    #[serde(default)]
    pub position: u64,
}

impl Store {
    /// Reads how the reps of a pool stand, with one request; reps nobody wrote of yet stand at
    /// nothing. It may be a moment old: capacity and position are conditions of the commit.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn standings(
        &self,
        pool: &PoolId,
        reps: &[PersonId],
    ) -> Result<BTreeMap<PersonId, (RepRow, MemberRow)>, StoreError> {
        let wanted = reps.iter().flat_map(|rep| [keys::rep(rep), keys::member(pool, rep)]);
        let mut found = self.get_many_lately(wanted).await?;
        let mut standings = BTreeMap::new();
        for rep in reps {
            let row = found.remove(&keys::rep(rep));
            let row = row.map(|item| from_item("rep", item)).transpose()?.unwrap_or_default();
            let member = found.remove(&keys::member(pool, rep));
            let member =
                member.map(|item| from_item("member", item)).transpose()?.unwrap_or_default();
            standings.insert(rep.clone(), (row, member));
        }
        Ok(standings)
    }

    /// Reads reps' rows.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn reps(&self, reps: &[PersonId]) -> Result<BTreeMap<PersonId, RepRow>, StoreError> {
        let mut found = self.get_many(reps.iter().map(keys::rep)).await?;
        let mut rows = BTreeMap::new();
        for rep in reps {
            let row = found.remove(&keys::rep(rep));
            let row = row.map(|item| from_item("rep", item)).transpose()?.unwrap_or_default();
            rows.insert(rep.clone(), row);
        }
        Ok(rows)
    }

    /// Records that a rep is away from an instant to another, or with `None` that they are here.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn set_absence(
        &self,
        rep: &PersonId,
        away: Option<(DateTime<Utc>, DateTime<Utc>)>,
    ) -> Result<(), StoreError> {
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(crate::item::key_item(&keys::rep(rep))))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        request = match away {
            Some((from, to)) => request
                .update_expression("SET absent_from = :from, absent_to = :to")
                .expression_attribute_values(":from", number(from.timestamp_millis()))
                .expression_attribute_values(":to", number(to.timestamp_millis())),
            None => request.update_expression("REMOVE absent_from, absent_to"),
        };
        let answer = request.send().await.map_err(StoreError::of)?;
        self.meter.write_of("UpdateItem", answer.consumed_capacity.as_slice());
        Ok(())
    }
}
