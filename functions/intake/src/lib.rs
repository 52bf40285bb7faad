//! Intake: an authentic webhook becomes a stored handoff, touch or outcome.
//!
//! The order is the promise. Authenticity is proved on the raw bytes before anything is parsed; the
//! exact bytes are stored before anything is made of them; then each event is settled in one
//! transaction of its own, idempotent by its duplicate key. Nothing authentic is refused: what
//! cannot be read is put in quarantine and answered 200, and what cannot be settled in time is
//! answered `pending` and comes back through the queue.

mod again;
pub mod connector;
mod door;
mod drain;
mod pressing;
mod settling;
mod told;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::{Actor, HandoffId, ReceiptId, SourceKey};
use futures::FutureExt;
use http::{Request, Response};
use runtime::{Clock, Configs, Ids, Outside, Secrets};
use serde::Serialize;
use settle::{Effect, Origin, Settler};
use std::{collections::BTreeMap, panic::AssertUnwindSafe};
use store::{AsideKey, Store};
use told::Told;

/// The JSON Schema of a generic hook's body.
pub const GENERIC_SCHEMA: &str = include_str!("../generic.schema.json");

/// Turns webhooks into handoffs.
#[derive(Clone)]
pub struct Intake {
    store: Store,
    configs: Configs,
    secrets: Secrets,
    outside: Outside,
    settler: Settler,
    clock: Clock,
    ids: Ids,
    abreast: usize,
}

/// What became of one request: what its sender is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// The stored bytes.
    pub receipt: ReceiptId,
    /// Handoffs that opened.
    pub opened: Vec<HandoffId>,
    /// Handoffs a second trigger joined.
    pub joined: Vec<HandoffId>,
    /// Handoffs that were told more.
    pub updated: Vec<HandoffId>,
    /// Events that were settled before.
    pub duplicates: usize,
    /// Events that are not ours.
    pub ignored: usize,
    /// Entries that could not be read.
    pub quarantined: usize,
    /// Events that will be settled shortly.
    pub pending: usize,
    /// Where the entries that could not be read are, and why each.
    #[serde(skip)]
    pub aside: BTreeMap<AsideKey, String>,
    /// What whoever pressed a button is told.
    #[serde(skip)]
    told: Option<Told>,
}

/// What is known of the request an event came in.
#[derive(Clone)]
struct Envelope {
    source: SourceKey,
    receipt: ReceiptId,
    received_at: DateTime<Utc>,
}

impl Intake {
    /// Makes an intake of its parts; it settles `abreast` events at once.
    pub fn new(
        store: Store,
        configs: Configs,
        (secrets, outside): (Secrets, Outside),
        (clock, ids): (Clock, Ids),
        abreast: usize,
    ) -> Self {
        let settler = Settler::new(store.clone(), configs.clone(), clock.clone(), ids.clone());
        Self { store, configs, secrets, outside, settler, clock, ids, abreast: abreast.max(1) }
    }

    /// Answers one request to a hook; a defect that panics is answered 503, so that the sender
    /// tries again and the next request finds everything as it was.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        // What is stored is only ever changed by whole transactions, and what is kept in memory by
        // single assignments under a lock: a panic leaves nothing half done.
        let answer = AssertUnwindSafe(Box::pin(self.open_door(request))).catch_unwind().await;
        answer.unwrap_or_else(|_| self.not_stored("a request panicked", "/hooks"))
    }
}

impl Envelope {
    fn origin(&self) -> Origin {
        Origin {
            actor: Actor::Source(self.source.clone()),
            source: self.source.clone(),
            said_by: self.source.to_string(),
            cause: format!("receipt {}", self.receipt),
            received_at: self.received_at,
            by_hand: false,
        }
    }
}

impl Settled {
    fn count(&mut self, effect: Effect) {
        let add = |list: &mut Vec<HandoffId>, id| {
            if !list.contains(&id) {
                list.push(id);
            }
        };
        match effect {
            Effect::Opened(id) => add(&mut self.opened, id),
            Effect::Joined(id) => add(&mut self.joined, id),
            Effect::Updated(id) => add(&mut self.updated, id),
            Effect::Duplicate(_) => self.duplicates += 1,
            Effect::Ignored => self.ignored += 1,
        }
    }
}
