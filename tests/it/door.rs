//! The front door: what is refused, what is kept, and that nothing authentic is lost.

use bytes::Bytes;
use chrono::Duration;
use domain::ReceiptId;
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};
use tests::{Answer, World};

/// A good body about somebody.
fn demo(id: &str) -> Value {
    json!({
        "type": "demo.requested", "timestamp": "2026-01-05T09:30:00Z",
        "data": { "subject": { "crm": "hubspot", "object": "contact", "id": id, "country": "GB" } },
    })
}

fn set(request: &mut Request<Bytes>, name: &'static str, value: &str) {
    request.headers_mut().insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
}

async fn send(world: &mut World, request: Request<Bytes>) -> Answer {
    let answer = world.post(request).await.into();
    world.settle().await;
    answer
}

/// Sends a request that is spoiled somehow and checks that it is refused and leaves nothing.
async fn refused(spoil: impl FnOnce(&mut Request<Bytes>)) {
    let mut world = World::start().await;
    let mut request = world.sender.generic("m1", world.now(), &demo("7"));
    spoil(&mut request);
    let answer = send(&mut world, request).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(answer.body["detail"].as_str().unwrap().contains("check its secret"), "{answer:?}");
    assert!(world.outbox().is_empty());
    assert!(world.store.opened_on(world.now().date_naive()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_authentic_is_refused_and_leaves_nothing() {
    refused(|request| drop(request.headers_mut().remove("webhook-signature"))).await;
    refused(|request| {
        let again = request.headers()["webhook-signature"].clone();
        request.headers_mut().append("webhook-signature", again);
    })
    .await;
    refused(|request| {
        let mut body = request.body().to_vec();
        body[20] ^= 1;
        *request.body_mut() = body.into();
    })
    .await;
    refused(|request| {
        let parsed: Value = serde_json::from_slice(request.body()).unwrap();
        *request.body_mut() = serde_json::to_vec_pretty(&parsed).unwrap().into();
    })
    .await;
    for signature in ["", "v1,", "v1,####", "v1,AAAA", "v2,AAAA", "nonsense"] {
        refused(|request| set(request, "webhook-signature", signature)).await;
    }
}

#[tokio::test]
async fn a_timestamp_is_good_for_five_minutes_both_ways() {
    let mut world = World::start().await;
    for (seconds, status) in [(300, 200), (301, 401), (-300, 200), (-301, 401)] {
        let at = world.now() - Duration::seconds(seconds);
        let request = world.sender.generic(&format!("m{seconds}"), at, &demo("7"));
        assert_eq!(send(&mut world, request).await.status, status, "{seconds} s old");
    }
    world.outbox();
}

#[tokio::test]
async fn hooks_take_post_from_known_sources_only() {
    let mut world = World::start().await;
    for method in [Method::GET, Method::PUT, Method::HEAD, Method::OPTIONS, Method::DELETE] {
        let answer = world.call(method.clone(), "/hooks/generic", &[], Value::Null).await;
        assert_eq!(answer.status, 405, "{method}");
    }
    let answer = world.call(Method::POST, "/hooks/nobody", &[], json!({})).await;
    assert_eq!(answer.status, 404);
    let answer = world.call(Method::POST, "/hooks/", &[], json!({})).await;
    assert_eq!(answer.status, 404);
}

/// Sends authentic bytes and checks that they are kept, exactly, and put in quarantine for a
/// reason.
async fn kept_aside(world: &mut World, body: impl Into<Bytes>, reason: &str) {
    let body = body.into();
    let answer = world.bytes(body.clone()).await;
    world.settle().await;
    assert_eq!(answer.status, 200, "{reason}: {answer:?}");
    assert_eq!(answer.body["quarantined"], 1, "{reason}: {answer:?}");
    let receipt = ReceiptId::from(answer.body["receipt"].as_str().unwrap());
    assert_eq!(world.store.receipt(&receipt).await.unwrap().body, body, "{reason}");
    let aside = world.store.quarantined(50).await.unwrap();
    let aside = aside.iter().find(|one| one.what == receipt.as_str()).unwrap();
    assert_eq!(aside.reason, reason);
}

#[tokio::test]
async fn authentic_garbage_is_kept_byte_for_byte_and_answered_200() {
    let mut world = World::start().await;
    kept_aside(&mut world, "", "empty").await;
    kept_aside(&mut world, "{\"type\":", "json").await;
    kept_aside(&mut world, &b"{\"type\":\"\xff\"}"[..], "utf8").await;
    kept_aside(&mut world, &b"\xff\xfe{\0}\0"[..], "utf8").await;
    kept_aside(&mut world, "{\"type\":\"a\",\"type\":\"b\",\"data\":{}}", "dup-key").await;
    kept_aside(&mut world, "[".repeat(128) + &"]".repeat(128), "depth").await;
    kept_aside(&mut world, "[".repeat(100_000), "depth").await;
    kept_aside(&mut world, "42", "shape").await;
    let no_subject =
        json!({ "type": "demo.requested", "timestamp": "2026-01-05T09:30:00Z", "data": {} });
    let answer = world.bytes(no_subject.to_string()).await;
    assert_eq!((answer.status, &answer.body["quarantined"]), (200, &json!(1)));
    world.settle().await;
}

#[tokio::test]
async fn good_bytes_in_odd_clothes_are_understood() {
    let mut world = World::start().await;
    let with_mark = ["\u{feff}", &demo("7").to_string()].concat();
    assert_eq!(world.bytes(with_mark).await.body["opened"].as_array().unwrap().len(), 1);
    let mut deep = demo("8");
    let mut nested = json!("core");
    for _ in 0..40 {
        nested = json!({ "in": nested });
    }
    deep["data"]["fields"] = json!({ "odd": nested });
    assert_eq!(world.bytes(deep.to_string()).await.body["opened"].as_array().unwrap().len(), 1);
    world.settle().await;
    world.outbox();
}

#[tokio::test]
async fn large_bodies_are_kept_whole_and_too_large_ones_refused() {
    let mut world = World::start().await;
    for (bytes, status) in [(399_000, 200), (401_000, 200), (4_400_000, 200), (4_600_000, 413)] {
        let mut body = demo(&format!("big{bytes}"));
        body["data"]["note"] = "x".repeat(bytes).into();
        let text = body.to_string();
        let answer = world.bytes(text.clone()).await;
        assert_eq!(answer.status, status, "{bytes} bytes: {:.300}", answer.text);
        if status == 200 {
            let receipt = ReceiptId::from(answer.body["receipt"].as_str().unwrap());
            let kept = world.store.receipt(&receipt).await.unwrap().body;
            assert!(kept == text.as_bytes(), "{bytes} bytes");
        }
        world.settle().await;
    }
    world.outbox();
}

#[tokio::test]
async fn ids_are_exact_text_and_two_that_differ_in_the_last_digit_never_merge() {
    let mut world = World::start().await;
    let ids = ["9007199254740992", "9007199254740993", "1.0", "1", "a#JOURNEY", "é", "e\u{301}"];
    let mut opened = std::collections::BTreeSet::new();
    for id in ids {
        opened.insert(world.bytes(demo(id).to_string()).await.opened());
        world.settle().await;
    }
    assert_eq!(opened.len(), ids.len());
    world.outbox();
}

#[tokio::test]
async fn the_same_message_has_one_effect_however_often_it_comes() {
    let mut world = World::start().await;
    let request = || {
        let sender = local::sample::Sender::new(local::sample::PUBLIC_URL);
        sender.generic("once", "2026-01-05T09:30:00Z".parse().unwrap(), &demo("7"))
    };
    let first = send(&mut world, request()).await;
    let id = first.opened();
    for _ in 0..5 {
        let again = send(&mut world, request()).await;
        assert_eq!((again.status, &again.body["duplicates"]), (200, &json!(1)));
    }
    assert_eq!(world.handoff(&id).await.version, 2, "opened and assigned, nothing else");
    world.outbox();
}

#[tokio::test]
async fn one_id_with_two_contents_keeps_both_and_flags_the_handoff() {
    let mut world = World::start().await;
    let at = world.now();
    let one = world.sender.generic("same", at, &demo("7"));
    let id = send(&mut world, one).await.opened();
    let mut other = demo("7");
    other["data"]["score"] = 44.into();
    let two = world.sender.generic("same", at, &other);
    let answer = send(&mut world, two).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let handoff = world.handoff(&id).await;
    assert!(handoff.flags.contains(&domain::handoff::Flag::Conflict), "{handoff:?}");
    world.outbox();
}

#[tokio::test]
async fn a_batch_with_one_bad_entry_settles_the_others() {
    let mut world = World::start().await;
    let mut batch: Vec<Value> = (0..101)
        .map(|n| {
            json!({
                "eventId": n, "subscriptionId": 1, "portalId": 62515, "appId": 1,
                "occurredAt": world.now().timestamp_millis(), "attemptNumber": 0,
                "subscriptionType": "contact.propertyChange", "objectId": 1000 + n,
                "propertyName": "hubspotscore", "propertyValue": "80", "changeSource": "CRM",
            })
        })
        .collect();
    batch[50]["objectId"] = Value::Null;
    batch.push(batch[0].clone());
    let body = Bytes::from(Value::from(batch).to_string());
    let request = world.sender.hubspot_app(world.now(), body);
    let answer: Answer = world.post(request).await.into();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["quarantined"], 1, "{:.200}", answer.text);
    world.pass(Duration::minutes(3)).await;
    let opened = world.store.opened_on(world.now().date_naive()).await.unwrap();
    assert_eq!(opened.len(), 100, "all but the bad one, the repeated one once");
    world.read_mail();
}

#[tokio::test]
async fn a_flood_of_hostile_text_is_kept_and_stays_inert() {
    let mut world = World::start().await;
    let hostile = "<script>alert(1)</script>\"><img onerror=x>\u{202e}\r\nBcc: all@x";
    let mut body = demo("7");
    body["data"]["subject"]["name"] = hostile.into();
    let id = world.bytes(body.to_string()).await.opened();
    world.pass(Duration::minutes(20)).await;
    for (subject, text) in world.read_mail() {
        assert!(subject.is_ascii() && !subject.contains(['\r', '\n']), "{subject}");
        assert!(!text.contains("script"), "no lead's name in a mail: {text}");
    }
    let page = world.get(&format!("/handoffs/{id}")).await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    assert!(!page.text.contains("<img onerror"), "{}", page.text);
    let api = world.get(&format!("/api/handoffs/{id}")).await;
    assert_eq!(api.body["subject"]["name"], hostile, "kept as sent");
}
