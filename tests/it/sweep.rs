//! A sweep among others: what it does about a handoff that keeps changing under its hands, and what
//! it costs where much is open and little is due.

use crate::store::{fresh, lead, open};
use chrono::{DateTime, Duration, Utc};
use domain::{
    Change, Handoff, HandoffId,
    decide::{Targets, start_clocks},
};
use local::{assembly, sample::ORGANISATION};
use runtime::{Clock, Configs, Ids};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use store::Used;
use sweep::Sweep;
use tests::{
    Setting, World,
    faults::{Fault, faulty},
};

/// Rows that another transaction holds for as long as a test wants.
#[derive(Clone, Default)]
struct Held {
    on: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
}

impl Held {
    fn fault(&self, operation: &str) -> Fault {
        if operation != "TransactWriteItems" || !self.on.load(Ordering::SeqCst) {
            return Fault::None;
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        Fault::Conflict
    }

    /// Lets time pass while the rows are held; tells how often they were asked for.
    async fn until(&self, world: &mut World, at: DateTime<Utc>) -> u64 {
        self.on.store(true, Ordering::SeqCst);
        world.until(at).await;
        self.on.store(false, Ordering::SeqCst);
        self.refused.swap(0, Ordering::SeqCst)
    }
}

/// A world with a hot lead that is due in a second, and the rows under it.
async fn about_to_be_due() -> (World, Held, HandoffId, DateTime<Utc>) {
    let held = Held::default();
    let plan = held.clone();
    let mut world = World::with(Setting::default(), |environment| {
        let http = environment.http();
        environment.with_http(faulty(http, move |operation, _| plan.fault(operation)))
    })
    .await;
    let due = world.now() + Duration::minutes(5);
    let id = world.demo_request("dana").await;
    world.until(due - Duration::seconds(1)).await;
    (world, held, id, due)
}

/// Tells how late the breach was recorded, in seconds.
async fn lateness_seconds(world: &World, id: &HandoffId, due: DateTime<Utc>) -> Option<i64> {
    let history = world.store.history(id).await.unwrap();
    let breaches = |change: &Change| matches!(change, Change::Breached { .. });
    let breach = history.iter().find(|commit| commit.changes.iter().any(breaches));
    breach.map(|commit| (commit.at - due).num_seconds())
}

#[tokio::test]
async fn a_handoff_that_lost_every_race_is_met_at_the_next_reading_not_the_next_minute() {
    let (mut world, held, id, due) = about_to_be_due().await;
    let refused = held.until(&mut world, due + Duration::seconds(5)).await;
    assert!(refused > 0, "nobody tried");
    assert_eq!(lateness_seconds(&world, &id, due).await, None, "the rows were held");
    world.until(due + Duration::seconds(30)).await;
    assert_eq!(lateness_seconds(&world, &id, due).await, Some(10));
    assert_eq!(world.read_mail().len(), 2, "the reminder and the breach");
}

#[tokio::test]
async fn a_handoff_that_loses_every_race_is_not_tried_without_a_pause_and_the_sweeps_end() {
    let (mut world, held, id, due) = about_to_be_due().await;
    let refused = held.until(&mut world, due + Duration::minutes(5)).await;
    // At most three sweeps are awake at once: a reading every ten seconds each, of at most twenty
    // requests.
    assert!((20..=3 * 31 * 20).contains(&refused), "{refused} requests");
    world.until(due + Duration::minutes(6)).await;
    let late = lateness_seconds(&world, &id, due).await;
    assert!(late.is_some_and(|late| late <= 311), "{late:?}");
    world.read_mail();
}

/// How many handoffs are open besides those that are due, unless `HANDOFF_OPEN` says otherwise.
const OPEN: usize = 300;

/// How many are due, each with its reminder, at the sweep's start.
const DUE: usize = 100;

/// Opens `ahead` handoffs that are due in a day and [`DUE`] whose reminder is due, sweeps once, and
/// returns what that used: reads, and writes.
async fn what_a_sweep_uses(ahead: usize) -> (Used, Used) {
    let (store, parts) = fresh().await;
    let (clock, _hand) = Clock::hand("2026-01-05T09:30:00Z".parse().unwrap());
    let wiring = assembly::Wiring { clock: clock.clone(), ids: Ids::seeded(1), abreast: 1 };
    let config = assembly::establish(&store, ORGANISATION, &wiring).await.unwrap();
    let kind = &config.types["hot_lead"];
    let at = |id: String, triggered_at: DateTime<Utc>| {
        let times = (triggered_at, None);
        let clocks = start_clocks(kind, &config, None, times, &Targets::new());
        let owner = Some("amara".into());
        Handoff { triggered_at, clocks, owner, routing: None, ..lead(&id) }
    };
    for number in 0..ahead {
        open(&store, &at(format!("ahead-{number}"), clock.now() + Duration::days(1))).await;
    }
    for number in 0..DUE {
        open(&store, &at(format!("due-{number}"), clock.now() - Duration::seconds(270))).await;
    }
    let environment = assembly::environment(&parts);
    let sweeping = environment.store();
    let plans = Configs::new(sweeping.clone());
    plans.active(clock.now()).await.unwrap();
    let meter = sweeping.meter().clone();
    let sweep = Sweep::new(sweeping, plans, clock.clone(), Ids::seeded(2), environment.bus(), 1);
    meter.take();
    // The horizon is over, so that it does not wait for what comes next.
    let report = sweep.handle(clock.now() - Duration::minutes(2)).await.unwrap();
    assert_eq!(report.acted, DUE);
    let by_request = meter.read();
    let sum = |writes: bool| {
        by_request.values().filter(|used| (used.write_units > 0.0) == writes).fold(
            Used::default(),
            |sum, one| Used {
                requests: sum.requests + one.requests,
                read_units: sum.read_units + one.read_units,
                write_units: sum.write_units + one.write_units,
            },
        )
    };
    (sum(false), sum(true))
}

#[tokio::test]
async fn a_sweep_costs_what_is_due_and_nothing_of_what_is_open() {
    let many = std::env::var("HANDOFF_OPEN").ok().and_then(|many| many.parse().ok());
    let many = many.unwrap_or(OPEN);
    let (few_reads, few_writes) = what_a_sweep_uses(0).await;
    let (many_reads, many_writes) = what_a_sweep_uses(many).await;
    println!("{DUE} due: {few_reads:?} {few_writes:?}; with {many} more open: {many_reads:?}");
    assert_eq!(few_reads, many_reads, "reads grow with what is open");
    assert_eq!(few_writes, many_writes);
    // A hundred states a request; the index is asked before and after.
    assert!(many_reads.requests <= 20, "{many_reads:?}");
    let each = many_writes.write_units / DUE as f64;
    assert!(each <= 8.0, "{each} write units a step");
}
