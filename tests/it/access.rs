//! Who may ask the desk for what: every address it has, read from its own table of routes, asked by
//! everybody there can be. What each is answered is a table to read (`snapshots`), and what it must
//! be is said here a second time, in other words.

use bytes::Bytes;
use desk::Access;
use domain::HandoffId;
use http::{Method, Request};
use local::sample::ORGANISATION;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fs, path::Path};
use tests::{Answer, Setting, World};

/// Who asks, and what they are to a handoff of Amara's in the pool SDR Europe.
const EVERYBODY: [(&str, &str); 9] = [
    ("", "nobody"),
    ("mallory", "a stranger"),
    ("dev", "somebody who left"),
    ("amara", "its owner"),
    ("ben", "of its pool"),
    ("carla", "of its team, another pool"),
    ("elena", "of another team"),
    ("marcus", "manages another pool of its team"),
    ("jonas", "manages another team"),
];

/// Who runs the organisation; asked by themselves, so that the table stays as wide as a page.
const ADMIN: (&str, &str) = ("priya", "runs the organisation");

/// Where anybody may ask, and what a laptop or a desk without sign-in does not have.
const OPEN: [&str; 6] =
    ["/desk.css", "/desk.js", "/survey/{token}", "/sign-in", "/sign-in/done", "/sign-out"];

struct Address {
    method: Method,
    path: String,
}

/// Reads every address off the desk's own table; those of verbs once a verb.
fn addresses() -> Vec<Address> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/desk/src/route.rs");
    let text = fs::read_to_string(file).unwrap();
    let part = |from: &str, to: &str| {
        let part = text.split_once(from).unwrap().1;
        part.split_once(to).unwrap().0.to_owned()
    };
    let verbs = settle::Verb::ALL.map(|verb| verb.word());
    let mut all = Vec::new();
    for (method, part) in [
        (Method::GET, part("fn reads(", "\nfn posts(")),
        (Method::POST, part("fn posts(", "\n#[cfg(test)]")),
    ] {
        let patterns = part.lines().filter_map(|line| line.trim().strip_prefix('['));
        for pattern in patterns.filter_map(|line| line.split_once("] =>")) {
            let word = |word: &str| match word.trim() {
                quoted if quoted.starts_with('"') => quoted.trim_matches('"').to_owned(),
                name => format!("{{{name}}}"),
            };
            let words: Vec<String> = pattern.0.split(", ").map(word).collect();
            let path = format!("/{}", words.join("/"));
            let paths = match path.contains("{word}") {
                true => verbs.iter().map(|verb| path.replace("{word}", verb)).collect(),
                false => vec![path],
            };
            all.extend(paths.into_iter().map(|path| Address { method: method.clone(), path }));
        }
    }
    assert!(all.len() > 60, "{}", all.len());
    all
}

/// What is sent to an address so that only the permission can be in the way.
fn body(path: &str) -> Value {
    match path.rsplit('/').next().unwrap_or_default() {
        "touch" => json!({ "channel": "phone" }),
        "complete" => json!({ "outcome": "meeting_booked" }),
        "supply" | "resubmit" => json!({ "package": { "intent_signal": "x" } }),
        "reject" => json!({ "reason": "duplicate" }),
        "recycle" => json!({ "to": "nurture", "reason": "timing" }),
        "reassign" if !path.contains("{id}") => json!({ "from": "amara" }),
        "reassign" => json!({ "owner": "ben" }),
        "note" => json!({ "text": "x" }),
        "ask" => json!({ "text": "x" }),
        "answer" => json!({ "text": "x", "question": 1 }),
        "rate" => json!({ "score": 5, "complete": true }),
        "involve" | "release" => json!({ "person": "ben" }),
        "pause" => json!({ "reason": "customer_request" }),
        "cancel" => json!({ "reason": "duplicate" }),
        "absence" if path.contains("/reps/") => json!({}),
        "absence" => json!({ "rep": "amara", "from": "", "to": "" }),
        "redrive" => json!({ "destination": "events" }),
        "handoffs" => json!({ "type": "hot_lead", "subject": { "email": "x@acme.example" } }),
        _ => json!({}),
    }
}

fn token(person: &str) -> String {
    format!("token-of-{person}")
}

/// A world whose desk is entered by tokens, everybody's.
async fn world() -> World {
    let hash = |person: &str| hex::encode(Sha256::digest(token(person)));
    let everybody = EVERYBODY.iter().chain([&ADMIN]).map(|(person, _)| *person);
    let tokens: BTreeMap<_, _> = everybody.map(|person| (hash(person), person.into())).collect();
    let cs = ORGANISATION.split_once("[pools.cs]").unwrap().1;
    let roles = cs.lines().find(|line| line.starts_with("roles")).unwrap();
    let own = cs.replacen(roles, r#"roles = { manager = "jonas", director = "grace" }"#, 1);
    let organisation =
        ORGANISATION.replace(cs, &own).replace("[people.dev]", "[people.dev]\nactive = false");
    World::of(Setting { organisation, access: Some(Access::tokens(tokens)), ..Setting::default() })
        .await
}

async fn ask(
    world: &mut World,
    person: &str,
    (method, path): (&Method, &str),
    body: &Value,
) -> Answer {
    // Forms are read as forms, and the API as JSON.
    let is_api = path.starts_with("/api");
    let sent = match (method == Method::POST, is_api) {
        (false, _) => Bytes::new(),
        (true, true) => body.to_string().into(),
        (true, false) => form(body).into(),
    };
    let mut request = Request::new(sent);
    *request.method_mut() = method.clone();
    *request.uri_mut() = path.parse().unwrap();
    if !person.is_empty() {
        let bearer = format!("Bearer {}", token(person)).parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
    }
    world.post(request).await.into()
}

fn form(body: &Value) -> String {
    let mut pairs = Vec::new();
    for (name, said) in body.as_object().unwrap() {
        match said {
            Value::Object(inner) => {
                let inner = inner.iter();
                pairs.extend(inner.map(|(key, said)| format!("{name}.{key}={}", plain(said))));
            }
            said => pairs.push(format!("{name}={}", plain(said))),
        }
    }
    pairs.join("&")
}

fn plain(said: &Value) -> String {
    match said {
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Has Amara own a new lead.
async fn lead_of_amara(world: &mut World, n: usize) -> HandoffId {
    let id = world.demo_request(&format!("{n}")).await;
    if world.handoff(&id).await.owner != Some("amara".into()) {
        let path = format!("/api/handoffs/{id}/reassign");
        let to = json!({ "owner": "amara" });
        let given = ask(world, "priya", (&Method::POST, &path), &to).await;
        assert_eq!(given.status, 200, "{}", given.text);
        world.settle().await;
    }
    id
}

/// What must be: whether somebody is let through, in the words of the README.
fn may(person: &str, method: &Method, path: &str) -> Result<(), u16> {
    if OPEN.contains(&path) {
        return Ok(());
    }
    match person {
        "" => return Err(401),
        "mallory" | "dev" => return Err(403),
        "priya" => return Ok(()),
        _ => {}
    }
    let sees = ["amara", "ben", "marcus"].contains(&person);
    let verb = path.rsplit('/').next().unwrap_or_default();
    let allowed = match (method.as_str(), path.contains("{id}")) {
        // Whose absence it is stands in the path.
        (_, true) if verb == "absence" => person == "amara",
        ("GET", true) => sees,
        (_, true) => match verb {
            "complete" | "recycle" | "pause" | "resume" | "end_overlap" => person == "amara",
            _ => sees,
        },
        _ => match path {
            "/people/absence" => person == "amara",
            "/people/reassign" | "/api/reassign" => false,
            "/outbox/redrive" | "/api/outbox/redrive" => false,
            _ => true,
        },
    };
    if allowed { Ok(()) } else { Err(403) }
}

#[tokio::test]
async fn everybody_is_answered_at_every_address_as_they_may_be() {
    let mut world = world().await;
    let (mut table, mut wrong, mut n) = (String::new(), Vec::new(), 0);
    let shown = lead_of_amara(&mut world, 0).await;
    for Address { method, path } in addresses() {
        let mut codes = Vec::new();
        for (person, who) in EVERYBODY.iter().chain([&ADMIN]) {
            let of_one = path.trim_start_matches("/api").starts_with("/handoffs/{id}/");
            let acts = method == Method::POST && of_one;
            let id = if acts {
                n += 1;
                lead_of_amara(&mut world, n).await
            } else {
                shown.clone()
            };
            let rep = if path.contains("/reps/") { "amara" } else { id.as_str() };
            let here = path.replace("{id}", rep).replace("{token}", "none-of-ours");
            let here = match path.as_str() {
                "/people/reassign" if method == Method::GET => format!("{here}?from=amara"),
                "/api/handoffs/{id}/why" => format!("{here}?rep=ben"),
                _ => here,
            };
            let answer = ask(&mut world, person, (&method, &here), &body(&path)).await;
            let expected = may(person, &method, &path);
            let passed = !matches!(answer.status, 401 | 403);
            if passed != expected.is_ok() || expected.is_err_and(|code| code != answer.status) {
                wrong.push(format!("{method} {path} by {who}: {}", answer.status));
            }
            // Whoever does not see the handoff reads nowhere whom it is about.
            if may(person, &Method::GET, "/handoffs/{id}").is_err() {
                assert!(!answer.text.contains("Dana 0"), "{method} {path} by {who}");
            }
            codes.push(answer.status.to_string());
            if acts {
                let path = format!("/api/handoffs/{id}/cancel");
                let over = json!({ "reason": "duplicate" });
                ask(&mut world, "priya", (&Method::POST, &path), &over).await;
            }
        }
        let (method, codes) = (method.as_str(), codes.join(" "));
        table.push_str(&format!("{method:<5}{path:<42}{codes}\n"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let who: Vec<String> = EVERYBODY
        .iter()
        .chain([&ADMIN])
        .enumerate()
        .map(|(n, (_, who))| format!("{}. {who}\n", n + 1))
        .collect();
    insta::assert_snapshot!("matrix", format!("{}\n{table}", who.concat()));
    world.settle().await;
    world.read_mail();
}

#[tokio::test]
async fn a_list_shows_what_whoever_looks_sees() {
    let mut world = world().await;
    let id = lead_of_amara(&mut world, 7).await;
    let lists = [
        "/".to_owned(),
        "/?owner=amara".to_owned(),
        "/?stage=assigned".to_owned(),
        "/api/queue".to_owned(),
        "/api/queue?owner=amara&format=csv".to_owned(),
        "/api/handoffs".to_owned(),
        "/api/handoffs?owner=amara".to_owned(),
        "/api/handoffs?q=7@acme.example".to_owned(),
        format!("/api/handoffs?q={id}"),
        "/api/handoffs?format=csv".to_owned(),
    ];
    for (person, sees) in [
        ("amara", true),
        ("ben", true),
        ("marcus", true),
        ("priya", true),
        ("carla", false),
        ("elena", false),
        ("jonas", false),
    ] {
        for list in &lists {
            let answer = ask(&mut world, person, (&Method::GET, list), &json!({})).await;
            assert_eq!(answer.status, 200, "{person} {list}");
            assert_eq!(answer.text.contains(id.as_str()), sees, "{person} {list}");
            assert_eq!(answer.text.contains("Dana 7"), sees, "{person} {list}");
        }
    }
    // Whoever is drawn in sees it, and whoever it is asked of.
    let path = |verb: &str| format!("/api/handoffs/{id}/{verb}");
    let involve = json!({ "person": "elena" });
    ask(&mut world, "amara", (&Method::POST, &path("involve")), &involve).await;
    let question = json!({ "text": "Do you know them?", "to": "jonas" });
    ask(&mut world, "amara", (&Method::POST, &path("ask")), &question).await;
    for (person, status) in [("elena", 200), ("jonas", 200), ("carla", 403)] {
        let shown = format!("/api/handoffs/{id}");
        let answer = ask(&mut world, person, (&Method::GET, &shown), &json!({})).await;
        assert_eq!(answer.status, status, "{person}: {}", answer.text);
    }
    world.settle().await;
    world.read_mail();
}
