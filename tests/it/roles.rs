//! Each function's role allows what the function asks for, and nothing else. That it allows enough
//! every world asserts when it ends; that it allows no more is shown here, by days on which
//! everything happens that makes a function ask for something.

use crate::{courier::mail::mailing, enrichment, waiting::where_all_are_away};
use chrono::Duration;
use domain::AttemptId;
use http::Method;
use serde_json::json;
use std::collections::BTreeMap;
use store::{Correction, Mute};
use tests::{World, roles};

#[tokio::test]
async fn a_role_allows_what_its_function_asks_for_and_nothing_else() {
    let mut asked = roles::Accesses::new();
    let worlds = [
        Box::pin(an_ordinary_day()).await,
        Box::pin(a_day_nobody_hears_of()).await,
        Box::pin(a_day_without_chat()).await,
        Box::pin(a_day_everybody_is_away()).await,
        Box::pin(a_day_others_are_asked()).await,
        Box::pin(a_night_something_is_wrong()).await,
    ];
    for world in worlds {
        for (function, some) in world.asked.list() {
            asked.entry(function).or_default().extend(some);
        }
    }
    let mut unused = Vec::new();
    for (function, may) in roles::template() {
        let asked = asked.remove(&function).unwrap_or_default();
        unused.extend(may.difference(&asked).map(|access| format!("{function}: {access}")));
    }
    assert!(unused.is_empty(), "nobody asked for {unused:#?}");
}

/// A lead is missed, given to another, taken and done; pages are looked at; the digest is sent.
async fn an_ordinary_day() -> World {
    let mut world = World::start().await;
    let id = world.demo_request("1").await;
    world.pass(Duration::minutes(20)).await;
    let owner = world.handoff(&id).await.owner.unwrap();
    world.act(owner.as_str(), &id, "accept", json!({})).await;
    world.act(owner.as_str(), &id, "touch", json!({ "channel": "phone" })).await;
    let known = json!({ "crm": "hubspot", "object": "contact", "id": "1" });
    world.event("demo.requested", json!({ "subject": known })).await.joined();
    world.act(owner.as_str(), &id, "complete", json!({ "outcome": "meeting_booked" })).await;
    world.demo_request("1").await;
    for page in ["/", "/dashboard", "/digest", "/outbox", "/people", "/sessions", "/api/health"] {
        world.get(page).await;
    }
    world.until("2026-01-06T07:31:00Z".parse().unwrap()).await;
    world.read_mail();
    world
}

/// Everything is muted, and sent by hand afterwards.
async fn a_day_nobody_hears_of() -> World {
    let mut world = World::start().await;
    let mute = Mute { since: world.now(), until: Some(world.now() + Duration::hours(1)) };
    world.store.put_mute(Some(&mute)).await.unwrap();
    let id = world.demo_request("1").await;
    world.pass(Duration::minutes(6)).await;
    let headers = [("x-handoff-person", "priya")];
    let body = json!({ "destination": "events" });
    world.call(Method::POST, "/api/outbox/redrive", &headers, body).await;
    world.get(&format!("/handoffs/{id}")).await;
    world.pass(Duration::hours(2)).await;
    world.read_mail();
    world
}

/// Leads come by mail, together.
async fn a_day_without_chat() -> World {
    let (mut world, _vendors) = mailing("").await;
    world.demo_request("1").await;
    world.pass(Duration::minutes(10)).await;
    world.read_mail();
    world
}

/// Somebody waits for an owner, and is asked for again when one is back.
async fn a_day_everybody_is_away() -> World {
    let mut world = where_all_are_away().await;
    world.demo_request("1").await;
    let headers = [("x-handoff-person", "priya")];
    let back = world.call(Method::POST, "/api/reps/amara/absence", &headers, json!({})).await;
    assert_eq!(back.status, 200, "{}", back.text);
    world.pass(Duration::minutes(10)).await;
    world.read_mail();
    world
}

/// The router asks another system about somebody.
async fn a_day_others_are_asked() -> World {
    let vendor = enrichment::Vendor::start(enrichment::Manner::Says(enrichment::KNOWN.to_owned()));
    let vendor = vendor.await;
    let mut world = enrichment::world(&vendor, "").await;
    world.demo_request("1").await;
    world.pass(Duration::minutes(6)).await;
    world.read_mail();
    world
}

/// The audit finds a number that is not so, and says it.
async fn a_night_something_is_wrong() -> World {
    let mut world = World::start().await;
    world.demo_request("1").await;
    let counter = BTreeMap::from([("opened".to_owned(), Correction { was: 0, becomes: 3 })]);
    let row = ("happened".to_owned(), "pool:ae_emea".to_owned(), world.now().date_naive());
    world.store.correct_rollup(row, counter, &AttemptId("plant".to_owned())).await.unwrap();
    world.until("2026-01-06T03:31:00Z".parse().unwrap()).await;
    world.allow_errors();
    world.read_mail();
    world
}
