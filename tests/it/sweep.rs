//! A sweep among others: what it does about a handoff that keeps changing under its hands, and what
//! it costs where much is open and little is due.

use crate::store::{fresh, lead, put};
use chrono::{DateTime, Duration, Utc};
use domain::{
    Change, Config, Handoff, HandoffId,
    decide::{Targets, start_clocks},
};
use local::{Parts, assembly, sample::ORGANISATION};
use runtime::{Clock, Configs, Ids};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use store::{Store, Used};
use sweep::{Sweep, SweepError};
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

/// How many handoffs are due, each with its reminder, at a sweep's start, unless `HANDOFF_DUE` says
/// otherwise.
const DUE: usize = 100;

/// How many are open besides, unless `HANDOFF_OPEN` lists other numbers, ascending.
const OPEN: usize = 300;

/// Reads the numbers a variable lists, where it is set.
pub(crate) fn numbers(variable: &str) -> Option<Vec<usize>> {
    let list = std::env::var(variable).ok()?;
    Some(list.split(',').map(|number| number.trim().parse().unwrap()).collect())
}

/// A table where much is open: of that, some is due now, and the rest another day.
struct Crowd {
    store: Store,
    parts: Parts,
    clock: Clock,
    config: Config,
    opened: usize,
    ahead: usize,
}

impl Crowd {
    async fn gather() -> Self {
        let (store, parts) = fresh().await;
        let (clock, _) = Clock::hand("2026-01-05T09:30:00Z".parse().unwrap());
        let wiring = assembly::Wiring { clock: clock.clone(), ids: Ids::seeded(1), abreast: 1 };
        let config = assembly::establish(&store, ORGANISATION, &wiring).await.unwrap();
        Self { store, parts, clock, config, opened: 0, ahead: 0 }
    }

    async fn opens(&mut self, count: usize, triggered_at: DateTime<Utc>) {
        let kind = &self.config.types["hot_lead"];
        let clocks = start_clocks(kind, &self.config, None, (triggered_at, None), &Targets::new());
        for _ in 0..count {
            let (id, clocks) = (format!("lead-{}", self.opened), clocks.clone());
            let owner = Some("amara".into());
            let handoff = Handoff { triggered_at, clocks, owner, routing: None, ..lead(&id) };
            put(&self.store, &handoff).await;
            self.opened += 1;
        }
    }

    /// Opens what is missing of `ahead` that are due in a day, and `due` whose reminder is due,
    /// sweeps once, and returns what that used: reads, and writes.
    async fn is_swept(&mut self, ahead: usize, due: usize) -> (Used, Used) {
        let now = self.clock.now();
        self.opens(ahead.saturating_sub(self.ahead), now + Duration::days(1)).await;
        self.ahead = self.ahead.max(ahead);
        self.opens(due, now - Duration::seconds(270)).await;
        let environment = assembly::environment(&self.parts);
        let sweeping = environment.store();
        let plans = Configs::new(sweeping.clone());
        plans.active(now).await.unwrap();
        let meter = sweeping.meter().clone();
        let (ids, bus) = (Ids::seeded(self.opened as u64), environment.bus());
        let sweep = Sweep::new(sweeping, plans, self.clock.clone(), ids, bus, 1);
        meter.take();
        // The horizon is over, so that it does not wait for what comes next.
        let report = sweep.handle(now - Duration::minutes(2)).await.unwrap();
        assert_eq!(report.acted, due);
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
}

#[tokio::test]
async fn a_sweep_costs_what_is_due_and_nothing_of_what_is_open() {
    let due = numbers("HANDOFF_DUE").map_or(DUE, |numbers| numbers[0]);
    let many = numbers("HANDOFF_OPEN").unwrap_or_else(|| vec![OPEN]);
    let mut crowd = Crowd::gather().await;
    println!("   due    open   reads  read units a step  writes  write units a step");
    let mut before = None;
    for ahead in std::iter::once(0).chain(many) {
        let (reads, writes) = crowd.is_swept(ahead, due).await;
        let each = |units: f64| units / due as f64;
        println!(
            "{due:>6} {ahead:>7} {:>7} {:>18.2} {:>7} {:>19.2}",
            reads.requests,
            each(reads.read_units),
            writes.requests,
            each(writes.write_units),
        );
        // The index's eight shards are asked before and after; states are read a hundred at a time.
        let readings = 2 * Store::due_shards() + due.div_ceil(100) as u64;
        assert!(reads.requests <= readings + 3, "{reads:?} for {due}");
        assert!(each(writes.write_units) <= 8.0, "{writes:?} for {due}");
        let few = *before.get_or_insert((reads, writes));
        assert_eq!(few, (reads, writes), "it grows with what is open: {ahead}");
    }
}

#[tokio::test]
async fn a_sweep_that_leaves_one_behind_gives_no_beat_and_the_next_one_goes_on() {
    let mut crowd = Crowd::gather().await;
    crowd.opens(3, crowd.clock.now() - Duration::seconds(270)).await;
    let environment = assembly::environment(&crowd.parts);
    let sweep = || {
        let store = environment.store();
        let (plans, clock) = (Configs::new(store.clone()), crowd.clock.clone());
        Sweep::new(store, plans, clock, Ids::seeded(7), environment.bus(), 1)
    };
    let scheduled = crowd.clock.now() - Duration::minutes(2);
    let ended = sweep().acting_at_most(0).handle(scheduled).await.unwrap_err();
    assert!(matches!(ended, SweepError::Unfinished(_, 0)), "{ended}");
    assert_eq!(crowd.store.beats().await.unwrap().get("sweep"), None, "the silence is seen");
    assert_eq!(sweep().handle(scheduled).await.unwrap().acted, 3);
    assert!(crowd.store.beats().await.unwrap().contains_key("sweep"));
}
