//! Each function's role allows what the function asks for, and nothing else. That it allows enough
//! every world asserts when it ends; that it allows no more is shown here, by a play in which
//! everything happens that makes a function ask for something.

use chrono::Duration;
use http::Method;
use serde_json::json;
use store::Mute;
use tests::{World, roles};

#[tokio::test]
async fn a_role_allows_what_its_function_asks_for_and_nothing_else() {
    let mut asked = roles::Accesses::new();
    for world in [a_day().await, an_awkward_day().await] {
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

/// What happens in an office on most days.
async fn a_day() -> World {
    let mut world = World::start().await;
    let id = world.demo_request("1").await;
    world.pass(Duration::minutes(20)).await;
    let owner = world.handoff(&id).await.owner.unwrap();
    world.act(owner.as_str(), &id, "accept", json!({})).await;
    world.act(owner.as_str(), &id, "touch", json!({ "channel": "phone" })).await;
    world.act(owner.as_str(), &id, "complete", json!({ "outcome": "meeting_booked" })).await;
    for page in ["/", "/dashboard", "/digest", "/outbox", "/people", "/sessions", "/api/handoffs"] {
        world.get(page).await;
    }
    world.until("2026-01-06T07:31:00Z".parse().unwrap()).await;
    world.read_mail();
    world
}

/// What happens on some: everybody is away, and what is said is not heard.
async fn an_awkward_day() -> World {
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
