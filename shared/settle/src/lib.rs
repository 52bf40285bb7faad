//! Settling: every event, from a source or by hand, comes to something, once; and so does what a
//! person orders.
//!
//! Intake settles what webhooks say and the desk what people open by hand, so both find the same
//! journeys, hold the same claims and join the same handoffs. An event is settled by reading what
//! it is about, deciding, and one transaction; a lost race is settled again on the new truth. What
//! must stay true: **the same event again changes nothing**, because its duplicate key is marked in
//! the transaction that does what it says; and of two values the newer stands, whichever came
//! first. Orders of people ([`order`]) are carried out here too, so that a button of chat and a
//! form of the desk are one command under the same permissions ([`may`]).

mod answering;
mod journey;
pub mod may;
mod opening;
pub mod order;
pub mod plan;
pub mod said;
mod telling;
#[cfg(test)]
mod testing;
mod verb;

pub use order::Order;
pub use verb::Verb;

use chrono::{DateTime, Utc};
use domain::{Actor, AttemptId, HandoffId, SourceEvent, SourceKey};
use journey::Whose;
use opening::Reading;
use runtime::{Clock, Configs, Ids, configs::ConfigError};
use store::{By, Seen, Store, StoreError};

/// How often a lost race is settled again before the event has to wait.
const TRIES: usize = 10;

/// Settles events.
#[derive(Clone)]
pub struct Settler {
    store: Store,
    configs: Configs,
    clock: Clock,
    ids: Ids,
}

/// Where an event comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Who changes something by it.
    pub actor: Actor,
    /// The source under which it is counted and its duplicate key is remembered.
    pub source: SourceKey,
    /// Who said it, as the package shows it beside each value.
    pub said_by: String,
    /// What made the change: a receipt, the desk.
    pub cause: String,
    /// When it came in.
    pub received_at: DateTime<Utc>,
    /// Whether a person typed it: they can be asked to say it better, so nobody is merged by it and
    /// no key is used twice.
    pub by_hand: bool,
}

/// What one event came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A handoff opened.
    Opened(HandoffId),
    /// It joined the handoff that holds the claim.
    Joined(HandoffId),
    /// A handoff was told more.
    Updated(HandoffId),
    /// It was settled before, perhaps to a handoff.
    Duplicate(Option<HandoffId>),
    /// It is nothing to us.
    Ignored,
}

/// Why an event could not be settled now.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The table could not be used, or will never take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A person named somebody who is two people here.
    #[error("This names two people who are known apart: name one of them.")]
    TwoPeople,
    /// A person's key was used for something else.
    #[error("This key was used for something else.")]
    KeyReused,
    /// Every race was lost.
    #[error("Others kept changing what event {0} is about: it is settled later.")]
    Busy(String),
}

impl Settler {
    /// Makes a settler of its parts.
    pub fn new(store: Store, configs: Configs, clock: Clock, ids: Ids) -> Self {
        Self { store, configs, clock, ids }
    }

    /// Settles one event. One duplicate key with two contents is two events of a source: the second
    /// is kept under a key of its own and the handoff is flagged.
    ///
    /// # Errors
    /// `Store` with `Refused` when it will never be taken as it is; anything else means later.
    pub async fn settle(
        &self,
        origin: &Origin,
        event: &SourceEvent,
    ) -> Result<Effect, SettleError> {
        let said = event;
        let (mut event, mut conflict) = match self.unless_done(origin, said).await? {
            Standing::New(event, conflict) => (*event, conflict),
            Standing::Done(handoff) => return Ok(Effect::Duplicate(handoff)),
        };
        for _ in 0..TRIES {
            let whose = match &event.about {
                Some(handoff) => self.whose_handoff(handoff, &event).await?,
                None => self.whose(&event).await?,
            };
            if let Whose::Several(journeys) = whose {
                if origin.by_hand {
                    return Err(SettleError::TwoPeople);
                }
                self.merge(origin, journeys).await?;
                continue;
            }
            match self.come_to(origin, &event, whose, conflict).await {
                Err(SettleError::Store(StoreError::Conflict)) => {}
                // Done meanwhile, perhaps by one that said something else under the same key.
                Err(SettleError::Store(StoreError::Duplicate(_))) => {
                    match self.unless_done(origin, said).await? {
                        Standing::New(other, conflicts) => (event, conflict) = (*other, conflicts),
                        Standing::Done(handoff) => return Ok(Effect::Duplicate(handoff)),
                    }
                }
                result => return result,
            }
        }
        Err(SettleError::Busy(event.key))
    }

    /// Finds out whether an event was settled before.
    async fn unless_done(
        &self,
        origin: &Origin,
        event: &SourceEvent,
    ) -> Result<Standing, SettleError> {
        let same = |seen: &Seen| seen.fingerprint == event.fingerprint;
        match self.store.seen(&origin.source, &event.key).await? {
            None => return Ok(Standing::New(Box::new(event.clone()), false)),
            Some(seen) if same(&seen) => return Ok(Standing::Done(seen.handoff)),
            Some(_) if origin.by_hand => return Err(SettleError::KeyReused),
            Some(_) => {}
        }
        let key = format!("{}#{}", event.key, event.fingerprint);
        if let Some(seen) = self.store.seen(&origin.source, &key).await? {
            return Ok(Standing::Done(seen.handoff));
        }
        tracing::warn!(cause = origin.cause, "one event id came with two contents");
        Ok(Standing::New(Box::new(SourceEvent { key, ..event.clone() }), true))
    }

    fn by(&self, origin: &Origin) -> By {
        let (actor, cause) = (origin.actor.clone(), origin.cause.clone());
        By { actor, cause, attempt: self.attempt() }
    }

    fn attempt(&self) -> AttemptId {
        AttemptId(self.ids.ulid(self.clock.now()))
    }
}

/// Whether an event is still to be settled: under which key, and whether another content had that
/// key first.
enum Standing {
    New(Box<SourceEvent>, bool),
    Done(Option<HandoffId>),
}
