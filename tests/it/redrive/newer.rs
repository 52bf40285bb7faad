//! Commits of a newer version: put aside by who cannot read them, told and counted once when they
//! can be, wherever that dies.

use super::*;
use crate::store::{before_the, shapes::raw};
use aws_lambda_events::event::dynamodb::{EventRecord, TimeWindowEvent};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::HandoffId;
use local::assembly::TABLE;
use metrics::Metrics;
use serde_dynamo::AttributeValue as Streamed;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use store::{Rows, Store, StoreError, commit_of};
use tests::{
    Setting,
    faults::{Fault, faulty, first},
};

/// A world in which a newer version opened a handoff, whose commit is in quarantine twice.
async fn of_two_versions() -> (World, HandoffId) {
    let newer = Arc::new(AtomicBool::new(true));
    let plan = Arc::clone(&newer);
    let mut world = World::with(Setting::default(), |environment| {
        let http = environment.http();
        environment.with_http(faulty(http, move |operation, _| {
            match operation == TRANSACTION && plan.load(Ordering::SeqCst) {
                true => Fault::Newer,
                false => Fault::None,
            }
        }))
    })
    .await;
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let opened = world.event("demo.requested", json!({ "subject": about })).await.opened();
    newer.store(false, Ordering::SeqCst);
    world.settle().await;
    world.expects_errors();
    let aside = world.store.quarantined(10).await.unwrap();
    let too_new =
        "the row was written by a newer version of this software (breaks 2): upgrade first";
    let mut by: Vec<(&str, &str, &str)> =
        aside.iter().map(|one| (one.by.as_str(), one.what.as_str(), one.reason.as_str())).collect();
    by.sort_unstable();
    let commit = format!("{opened}:1");
    assert_eq!(by, [("metrics", commit.as_str(), too_new), ("relay", commit.as_str(), too_new)]);
    (world, opened)
}

/// Makes the first commit of a handoff one that this version reads, as upgrading does.
async fn upgrade(world: &World, id: &HandoffId) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let key = HashMap::from([
        ("pk".to_owned(), text(&format!("HANDOFF#{id}"))),
        ("sk".to_owned(), text("COMMIT#00000001")),
    ]);
    let change = raw(world.cloud.parts()).update_item().table_name(TABLE).set_key(Some(key));
    change.update_expression("REMOVE breaks").send().await.unwrap();
}

#[tokio::test]
async fn a_commit_of_a_newer_version_is_told_and_counted_once_it_can_be_read() {
    let (mut world, id) = of_two_versions().await;
    assert_eq!(quarantine_size(&mut world).await, 2);
    assert_eq!((world.handoff(&id).await.owner, told(&mut world)), (None, vec![]));
    let still = redrive(&world).await;
    assert!(still.len() == 2 && still.iter().all(|(_, how, _)| *how == How::Left), "{still:?}");
    assert_eq!(quarantine_size(&mut world).await, 2);

    upgrade(&world, &id).await;
    let mut came = redrive(&world).await;
    came.sort_by(|one, other| one.0.cmp(&other.0));
    let said = |by: &str, said: &str| (by.to_owned(), How::Through, said.to_owned());
    assert_eq!(came, [said("metrics", "counted"), said("relay", "told again")]);
    assert_eq!(quarantine_size(&mut world).await, 0);
    world.settle().await;
    let opened = (id.to_string(), 1, "handoff.opened".to_owned());
    let events = told(&mut world);
    assert_eq!(events.iter().filter(|event| **event == opened).count(), 1, "{events:?}");
    assert!(world.handoff(&id).await.owner.is_some(), "the router heard of it");

    let after = picture(&world).await;
    assert_eq!(redrive(&world).await, []);
    assert_eq!((picture(&world).await, told(&mut world)), (after, vec![]));
    world.pass(Duration::minutes(30)).await;
    audited(&world, 1).await;
    world.outbox();
}

/// Lets a redrive die before one of its requests, or after it with the reply lost, and redrives
/// again; tells whether it was done before.
async fn dies(nth: u64, after: bool) -> bool {
    let (mut world, id) = of_two_versions().await;
    mixed_batch(&mut world).await;
    world.settle().await;
    upgrade(&world, &id).await;
    learn(&world).await;
    let plain = assembly::environment(world.cloud.parts());
    let http = plain.http();
    let dying = plain.clone().with_http(faulty(http, move |_, number| match number.cmp(&nth) {
        std::cmp::Ordering::Less => Fault::None,
        std::cmp::Ordering::Equal if after => Fault::ForgottenReply,
        _ => Fault::Error(400, "AccessDeniedException"),
    }));
    let died = through(&dying, &Wanted::default(), world.now()).await;
    let is_whole = died.as_ref().is_ok_and(|came| came.len() == 3);
    redrive(&world).await;
    world.settle().await;
    let left = world.store.quarantined(10).await.unwrap();
    let reasons: Vec<&str> = left.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(reasons, ["field:objectId"], "request {nth}, after: {after}, {died:?}");
    let events: BTreeSet<_> = told(&mut world).into_iter().collect();
    let opened = events.iter().filter(|(_, _, kind)| kind == "handoff.opened");
    assert_eq!(opened.count(), 4, "request {nth}, after: {after}");
    let stored = picture(&world).await;
    redrive(&world).await;
    assert_eq!(picture(&world).await, stored, "request {nth}, after: {after}");
    world.pass(Duration::minutes(8)).await;
    audited(&world, 4).await;
    world.outbox();
    world.allow_errors();
    is_whole
}

async fn dies_everywhere(after: bool) {
    let mut nth = 0;
    while !dies(nth, after).await {
        nth += 1;
    }
    println!("it was let die at {nth} requests");
    assert!(nth > 15, "there was hardly anything to die at: {nth}");
}

#[tokio::test]
async fn a_redrive_that_dies_before_any_request_and_is_run_again_has_each_effect_once() {
    dies_everywhere(false).await;
}

#[tokio::test]
async fn a_redrive_that_dies_after_any_request_and_is_run_again_has_each_effect_once() {
    dies_everywhere(true).await;
}

#[tokio::test]
async fn two_redrives_at_once_count_once() {
    let (mut world, id) = of_two_versions().await;
    upgrade(&world, &id).await;
    let (clock, _) = Clock::hand(world.now());
    let other = clock.clone();
    // Between the reading and the writing of one, the other does it all.
    let store = before_the(1, TRANSACTION, world.cloud.parts(), move |store| async move {
        let places = metrics_places(&store).await;
        let metrics = Metrics::new(store, other, Ids::seeded(8));
        metrics.count_again(&places.0, &places.1).await.unwrap();
    });
    let (commit, places) = metrics_places(&store).await;
    let metrics = Metrics::new(store.clone(), clock, Ids::seeded(9));
    metrics.count_again(&commit, &places).await.unwrap();
    assert_eq!(redrive(&world).await.len(), 1, "the relay's is left");
    world.settle().await;
    world.pass(Duration::minutes(30)).await;
    audited(&world, 1).await;
    world.outbox();
}

async fn metrics_places(store: &Store) -> (String, Vec<store::AsideKey>) {
    let mut aside = store.aside(None, None).await.unwrap();
    aside.retain(|one| one.row.by == "metrics");
    let one = aside.remove(0);
    (one.row.what, vec![one.key])
}

#[tokio::test]
async fn a_count_whose_reply_is_lost_or_whose_rows_are_held_counts_once() {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 1, 5).unwrap();
    for (fault, times) in [
        (Fault::LostReply, 1),
        (Fault::ForgottenReply, 1),
        (Fault::Conflict, 2),
        (Fault::Conflict, 5),
    ] {
        let world = World::start().await;
        let aside = Quarantined {
            what: "h:1".to_owned(),
            kind: "commit".to_owned(),
            by: "metrics".to_owned(),
            reason: "json".to_owned(),
            at: world.now(),
            part: None,
        };
        let place = world.store.quarantine(&aside, "7").await.unwrap();
        let plain = assembly::environment(world.cloud.parts());
        let http = faulty(plain.http(), first(TRANSACTION, times, fault));
        let spoiled = plain.with_http(http).store();
        let counters = BTreeMap::from([("opened".to_owned(), 3)]);
        let rows: Rows = [(("cohort".to_owned(), "all".to_owned(), day), counters.clone())].into();
        let count = async |store: &Store, attempt: &str| {
            store.count_aside(std::slice::from_ref(&place), &rows, &attempt.into()).await
        };
        let counted = count(&spoiled, "a").await;
        let held = times == 5;
        assert_eq!(matches!(counted, Err(StoreError::Conflict)), held, "{fault:?}: {counted:?}");
        assert_eq!(world.store.quarantined(9).await.unwrap().len(), usize::from(held));
        count(&world.store, "b").await.unwrap();
        count(&world.store, "c").await.unwrap();
        let stored = world.store.rollups("cohort", "all", day, day).await.unwrap();
        assert_eq!(stored[&day], counters, "{fault:?}");
        assert_eq!(world.store.quarantined(9).await.unwrap(), []);
    }
}

/// A record of the stream, as metrics gets it.
fn record(image: serde_dynamo::Item, sequence: &str) -> EventRecord {
    let mut record = EventRecord::default();
    let text = |value: &str| Streamed::S(value.to_owned());
    let keys = [("pk".to_owned(), text("HANDOFF#h")), ("sk".to_owned(), text("COMMIT#00000001"))];
    record.change.keys = HashMap::from(keys).into();
    record.change.new_image = image;
    record.change.sequence_number = Some(sequence.to_owned());
    record.change.approximate_creation_date_time = "2026-01-05T09:30:00Z".parse().unwrap();
    record
}

#[tokio::test]
async fn a_batch_that_failed_leaves_nothing_aside_that_is_counted_when_it_comes_again() {
    let mut world = World::start().await;
    let id = world.demo_request("dana").await;
    let key = HashMap::from([
        ("pk".to_owned(), AttributeValue::S(format!("HANDOFF#{id}"))),
        ("sk".to_owned(), AttributeValue::S("COMMIT#00000001".to_owned())),
    ]);
    let row = raw(world.cloud.parts()).get_item().table_name(TABLE).set_key(Some(key));
    let row = row.send().await.unwrap().item.unwrap();
    let good: serde_dynamo::Item = row.into();
    let mut newer = good.clone();
    newer.insert("breaks".to_owned(), Streamed::N("2".to_owned()));
    assert!(commit_of(good.clone()).is_ok());
    assert!(matches!(commit_of(newer.clone()), Err(StoreError::TooNew { breaks: 2 })));

    let refuses = Arc::new(AtomicBool::new(true));
    let plan = Arc::clone(&refuses);
    let plain = assembly::environment(world.cloud.parts());
    let http = faulty(plain.http(), move |operation, _| {
        let refused = operation == TRANSACTION && plan.load(Ordering::SeqCst);
        if refused { Fault::Error(400, "AccessDeniedException") } else { Fault::None }
    });
    let (clock, _) = Clock::hand(world.now());
    let metrics = Metrics::new(plain.with_http(http).store(), clock, Ids::seeded(7));
    let fold = async |image: &serde_dynamo::Item, sequence: &str| {
        let mut batch = TimeWindowEvent::default();
        batch.time_window_properties.shard_id = Some("another".to_owned());
        batch.dynamo_db_event.records = vec![record(image.clone(), sequence)];
        metrics.handle(batch).await.batch_item_failures.len()
    };
    // The fold of a version that cannot read it fails; the next version can, and counts it.
    assert_eq!(fold(&newer, "1").await, 1);
    assert_eq!(world.store.quarantined(9).await.unwrap(), [], "what comes again is not aside");
    refuses.store(false, Ordering::SeqCst);
    assert_eq!(fold(&good, "1").await, 0);
    assert_eq!(world.store.quarantined(9).await.unwrap(), []);
    // What is put aside is behind the checkpoint: it never comes again.
    for _ in 0..2 {
        assert_eq!(fold(&newer, "2").await, 0);
        assert_eq!(world.store.quarantined(9).await.unwrap().len(), 1);
    }
    let known = world.store.checkpoint("metrics", "another").await.unwrap();
    assert_eq!(known.map(|known| known.sequence).as_deref(), Some("2"));
    world.expects_errors();
    world.outbox();
}
