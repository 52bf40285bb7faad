//! Facts are a function of the set of events: late, older and foreign ones change nothing newer.

use chrono::Duration;
use domain::{beside::TaskState, handoff::Flag};
use local::sample::ORGANISATION;
use serde_json::json;
use tests::{Setting, World};

#[tokio::test]
async fn an_older_time_of_a_meeting_never_replaces_a_newer_one() {
    let mut world = World::start().await;
    let began = world.now();
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let meeting = |days| (began + Duration::days(days)).to_rfc3339();
    let booked = json!({ "subject": about, "meeting_at": meeting(3) });
    let id = world.event("meeting.booked", booked).await.opened();
    world.pass(Duration::minutes(10)).await;
    let newer = json!({ "subject": about, "meeting_at": meeting(6) });
    world.event("meeting.moved", newer).await;
    let older = json!({ "subject": about, "meeting_at": meeting(4) });
    let occurred = began + Duration::minutes(5);
    world.event_at("meeting.moved", occurred, older).await;
    world.settle().await;
    let handoff = world.handoff(&id).await;
    assert_eq!(handoff.meeting_at, Some(began + Duration::days(6)));
    assert_eq!(handoff.clocks[0].due_at, began + Duration::days(5));
    world.outbox();
}

#[tokio::test]
async fn what_is_learned_of_somebody_finds_them_again() {
    let mut world = World::start().await;
    let subject = |subject| json!({ "subject": subject });
    let by_id = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let id = world.event("demo.requested", subject(by_id)).await.opened();
    world.settle().await;
    let both = json!({
        "crm": "hubspot", "object": "contact", "id": "7", "email": "dana@acme.example",
    });
    assert_eq!(world.event("updated", subject(both)).await.updated(), id);
    let by_email = json!({ "email": "dana@acme.example" });
    assert_eq!(world.event("demo.requested", subject(by_email)).await.joined(), id);
    world.settle().await;
    world.outbox();
}

#[tokio::test]
async fn an_outcome_from_before_a_handoff_does_not_end_it() {
    let mut world = World::start().await;
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let id = world.event("demo.requested", json!({ "subject": about })).await.opened();
    world.settle().await;
    let before = world.now() - Duration::hours(2);
    let outcome = json!({ "subject": about, "outcome": "meeting_booked" });
    let answer = world.event_at("outcome", before, outcome).await;
    assert_eq!(answer.body["ignored"], 1, "{answer:?}");
    assert!(world.handoff(&id).await.stage.is_open());
    world.outbox();
}

#[tokio::test]
async fn a_touch_told_after_a_handoff_closed_stops_its_clock_by_its_own_time() {
    let mut world = World::start().await;
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let id = world.event("demo.requested", json!({ "subject": about })).await.opened();
    world.settle().await;
    let called = world.now() + Duration::minutes(2);
    world.pass(Duration::minutes(3)).await;
    let outcome = json!({ "subject": about, "outcome": "meeting_booked" });
    assert_eq!(world.event("outcome", outcome).await.updated(), id);
    assert_eq!(world.handoff(&id).await.first_touch_at, None);
    world.pass(Duration::minutes(30)).await;
    let touch = json!({ "subject": about, "channel": "phone" });
    assert_eq!(world.event_at("touch", called, touch).await.updated(), id);
    world.settle().await;
    let handoff = world.handoff(&id).await;
    assert_eq!(handoff.first_touch_at, Some(called));
    let respond = handoff.clocks.iter().find(|clock| clock.name == "respond").unwrap();
    assert_eq!((respond.met_at, respond.breached_at), (Some(called), None));
    assert_eq!(handoff.stage, domain::Stage::Completed, "what ended stays ended");
    world.outbox();
}

#[tokio::test]
async fn a_touch_from_after_a_handoff_closed_is_not_its_response() {
    let mut world = World::start().await;
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let id = world.event("demo.requested", json!({ "subject": about })).await.opened();
    world.settle().await;
    world.event("outcome", json!({ "subject": about, "outcome": "meeting_booked" })).await;
    world.pass(Duration::minutes(2)).await;
    let answer = world.event("touch", json!({ "subject": about, "channel": "phone" })).await;
    assert_eq!(answer.body["ignored"], 1, "{answer:?}");
    assert_eq!(world.handoff(&id).await.first_touch_at, None);
    world.outbox();
}

#[tokio::test]
async fn the_older_handoff_keeps_the_claim_when_journeys_merge() {
    let mut world = World::start().await;
    let person =
        |id: &str| json!({ "crm": "hubspot", "object": "contact", "id": id, "country": "GB" });
    // The older journey's first handoff is over; its second opened after the newer journey's.
    world.event("demo.requested", json!({ "subject": person("a") })).await;
    world.settle().await;
    let outcome = json!({ "subject": person("a"), "outcome": "meeting_booked" });
    world.event("outcome", outcome).await;
    world.pass(Duration::minutes(1)).await;
    let older = world.event("demo.requested", json!({ "subject": person("b") })).await.opened();
    world.pass(Duration::minutes(1)).await;
    let younger = world.event("demo.requested", json!({ "subject": person("a") })).await.opened();
    world.settle().await;
    let mut both = person("a");
    both["references"] = json!([{ "system": "hubspot", "object": "contact", "id": "b" }]);
    world.event("updated", json!({ "subject": both })).await;
    world.settle().await;
    let (older, younger) = (world.handoff(&older).await, world.handoff(&younger).await);
    assert_eq!(older.journey, younger.journey);
    assert!(older.flags.is_empty() && younger.flags.contains(&Flag::MergedBeside), "{younger:?}");
    let held = world.store.claim_of(&older.lane, &older.claim).await.unwrap();
    assert_eq!(held.open, Some(older.id.clone()));
    world.outbox();
}

#[tokio::test]
async fn a_receipt_that_comes_back_puts_nothing_aside_twice() {
    let mut world = World::start().await;
    let answer = world.bytes("{ nothing").await;
    assert_eq!(answer.body["quarantined"], 1, "{answer:?}");
    let receipt = answer.body["receipt"].as_str().unwrap();
    // The sweep hands a receipt that is due back to intake.
    world.store.await_receipt(&receipt.into(), Some(world.now())).await.unwrap();
    world.pass(Duration::minutes(3)).await;
    assert_eq!(world.store.quarantined(10).await.unwrap().len(), 1);
    world.outbox();
}

#[tokio::test]
async fn a_receipt_whose_source_is_gone_is_put_aside_and_waits_no_more() {
    let mut world = World::start().await;
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let answer = world.event("demo.requested", json!({ "subject": about })).await;
    let receipt = answer.body["receipt"].as_str().unwrap().to_owned();
    let renamed = ORGANISATION.replace("[sources.generic]", "[sources.another]");
    world.store.push_config(&renamed, Some(1), &"gone".into(), world.now()).await.unwrap();
    world.pass(Duration::minutes(2)).await;
    world.store.await_receipt(&receipt.as_str().into(), Some(world.now())).await.unwrap();
    world.pass(Duration::minutes(3)).await;
    world.expects_errors();
    let aside = world.store.quarantined(10).await.unwrap();
    let told: Vec<_> = aside.iter().map(|one| (&one.what, one.reason.as_str())).collect();
    assert_eq!(told, [(&receipt, "source")]);
    for shard in 0..store::Store::due_shards() {
        let due = world.store.due(shard, world.now() + Duration::days(1), 99).await.unwrap();
        assert!(!due.iter().any(|one| matches!(one, store::Due::Receipt(..))), "{due:?}");
    }
    world.pass(Duration::seconds(20)).await;
    world.outbox();
}

#[tokio::test]
async fn a_lead_with_endless_values_is_a_lead_like_any_other() {
    let mut world = World::start().await;
    let endless = "n".repeat(1_000_000);
    let mut deep = json!("deep");
    for _ in 0..60 {
        deep = json!({ "in": deep });
    }
    let mut fields = serde_json::Map::from_iter([
        ("deep".to_owned(), deep),
        ("huge".to_owned(), json!(1e300)),
        ("x".repeat(5_000), json!("a long name")),
    ]);
    fields.extend((0..300).map(|n| (format!("field_{n}"), json!("v".repeat(2_000)))));
    let about = json!({
        "crm": "hubspot", "object": "contact", "id": "7", "country": "GB", "name": endless,
    });
    let data = json!({ "subject": about, "fields": fields });
    let id = world.event("demo.requested", data).await.opened();
    world.settle().await;
    let handoff = world.handoff(&id).await;
    assert!(handoff.owner.is_some() && handoff.flags.contains(&Flag::Shortened), "{handoff:?}");
    let page = world.get(&format!("/handoffs/{id}")).await;
    assert_eq!(page.status, 200);
    world.outbox();
}

#[tokio::test]
async fn a_meeting_or_a_reply_ends_every_open_sequence_of_its_journey() {
    // Transfers have a sequence too: one person may then have two, in two lanes.
    let tasks =
        "cadence = [{ name = \"call\", label = \"Call\", channel = \"phone\", within = \"4h\" }]";
    let head = "[types.opportunity]\n";
    let organisation = ORGANISATION.replacen(head, &format!("{head}{tasks}\n"), 1);
    for (answer, opens) in [("reply", false), ("meeting.booked", true)] {
        let setting = Setting { organisation: organisation.clone(), ..Setting::default() };
        let mut world = World::of(setting).await;
        let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
        let mut ids = Vec::new();
        for event in ["demo.requested", "territory.changed"] {
            let id = world.event(event, json!({ "subject": about })).await.opened();
            world.settle().await;
            let owner = world.handoff(&id).await.owner.unwrap();
            world.act(&owner.0, &id, "accept", json!({})).await;
            ids.push(id);
        }
        for id in &ids {
            let open = world.handoff(id).await.tasks;
            assert!(open.iter().all(|task| task.state == TaskState::Open), "{open:?}");
        }
        let mut data = json!({ "subject": about });
        if opens {
            data["meeting_at"] = (world.now() + Duration::days(3)).to_rfc3339().into();
        }
        let answered = world.event(answer, data).await;
        assert_eq!(answered.body["opened"].as_array().map(Vec::len), Some(usize::from(opens)));
        for id in &ids {
            let tasks = world.handoff(id).await.tasks;
            assert!(tasks.iter().all(|task| task.state == TaskState::Ended), "{answer}: {tasks:?}");
        }
        world.settle().await;
        world.outbox();
    }
}
