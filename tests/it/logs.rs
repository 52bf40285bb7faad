//! What operators read: figures that say what happened, and lines in which nobody is named,
//! whatever strangers, sources, vendors and people at the desk write.

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use http::{Method, Request};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};
use tests::{
    Setting, World,
    faults::{Fault, faulty},
};

/// What stands in everything that is personal, in words no line has otherwise.
const CANARY: &str = "canaria";

/// Counts figures by name, and sums their values.
fn figures(world: &World) -> BTreeMap<String, (usize, f64)> {
    let mut all = BTreeMap::<String, (usize, f64)>::new();
    for (name, value) in world.figures() {
        let one = all.entry(name).or_default();
        *one = (one.0 + 1, one.1 + value);
    }
    all
}

#[tokio::test]
async fn figures_say_what_happened() {
    let mut world = World::start().await;
    let first = world.demo_request("1").await;
    let told = figures(&world);
    let (assigned, seconds) = told["AssignSeconds"];
    assert!(assigned == 1 && seconds < 1.0, "it had an owner at once: {seconds} s");
    let completeness = f64::from(world.handoff(&first).await.completeness);
    assert_eq!(told["Completeness"], (1, completeness));
    assert!(!told.contains_key("Duplicates") && !told.contains_key("Quarantined"));

    // The same event again, one that cannot be read, and one that proves nothing.
    let (at, data) = (world.now(), json!({ "subject": { "email": "2@acme.example" } }));
    let event = json!({ "type": "demo.requested", "timestamp": at.to_rfc3339(), "data": data });
    for _ in 0..2 {
        let request = world.sender.generic("msg-same", at, &event);
        world.post(request).await;
    }
    world.bytes("{").await;
    let forged = Request::post("/hooks/generic").body(Bytes::from_static(b"{}")).unwrap();
    assert_eq!(world.post(forged).await.status(), 401);
    let told = figures(&world);
    for name in ["Duplicates", "Quarantined", "Refused"] {
        assert_eq!(told[name], (1, 1.0), "{name}");
    }

    // A reminder and a miss, each at its second; and sweeps that had nothing to make up for.
    world.pass(Duration::minutes(6)).await;
    let told = figures(&world);
    let (steps, late) = told["LateSeconds"];
    assert!(steps >= 4 && late <= 0.5 * steps as f64, "{steps} steps, {late} s late");
    assert!(told["SweepBeat"].0 >= 5);
    assert_eq!(told["OverdueDeadlines"], (told["OverdueDeadlines"].0, 0.0));
    world.until("2026-01-06T07:31:00Z".parse().unwrap()).await;
    let told = figures(&world);
    assert_eq!((told["DigestBeat"], told["AuditBeat"]), ((1, 1.0), (1, 1.0)));
    world.read_mail();
}

#[tokio::test]
async fn deadlines_that_nobody_met_are_counted() {
    fn until_twenty_to(at: DateTime<Utc>) -> bool {
        at < "2026-01-05T09:40:00Z".parse::<DateTime<Utc>>().unwrap()
    }
    let setting = Setting { lost: until_twenty_to, ..Setting::default() };
    let mut world = World::of(setting).await;
    world.demo_request("1").await;
    world.pass(Duration::minutes(9)).await;
    assert!(!figures(&world).contains_key("OverdueDeadlines"), "no sweep, and nobody says so");
    world.pass(Duration::minutes(2)).await;
    assert!(figures(&world)["OverdueDeadlines"].1 >= 1.0);
    world.read_mail();
}

#[tokio::test]
async fn no_line_says_whom_it_is_about() {
    // The table refuses now and again, in words that repeat what it was given.
    let asked = AtomicUsize::new(0);
    let mut world = World::with(Setting::default(), move |environment| {
        let http = environment.http();
        environment.with_http(faulty(http, move |operation, _| {
            if operation != "TransactWriteItems" {
                return Fault::None;
            }
            match asked.fetch_add(1, Ordering::SeqCst) % 7 {
                3 => Fault::Error(400, "ValidationException"),
                5 => Fault::Error(500, "InternalServerError"),
                _ => Fault::None,
            }
        }))
    })
    .await;
    let text = |n: usize| format!("{CANARY} {n} <{CANARY}{n}@{CANARY}.test>");
    for n in 0..12 {
        let data = json!({
            "subject": {
                "crm": "hubspot", "object": "contact", "id": format!("{n}"), "name": text(n),
                "email": format!("{CANARY}{n}@{CANARY}.test"), "company": text(n),
                "country": if n % 2 == 0 { "GB" } else { CANARY },
            },
            "fields": { "intent_signal": text(n), "phone": text(n) },
        });
        world.event("demo.requested", data).await;
    }
    world.pass(Duration::minutes(2)).await;
    // What cannot be read, and what nobody may send.
    world.bytes(format!("{{\"type\":\"{CANARY}\",")).await;
    world.event(CANARY, json!({ "subject": { "email": CANARY } })).await;
    world.event("demo.requested", json!({ "subject": CANARY, "score": CANARY })).await;
    let forged = Request::post("/hooks/generic").body(Bytes::from(text(1))).unwrap();
    world.post(forged).await;
    // What people write at the desk, well or not.
    let opened = world.store.opened_on(world.now().date_naive()).await.unwrap();
    for id in &opened {
        for (verb, body) in [
            ("note", json!({ "text": text(2) })),
            ("ask", json!({ "text": text(3) })),
            ("touch", json!({ "channel": text(4) })),
            ("cancel", json!({ "reason": text(5) })),
            ("supply", json!({ "package": { CANARY: text(6), "amount": CANARY } })),
            ("involve", json!({ "person": text(7) })),
        ] {
            world.act("priya", id, verb, body).await;
        }
    }
    let who = [("x-handoff-person", "priya")];
    let subject = json!({ "type": "mql", "subject": { "email": text(8), "name": text(9) } });
    world.call(Method::POST, "/api/handoffs", &who, subject).await;
    for path in ["/api/handoffs?q=", "/?q=", "/survey/", "/handoffs/"] {
        world.get(&format!("{path}{CANARY}@{CANARY}.test")).await;
    }
    world.until("2026-01-06T07:31:00Z".parse().unwrap()).await;

    let logged = world.logged();
    assert!(logged.len() > 20, "something was logged: {}", logged.len());
    let told: Vec<&String> = logged.iter().filter(|line| line.contains(CANARY)).collect();
    assert!(told.is_empty(), "{told:#?}");
    world.allow_errors();
    world.read_mail();
}
