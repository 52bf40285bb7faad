//! Opening by hand, through the desk's API: what a person opens is settled as a source's event is.

use bytes::Bytes;
use http::{Method, Request};
use local::assembly::{self, Wiring};
use runtime::{Clock, Ids};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tests::{
    Answer, World,
    faults::{Fault, faulty},
};

async fn open(world: &mut World, person: &str, key: &str, body: Value) -> Answer {
    let headers = [("x-handoff-person", person), ("idempotency-key", key)];
    let answer = world.call(Method::POST, "/api/handoffs", &headers, body).await;
    world.settle().await;
    world.outbox();
    answer
}

fn meeting(email: &str) -> Value {
    json!({
        "type": "meeting_set",
        "subject": { "email": email, "name": "Dana Hall", "company": "Acme", "country": "GB" },
        "package": {
            "pain_points": "reporting takes a week", "meeting_at": "2026-01-12T15:00:00Z",
            "amount": { "minor": 4_000_000, "currency": "GBP" },
        },
    })
}

#[tokio::test]
async fn a_rep_opens_a_meeting_and_an_executive_gets_it() {
    let mut world = World::start().await;
    let answer = open(&mut world, "amara", "k1", meeting("dana@acme.example")).await;
    assert_eq!((answer.status, &answer.body["effect"]), (201, &json!("opened")), "{answer:?}");
    let id = answer.body["id"].as_str().unwrap().into();
    let handoff = world.handoff(&id).await;
    assert_eq!((handoff.kind.as_str(), handoff.source.as_str()), ("meeting_set", "desk"));
    assert_eq!(handoff.sender, Some("amara".into()), "she hands it off");
    assert!(handoff.owner.is_some(), "it was routed");
    assert_eq!(handoff.amount.map(|money| money.minor), Some(4_000_000));
    assert_eq!(handoff.clocks[0].due_at.to_rfc3339(), "2026-01-11T15:00:00+00:00");
    let package = world.store.package(&id).await.unwrap();
    assert_eq!(package.values["pain_points"].by, "amara");
    assert_eq!(package.values["source"].value, "by hand");
}

#[tokio::test]
async fn sending_it_twice_opens_once_and_another_content_is_refused() {
    let mut world = World::start().await;
    let first = open(&mut world, "amara", "k1", meeting("dana@acme.example")).await;
    let again = open(&mut world, "amara", "k1", meeting("dana@acme.example")).await;
    assert_eq!((again.status, &again.body["effect"]), (200, &json!("duplicate")), "{again:?}");
    assert_eq!(again.body["id"], first.body["id"]);
    let other = open(&mut world, "amara", "k1", meeting("jon@acme.example")).await;
    assert_eq!(other.status, 422, "{other:?}");
    let joined = open(&mut world, "ben", "k2", meeting("DANA@acme.example")).await;
    assert_eq!((joined.status, &joined.body["effect"]), (200, &json!("joined")), "{joined:?}");
    assert_eq!(joined.body["id"], first.body["id"]);
}

/// Asks a desk of its own to open something, under one key.
async fn asked(desk: local::HttpHandler, body: Value) -> Answer {
    let request = Request::post("/api/handoffs")
        .header("content-type", "application/json")
        .header("x-handoff-person", "amara")
        .header("idempotency-key", "k1");
    desk(request.body(Bytes::from(body.to_string())).unwrap()).await.into()
}

/// Sends two contents under one key, the second while the first is being written: whoever comes
/// first opens, and the other is told. Returns both answers, and what is open then.
async fn race(first: Value, second: Value) -> (Answer, Answer, Value) {
    let mut world = World::start().await;
    let parts = world.cloud.parts();
    let (clock, _) = Clock::hand(world.now());
    let wiring = |seed| Wiring { clock: clock.clone(), ids: Ids::seeded(seed), abreast: 1 };
    // Their client is their own: the connections of the slower one stand still until they are done.
    let faster = assembly::functions(&assembly::environment(parts), &wiring(7)).desk;
    let meanwhile = Mutex::new(Some((faster, second)));
    let answered: Arc<Mutex<Option<Answer>>> = Arc::default();
    let answer = Arc::clone(&answered);
    let environment = assembly::environment(parts);
    let http = faulty(environment.http(), move |operation, _| {
        let is_write = operation == "TransactWriteItems";
        if let Some((faster, second)) = is_write.then(|| meanwhile.lock().unwrap().take()).flatten()
        {
            let run = std::thread::spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(asked(faster, second))
            });
            *answer.lock().unwrap() = Some(run.join().unwrap());
        }
        Fault::None
    });
    let slower = assembly::functions(&environment.with_http(http), &wiring(8)).desk;
    let slow = asked(slower, first).await;
    let fast = answered.lock().unwrap().take().unwrap();
    let listed = world.get("/api/handoffs").await.body["handoffs"].clone();
    world.settle().await;
    world.outbox();
    (fast, slow, listed)
}

#[tokio::test]
async fn of_two_contents_that_race_for_one_key_one_opens_and_the_other_is_told() {
    let (dana, jon) = (meeting("dana@acme.example"), meeting("jon@acme.example"));
    // About two people, who share nothing but the key; then about one.
    let again = json!({ "type": "meeting_set", "subject": dana["subject"] });
    for (first, second) in [(dana.clone(), jon), (dana.clone(), again)] {
        let (fast, slow, listed) = race(first, second).await;
        assert_eq!((fast.status, &fast.body["effect"]), (201, &json!("opened")), "{fast:?}");
        assert_eq!(slow.status, 422, "{slow:?}");
        assert!(slow.text.contains("another content under the same key"), "{slow:?}");
        assert_eq!(listed.as_array().unwrap().len(), 1, "{listed:?}");
        assert_eq!(listed[0]["id"], fast.body["id"]);
    }
}

#[tokio::test]
async fn the_same_content_twice_at_once_opens_once() {
    let dana = meeting("dana@acme.example");
    let (fast, slow, listed) = race(dana.clone(), dana).await;
    assert_eq!((fast.status, slow.status), (201, 200), "{slow:?}");
    assert_eq!(slow.body["effect"], "duplicate", "{slow:?}");
    assert_eq!(slow.body["id"], fast.body["id"]);
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed:?}");
}

#[tokio::test]
async fn joining_by_hand_leaves_the_source_a_lead_came_from() {
    let mut world = World::start().await;
    let about = json!({ "email": "dana@acme.example", "country": "GB" });
    let data = json!({ "subject": about, "fields": { "source": "webinar" } });
    let lead = world.event("demo.requested", data).await.opened();
    world.settle().await;
    let body = json!({ "type": "mql", "subject": about, "package": { "fit": "high" } });
    let joined = open(&mut world, "ben", "k1", body).await;
    assert_eq!((joined.status, &joined.body["effect"]), (200, &json!("joined")), "{joined:?}");
    let package = world.store.package(&lead).await.unwrap();
    assert_eq!(package.values["source"].value, "webinar");
    assert_eq!(
        (&package.values["fit"].value, package.values["fit"].by.as_str()),
        (&json!("high"), "ben")
    );
}

#[tokio::test]
async fn nobody_is_merged_by_a_slip_of_the_pen() {
    let mut world = World::start().await;
    let dana = world.demo_request("dana").await;
    let jon = world.demo_request("jon").await;
    let mixed = json!({
        "type": "mql",
        "subject": { "crm": "hubspot", "object": "contact", "id": "dana", "email": "jon@acme.example" },
    });
    let refused = open(&mut world, "amara", "k1", mixed).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.text.contains("two people"), "{refused:?}");
    assert_ne!(world.handoff(&dana).await.journey, world.handoff(&jon).await.journey);
}

#[tokio::test]
async fn somebody_a_source_knows_keeps_what_was_learned() {
    let mut world = World::start().await;
    let lead = world.demo_request("dana").await;
    let answer = open(&mut world, "amara", "k1", meeting("dana@acme.example")).await;
    let id = answer.body["id"].as_str().unwrap().into();
    assert_eq!(world.handoff(&id).await.previous, Some(lead));
    let package = world.store.package(&id).await.unwrap();
    assert_eq!(package.values["intent_signal"].value, "Requested a demo");
}

#[tokio::test]
async fn what_cannot_be_opened_is_a_sentence_and_opens_nothing() {
    let mut world = World::start().await;
    let nobody = open(&mut world, "mallory", "k1", meeting("dana@acme.example")).await;
    assert_eq!(nobody.status, 403, "{nobody:?}");
    let unknown = open(&mut world, "amara", "k2", json!({ "type": "mqll" })).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text.contains("choose"), "{unknown:?}");
    let anonymous = world.call(Method::POST, "/api/handoffs", &[], meeting("d@a.example")).await;
    assert_eq!(anonymous.status, 403, "{anonymous:?}");
    let listed = world.get("/api/handoffs").await;
    assert_eq!(listed.body["handoffs"], json!([]), "{listed:?}");
}
