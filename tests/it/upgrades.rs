//! Upgrades: what an earlier version stored is read, shown, moved on and counted by this one.
//!
//! `tests/rows` keeps the rows of a day for each version that was released, as its table had them,
//! and of the one that comes next. `HANDOFF_ROWS=write` plays that day and writes the file of this
//! version; those of earlier ones are never written again. Rows of a newer version, and what nobody
//! here knows in a row, are `store::shapes`.

use crate::{lifecycle::folded, store::shapes::raw};
use ::audit::Audit;
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Duration, Utc};
use domain::{HandoffId, PersonId, Stage};
use http::{HeaderName, HeaderValue, Method, Request};
use local::{
    HttpHandler,
    assembly::{self, TABLE, Wiring},
};
use runtime::{Clock, Configs, Ids};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};
use store::QueueKey;
use tests::{Answer, Setting, World};

type Row = HashMap<String, AttributeValue>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rows")
}

/// Writes a value as DynamoDB's own JSON has it.
fn written(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes.as_ref()) }),
        AttributeValue::Bool(yes) => json!({ "BOOL": yes }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::L(list) => json!({ "L": list.iter().map(written).collect::<Vec<_>>() }),
        AttributeValue::M(map) => json!({ "M": document(map) }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        other => panic!("nothing here stores {other:?}"),
    }
}

fn document(row: &Row) -> Map<String, Value> {
    row.iter().map(|(name, value)| (name.clone(), written(value))).collect()
}

fn read(value: &Value) -> AttributeValue {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let text = || value.as_str().unwrap().to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "B" => AttributeValue::B(Blob::new(STANDARD.decode(text()).unwrap())),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(read).collect()),
        "M" => AttributeValue::M(row(value)),
        "SS" => AttributeValue::Ss(serde_json::from_value(value.clone()).unwrap()),
        other => panic!("nothing here stores {other}"),
    }
}

fn row(value: &Value) -> Row {
    let pairs = value.as_object().unwrap().iter();
    pairs.map(|(name, value)| (name.clone(), read(value))).collect()
}

fn about(id: &str) -> Value {
    json!({
        "crm": "hubspot", "object": "contact", "id": id, "name": format!("Dana {id}"),
        "email": format!("{id}@acme.example"), "company": "Acme", "country": "GB",
    })
}

/// A day with a handoff in each stage, and a row of each kind.
async fn a_day() -> World {
    let mut world = World::start().await;
    let who = [("x-handoff-person", "priya")];
    world.bytes("{").await;
    let mut hot = Vec::new();
    for id in ["opened", "taken", "done", "back", "over"] {
        hot.push(world.demo_request(id).await);
    }
    let owner = async |world: &World, id: &HandoffId| world.handoff(id).await.owner.unwrap();
    for (at, steps) in [
        (1, vec![("accept", json!({})), ("note", json!({ "text": "Call Dana after ten." }))]),
        (
            2,
            vec![
                ("touch", json!({ "channel": "phone" })),
                ("complete", json!({ "outcome": "meeting_booked" })),
            ],
        ),
        (3, vec![("reject", json!({ "reason": "duplicate", "note": "see Acme" }))]),
        (4, vec![("cancel", json!({ "reason": "duplicate" }))]),
    ] {
        let whose = owner(&world, &hot[at]).await;
        for (verb, body) in steps {
            let done = world.act(whose.as_str(), &hot[at], verb, body).await;
            assert_eq!(done.status, 200, "{verb}: {}", done.text);
        }
    }
    let scored = json!({ "subject": about("scored"), "score": 70, "previous_score": 40 });
    world.event("lead.scored", scored).await;
    let meeting = (world.now() + Duration::days(3)).to_rfc3339();
    let booked = json!({ "subject": about("met"), "meeting_at": meeting });
    world.event("meeting.booked", booked).await;
    let mut deal = about("won");
    deal["object"] = "deal".into();
    let amount = json!({ "minor": 20_000_000, "currency": "EUR" });
    let signed = json!({
        "subject": deal, "owner_email": "elena@northwind.example", "amount": amount,
        "fields": { "contract": "https://files.example/c1" },
    });
    let won = world.event("contract.signed", signed).await.opened();
    world.settle().await;
    let csm = owner(&world, &won).await;
    for (verb, body) in [
        ("touch", json!({ "channel": "email" })),
        ("ask", json!({ "text": "What was promised?", "to": "elena" })),
        ("rate", json!({ "score": 4, "complete": true, "comment": "thin" })),
    ] {
        let done = world.act(csm.as_str(), &won, verb, body).await;
        assert_eq!(done.status, 200, "{verb}: {}", done.text);
    }
    let away = json!({ "from": "2026-01-07", "to": "2026-01-09" });
    world.call(Method::POST, "/api/reps/hana/absence", &who, away).await;
    world.until("2026-01-06T07:31:00Z".parse().unwrap()).await;
    world.read_mail();
    world
}

#[tokio::test]
async fn rows_of_every_version_live_on() {
    if std::env::var("HANDOFF_ROWS").is_ok_and(|how| how == "write") {
        return write().await;
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let own = format!("{}.json", env!("CARGO_PKG_VERSION"));
    assert!(files.iter().any(|file| file.ends_with(&own)), "{own}: HANDOFF_ROWS=write writes it");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let stored: Value = serde_json::from_str(&text).unwrap();
        lives_on(&stored).await;
    }
}

async fn write() {
    let world = a_day().await;
    let scan = raw(world.cloud.parts()).scan().table_name(TABLE).into_paginator().items().send();
    let mut rows: Vec<Value> = scan
        .collect::<Result<Vec<_>, _>>()
        .await
        .unwrap()
        .iter()
        .map(document)
        .map(Value::from)
        .collect();
    rows.sort_by_key(|row| (row["pk"].to_string(), row["sk"].to_string()));
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    let at = world.now().to_rfc3339();
    let text = format!("{{\"at\": \"{at}\", \"rows\": [\n{}\n]}}\n", lines.join(",\n"));
    fs::write(folder().join(format!("{}.json", env!("CARGO_PKG_VERSION"))), text).unwrap();
}

/// Fails where rows are not read, shown, moved on and counted.
async fn lives_on(stored: &Value) {
    let at: DateTime<Utc> = stored["at"].as_str().unwrap().parse().unwrap();
    let rows = stored["rows"].as_array().unwrap();
    // The world's own functions stay out of it: its stream would count everything again.
    let world = World::of(Setting { at, ..Setting::default() }).await;
    let client = raw(world.cloud.parts());
    for stored in rows {
        client.put_item().table_name(TABLE).set_item(Some(row(stored))).send().await.unwrap();
    }
    let ids: BTreeSet<HandoffId> = rows
        .iter()
        .filter(|row| row["sk"]["S"] == "STATE")
        .filter_map(|row| row["pk"]["S"].as_str()?.strip_prefix("HANDOFF#").map(HandoffId::from))
        .collect();
    assert!(ids.len() >= 8, "{}", ids.len());

    let (clock, _) = Clock::hand(at);
    let wiring = Wiring { clock: clock.clone(), ids: Ids::seeded(9), abreast: 1 };
    let functions = assembly::functions(&assembly::environment(world.cloud.parts()), &wiring);
    let mut stages = BTreeSet::new();
    for id in &ids {
        let handoff = world.store.handoff(id).await.unwrap();
        let history = world.store.history(id).await.unwrap();
        assert_eq!(folded(&history), handoff.record, "{id}: history gives the state");
        stages.insert(handoff.stage.to_string());
        for path in [format!("/handoffs/{id}"), format!("/api/handoffs/{id}")] {
            let shown = ask(&functions.desk, "", (Method::GET, &path), Value::Null).await;
            assert_eq!(shown.status, 200, "{path}: {}", shown.text);
            assert!(shown.text.contains("Dana"), "{path}");
        }
    }
    assert!(stages.len() >= 5, "{stages:?}");
    for path in ["/", "/people", "/dashboard", "/digest", "/sessions", "/outbox", "/api/health"] {
        let shown = ask(&functions.desk, "priya", (Method::GET, path), Value::Null).await;
        assert_eq!(shown.status, 200, "{path}: {}", shown.text);
    }

    // What was open goes on, by the people who have it, and a sweep takes what is due.
    let mut moved = 0;
    for id in &ids {
        let handoff = world.store.handoff(id).await.unwrap();
        let Some(owner) = handoff.owner.clone().filter(|_| handoff.stage.is_open()) else {
            continue;
        };
        let path = format!("/api/handoffs/{id}/touch");
        let said = json!({ "channel": "phone" });
        let done = ask(&functions.desk, owner.as_str(), (Method::POST, &path), said).await;
        assert_eq!(done.status, 200, "{}", done.text);
        assert_eq!(world.store.handoff(id).await.unwrap().stage, Stage::Engaged);
        moved += 1;
    }
    assert!(moved >= 3, "{moved}");
    let queue = QueueKey::Owner(PersonId::from("amara"));
    world.store.queue(&queue, 100).await.unwrap();
    let again = Audit::new(world.store.clone(), Configs::new(world.store.clone()), clock);
    let day = world.config.day_of(at - Duration::days(1));
    let report = again.days((day, day)).await.unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(report.handoffs, ids.len());
}

async fn ask(
    desk: &HttpHandler,
    person: &str,
    (method, path): (Method, &str),
    body: Value,
) -> Answer {
    let sent = if body.is_null() { String::new() } else { body.to_string() };
    let mut request = Request::new(sent.into());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    if !person.is_empty() {
        let name = HeaderName::from_static("x-handoff-person");
        request.headers_mut().insert(name, HeaderValue::from_str(person).unwrap());
    }
    desk(request).await.into()
}
