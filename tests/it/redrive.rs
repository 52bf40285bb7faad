//! Redriving: what is in quarantine goes through once it can, counts once however often it is put
//! through and wherever that dies, and what still cannot go through stays.

mod newer;

use ::audit::Audit;
use chrono::{DateTime, Duration, Utc};
use cli::redrive::{How, Redriver, Stopped, Wanted};
use domain::{AttemptId, ReceiptId, rollup::contributions};
use local::{Sent, assembly, sample::ORGANISATION};
use runtime::{Clock, Configs, Environment, Ids, Secrets};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::Quarantined;
use tests::{Answer, World, faults::listened};

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
        Sent::Topic { .. } | Sent::Outside { .. } => None,
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
    // What was written beside the cloud is seen with its next turn.
    assert_eq!(quarantine_size(&mut world).await, 1);
    world.settle().await;
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
