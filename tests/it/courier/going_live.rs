//! Going live: what is only observed, what is silenced, and what an admin sees and sends again.

use super::{deliveries, delivery, request, with, world};
use chrono::Duration;
use http::Method;
use local::sample::ORGANISATION;
use serde_json::json;
use store::Mute;

#[tokio::test]
async fn what_is_only_observed_is_sent_to_nobody_and_shown_to_those_who_ask() {
    let observed = ORGANISATION.replacen(
        "[types.hot_lead]\nname = \"Hot lead\"",
        "[types.hot_lead]\nmode = \"observe\"\nname = \"Hot lead\"",
        1,
    );
    let (mut world, vendors) = with(observed).await;
    let id = request(&mut world, 1).await;
    world.pass(Duration::minutes(6)).await;
    assert!(world.read_mail().is_empty());
    assert_eq!(vendors.asked(), []);
    let all = deliveries(&mut world, &id).await;
    assert!(all.iter().all(|one| one["state"] == "observed"), "{all:#?}");
    for (destination, what) in [
        ("chat", "card"),
        ("hubspot", "record"),
        ("events", "handoff.assigned"),
        ("mail", "breached"),
    ] {
        delivery(&all, destination, what);
    }
    let outbox = world.get("/api/outbox").await.body;
    let chat = &outbox["destinations"][0];
    assert_eq!(
        (&chat["destination"], &chat["undelivered"][0]["state"]),
        (&json!("chat"), &json!("observed"))
    );
}

#[tokio::test]
async fn silence_is_at_once_and_what_was_silenced_can_be_sent_after_it() {
    let (mut world, vendors) = world().await;
    let mute = Mute { since: world.now(), until: Some(world.now() + Duration::hours(2)) };
    world.store.put_mute(Some(&mute)).await.unwrap();
    let id = request(&mut world, 1).await;
    world.pass(Duration::minutes(6)).await;
    assert!(world.read_mail().is_empty(), "nobody is mailed");
    assert_eq!(vendors.asked(), []);
    assert!(world.handoff(&id).await.clocks[0].breached_at.is_some(), "clocks go on");
    let all = deliveries(&mut world, &id).await;
    assert_eq!(delivery(&all, "events", "handoff.assigned")["state"], "muted");
    // After it, the next thing that happens brings what is kept up to date.
    world.pass(Duration::hours(2)).await;
    let owner = world.handoff(&id).await.owner.unwrap();
    world.act(owner.as_str(), &id, "accept", json!({})).await;
    world.read_mail();
    let own = vendors.slack_messages(&format!("D024{}", owner.as_str().to_uppercase()));
    assert!(own[0].words().contains("Accepted by"), "{own:?}");
    assert_eq!(vendors.webhooks().len(), 0, "what was silenced is not said by itself");

    let body = json!({ "destination": "events" });
    let refused = redrive(&mut world, "amara", &body).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let sent = redrive(&mut world, "priya", &body).await;
    assert!(sent.body["redriven"].as_u64() >= Some(2), "{sent:?}");
    world.pass(Duration::minutes(2)).await;
    assert!(vendors.webhooks().len() >= 2);
    let all = deliveries(&mut world, &id).await;
    assert_eq!(delivery(&all, "events", "handoff.assigned")["state"], "sent");
    world.read_mail();
}

async fn redrive(
    world: &mut tests::World,
    person: &'static str,
    body: &serde_json::Value,
) -> tests::Answer {
    let headers = [("x-handoff-person", person)];
    world.call(Method::POST, "/api/outbox/redrive", &headers, body.clone()).await
}
