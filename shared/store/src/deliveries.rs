//! What was said and written outside, and what still waits to be: one row for each thing that is
//! said once, and one for each thing that is kept up to date.
//!
//! A row is only ever replaced as it was read, so of two couriers one does the work; the one whose
//! reply was lost knows its own row by its attempt. What waits stands in the queue of its
//! destination, most urgent first, and the destination's row says when it is looked at next: how
//! much waits costs nothing while it does. Whoever puts something down marks that row, and whoever
//! finds nothing left takes its time off only if nobody marked it meanwhile.

use crate::{
    Store, StoreError,
    item::{Item, Query, from_item, number, text, text_of, to_item},
    keys::{self, Key, PK, QUEUE, QUEUE_KEY, SK, TTL, URGENCY},
};
use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure as OnFailure},
};
use chrono::{DateTime, Duration, Utc};
use domain::{AttemptId, HandoffId, PersonId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a row is kept after it moved last, in days: longer than a handoff stays open.
const KEPT_DAYS: i64 = 400;

/// How a delivery stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Somebody is at it.
    #[default]
    Sending,
    /// It is tried again, or its time has not come.
    Waiting,
    /// It arrived.
    Sent,
    /// What it would say was not so any more.
    Outdated,
    /// It cannot arrive as it is, or was tried for a day.
    Failed,
    /// Nothing was sent, because the organisation was silenced.
    Muted,
    /// Nothing was sent, because its type is only observed.
    Observed,
}

/// One thing that reaches one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The handoff.
    pub handoff: HandoffId,
    /// The destination's name in the configuration, or `mail`.
    pub destination: String,
    /// What of it: names it among everything of its destination and commit.
    pub part: String,
    /// What it is in a word: an event, a kind of notice, `card` or `record`.
    pub what: String,
    /// Whether it is kept up to date, and not said once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// Who is to read it, where that is one person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PersonId>,
    /// The handoff's version it is about; of what is kept, the newest that is wanted.
    pub version: u64,
    /// The version that is shown, of what is kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shows: u64,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried since it was last wanted.
    #[serde(default)]
    pub tries: u32,
    /// Since when it is wanted.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub since: DateTime<Utc>,
    /// When this row last moved.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// When it is tried next, or until when somebody is at it.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<DateTime<Utc>>,
    /// Whether it stands in its destination's queue, also while somebody is at it: so that whoever
    /// dies with it leaves it there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    /// Whether a try has ended of which nobody knows whether it arrived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
    /// What came of it, a sentence; no personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What the other side calls what was made there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub known: BTreeMap<String, String>,
    /// How pressing it is: sorts as text, most urgent first.
    #[serde(default)]
    pub pressing: String,
    /// How often this row was written: the condition of the next time.
    #[serde(default)]
    pub writes: u64,
    /// The try that wrote it, by which its writer knows its own lost reply.
    #[serde(default)]
    pub attempt: AttemptId,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Delivery {
    /// Tells whether nothing more happens to it by itself.
    pub fn is_over(&self) -> bool {
        !matches!(self.state, DeliveryState::Sending | DeliveryState::Waiting)
    }

    /// Names whose queue it waits in: its destination, and of mail each reader has their own.
    pub fn lane(&self) -> String {
        match (&self.to, self.destination.as_str()) {
            (Some(to), domain::delivery::MAIL) => format!("{}#{to}", self.destination),
            _ => self.destination.clone(),
        }
    }

    /// Names it, as whoever redrives it says it.
    pub fn name(&self) -> String {
        let key = self.key();
        format!("{}#{}", self.handoff, key.sk)
    }

    fn key(&self) -> Key {
        let version = (!self.kept).then_some(self.version);
        keys::delivery(&self.handoff, version, &self.destination, &self.part)
    }
}

/// Where in a destination's queue the rest begins.
#[derive(Clone, Debug)]
pub struct Place(Item);

impl Store {
    /// Lists everything that reaches anybody of a handoff.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn deliveries(&self, handoff: &HandoffId) -> Result<Vec<Delivery>, StoreError> {
        let query = Query {
            condition: "pk = :handoff",
            values: vec![(":handoff", text(keys::deliveries(handoff)))],
            ..Query::default()
        };
        let rows = self.query_all(query).await?;
        rows.into_iter().map(|row| from_item("delivery", row)).collect()
    }

    /// Writes a delivery, if it is still as `before` says, or not there yet.
    ///
    /// # Errors
    /// `Conflict` when somebody else moved it first.
    pub async fn put_delivery(
        &self,
        delivery: &Delivery,
        before: Option<&Delivery>,
    ) -> Result<Delivery, StoreError> {
        let writes = before.map_or(0, |before| before.writes) + 1;
        let delivery = Delivery { writes, ..delivery.clone() };
        let mut item = to_item("delivery", &delivery.key(), &delivery)?;
        item.insert(TTL.to_owned(), number((delivery.at + Duration::days(KEPT_DAYS)).timestamp()));
        let listed = match delivery.state {
            // Two of one handoff are as urgent; the index keeps both, for its keys differ.
            DeliveryState::Waiting | DeliveryState::Sending if delivery.queued => {
                Some((waits_in(&delivery.lane()), delivery.pressing.clone()))
            }
            DeliveryState::Failed | DeliveryState::Muted | DeliveryState::Observed => {
                let at = format!("{:014}", delivery.at.timestamp_millis());
                Some((lies_in(&delivery.destination), at))
            }
            // What is being sent or arrived is found by its handoff: it is the many.
            _ => None,
        };
        if let Some((queue, order)) = listed {
            item.insert(QUEUE_KEY.to_owned(), text(queue));
            item.insert(URGENCY.to_owned(), text(order));
        }
        let mut request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        request = match before {
            None => request.condition_expression("attribute_not_exists(pk)"),
            Some(before) => request
                .condition_expression("writes = :writes")
                .expression_attribute_values(":writes", number(before.writes)),
        };
        match request.send().await {
            Ok(answer) => {
                self.meter.write_of("PutItem", answer.consumed_capacity.as_slice());
                Ok(delivery)
            }
            Err(error) => {
                let refused = match error.as_service_error() {
                    Some(PutItemError::ConditionalCheckFailedException(refused)) => refused.item(),
                    _ => return Err(StoreError::of(error)),
                };
                let own = |old: &Item| {
                    text_of(old, "attempt").as_deref() == Some(delivery.attempt.as_str())
                        && crate::item::number_of(old, "writes") == i64::try_from(writes).ok()
                };
                match refused.is_some_and(own) {
                    true => Ok(delivery),
                    false => Err(StoreError::Conflict),
                }
            }
        }
    }

    /// Lists what waits for a destination, most urgent first, at most `limit`; also what somebody
    /// took from there and is at.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn waiting(&self, lane: &str, limit: i32) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.waiting_after(lane, limit, None).await?.0)
    }

    /// Lists what waits for a destination from a place on, and the place where the rest begins.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn waiting_after(
        &self,
        lane: &str,
        limit: i32,
        place: Option<Place>,
    ) -> Result<(Vec<Delivery>, Option<Place>), StoreError> {
        let (read, rest) = self.listed((waits_in(lane), false), limit, place).await?;
        // The index may be a moment old: what does not wait any more is left out.
        Ok((read.into_iter().filter(|one| !one.is_over()).collect(), rest))
    }

    /// Lists what did not reach a destination and does not wait: given up, silenced or only
    /// observed, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn undelivered(
        &self,
        destination: &str,
        limit: i32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let (read, _) = self.listed((lies_in(destination), true), limit, None).await?;
        let lies = |state| {
            matches!(state, DeliveryState::Failed | DeliveryState::Muted | DeliveryState::Observed)
        };
        Ok(read.into_iter().filter(|one| lies(one.state)).collect())
    }

    async fn listed(
        &self,
        (queue, newest_first): (String, bool),
        limit: i32,
        place: Option<Place>,
    ) -> Result<(Vec<Delivery>, Option<Place>), StoreError> {
        let query = Query {
            index: Some(QUEUE),
            condition: "queue_key = :queue",
            values: vec![(":queue", text(queue))],
            limit: Some(limit),
            newest_first,
            start: place.map(|place| place.0),
        };
        let (rows, rest) = self.query_page(query).await?;
        let keys: Vec<Key> = rows
            .iter()
            .filter_map(|row| Some(Key { pk: text_of(row, PK)?, sk: text_of(row, SK)? }))
            .collect();
        let mut found = self.get_many(keys.iter().cloned()).await?;
        let read = keys.iter().filter_map(|key| found.remove(key));
        let read: Result<_, _> = read.map(|item| from_item("delivery", item)).collect();
        Ok((read?, rest.map(Place)))
    }

    /// Has a delivery tried again at once, from the beginning, unless somebody is at it.
    ///
    /// # Errors
    /// `Conflict` when it moved meanwhile; `Unavailable` when the table does not answer.
    pub async fn redrive_delivery(
        &self,
        delivery: &Delivery,
        attempt: AttemptId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let again = Delivery {
            state: DeliveryState::Waiting,
            queued: true,
            tries: 0,
            since: now,
            at: now,
            until: Some(now),
            attempt,
            ..delivery.clone()
        };
        // Before it as well: what is put down and never marked lies there for good.
        self.mark_destination(&delivery.lane(), now).await?;
        self.put_delivery(&again, Some(delivery)).await?;
        self.mark_destination(&delivery.lane(), now).await
    }
}

fn waits_in(lane: &str) -> String {
    format!("delivery#{lane}")
}

fn lies_in(destination: &str) -> String {
    format!("undelivered#{destination}")
}
