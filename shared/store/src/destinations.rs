//! How destinations fare, and whether anything is sent outside at all.
//!
//! A destination's row says when what waits for it is looked at next: how much waits costs nothing
//! while it does. Whoever puts something down marks the row, and whoever finds nothing left takes
//! its time off only if nobody marked it meanwhile.

use crate::{
    Store, StoreError,
    item::{from_item, key_item, number, text, to_item},
    keys::{self, DUE_SHARDS},
};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long what was put down may be missing from the index, in seconds: usually it is none.
const LISTED_SECONDS: i64 = 60;

/// How a destination fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationRow {
    /// Its name, or whose mail it is.
    pub name: String,
    /// How many tries failed in a row for a reason of its own.
    #[serde(default)]
    pub failing: u32,
    /// Until when it is left alone.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub shut_until: Option<DateTime<Utc>>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when something arrives again, after it had not for a while.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub well_since: Option<DateTime<Utc>>,
    /// What a person was told last, and the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerted: Option<String>,
    /// When what waits for it is looked at next.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub due_at: Option<DateTime<Utc>>,
    /// How often something was put down for it.
    #[serde(default)]
    pub marks: u64,
    /// How often that was when it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<u64>,
}

/// What silences the whole organisation outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Until when; none means until somebody ends it.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<DateTime<Utc>>,
    /// Since when.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub since: DateTime<Utc>,
}

impl Mute {
    /// Tells whether it holds at an instant.
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Store {
    /// Reads how destinations fare; one that nobody wrote of fares well.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn destinations(
        &self,
        lanes: &[String],
    ) -> Result<BTreeMap<String, DestinationRow>, StoreError> {
        let keys = lanes.iter().map(|lane| keys::destination(lane));
        let mut found = self.get_many(keys).await?;
        let mut rows = BTreeMap::new();
        for lane in lanes {
            let new = DestinationRow { name: lane.clone(), ..DestinationRow::default() };
            let row = match found.remove(&keys::destination(lane)) {
                Some(item) => from_item("destination", item)?,
                None => new,
            };
            rows.insert(lane.clone(), row);
        }
        Ok(rows)
    }

    /// Has what waits for a destination looked at at `at`, or sooner if that was so already.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn mark_destination(&self, lane: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        let sooner = "SET due_shard = :shard, due_at = :at, #name = :name ADD marks :one";
        let values = vec![
            (":shard", text(keys::shard(lane, DUE_SHARDS).to_string())),
            (":at", number(at.timestamp_millis())),
            (":name", text(lane)),
            (":one", number(1)),
        ];
        let when = "attribute_not_exists(due_at) OR due_at > :at";
        match self.update_destination(lane, sooner, Some(when), values).await {
            Err(StoreError::Conflict) => {
                let one = vec![(":one", number(1)), (":name", text(lane))];
                self.update_destination(lane, "SET #name = :name ADD marks :one", None, one).await
            }
            result => result,
        }
    }

    /// Puts off when a destination is looked at, after somebody was asked to.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn put_off_destination(
        &self,
        lane: &str,
        to: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let values = vec![(":at", number(to.timestamp_millis())), (":name", text(lane))];
        let there = Some("attribute_exists(due_at)");
        let set = "SET due_at = :at, #name = :name";
        match self.update_destination(lane, set, there, values).await {
            // Nothing waits any more.
            Err(StoreError::Conflict) => Ok(()),
            result => result,
        }
    }

    /// Says when a destination is looked at next, or that nothing waits, unless somebody marked it
    /// since `row` was read.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn rest_destination(
        &self,
        row: &DestinationRow,
        next: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (lane, unmarked) = (row.name.as_str(), Some("marks = :marks"));
        let mut values = vec![(":marks", number(row.marks)), (":name", text(lane))];
        // What was marked just now may not be listed yet.
        let soon = now + Duration::seconds(LISTED_SECONDS);
        let next = match row.looked == Some(row.marks) {
            true => next,
            false => Some(next.map_or(soon, |next| next.min(soon))),
        };
        let set = match next {
            Some(next) => {
                values.push((":at", number(next.timestamp_millis())));
                let shard = keys::shard(lane, DUE_SHARDS);
                values.push((":shard", text(shard.to_string())));
                "SET due_at = :at, due_shard = :shard, looked = :marks, #name = :name"
            }
            None => "SET #name = :name, looked = :marks REMOVE due_at, due_shard",
        };
        match self.update_destination(lane, set, unmarked, values).await {
            Err(StoreError::Conflict) => Ok(()),
            result => result,
        }
    }

    /// Writes down how a destination fares.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn fare_destination(&self, row: &DestinationRow) -> Result<(), StoreError> {
        let mut values = vec![(":failing", number(row.failing)), (":name", text(&row.name))];
        let mut set = "SET #name = :name, failing = :failing".to_owned();
        let mut remove = Vec::new();
        match row.shut_until {
            Some(until) => {
                set += ", shut_until = :until";
                values.push((":until", number(until.timestamp_millis())));
            }
            None => remove.push("shut_until"),
        }
        if let Some(since) = row.well_since {
            set += ", well_since = :well";
            values.push((":well", number(since.timestamp_millis())));
        }
        for (name, place, said) in
            [("reason", ":reason", &row.reason), ("alerted", ":alerted", &row.alerted)]
        {
            match said {
                Some(said) => {
                    set += &format!(", {name} = {place}");
                    values.push((place, text(said)));
                }
                None => remove.push(name),
            }
        }
        if !remove.is_empty() {
            set += &format!(" REMOVE {}", remove.join(", "));
        }
        self.update_destination(&row.name, &set, None, values).await
    }

    async fn update_destination(
        &self,
        lane: &str,
        update: &str,
        condition: Option<&str>,
        values: Vec<(&str, AttributeValue)>,
    ) -> Result<(), StoreError> {
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_item(&keys::destination(lane))))
            .update_expression(update)
            .set_condition_expression(condition.map(str::to_owned))
            .expression_attribute_names("#name", "name")
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        for (name, value) in values {
            request = request.expression_attribute_values(name, value);
        }
        let answer = request.send().await.map_err(StoreError::of)?;
        self.meter.write_of("UpdateItem", answer.consumed_capacity.as_slice());
        Ok(())
    }

    /// Reads what silences the organisation; nothing where nothing does.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn mute(&self, now: DateTime<Utc>) -> Result<Option<Mute>, StoreError> {
        let item = self.get(&keys::mute()).await?;
        let mute: Option<Mute> = item.map(|item| from_item("mute", item)).transpose()?;
        Ok(mute.filter(|mute| mute.holds(now)))
    }

    /// Silences the organisation, or with `None` lets it speak again.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn put_mute(&self, mute: Option<&Mute>) -> Result<(), StoreError> {
        let over = Mute { until: Some(DateTime::UNIX_EPOCH), since: DateTime::UNIX_EPOCH };
        self.put(to_item("mute", &keys::mute(), mute.unwrap_or(&over))?).await
    }
}
