//! A sweep among others: what it does about a handoff that keeps changing under its hands.

use chrono::{DateTime, Duration, Utc};
use domain::{Change, HandoffId};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
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
