//! Reps and members as the table knows them: open counts, absences, places in a rotation. Who they
//! are is configuration.

use crate::{
    Store, StoreError,
    item::{from_item, key_item, number, text},
    keys::{self, DUE_AT, DUE_SHARD, DUE_SHARDS, Key},
    lists::Roster,
};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{PersonId, PoolId, routing::Place};
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
    /// The last day on which they were given a handoff, where that is limited by the day.
    #[serde(default)]
    pub day: Option<NaiveDate>,
    /// How many on it.
    #[serde(default)]
    pub taken: u32,
}

impl RepRow {
    /// Tells how they stand as a member of a pool.
    pub fn place(&self, (position, floor, owed): (u64, u64, u64)) -> Place {
        let time = |at: Option<i64>| at.and_then(DateTime::from_timestamp_millis);
        Place {
            open: u32::try_from(self.open.max(0)).unwrap_or(u32::MAX),
            away: time(self.absent_from).map(|from| (from, time(self.absent_to))),
            taken: self.day.map(|day| (day, self.taken)),
            position,
            floor,
            owed,
        }
    }
}

/// A member's row.
#[derive(Default, Deserialize)]
struct MemberRow {
    /// Their place in the rotation.
    #[serde(default)]
    position: u64,
    /// The pool's floor when they were last chosen.
    #[serde(default)]
    floor: u64,
    /// How far below the floor they may stand.
    #[serde(default)]
    owed: u64,
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
    ) -> Result<BTreeMap<PersonId, Place>, StoreError> {
        let wanted = reps.iter().flat_map(|rep| [keys::rep(rep), keys::member(pool, rep)]);
        let mut found = self.get_many_lately(wanted).await?;
        let mut standings = BTreeMap::new();
        for rep in reps {
            let row = found.remove(&keys::rep(rep));
            let row = row.map(|item| from_item("rep", item)).transpose()?;
            let member = found.remove(&keys::member(pool, rep));
            let member = member.map(|item| from_item("member", item)).transpose()?;
            let (row, member): (RepRow, MemberRow) =
                (row.unwrap_or_default(), member.unwrap_or_default());
            standings.insert(rep.clone(), row.place((member.position, member.floor, member.owed)));
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

    /// Records that a rep is away from an instant to another, or with `None` that they are here;
    /// where they are there sooner by it than they were to be, also that whoever waits is to be
    /// asked for again.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn set_absence(
        &self,
        rep: &PersonId,
        away: Option<(DateTime<Utc>, DateTime<Utc>)>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let row = self.reps(std::slice::from_ref(rep)).await?.remove(rep).unwrap_or_default();
        let known = row.absent_from.zip(row.absent_to);
        let away = away.map(|(from, to)| (from.timestamp_millis(), to.timestamp_millis()));
        let is_there_sooner = known.is_some_and(|(from, to)| {
            to > now.timestamp_millis() && away.is_none_or(|new| new.0 > from || new.1 < to)
        });
        let mut sets = Vec::new();
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_item(&keys::rep(rep))))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some((from, to)) = away {
            sets.push("absent_from = :from, absent_to = :to");
            request = request
                .expression_attribute_values(":from", number(from))
                .expression_attribute_values(":to", number(to));
        }
        if is_there_sooner {
            sets.push("due_shard = :shard, due_at = :now");
            request = request
                .expression_attribute_values(":shard", text(Roster::Rep(rep.clone()).shard()))
                .expression_attribute_values(":now", number(now.timestamp_millis()));
        }
        let set = (!sets.is_empty()).then(|| format!("SET {}", sets.join(", ")));
        let gone = away.is_none().then(|| "REMOVE absent_from, absent_to".to_owned());
        let update: Vec<String> = set.into_iter().chain(gone).collect();
        let answer = request.update_expression(update.join(" ")).send().await;
        let answer = answer.map_err(StoreError::of)?;
        self.meter.write_of("UpdateItem", answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// Records that whoever waits was asked for since the roster changed at `at`; a later change
    /// stays due.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn roster_seen(&self, roster: &Roster, at: DateTime<Utc>) -> Result<(), StoreError> {
        let seen = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_item(&roster.key())))
            .update_expression(format!("REMOVE {DUE_SHARD}, {DUE_AT}"))
            .condition_expression(format!("{DUE_AT} = :at"))
            .expression_attribute_values(":at", number(at.timestamp_millis()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match seen.send().await.map_err(StoreError::of) {
            Ok(answer) => {
                self.meter.write_of("UpdateItem", answer.consumed_capacity.as_slice());
                Ok(())
            }
            Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Roster {
    fn key(&self) -> Key {
        match self {
            Self::Config => keys::config_active(),
            Self::Rep(rep) => keys::rep(rep),
        }
    }

    /// Makes the attributes by which a sweep hears of its change.
    pub(crate) fn due(&self, at: DateTime<Utc>) -> [(String, AttributeValue); 2] {
        let at = number(at.timestamp_millis());
        [(DUE_SHARD.to_owned(), text(self.shard())), (DUE_AT.to_owned(), at)]
    }

    fn shard(&self) -> String {
        keys::shard(&self.to_string(), DUE_SHARDS).to_string()
    }
}
