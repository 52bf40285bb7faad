//! What is listed: what is due, whose queue holds what, what opened on a day. Three sparse indexes,
//! no scan.

use crate::{
    Store, StoreError,
    item::{Item, Query, from_item, number, number_of, text, text_of},
    keys::{
        BY_DAY, CONFIG, DAY_SHARD, DAY_SHARDS, DESTINATION_PREFIX, DUE, DUE_AT, DUE_SHARD,
        DUE_SHARDS, HANDOFF_PREFIX, PK, QUEUE, QUEUE_KEY, RECEIPT_PREFIX, REP_PREFIX,
    },
};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    Handoff, HandoffId, PersonId, PoolId, ReceiptId, Stage, TypeKey,
    clock::{Clock, ClockState},
    handoff::Routing,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A queue: where an open handoff stands and waits for somebody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueueKey {
    /// A rep's own.
    Owner(PersonId),
    /// Nobody has it yet.
    Unrouted,
    /// It was returned to the team that sent it.
    Sender(String),
}

impl QueueKey {
    /// Finds the queue a handoff stands in; closed ones stand in none.
    pub fn of(handoff: &Handoff) -> Option<Self> {
        match (&handoff.owner, handoff.stage) {
            (_, stage) if !stage.is_open() => None,
            (_, Stage::Returned) => Some(Self::Sender(handoff.from.clone())),
            (Some(owner), _) => Some(Self::Owner(owner.clone())),
            (None, _) => Some(Self::Unrouted),
        }
    }
}

impl fmt::Display for QueueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(person) => write!(f, "owner#{person}"),
            Self::Unrouted => f.write_str("unrouted"),
            Self::Sender(team) => write!(f, "sender#{team}"),
        }
    }
}

/// The clock a queue row counts down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// Its name.
    pub name: String,
    /// Its deadline.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub due_at: DateTime<Utc>,
    /// How it stands.
    pub state: ClockState,
    /// When it was stopped, also if too late.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub met_at: Option<DateTime<Utc>>,
}

impl Lead {
    /// Takes what a queue row shows of a clock.
    pub fn of(clock: &Clock) -> Self {
        let Clock { name, due_at, state, met_at, .. } = clock.clone();
        Self { name, due_at, state, met_at }
    }
}

/// What a queue shows of a handoff; no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// The handoff.
    pub id: HandoffId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: TypeKey,
    /// Where it stands.
    pub stage: Stage,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// Its pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolId>,
    /// The receiving team.
    pub to: String,
    /// Its score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<i64>,
    /// Share of the package that is there, in percent.
    #[serde(default)]
    pub completeness: u8,
    /// The clock it counts down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<Lead>,
    /// Why it waits for an owner, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// Whether it is a test.
    #[serde(default)]
    pub test: bool,
    /// How pressing it is: sorts as text, most urgent first.
    #[serde(default)]
    pub urgency: String,
}

/// Attributes a queue row shows, projected into the index.
pub(crate) const QUEUE_SHOWS: [&str; 11] = [
    "id",
    "type",
    "stage",
    "owner",
    "pool",
    "to",
    "score",
    "completeness",
    "lead",
    "routing",
    "test",
];

/// Orders a queue: time to the deadline, then the higher score.
pub fn urgency(handoff: &Handoff) -> String {
    let ticking = handoff.pressing_clock();
    let due = ticking.map_or(i64::from(u32::MAX) * 1_000, |clock| clock.due_at.timestamp_millis());
    let score = handoff.score.unwrap_or(0).clamp(0, 9_999);
    format!("{due:014}#{:04}#{}", 9_999 - score, handoff.id)
}

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A handoff's step, and when.
    Handoff(HandoffId, DateTime<Utc>),
    /// A receipt whose events are not all settled, and since when it waits.
    Receipt(ReceiptId, DateTime<Utc>),
    /// Who may be given handoffs changed, and when: whoever waits is to be asked for again.
    Roster(Roster, DateTime<Utc>),
    /// Something waits for a destination, and when it is looked at: its name.
    Destination(String, DateTime<Utc>),
}

/// What says who may be given handoffs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Roster {
    /// The configuration.
    Config,
    /// A rep who is away or is back.
    Rep(PersonId),
}

impl fmt::Display for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("configuration"),
            Self::Rep(rep) => write!(f, "rep {rep}"),
        }
    }
}

impl Due {
    /// Tells when.
    pub fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Handoff(_, at)
            | Self::Receipt(_, at)
            | Self::Roster(_, at)
            | Self::Destination(_, at) => *at,
        }
    }
}

impl Store {
    /// Lists one shard's things due by `horizon`, earliest first, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn due(
        &self,
        shard: u64,
        horizon: DateTime<Utc>,
        limit: i32,
    ) -> Result<Vec<Due>, StoreError> {
        let query = Query {
            index: Some(DUE),
            condition: "due_shard = :shard AND due_at <= :horizon",
            values: vec![
                (":shard", text(shard.to_string())),
                (":horizon", number(horizon.timestamp_millis())),
            ],
            limit: Some(limit),
            ..Query::default()
        };
        let (items, _) = self.query_page(query).await?;
        Ok(items.iter().filter_map(due_of).collect())
    }

    /// Tells how many shards the due index has.
    pub fn due_shards() -> u64 {
        DUE_SHARDS
    }

    /// Lists one queue, most urgent first, at most `limit` rows.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn queue(&self, queue: &QueueKey, limit: i32) -> Result<Vec<QueueRow>, StoreError> {
        let (mut rows, mut start) = (Vec::new(), None);
        loop {
            let left = limit - i32::try_from(rows.len()).unwrap_or(limit);
            let query = Query {
                index: Some(QUEUE),
                condition: "queue_key = :queue",
                values: vec![(":queue", text(queue.to_string()))],
                limit: Some(left),
                start,
                ..Query::default()
            };
            // A page ends also where it is a megabyte long.
            let (items, next) = self.query_page(query).await?;
            for item in items {
                rows.push(from_item("queue row", item)?);
            }
            match next {
                Some(next) if left > 0 && rows.len() < usize::try_from(limit).unwrap_or(0) => {
                    start = Some(next);
                }
                _ => return Ok(rows),
            }
        }
    }

    /// Counts a whole queue, however long it is.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn count(&self, queue: &QueueKey) -> Result<usize, StoreError> {
        let query = Query {
            index: Some(QUEUE),
            condition: "queue_key = :queue",
            values: vec![(":queue", text(queue.to_string()))],
            ..Query::default()
        };
        Ok(self.query_all(query).await?.len())
    }

    /// Lists the handoffs that opened on a UTC day, newest first.
    ///
    /// # Errors
    /// `Unavailable` when the table does not answer.
    pub async fn opened_on(&self, day: NaiveDate) -> Result<Vec<HandoffId>, StoreError> {
        let mut opened = Vec::new();
        for shard in 0..DAY_SHARDS {
            let query = Query {
                index: Some(BY_DAY),
                condition: "day_shard = :shard",
                values: vec![(":shard", text(format!("{day}#{shard}")))],
                ..Query::default()
            };
            for item in self.query_all(query).await? {
                let at = number_of(&item, crate::keys::DAY_AT).unwrap_or_default();
                opened.extend(handoff_of(&item).map(|id| (at, id)));
            }
        }
        opened.sort();
        Ok(opened.into_iter().rev().map(|(_, id)| id).collect())
    }
}

fn handoff_of(item: &Item) -> Option<HandoffId> {
    text_of(item, PK)?.strip_prefix(HANDOFF_PREFIX).map(HandoffId::from)
}

fn due_of(item: &Item) -> Option<Due> {
    let at = DateTime::from_timestamp_millis(number_of(item, DUE_AT)?)?;
    if let Some(id) = handoff_of(item) {
        return Some(Due::Handoff(id, at));
    }
    let pk = text_of(item, PK)?;
    if pk == CONFIG {
        return Some(Due::Roster(Roster::Config, at));
    }
    if let Some(name) = pk.strip_prefix(DESTINATION_PREFIX) {
        return Some(Due::Destination(name.to_owned(), at));
    }
    let receipt = pk.strip_prefix(RECEIPT_PREFIX).map(|id| Due::Receipt(ReceiptId::from(id), at));
    let rep = || pk.strip_prefix(REP_PREFIX).map(|rep| Roster::Rep(rep.into()));
    receipt.or_else(|| Some(Due::Roster(rep()?, at)))
}

/// The indexes, by name, partition key and sort key, with what they show besides keys.
pub(crate) const INDEXES: [(&str, &str, &str, &[&str]); 3] = [
    (DUE, DUE_SHARD, DUE_AT, &[]),
    (QUEUE, QUEUE_KEY, crate::keys::URGENCY, &QUEUE_SHOWS),
    (BY_DAY, DAY_SHARD, crate::keys::DAY_AT, &[]),
];
