//! Handoffs that wait for an owner: asked for again as soon as somebody has a place, and at a set
//! interval whatever happens.

use chrono::Duration;
use domain::{PersonId, Stage, routing::TURN, span::Span};
use local::{Sent, sample::ORGANISATION};
use serde_json::{Value, json};
use tests::{Answer, Setting, World};

/// A world in which the European SDRs may have one handoff each.
async fn narrow() -> World {
    let narrow = |text: &str, name: &str| {
        let at = text.find(name).unwrap();
        let (before, after) = text.split_at(at);
        before.to_owned() + &after.replacen("capacity = 40", "capacity = 1", 1)
    };
    let organisation = narrow(&narrow(ORGANISATION, "Amara Okafor"), "Ben Whitlock");
    World::of(Setting { organisation, ..Setting::default() }).await
}

/// Says when somebody is away, as their manager.
async fn is_away(world: &mut World, rep: &str, when: Value) -> Answer {
    let path = format!("/api/reps/{rep}/absence");
    world.call(http::Method::POST, &path, &[("x-handoff-person", "priya")], when).await
}

/// A world whose only two reps are away for three days, and where who waits is not asked for before
/// an hour is over.
pub(crate) async fn where_all_are_away() -> World {
    let organisation = ORGANISATION.replace("reroute_every = \"5m\"", "reroute_every = \"1h\"");
    let mut world = World::of(Setting { organisation, ..Setting::default() }).await;
    let until = (world.now() + Duration::days(3)).to_rfc3339();
    let away = json!({ "from": world.now().to_rfc3339(), "to": until });
    for rep in ["amara", "ben"] {
        is_away(&mut world, rep, away.clone()).await;
    }
    world
}

#[tokio::test]
async fn a_place_that_becomes_free_goes_at_once_to_who_waits() {
    let mut world = narrow().await;
    let (first, second) = (world.demo_request("one").await, world.demo_request("two").await);
    let waits = world.demo_request("three").await;
    let handoff = world.handoff(&waits).await;
    assert_eq!((handoff.owner, handoff.stage), (None, Stage::Opened));
    let priya = [("x-handoff-person", "priya")];
    let month = world.call(http::Method::GET, "/api/metrics", &priya, json!({})).await;
    assert_eq!(month.body["without_owner"]["count"], 1, "{month:?}");
    assert_eq!(month.body["without_owner"]["oldest"][0]["id"], waits.as_str());
    let page = world.call(http::Method::GET, "/dashboard", &priya, json!({})).await;
    assert!(page.text.contains("One handoff has no owner, for "), "{}", page.text);
    let past = world.call(http::Method::GET, "/api/metrics?month=2025-12", &priya, json!({})).await;
    assert!(past.body["without_owner"].is_null(), "{past:?}");
    let mail = world.read_mail();
    assert!(mail[0].0.starts_with("No owner: Hot lead"), "{mail:?}");
    let owner = world.handoff(&first).await.owner.unwrap();
    let done = json!({ "outcome": "disqualified" });
    world.act(&owner.0, &first, "touch", json!({ "channel": "phone" })).await;
    let answer = world.act(&owner.0, &first, "complete", done).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.handoff(&waits).await.owner, Some(owner), "within the same minute");
    assert!(world.handoff(&second).await.owner.is_some());
    world.outbox();
}

#[tokio::test]
async fn who_is_back_before_the_next_try_is_asked_as_they_come() {
    let mut world = World::start().await;
    let back = world.now() + Duration::seconds(100);
    for rep in ["amara", "ben"] {
        let away = json!({ "from": world.now().to_rfc3339(), "to": back.to_rfc3339() });
        let path = format!("/api/reps/{rep}/absence");
        let headers = [("x-handoff-person", "priya")];
        let answer = world.call(http::Method::POST, &path, &headers, away).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let id = world.demo_request("dana").await;
    let waits = world.handoff(&id).await;
    assert_eq!(waits.owner, None);
    assert_eq!(waits.routing.unwrap().retry_at, back, "sooner than the set interval");
    assert!("5m".parse::<Span>().unwrap().elapsed() > Duration::seconds(100));
    world.until(back + Duration::seconds(3)).await;
    assert!(world.handoff(&id).await.owner.is_some());
    world.outbox();
}

#[tokio::test]
async fn those_who_wait_for_another_team_keep_nobody_from_a_freed_place() {
    let executives = |text: &str| {
        ["Elena Rossi", "Hana Sato"].iter().fold(text.to_owned(), |text, name| {
            let (before, after) = text.split_at(text.find(name).unwrap());
            before.to_owned() + &after.replacen("capacity = 30", "capacity = 0", 1)
        })
    };
    let narrow = |text: &str, name: &str| {
        let (before, after) = text.split_at(text.find(name).unwrap());
        before.to_owned() + &after.replacen("capacity = 40", "capacity = 1", 1)
    };
    let organisation = executives(ORGANISATION);
    let organisation = narrow(&narrow(&organisation, "Amara Okafor"), "Ben Whitlock");
    let mut world = World::of(Setting { organisation, ..Setting::default() }).await;
    // More wait for an executive than are asked for at once, and all of them more urgently.
    for number in 0..12 {
        let about = json!({
            "crm": "hubspot", "object": "contact", "id": format!("e{number}"), "country": "GB",
        });
        let meeting = (world.now() + Duration::minutes(30)).to_rfc3339();
        world.event("meeting.booked", json!({ "subject": about, "meeting_at": meeting })).await;
    }
    world.settle().await;
    let first = world.demo_request("one").await;
    world.demo_request("two").await;
    let waits = world.demo_request("three").await;
    let owner = world.handoff(&first).await.owner.unwrap();
    world.act(&owner.0, &first, "touch", json!({ "channel": "phone" })).await;
    world.act(&owner.0, &first, "complete", json!({ "outcome": "disqualified" })).await;
    assert_eq!(world.handoff(&waits).await.owner, Some(owner));
    world.outbox();
}

#[tokio::test]
async fn a_changed_configuration_is_tried_within_two_minutes() {
    // Nobody works; the next try by the clock would be in an hour.
    let slow = ORGANISATION.replace("reroute_every = \"5m\"", "reroute_every = \"1h\"");
    let full = slow.replace("capacity = 40", "capacity = 0");
    let mut world = World::of(Setting { organisation: full, ..Setting::default() }).await;
    let waits = world.demo_request("dana").await;
    assert_eq!(world.handoff(&waits).await.owner, None);
    world.store.push_config(&slow, Some(1), &"more".into(), world.now()).await.unwrap();
    world.pass(Duration::seconds(125)).await;
    let handoff = world.handoff(&waits).await;
    assert!(handoff.owner.is_some(), "{:?}", handoff.routing);
    let history = world.store.history(&waits).await.unwrap();
    assert_eq!(history.last().unwrap().cause, "roster configuration");
    world.read_mail();
}

#[tokio::test]
async fn who_is_back_sooner_than_they_said_is_asked_within_two_minutes() {
    let mut world = where_all_are_away().await;
    let id = world.demo_request("dana").await;
    assert_eq!(world.handoff(&id).await.owner, None);
    let back = is_away(&mut world, "ben", json!({})).await;
    assert_eq!(back.status, 200, "{back:?}");
    world.pass(Duration::seconds(65)).await;
    assert_eq!(world.handoff(&id).await.owner, Some("ben".into()));
    world.read_mail();
}

#[tokio::test]
async fn a_manager_who_stepped_in_and_rejects_it_gets_no_turn_back() {
    // The manager is a rep of the pool too, and has turns of their own.
    let members = "members = [{ rep = \"amara\" }, { rep = \"ben\" }]";
    let theirs = "members = [{ rep = \"amara\" }, { rep = \"priya\" }]\non_shift = true\n\
                  otherwise = [\"manager\"]";
    let organisation = ORGANISATION.replacen(members, theirs, 1).replacen(
        "name = \"Priya Nair\"\n",
        "name = \"Priya Nair\"\ncapacity = 2\n",
        1,
    );
    let mut world = World::of(Setting { organisation, ..Setting::default() }).await;
    let position = async |world: &World| {
        let (pool, priya) = ("sdr_emea".into(), PersonId::from("priya"));
        let standings = world.store.standings(&pool, std::slice::from_ref(&priya)).await;
        standings.unwrap()[&priya].position
    };
    let (one, two) = (world.demo_request("one").await, world.demo_request("two").await);
    let owners = [world.handoff(&one).await.owner, world.handoff(&two).await.owner];
    assert_eq!(owners, [Some("amara".into()), Some("priya".into())]);
    let reject = json!({ "reason": "duplicate" });
    assert_eq!(position(&world).await, TURN);
    world.act("priya", &two, "reject", reject.clone()).await;
    assert_eq!(position(&world).await, 0, "it was her turn");
    let four = world.demo_request("four").await;
    assert_eq!(world.handoff(&four).await.owner, Some("priya".into()));
    // At night nobody is on shift, and the manager steps in.
    world.until("2026-01-05T20:00:00Z".parse().unwrap()).await;
    let three = world.demo_request("three").await;
    let handoff = world.handoff(&three).await;
    assert_eq!((handoff.owner, handoff.turn), (Some("priya".into()), None));
    let before = position(&world).await;
    let answer = world.act("priya", &three, "reject", reject).await;
    assert_eq!((answer.status, position(&world).await), (200, before), "{answer:?}");
    world.read_mail();
}

#[tokio::test]
async fn several_who_are_back_are_one_reason_to_ask_again_and_going_away_is_none() {
    let mut world = where_all_are_away().await;
    let id = world.demo_request("dana").await;
    world.pass(Duration::seconds(65)).await;
    let asked = |world: &mut World| {
        let sent = world.outbox().into_iter();
        sent.filter(|one| match &one.sent {
            Sent::Bus { detail_type, .. } => detail_type == "handoff.waiting",
            Sent::Topic { .. } | Sent::Outside { .. } => false,
        })
        .count()
    };
    assert_eq!(asked(&mut world), 0, "nobody can take more than before");
    for rep in ["amara", "ben"] {
        is_away(&mut world, rep, json!({})).await;
    }
    world.pass(Duration::seconds(65)).await;
    assert_eq!(asked(&mut world), 1);
    assert!(world.handoff(&id).await.owner.is_some());
    world.read_mail();
}
