//! The router: a handoff without an owner gets one, with the reasons.
//!
//! It hears of opened and resubmitted handoffs, and of any with a standing request for routing. It
//! reads the handoff as it is now, so an event that comes twice or late finds nothing to do. Who is
//! chosen, the rep's open count and the pool's rotation move in one transaction; a lost race is
//! decided again on the new truth. When nobody can take it that is recorded, with why, and the
//! pool's manager is told; the request stands, and the sweep brings it back, or sooner a place that
//! becomes free: whoever waits longest for their clock is asked for then. Of those that have just
//! opened other systems are asked first what they know, for two seconds at most.

mod enrich;

pub use enrich::Enricher;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use domain::{
    Actor, AttemptId, Config, Facts, Handoff, HandoffId, Package, PersonId, PoolId, Refusal,
    decide,
    routing::{Asking, Forecast, Place, Unread, Way},
};
use runtime::{Clock, Configs, Figure, Ids, configs::ConfigError, figures::seconds};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use store::{By, QueueKey, Store, StoreError, Stored, Write};

/// How often a lost race is decided again before the queue is asked to bring it back later: more
/// often than another batch has handoffs, for it wins while its places are as it foresaw.
const TRIES: usize = 30;

/// Gives handoffs owners.
#[derive(Clone)]
pub struct Router {
    store: Store,
    configs: Configs,
    enricher: Enricher,
    clock: Clock,
    ids: Ids,
}

/// Why a handoff could not be routed now; the queue brings it back.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The message is not one of ours.
    #[error("the message cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Others kept changing it.
    #[error("handoff {0} kept changing while it was routed")]
    Busy(HandoffId),
}

/// How many of those that wait are looked at when places become free.
const LOOKED_AT: i32 = 100;

/// How many of them are asked for again: more would take the time of who comes next.
const WAITING_MAX: usize = 10;

/// What was read for a whole batch: many leads at once are for the same few reps, and each commit
/// says how they stand after it. A commit that is refused says that it is not so any more.
#[derive(Default)]
struct Seen {
    handoffs: BTreeMap<HandoffId, (Stored<Handoff>, Stored<Package>)>,
    forecast: Forecast,
}

/// The event by which a handoff comes to be.
const OPENED: &str = "handoff.opened";

/// The events by which a rep has a place more than before.
pub const FREES_A_PLACE: [&str; 5] = [
    "handoff.completed",
    "handoff.recycled",
    "handoff.cancelled",
    "handoff.returned",
    "handoff.reassigned",
];

/// A bus event as the queue carries it.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "detail-type")]
    kind: String,
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    handoff: HandoffId,
    #[serde(default)]
    version: u64,
    /// What made the sweep ask for it again, if it did.
    #[serde(default)]
    because: Option<String>,
    /// The configuration that is active at least.
    #[serde(default)]
    config: u64,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    about: Owners,
}

/// Who had it before.
#[derive(Default, Deserialize)]
struct Owners {
    #[serde(default)]
    owner_before: Option<PersonId>,
}

impl Event {
    fn frees_a_place(&self) -> bool {
        FREES_A_PLACE.contains(&self.kind.as_str())
    }

    fn cause(&self) -> String {
        match &self.detail.because {
            Some(changed) => format!("roster {changed}"),
            None => format!("{}:{}", self.detail.handoff, self.detail.version),
        }
    }
}

fn read(message: &SqsMessage) -> Result<Event, serde_json::Error> {
    serde_json::from_str(message.body.as_deref().unwrap_or_default())
}

impl Router {
    /// Makes a router of its parts.
    pub fn new(
        store: Store,
        configs: Configs,
        enricher: Enricher,
        (clock, ids): (Clock, Ids),
    ) -> Self {
        Self { store, configs, enricher, clock, ids }
    }

    /// Routes a batch of the queue's messages; those that failed come back.
    pub async fn handle(&self, batch: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        let events = batch.records.into_iter().map(|message| (read(&message), message));
        let frees = |read: &Result<Event, _>| matches!(read, Ok(event) if event.frees_a_place());
        let (freed, asking): (Vec<_>, Vec<_>) = events.partition(|(event, _)| frees(event));
        // Who has nobody yet comes before who might be given a place that became free.
        let ids = asking
            .iter()
            .filter_map(|(event, _)| Some(event.as_ref().ok()?.detail.handoff.clone()));
        let mut seen = Box::pin(self.look(ids.collect())).await;
        let opened = asking.iter().filter_map(|(event, _)| event.as_ref().ok());
        let opened = opened.filter(|event| event.kind == OPENED);
        let opened: BTreeSet<HandoffId> =
            opened.map(|event| event.detail.handoff.clone()).collect();
        Box::pin(self.enrich(&opened, &mut seen)).await;
        for (event, message) in asking {
            // Boxed: the future of a whole routing is deep, and it is one allocation a message.
            if let Err(error) = Box::pin(self.take(event, &mut seen)).await {
                tracing::warn!(%error, "not routed yet");
                response.add_failure(message.message_id.unwrap_or_default());
            }
        }
        // One look at who waits is enough for all of them, and it is no loss if it fails: the
        // request stands, and the sweep brings it back.
        let freed: Vec<Event> = freed.into_iter().filter_map(|(event, _)| event.ok()).collect();
        if let Err(error) = Box::pin(self.give_freed(&freed)).await {
            tracing::warn!(%error, "a place that became free was not given yet");
        }
        response
    }

    /// Reads a batch's handoffs together. What that does not find is read on its own.
    async fn look(&self, ids: BTreeSet<HandoffId>) -> Seen {
        let ids: Vec<HandoffId> = ids.into_iter().collect();
        let read = self.store.handoffs(&ids).await.unwrap_or_default();
        let handoffs = read.into_iter().map(|read| (read.0.id.clone(), read)).collect();
        Seen { handoffs, forecast: Forecast::default() }
    }

    /// Learns what other systems know of those that have just opened; what changed by it is read
    /// again.
    async fn enrich(&self, opened: &BTreeSet<HandoffId>, seen: &mut Seen) {
        let Ok(active) = self.configs.active(self.clock.now()).await else { return };
        if active.config.enrichments.is_empty() {
            return;
        }
        let of_these = |id: &HandoffId| opened.contains(id);
        let read: BTreeMap<_, _> = seen
            .handoffs
            .iter()
            .filter(|(id, _)| of_these(id))
            .map(|(id, read)| (id.clone(), read.clone()))
            .collect();
        for id in self.enricher.enrich(&read, &active.config).await {
            seen.handoffs.remove(&id);
        }
    }

    async fn take(
        &self,
        event: Result<Event, serde_json::Error>,
        seen: &mut Seen,
    ) -> Result<(), RouteError> {
        let event = event?;
        self.configs.at_least(event.detail.config);
        match self.give(&event.detail.handoff, &event.cause(), seen).await {
            // What the sweep saw waiting in the index may be gone by now.
            Err(RouteError::Store(StoreError::Missing { .. }))
                if event.detail.because.is_some() =>
            {
                Ok(())
            }
            result => result,
        }
    }

    /// Asks again for those who wait for a team in which places became free, most urgent first.
    async fn give_freed(&self, freed: &[Event]) -> Result<(), RouteError> {
        let Some(first) = freed.first() else { return Ok(()) };
        let active = self.configs.active(self.clock.now()).await?;
        let reps = freed.iter().flat_map(|event| &event.detail.data.about.owner_before);
        let pools = reps.flat_map(|rep| active.config.pools_of(rep));
        let teams: BTreeSet<&str> = pools
            .filter_map(|pool| active.config.pools.get(pool))
            .map(|pool| pool.team.as_str())
            .collect();
        // The index may be a moment old, and one that is no longer there asks for nobody.
        let waiting = self.store.queue(&QueueKey::Unrouted, LOOKED_AT).await?;
        let waiting = waiting.into_iter().filter(|row| teams.contains(row.to.as_str()));
        let waiting: Vec<_> = waiting.take(WAITING_MAX).collect();
        let mut seen = self.look(waiting.iter().map(|row| row.id.clone()).collect()).await;
        for row in waiting {
            match self.give(&row.id, &first.cause(), &mut seen).await {
                Err(RouteError::Store(StoreError::Missing { .. })) => {}
                result => result?,
            }
        }
        Ok(())
    }

    /// Gives one handoff an owner, or records that nobody can take it.
    ///
    /// # Errors
    /// When the table does not answer, or the handoff kept changing: try again later.
    pub async fn route(&self, id: &HandoffId, cause: &str) -> Result<(), RouteError> {
        self.give(id, cause, &mut Seen::default()).await
    }

    async fn give(&self, id: &HandoffId, cause: &str, seen: &mut Seen) -> Result<(), RouteError> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let active = self.configs.active(now).await?;
            let (handoff, package) = match seen.handoffs.remove(id) {
                Some(read) => read,
                None => self.store.handoff_and_package(id).await?,
            };
            if handoff.routing.as_ref().is_none_or(|routing| routing.waits(now)) {
                return Ok(());
            }
            let pinned = self.configs.version(handoff.config).await?;
            let facts = Facts { active: &active.config, pinned: &pinned.config };

            let asking = Asking {
                handoff: &handoff,
                package: &package,
                config: &active.config,
                rules: active.rules(),
                now,
            };
            let way = self.way(asking, &mut seen.forecast).await?;
            let (taken, at_most) = (way.taken.clone(), way.at_most);
            let assigns = way.owner.is_some();

            let changes = match decide(&handoff, way.command(), facts, now) {
                Ok(changes) => changes,
                Err(Refusal::Nothing | Refusal::Stage { .. }) => {
                    // The way was not gone.
                    seen.forecast = Forecast::default();
                    return Ok(());
                }
                Err(refusal) => {
                    seen.forecast = Forecast::default();
                    tracing::error!(handoff = %id, %refusal, "a routing decision was refused");
                    return Ok(());
                }
            };
            let attempt = AttemptId(self.ids.ulid(now));
            let by = By { actor: Actor::Router, cause: cause.to_owned(), attempt };
            let mut write = Write::change(&handoff, changes, by, now, &active.config);
            if let Some((pool, candidate)) = taken {
                write = write.takes_turn(pool, candidate);
            }
            if let Some(capacity) = at_most {
                write = write.has_room(capacity);
            }
            match self.store.commit(write).await {
                Ok(_) => {
                    if let (true, Some(routing)) = (assigns, &handoff.routing) {
                        Figure::AssignSeconds.is(seconds(now - routing.since));
                    }
                    return Ok(());
                }
                // Somebody was faster: what was read is read again.
                Err(StoreError::Conflict | StoreError::Full(_)) => {
                    seen.forecast = Forecast::default();
                }
                Err(error) => {
                    seen.forecast = Forecast::default();
                    return Err(error.into());
                }
            }
        }
        Err(RouteError::Busy(id.clone()))
    }

    /// Finds the way of a handoff, reading the places of a pool when they are asked for; those of
    /// the batch so far are known, and moved by it.
    async fn way(&self, asking: Asking<'_>, forecast: &mut Forecast) -> Result<Way, RouteError> {
        loop {
            match forecast.next(asking) {
                Ok(way) => return Ok(way),
                Err(Unread(pool)) => {
                    let read = self.places(&pool, asking.config).await?;
                    forecast.read(pool, read);
                }
            }
        }
    }

    /// Reads how a pool's reps stand, and its manager.
    async fn places(
        &self,
        pool: &PoolId,
        config: &Config,
    ) -> Result<BTreeMap<PersonId, Place>, RouteError> {
        let reps: Vec<PersonId> = config.askable(pool).into_iter().cloned().collect();
        Ok(self.store.standings(pool, &reps).await?)
    }
}
