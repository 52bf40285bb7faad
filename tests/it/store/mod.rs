//! The store on an engine: each access pattern once, as sentences, and what faults may
//! not do to it.
//!
//! Correctness lives in condition expressions, so everything here is asked of an engine: a table of
//! its own for each test, made by the store. What is checked is what a caller can read afterwards.

mod assigning;
mod changing;
mod configs;
mod flow;
mod journeys;
mod ledger;
mod lists;
mod names;
mod opening;
mod own_writes;
mod receipts;
pub(crate) mod shapes;

use chrono::{DateTime, Duration, Utc};
use domain::{
    Actor, Change, Config, Handoff, HandoffId, JourneyId, Package, PersonId, Stage,
    commit::Lineage,
    config,
    decide::{Targets, start_clocks},
    handoff::Routing,
    routing::{Candidate, Place},
    subject::{ObjectKind, Reference, Subject},
};
use local::{Parts, Setup, assembly, sample::ORGANISATION};
use runtime::Clock;
use std::sync::{
    LazyLock, Mutex,
    atomic::{AtomicU32, Ordering},
};
use store::{By, Due, Opening, Store, StoreError, Stored, Write, create_table};
use tests::{
    engine,
    faults::{Fault, faulty},
};

/// The sample organisation.
static CONFIG: LazyLock<Config> = LazyLock::new(|| config::load(ORGANISATION).unwrap());

/// The pool everything is routed to here.
const POOL: &str = "sdr_emea";

/// One position of a rotation where every weight is one.
const TURN: u64 = 720_720;

/// Makes an empty table of its own.
pub(crate) async fn fresh() -> (Store, Parts) {
    let (clock, _) = Clock::hand(at(0));
    let table = assembly::TABLE.to_owned();
    let setup = Setup { data: None, table, rules: Vec::new(), clock };
    let parts = engine::parts(setup, engine::wanted());
    let store = assembly::environment(&parts).store();
    create_table(&store).await.unwrap();
    engine::keep_expired(&parts, assembly::TABLE).await;
    (store, parts)
}

/// Reaches the same table through requests that a plan spoils.
fn spoiled(parts: &Parts, plan: impl Fn(&str, u64) -> Fault + Send + Sync + 'static) -> Store {
    let environment = assembly::environment(parts);
    let http = environment.http();
    environment.with_http(faulty(http, plan)).store()
}

/// Reaches the same table through a client before whose first such request somebody else does
/// something.
fn meanwhile<F, R>(parts: &Parts, operation: &'static str, deed: F) -> Store
where
    F: FnOnce(Store) -> R + Send + 'static,
    R: Future<Output = ()>,
{
    before_the(1, operation, parts, deed)
}

/// Reaches the same table through a client before whose nth such request somebody else does
/// something.
pub(crate) fn before_the<F, R>(nth: u32, operation: &'static str, parts: &Parts, deed: F) -> Store
where
    F: FnOnce(Store) -> R + Send + 'static,
    R: Future<Output = ()>,
{
    // Their client is their own: the connections of this one stand still until they are done.
    let other = assembly::environment(parts).store();
    let (deed, seen) = (Mutex::new(Some(deed)), AtomicU32::new(0));
    spoiled(parts, move |asked, _| {
        let is_it = asked == operation && seen.fetch_add(1, Ordering::SeqCst) + 1 == nth;
        let due = is_it.then(|| deed.lock().unwrap().take()).flatten();
        if let Some(deed) = due {
            let other = other.clone();
            let done = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(deed(other));
            });
            done.join().unwrap();
        }
        Fault::None
    })
}

/// A Monday morning, and seconds after it.
fn at(seconds: i64) -> DateTime<Utc> {
    let monday: DateTime<Utc> = "2026-01-05T09:30:00Z".parse().unwrap();
    monday + Duration::seconds(seconds)
}

fn by(attempt: &str) -> By {
    By { actor: Actor::Router, cause: "a test".to_owned(), attempt: attempt.into() }
}

fn contact(id: &str) -> Reference {
    Reference::new("hubspot", ObjectKind::Contact, id)
}

/// A hot lead on a journey of its own, not stored yet.
pub(crate) fn lead(id: &str) -> Handoff {
    let journey = format!("j-{id}");
    Handoff {
        id: id.into(),
        version: 0,
        kind: "hot_lead".into(),
        lane: "inbound".into(),
        claim: format!("journey:{journey}"),
        journey: JourneyId(journey),
        stage: Stage::Opened,
        mode: config::Mode::Live,
        config: 1,
        source: "generic".into(),
        from: "marketing".to_owned(),
        to: "sdr".to_owned(),
        heat: 2,
        score: None,
        completeness: 50,
        triggered_at: at(0),
        opened_at: at(0),
        clocks: start_clocks(
            &CONFIG.types["hot_lead"],
            &CONFIG,
            None,
            (at(0), None),
            &Targets::new(),
        ),
        routing: Some(routing()),
        ..Handoff::default()
    }
}

fn routing() -> Routing {
    let (since, retry_at) = (at(0), at(300));
    Routing { reason: "new".to_owned(), since, retry_at, pool: None, held: false }
}

fn package() -> Stored<Package> {
    let subject = Subject { name: Some("Dana Reyes".to_owned()), ..Subject::default() };
    Stored::new(Package { subject, ..Package::default() })
}

/// Prepares an opening by the event `event-<id>`, with one reference that is new.
fn opening(handoff: &Handoff, attempt: &str) -> (Write, Opening) {
    let key = format!("event-{}", handoff.id);
    let write = Write::open(handoff.clone(), by(attempt), handoff.opened_at, &CONFIG)
        .with_package(package())
        .done(&"generic".into(), &key, "opened", "what was said");
    let opening = Opening {
        claim_count: 0,
        new_references: vec![contact(handoff.id.as_str())],
        lineage: Some(Lineage { previous: None, first_in_lane: true }),
    };
    (write, opening)
}

/// Opens a handoff whose event has not been seen.
pub(crate) async fn open(store: &Store, handoff: &Handoff) -> Stored<Handoff> {
    put(store, handoff).await;
    store.handoff(&handoff.id).await.unwrap()
}

/// Opens a handoff that nobody reads yet.
pub(crate) async fn put(store: &Store, handoff: &Handoff) {
    let (write, rest) = opening(handoff, &format!("open-{}", handoff.id));
    store.commit_opening(write, rest).await.unwrap();
}

/// A rep as the rotation chose them.
fn candidate(rep: &str, before: u64, capacity: u32) -> Candidate {
    Candidate {
        rep: rep.into(),
        passed_over: None,
        position_before: before,
        position_after: before + TURN,
        open: 0,
        capacity,
        daily: None,
        floor: 0,
        owed: 0,
    }
}

fn assigned(handoff: &Handoff, rep: &PersonId) -> Change {
    Change::Assigned {
        owner: rep.clone(),
        before: handoff.owner.clone(),
        pool: POOL.into(),
        rule: None,
        turn: None,
        clocks: Vec::new(),
        trace: Box::default(),
    }
}

/// Prepares giving a handoff to the chosen rep.
fn assigning(handoff: &Stored<Handoff>, candidate: Candidate, attempt: &str) -> Write {
    let change = assigned(handoff, &candidate.rep);
    changing(handoff, change, attempt).takes_turn(POOL.into(), candidate)
}

/// Prepares one change a second after the opening.
fn changing(handoff: &Stored<Handoff>, change: Change, attempt: &str) -> Write {
    Write::change(handoff, vec![change], by(attempt), at(1), &CONFIG)
}

/// Commits one change and reads what came of it.
async fn change(store: &Store, handoff: &Stored<Handoff>, change: Change) -> Stored<Handoff> {
    let attempt = format!("{}-{}", handoff.id, handoff.version);
    store.commit(changing(handoff, change, &attempt)).await.unwrap();
    store.handoff(&handoff.id).await.unwrap()
}

fn completed() -> Change {
    Change::Completed { outcome: "meeting_booked".to_owned(), success: true, value: None }
}

/// Reads how many a rep has open, and where they stand in the rotation.
async fn standing(store: &Store, rep: &str) -> (i64, u64) {
    let rep = PersonId::from(rep);
    let standings = store.standings(&POOL.into(), std::slice::from_ref(&rep)).await.unwrap();
    let Place { open, position, .. } = standings[&rep];
    (i64::from(open), position)
}

/// Reads every shard of the due index.
async fn all_due(store: &Store, horizon: DateTime<Utc>) -> Vec<Due> {
    let mut all = Vec::new();
    for shard in 0..Store::due_shards() {
        all.extend(store.due(shard, horizon, 1_000).await.unwrap());
    }
    all.sort_by_key(|due| (due.at(), due.clone()));
    all
}

async fn is_missing(store: &Store, id: &HandoffId) -> bool {
    matches!(store.handoff(id).await, Err(StoreError::Missing { .. }))
}
