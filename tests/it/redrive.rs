//! Redriving: what is in quarantine goes through once it can, counts once however often it is put
//! through and wherever that dies, and what still cannot go through stays.

use crate::store::{before_the, shapes::raw};
use ::audit::Audit;
use aws_lambda_events::event::dynamodb::{EventRecord, TimeWindowEvent};
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Duration, Utc};
use cli::redrive::{How, Redriver, Stopped, Wanted};
use domain::{AttemptId, HandoffId, ReceiptId, rollup::contributions};
use local::{
    Sent,
    assembly::{self, TABLE},
    sample::ORGANISATION,
};
use metrics::Metrics;
use runtime::{Clock, Configs, Environment, Ids, Secrets};
use serde_dynamo::AttributeValue as Streamed;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use store::{Quarantined, Rows, Store, StoreError, commit_of};
use tests::{
    Answer, Setting, World,
    faults::{Fault, faulty, first, listened},
};

const TRANSACTION: &str = "TransactWriteItems";

fn redriver(environment: &Environment, now: DateTime<Utc>) -> Redriver {
    let (clock, _) = Clock::hand(now);
    Redriver::new(environment, Secrets::sample(), (clock, Ids::random()))
}

/// Redrives what is wanted, through an environment; tells how far each went.
async fn through(
    environment: &Environment,
    wanted: &Wanted,
    now: DateTime<Utc>,
) -> Result<Vec<(String, How, String)>, Stopped> {
    let redriver = redriver(environment, now);
    let things = redriver.things(wanted).await.map_err(|error| error.to_string());
    let mut came = Vec::new();
    for thing in things.unwrap_or_default() {
        let by = thing.by.clone().unwrap_or_default();
        let one = redriver.put_through(&thing).await?;
        came.push((by, one.how, one.said));
    }
    Ok(came)
}

/// Redrives everything in a world's quarantine.
async fn redrive(world: &World) -> Vec<(String, How, String)> {
    let environment = assembly::environment(world.cloud.parts());
    through(&environment, &Wanted::default(), world.now()).await.unwrap()
}

/// Everything that is stored of what opened on a world's day, and all that is in quarantine.
async fn picture(world: &World) -> String {
    let day = world.now().date_naive();
    let mut picture = String::new();
    let mut dimensions = BTreeSet::from(["all".to_owned()]);
    for id in world.store.opened_on(day).await.unwrap() {
        let history = world.store.history(&id).await.unwrap();
        let deltas = history.iter().flat_map(contributions);
        dimensions.extend(deltas.map(|delta| delta.dimension));
        picture += &format!("{:?}\n{history:?}\n", world.handoff(&id).await);
    }
    for dimension in dimensions {
        for family in ["cohort", "happened"] {
            let rows = world.store.rollups(family, &dimension, day, day).await.unwrap();
            picture += &format!("{family} {dimension} {rows:?}\n");
        }
    }
    picture + &format!("{:?}\n", world.store.aside(None, None).await.unwrap())
}

/// Counts again what is stored, and finds it so.
async fn audited(world: &World, handoffs: usize) {
    let day = world.config.day_of(world.now());
    let (clock, _) = Clock::hand(world.now());
    let audit = Audit::new(world.store.clone(), Configs::new(world.store.clone()), clock);
    let report = audit.days((day, day)).await.unwrap();
    assert_eq!(report.findings, []);
    assert!(report.is_whole && report.moving.is_empty() && report.counters > 20, "{report:?}");
    assert_eq!(report.handoffs, handoffs);
}

async fn quarantine_size(world: &mut World) -> Value {
    world.get("/api/health").await.body["quarantine"].clone()
}

/// What the bus was told since it was last asked, as often as it was.
fn told(world: &mut World) -> Vec<(String, u64, String)> {
    let entries = world.outbox().into_iter().filter_map(|entry| match entry.sent {
        Sent::Bus { detail, detail_type, .. } => {
            let handoff = detail["handoff"].as_str().unwrap_or_default().to_owned();
            Some((handoff, detail["version"].as_u64().unwrap_or_default(), detail_type))
        }
        Sent::Topic { .. } => None,
    });
    entries.collect()
}

/// A batch of HubSpot's: one entry that is always bad, two without a portal, and a good one.
async fn mixed_batch(world: &mut World) -> Answer {
    let entry = |id: u64, portal: Option<u64>| {
        let mut entry = json!({
            "eventId": id, "subscriptionId": 2, "occurredAt": 1_767_605_400_000_u64 + id,
            "subscriptionType": "contact.propertyChange", "objectId": id,
            "propertyName": "recent_conversion_event_name", "propertyValue": "Booked a demo",
        });
        if let Some(portal) = portal {
            entry["portalId"] = portal.into();
        }
        entry
    };
    let mut bad = entry(1, Some(62_515));
    bad["objectId"] = Value::Null;
    let batch = json!([bad, entry(2, None), entry(3, None), entry(4, Some(62_515))]);
    let request = world.sender.hubspot_app(world.now(), batch.to_string().into());
    world.post(request).await.into()
}

/// Stores a configuration that asks HubSpot's entries for no portal.
async fn learn(world: &World) {
    let text = ORGANISATION.replacen("senders = [\"62515\"]", "senders = []", 1);
    assert_ne!(text, ORGANISATION);
    let attempt = AttemptId("learns".to_owned());
    world.store.push_config(&text, Some(1), &attempt, world.now()).await.unwrap();
}

#[tokio::test]
async fn what_the_configuration_has_learned_to_read_goes_through_and_the_rest_stays() {
    let mut world = World::start().await;
    let answer = mixed_batch(&mut world).await;
    assert_eq!((&answer.body["quarantined"], answer.opened().as_str().len()), (&json!(3), 26));
    world.settle().await;
    assert_eq!(quarantine_size(&mut world).await, 3);

    let before = picture(&world).await;
    world.outbox();
    let still = redrive(&world).await;
    let said = "1 settled before; not usable still: field:objectId, field:portalId";
    assert_eq!(still, [("intake".to_owned(), How::Left, said.to_owned())]);
    assert_eq!(picture(&world).await, before, "nothing was learned, nothing has changed");

    learn(&world).await;
    let partly = redrive(&world).await;
    let said = "2 opened, 1 settled before; not usable still: field:objectId";
    assert_eq!(partly, [("intake".to_owned(), How::Partly, said.to_owned())]);
    world.settle().await;
    assert_eq!(quarantine_size(&mut world).await, 1);
    assert_eq!(world.store.quarantined(10).await.unwrap()[0].reason, "field:objectId");
    let opened = told(&mut world).into_iter().filter(|(_, _, kind)| kind == "handoff.opened");
    assert_eq!(opened.count(), 2);

    let after = picture(&world).await;
    let again = redrive(&world).await;
    let said = "3 settled before; not usable still: field:objectId";
    assert_eq!(again, [("intake".to_owned(), How::Left, said.to_owned())]);
    world.settle().await;
    assert_eq!(picture(&world).await, after);
    assert_eq!(told(&mut world), []);
    world.pass(Duration::minutes(30)).await;
    audited(&world, 3).await;
    world.outbox();
}

#[tokio::test]
async fn what_cannot_go_through_says_why_and_stays() {
    let world = World::start().await;
    let aside = |kind: &str, by: &str, what: &str| Quarantined {
        what: what.to_owned(),
        kind: kind.to_owned(),
        by: by.to_owned(),
        reason: "json".to_owned(),
        at: world.now(),
        part: None,
    };
    let plant = async |one: Quarantined| world.store.quarantine(&one, "0").await.unwrap();
    plant(aside("receipt", "intake", "long-gone")).await;
    plant(aside("commit", "relay", "nobody:3")).await;
    plant(aside("commit", "metrics", "no name at all")).await;
    plant(aside("letter", "somebody", "else")).await;
    let mut came = redrive(&world).await;
    came.sort_by(|one, other| one.2.cmp(&other.2));
    let said: Vec<&str> = came.iter().map(|(_, _, said)| said.as_str()).collect();
    let expected = [
        "there is no commit `no name at all`",
        "there is no commit `nobody:3`",
        "there is no receipt `long-gone`",
        "this version does not know what it is: upgrade first",
    ];
    assert_eq!(said, expected);
    assert!(came.iter().all(|(_, how, _)| *how == How::Left));
    assert_eq!(world.store.quarantined(10).await.unwrap().len(), 4);
}

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

#[tokio::test]
async fn every_receipt_again_and_again_changes_nothing() {
    let mut world = World::start().await;
    let mut receipts = Vec::new();
    let mut take = |answer: Answer| {
        let id = answer.body["receipt"].as_str().unwrap().to_owned();
        receipts.push(ReceiptId::from(id.as_str()));
    };
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let said = json!({ "subject": about, "score": 10 });
    take(world.event("demo.requested", said.clone()).await);
    take(world.event("lead.scored", json!({ "subject": about, "score": 95 })).await);
    take(world.event("touch", json!({ "subject": about, "channel": "phone" })).await);
    take(mixed_batch(&mut world).await);
    take(world.bytes("{\"type\":").await);
    world.settle().await;
    world.pass(Duration::minutes(10)).await;
    take(world.event("outcome", json!({ "subject": about, "outcome": "meeting_booked" })).await);
    world.pass(Duration::hours(1)).await;
    world.outbox();

    let before = picture(&world).await;
    let environment = assembly::environment(world.cloud.parts());
    let (http, asked) = listened(environment.http());
    let listening = environment.with_http(http);
    let wanted = Wanted { receipts: receipts.clone(), ..Wanted::default() };
    for _ in 0..2 {
        let came = through(&listening, &wanted, world.now()).await.unwrap();
        assert_eq!(came.len(), receipts.len());
        let left = came.iter().filter(|(_, how, _)| *how == How::Left).count();
        assert_eq!(left, 2, "{came:?}");
        world.settle().await;
        assert_eq!(picture(&world).await, before);
        assert_eq!(world.outbox().len(), 0);
    }
    assert!(!asked.list().iter().any(|operation| operation == TRANSACTION), "nothing is written");
    audited(&world, 2).await;

    // A dry run reads the same, and writes nothing at all.
    let (http, asked) = listened(listening.http());
    let dry = redriver(&listening.with_http(http), world.now());
    let mut left = 0;
    for thing in dry.things(&wanted).await.unwrap() {
        left += usize::from(dry.look(&thing).await.unwrap().how == How::Left);
    }
    assert_eq!(left, 2);
    let reads =
        |operation: &String| ["Query", "GetItem", "BatchGetItem"].contains(&operation.as_str());
    assert!(asked.list().iter().all(reads), "{:?}", asked.list());
}

#[tokio::test]
async fn everything_aside_is_listed_page_by_page_and_by_time() {
    let world = World::start().await;
    let aside = |number: i64| Quarantined {
        what: format!("receipt-{number:03}"),
        kind: "receipt".to_owned(),
        by: "intake".to_owned(),
        reason: "json".to_owned(),
        at: world.now() + Duration::seconds(number),
        part: Some("x".repeat(5_400)),
    };
    for number in 0..400 {
        world.store.quarantine(&aside(number), "0").await.unwrap();
    }
    let all = world.store.aside(None, None).await.unwrap();
    let names: Vec<&str> = all.iter().map(|one| one.row.what.as_str()).collect();
    let expected: Vec<String> = (0..400).map(|number| format!("receipt-{number:03}")).collect();
    assert_eq!(names, expected, "more than a page holds");
    assert_eq!(all[0].row, Quarantined { part: None, ..aside(0) });
    let at = |number| Some(aside(number).at);
    let some = world.store.aside(at(100), at(103)).await.unwrap();
    let names: Vec<&str> = some.iter().map(|one| one.row.what.as_str()).collect();
    assert_eq!(names, ["receipt-100", "receipt-101", "receipt-102"]);
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
    assert_eq!(world.store.checkpoint("metrics", "another").await.unwrap().as_deref(), Some("2"));
    world.expects_errors();
    world.outbox();
}
