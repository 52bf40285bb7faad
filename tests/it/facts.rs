//! Facts are a function of the set of events: late, older and foreign ones change nothing newer.

use chrono::Duration;
use serde_json::json;
use tests::World;

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
