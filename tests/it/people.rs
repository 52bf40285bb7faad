//! Somebody is away or leaves: nothing new comes to them, what they have goes to others as it was
//! forecast, and nothing is lost or moved twice.

use chrono::Duration;
use domain::{HandoffId, PersonId};
use http::{Method, Request};
use local::sample::ORGANISATION;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::{Answer, Setting, World};

/// A world in which Ben may have three open, and Hana, with half a share, is among the European SDRs.
async fn three_sdrs() -> World {
    let members = "{ rep = \"amara\" }, { rep = \"ben\" }";
    let more = "{ rep = \"amara\", weight = 2 }, { rep = \"ben\", weight = 2 }, { rep = \"hana\" }";
    let (before, ben) = ORGANISATION.split_once("name = \"Ben Whitlock\"").unwrap();
    let ben = ben.replacen("capacity = 40", "capacity = 3", 1);
    let organisation = format!("{before}name = \"Ben Whitlock\"{ben}").replacen(members, more, 1);
    assert!(organisation.contains(more) && organisation.contains("capacity = 3\n"));
    World::of(Setting { organisation, ..Setting::default() }).await
}

async fn post(world: &mut World, person: &str, path: &str, body: Value) -> Answer {
    let answer = world.call(Method::POST, path, &[("x-handoff-person", person)], body).await;
    world.settle().await;
    answer
}

/// Posts a form as a browser of the desk does; the answer, and where it leads.
async fn form(world: &mut World, person: &str, path: &str, body: &str) -> (Answer, String) {
    let request = Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", format!("handoff_person={person}"));
    let answer = world.post(request.body(body.to_owned().into()).unwrap()).await;
    let place = answer.headers().get("location").map(|place| place.to_str().unwrap().to_owned());
    world.settle().await;
    (answer.into(), place.unwrap_or_default())
}

async fn page(world: &mut World, person: &str, path: &str) -> Answer {
    world.call(Method::GET, path, &[("x-handoff-person", person)], Value::Null).await
}

/// Opens hot leads, and gives Amara those she did not get.
async fn all_to_amara(world: &mut World, count: usize) -> Vec<HandoffId> {
    let mut opened = Vec::new();
    for n in 0..count {
        let id = world.demo_request(&format!("lead{n}")).await;
        if world.handoff(&id).await.owner != Some("amara".into()) {
            let answer = world.act("priya", &id, "reassign", json!({ "owner": "amara" })).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        opened.push(id);
    }
    world.outbox();
    opened
}

async fn owners(world: &World, ids: &[HandoffId]) -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    for id in ids {
        let owner = world.handoff(id).await.owner.map_or(String::new(), |owner| owner.0);
        owners.insert(id.to_string(), owner);
    }
    owners
}

async fn open(world: &World, rep: &str) -> i64 {
    let rep = PersonId::from(rep);
    world.store.reps(std::slice::from_ref(&rep)).await.unwrap()[&rep].open
}

#[tokio::test]
async fn an_absence_is_said_and_ended_on_the_page_of_the_people() {
    let mut world = World::start().await;
    let (away, place) =
        form(&mut world, "ben", "/people/absence", "rep=ben&from=2026-01-05&to=2026-01-06").await;
    assert_eq!((away.status, place.as_str()), (303, "/people"), "{away:?}");
    let shown = page(&mut world, "ben", "/people").await;
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains("<time datetime=\"2026-01-07T00:00:00Z\">"), "{}", shown.text);
    for lead in ["one", "two"] {
        let id = world.demo_request(lead).await;
        assert_eq!(world.handoff(&id).await.owner, Some("amara".into()), "he is away");
    }
    let (back, _) = form(&mut world, "priya", "/people/absence", "rep=ben&from=&to=&end=yes").await;
    assert_eq!(back.status, 303, "{back:?}");
    let id = world.demo_request("three").await;
    assert_eq!(world.handoff(&id).await.owner, Some("ben".into()), "he is back");
    world.outbox();
}

#[tokio::test]
async fn an_absence_that_cannot_be_recorded_is_a_sentence_on_the_page() {
    let mut world = World::start().await;
    let mut refused = async |person: &str, said: &str, status: u16, sentence: &str| {
        let (answer, _) = form(&mut world, person, "/people/absence", said).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.text.contains(sentence), "{answer:?}");
    };
    let days = "from=2026-01-05&to=2026-01-06";
    let ben = format!("rep=ben&{days}");
    let others = "Only Ben Whitlock or a manager of SDR Europe can say when Ben Whitlock is away.";
    refused("amara", &ben, 403, others).await;
    refused("marcus", &ben, 403, others).await;
    refused("", &ben, 403, "Choose who you are first").await;
    refused("priya", &format!("rep=mallory&{days}"), 404, "There is nobody called").await;
    refused("ben", "rep=ben&from=2026-01-05&to=", 400, "a day, or a time such as").await;
    refused("ben", "rep=ben&from=2026-01-06&to=2026-01-04", 400, "ends after it begins").await;
    let shown = page(&mut world, "ben", "/people").await;
    assert!(!shown.text.contains("2026-01-06T00"), "nothing was recorded");
}

#[tokio::test]
async fn what_somebody_has_goes_as_it_was_forecast() {
    let mut world = three_sdrs().await;
    let ids = all_to_amara(&mut world, 12).await;
    let before: BTreeMap<_, _> = owners(&world, &ids).await;
    let preview =
        post(&mut world, "priya", "/api/reassign?preview", json!({ "from": "amara" })).await;
    assert_eq!((preview.status, &preview.body["count"]), (200, &json!(12)), "{preview:?}");
    assert!(!preview.text.contains("lead0"), "who it is about is not in the answer");
    assert_eq!(owners(&world, &ids).await, before, "a preview changes nothing");
    let forecast: BTreeMap<String, String> = preview.body["handoffs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
            (text("id"), text("to"))
        })
        .collect();
    let to = |rep: &str| forecast.values().filter(|owner| *owner == rep).count();
    assert_eq!((to("ben"), to("hana")), (3, 9), "within capacity: {forecast:?}");

    let asked = post(&mut world, "priya", "/api/reassign", json!({ "from": "amara" })).await;
    assert_eq!(asked.body, json!({ "requested": 12, "left": 0 }), "{asked:?}");
    assert_eq!(owners(&world, &ids).await, forecast);
    let counts =
        (open(&world, "amara").await, open(&world, "ben").await, open(&world, "hana").await);
    assert_eq!(counts, (0, 3, 9));
    world.outbox();
}

#[tokio::test]
async fn what_nobody_can_take_stays_until_somebody_can() {
    let mut world = World::start().await;
    let ids = all_to_amara(&mut world, 2).await;
    let away = json!({ "from": "2026-01-05", "to": "2026-01-05" });
    assert_eq!(post(&mut world, "ben", "/api/reps/ben/absence", away).await.status, 200);
    let body = json!({ "from": "amara", "reason": "she is leaving" });
    let preview = post(&mut world, "priya", "/api/reassign?preview", body.clone()).await;
    let first = &preview.body["handoffs"][0];
    assert_eq!((&first["to"], &first["pool"]), (&Value::Null, &Value::Null), "{preview:?}");
    let why = "Nobody: nobody in SDR Europe can take it: 1 away, 1 had it already.";
    assert_eq!(first["reason"], why);
    post(&mut world, "priya", "/api/reassign", body).await;
    assert!(world.read_mail().iter().all(|(subject, _)| subject.starts_with("No owner: ")));
    for id in &ids {
        let handoff = world.handoff(id).await;
        assert_eq!(handoff.owner, Some("amara".into()), "hers until somebody else has it");
        assert!(handoff.routing.is_some());
    }
    let back = post(&mut world, "ben", "/api/reps/ben/absence", json!({})).await;
    assert_eq!(back.status, 200);
    world.pass(Duration::minutes(6)).await;
    for id in &ids {
        assert_eq!(world.handoff(id).await.owner, Some("ben".into()));
    }
    world.outbox();
}

#[tokio::test]
async fn sent_twice_it_asks_once_and_loses_nothing() {
    let mut world = three_sdrs().await;
    let ids = all_to_amara(&mut world, 6).await;
    let body = json!({ "from": "amara", "reason": "Dana's friend left" });
    let headers = [("x-handoff-person", "priya")];
    // The second comes before the router has moved any.
    let first = world.call(Method::POST, "/api/reassign", &headers, body.clone()).await;
    let second = world.call(Method::POST, "/api/reassign", &headers, body.clone()).await;
    assert_eq!(first.body, json!({ "requested": 6, "left": 0 }), "{first:?}");
    assert_eq!(second.body, json!({ "requested": 0, "left": 0 }), "{second:?}");
    world.settle().await;
    let versions = versions(&world, &ids).await;
    let third = post(&mut world, "priya", "/api/reassign", body).await;
    assert_eq!(third.body, json!({ "requested": 0, "left": 0 }), "she has nothing any more");
    assert_eq!(self::versions(&world, &ids).await, versions);
    for id in &ids {
        let handoff = world.handoff(id).await;
        assert!(handoff.owner.is_some_and(|owner| owner.as_str() != "amara"));
        let history = world.store.history(id).await.unwrap();
        let asked = history.iter().filter(|commit| commit.cause == "desk").count();
        let hand = usize::from(history.iter().any(|commit| {
            let text = serde_json::to_string(&commit.changes).unwrap();
            assert!(!text.contains("Dana"), "a person's words are in the erasable part: {text}");
            text.contains("by_hand\":\"priya")
        }));
        assert_eq!(asked, 1 + hand, "one request each");
    }
    let open = open(&world, "ben").await + open(&world, "hana").await;
    assert_eq!((open, self::open(&world, "amara").await), (6, 0));
    world.outbox();
}

#[tokio::test]
async fn by_one_key_a_handoff_is_asked_for_once_though_it_came_back() {
    let mut world = World::start().await;
    let ids = all_to_amara(&mut world, 1).await;
    let body = json!({ "from": "amara" });
    let keyed = [("x-handoff-person", "priya"), ("idempotency-key", "leave-7")];
    let first = world.call(Method::POST, "/api/reassign", &keyed, body.clone()).await;
    assert_eq!(first.body["requested"], 1, "{first:?}");
    world.settle().await;
    world.act("priya", &ids[0], "reassign", json!({ "owner": "amara" })).await;
    assert_eq!(world.handoff(&ids[0]).await.owner, Some("amara".into()));
    // The answer to the first was lost on its way, and the client sends it again.
    let again = world.call(Method::POST, "/api/reassign", &keyed, body).await;
    assert_eq!(again.body, json!({ "requested": 0, "left": 0 }), "{again:?}");
    let wrong = [("x-handoff-person", "priya"), ("idempotency-key", "")];
    let refused = world.call(Method::POST, "/api/reassign", &wrong, json!({ "from": "ben" })).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    world.outbox();
}

#[tokio::test]
async fn what_somebody_left_behind_who_is_no_longer_configured_goes_to_others() {
    let mut world = three_sdrs().await;
    let ids = all_to_amara(&mut world, 2).await;
    let gone = world
        .store
        .active_config()
        .await
        .unwrap()
        .unwrap()
        .text
        .replacen("[people.amara]", "[people.anna]", 1)
        .replacen("{ rep = \"amara\", weight = 2 }", "{ rep = \"anna\", weight = 2 }", 1);
    world.store.push_config(&gone, Some(1), &"gone".into(), world.now()).await.unwrap();
    world.pass(Duration::seconds(65)).await;
    let body = json!({ "from": "amara" });
    let stranger = post(&mut world, "ben", "/api/reassign", body.clone()).await;
    assert_eq!(stranger.status, 403, "{stranger:?}");
    let preview = post(&mut world, "priya", "/api/reassign?preview", body.clone()).await;
    assert_eq!(preview.body["count"], 2, "{preview:?}");
    let asked = post(&mut world, "priya", "/api/reassign", body.clone()).await;
    assert_eq!(asked.body["requested"], 2, "{asked:?}");
    for id in &ids {
        let owner = world.handoff(id).await.owner.unwrap();
        assert!(["anna", "ben", "hana"].contains(&owner.as_str()), "{owner}");
    }
    assert_eq!(open(&world, "amara").await, 0);
    let nobody = post(&mut world, "priya", "/api/reassign", body).await;
    assert_eq!(nobody.status, 404, "nothing is left of her: {nobody:?}");
    world.outbox();
}

async fn versions(world: &World, ids: &[HandoffId]) -> Vec<u64> {
    let mut versions = Vec::new();
    for id in ids {
        versions.push(world.handoff(id).await.version);
    }
    versions
}

#[tokio::test]
async fn whoever_had_it_and_accepts_too_late_is_told_who_has_it() {
    let mut world = World::start().await;
    let ids = all_to_amara(&mut world, 1).await;
    post(&mut world, "priya", "/api/reassign", json!({ "from": "amara" })).await;
    assert_eq!(world.handoff(&ids[0]).await.owner, Some("ben".into()));
    let late = world.act("amara", &ids[0], "accept", json!({})).await;
    assert_eq!(late.status, 409, "{late:?}");
    let sentence = "Ben Whitlock has this handoff now; only its owner can do that.";
    assert_eq!(late.body["detail"], sentence);
    assert_eq!(world.act("ben", &ids[0], "accept", json!({})).await.status, 200);
    world.outbox();
}

#[tokio::test]
async fn a_call_asks_for_two_hundred_and_says_how_many_are_left() {
    let members = "members = [{ rep = \"amara\" }, { rep = \"ben\" }]";
    let amara = "timezone = \"Europe/London\"\ncapacity = 40";
    let organisation = ORGANISATION
        .replacen(members, "members = [{ rep = \"amara\" }]", 1)
        .replacen(amara, "capacity = 300", 1);
    let mut world = World::of(Setting { organisation, ..Setting::default() }).await;
    for n in 0..202 {
        world.demo_request(&format!("lead{n}")).await;
    }
    assert_eq!(open(&world, "amara").await, 202);
    let body = json!({ "from": "amara" });
    let preview = post(&mut world, "priya", "/api/reassign?preview", body.clone()).await;
    assert_eq!((&preview.body["count"], &preview.body["left"]), (&json!(200), &json!(2)));
    // Nobody can take them, so they stay, and yet the next call goes on with the others.
    for (requested, left) in [(200, 2), (2, 0), (0, 0)] {
        let asked = post(&mut world, "priya", "/api/reassign", body.clone()).await;
        assert_eq!(asked.body, json!({ "requested": requested, "left": left }));
    }
    world.outbox();
}

#[tokio::test]
async fn only_the_types_that_are_meant_go() {
    let mut world = World::start().await;
    let ids = all_to_amara(&mut world, 2).await;
    let body = json!({ "from": "amara", "types": ["mql"] });
    let none = post(&mut world, "priya", "/api/reassign", body).await;
    assert_eq!(none.body, json!({ "requested": 0, "left": 0 }), "{none:?}");
    let body = json!({ "from": "amara", "types": ["mql", "hot_lead"] });
    let both = post(&mut world, "priya", "/api/reassign", body).await;
    assert_eq!(both.body["requested"], 2, "{both:?}");
    assert!(owners(&world, &ids).await.values().all(|owner| owner == "ben"));
    world.outbox();
}

#[tokio::test]
async fn who_may_not_and_what_cannot_be_is_a_sentence_and_moves_nothing() {
    let mut world = World::start().await;
    let ids = all_to_amara(&mut world, 1).await;
    let mut refused = async |person: &str, path: &str, body: Value, status: u16, said: &str| {
        let answer = post(&mut world, person, path, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{detail}");
    };
    let hers = || json!({ "from": "amara" });
    let managers = "Only a manager of SDR Europe can give everything of Amara Okafor to others.";
    for path in ["/api/reassign", "/api/reassign?preview"] {
        refused("marcus", path, hers(), 403, managers).await;
        refused("amara", path, hers(), 403, managers).await;
        refused("mallory", path, hers(), 403, "knows nobody called `mallory`").await;
        refused("priya", path, json!({ "from": "mallory" }), 404, "nobody called `mallory`").await;
        refused("priya", path, json!({}), 400, "`from`").await;
        let types = json!({ "from": "amara", "types": ["sql"] });
        refused("priya", path, types, 400, "There is no handoff type `sql`: there are ").await;
    }
    refused("priya", "/api/reassign?preveiw", hers(), 400, "nothing was done").await;
    assert_eq!(world.handoff(&ids[0]).await.owner, Some("amara".into()));
}

#[tokio::test]
async fn a_manager_gives_everything_away_on_the_pages() {
    let mut world = World::start().await;
    let ids = all_to_amara(&mut world, 3).await;
    let people = page(&mut world, "priya", "/people").await;
    assert!(people.text.contains("href=\"/people/reassign?from=amara\""), "{}", people.text);
    let path = "/people/reassign?from=amara";
    let preview = page(&mut world, "priya", path).await;
    assert_eq!(preview.status, 200);
    for part in ["Dana lead0", "Ben Whitlock</td>", "<button>Give 3 of Amara Okafor to others"] {
        assert!(preview.text.contains(part), "no {part} in {}", preview.text);
    }
    let (done, place) =
        form(&mut world, "priya", "/people/reassign", "from=amara&reason=on+leave").await;
    assert_eq!((done.status, place.as_str()), (303, path), "{done:?}");
    assert!(page(&mut world, "priya", path).await.text.contains("has nothing open"));
    assert!(owners(&world, &ids).await.values().all(|owner| owner == "ben"));
    let shown = page(&mut world, "priya", &format!("/handoffs/{}", ids[0])).await;
    assert!(shown.text.contains("<bdi>on leave</bdi>"), "her words are on its timeline");
    assert_eq!(page(&mut world, "marcus", path).await.status, 403);
    assert_eq!(page(&mut world, "priya", "/people/reassign").await.status, 400);
    world.outbox();
}

#[tokio::test]
async fn everybody_can_ask_why_not_them() {
    let mut world = World::start().await;
    let away = json!({ "from": "2026-01-05", "to": "2026-01-09" });
    post(&mut world, "priya", "/api/reps/ben/absence", away).await;
    let id = world.demo_request("dana").await;
    // What happens later does not change what was so then.
    post(&mut world, "priya", "/api/reps/ben/absence", json!({})).await;
    world.act("priya", &id, "note", json!({ "text": "hm" })).await;
    let why = async |world: &mut World, rep: &str| {
        world.get(&format!("/api/handoffs/{id}/why?rep={rep}")).await
    };
    let ben = why(&mut world, "ben").await;
    let expected = json!({
        "rep": "ben", "would_have_to_differ": ["Ben Whitlock would have to be back."],
        "config_version": 1,
    });
    assert_eq!((ben.status, ben.body), (200, expected));
    assert_eq!(why(&mut world, "amara").await.body["would_have_to_differ"], json!([]));
    let carla = why(&mut world, "carla").await.body["would_have_to_differ"].clone();
    let rule = "`lead.country in ['US', 'CA', 'MX', 'BR']` would have to hold, for rule Inbound, \
                Americas.";
    assert_eq!(carla, json!([rule]));
    let nobody = why(&mut world, "mallory").await;
    assert_eq!(
        (nobody.status, &nobody.body["detail"]),
        (404, &json!("There is nobody called `mallory`."))
    );
    assert_eq!(why(&mut world, "").await.status, 400);
    let shown = world.get(&format!("/handoffs/{id}?rep=ben")).await;
    for part in
        ["What would have had to differ for <bdi>Ben Whitlock</bdi>", "would have to be back."]
    {
        assert!(shown.text.contains(part), "no {part} in {}", shown.text);
    }
    // By hand it is somebody's word.
    world.act("priya", &id, "reassign", json!({ "owner": "ben" })).await;
    let amara = why(&mut world, "amara").await.body["would_have_to_differ"].clone();
    let said = "Priya Nair gave it by hand and would have to have chosen Amara Okafor.";
    assert_eq!(amara, json!([said]));
    world.outbox();
}

#[tokio::test]
async fn where_nobody_was_looked_for_there_is_no_why() {
    let mut world = World::start().await;
    let missing = world.get("/api/handoffs/nothing/why?rep=ben").await;
    assert_eq!(missing.status, 404, "{missing:?}");
    let data = json!({ "subject": { "email": "dana@acme.example", "country": "GB" } });
    let id = world.event("demo.requested", data).await.opened();
    let unasked = world.get(&format!("/api/handoffs/{id}/why?rep=ben")).await;
    assert_eq!(unasked.status, 404, "{unasked:?}");
    assert!(unasked.text.contains("Nobody was looked for yet"), "{unasked:?}");
    assert_eq!(world.get(&format!("/handoffs/{id}?rep=ben")).await.status, 200);
    world.settle().await;
    world.outbox();
}
