//! Pipedrive's webhooks: who may send them, what they say, and what is not ours.

use super::fixtures::{DEAL_WON, PERSON, event, headers, pipedrive, reading, reason, request};
use crate::connector::{Item, NotAuthentic, Request, authenticate, pipedrive::read};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    SourceEvent,
    money::Money,
    subject::{ObjectKind, Reference},
};
use http::HeaderValue;
use serde_json::{Value, json};

fn check(authorization: &[u8], secrets: &[&str]) -> Result<(), NotAuthentic> {
    let mut headers = headers(&[]);
    headers.insert("authorization", HeaderValue::from_bytes(authorization).unwrap());
    let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    let request = Request { token: Some("user:pass"), ..request("https://x", &headers, b"{}", 0) };
    authenticate(&pipedrive(), &request, &secrets)
}

fn basic(credentials: impl AsRef<[u8]>) -> Vec<u8> {
    format!("Basic {}", STANDARD.encode(credentials)).into_bytes()
}

/// What is said of a change of a deal, given its `previous` and what is changed in the envelope.
fn deal(change: impl FnOnce(&mut Value)) -> Value {
    let mut body: Value = serde_json::from_str(DEAL_WON).unwrap();
    change(&mut body);
    body
}

fn said(change: impl FnOnce(&mut Value)) -> SourceEvent {
    event(&pipedrive(), deal(change).to_string())
}

fn is_ignored(change: impl FnOnce(&mut Value)) -> bool {
    reading(&pipedrive(), deal(change).to_string()).items == [Item::Ignored]
}

#[test]
fn user_and_password_prove_the_sender() {
    let given = basic("user:pass:word");
    assert_eq!(check(&given, &["user:pass:word"]), Ok(()));
    assert_eq!(check(&given, &["user:new", "user:pass:word"]), Ok(()), "while it is replaced");
    for scheme in ["basic", "BASIC", "bAsIc "] {
        let given = format!("{scheme} {}", STANDARD.encode("user:é"));
        assert_eq!(check(given.as_bytes(), &["user:é"]), Ok(()), "{scheme}");
    }
}

#[test]
fn everything_else_is_refused() {
    for wrong in [
        basic("user:wrong"),
        basic("other:pass"),
        basic("userpass"),
        basic(":pass"),
        basic("user:"),
        basic(""),
        basic(b"user:\xff"),
        basic("user:pass\0"),
        basic("User:pass"),
        b"Basic".to_vec(),
        b"Basic user:pass".to_vec(),
        b"Bearer dXNlcjpwYXNz".to_vec(),
        b"dXNlcjpwYXNz".to_vec(),
        b"BasicdXNlcjpwYXNz".to_vec(),
        b"Basic dXNlcjpwYXNz=".to_vec(),
        b"Basic dXNlcjpwYXNz,Basic dXNlcjpwYXNz".to_vec(),
        b"Basic \xff\xff".to_vec(),
    ] {
        assert_eq!(check(&wrong, &["user:pass"]), Err(NotAuthentic), "{wrong:?}");
    }
    assert_eq!(check(&basic("user:pass"), &["user:pass"]), Ok(()));
}

#[test]
fn a_secret_that_names_no_user_or_no_password_is_nobodys() {
    for secret in ["userpass", ":pass", "user:", ":", ""] {
        assert_eq!(check(&basic(secret), &[secret]), Err(NotAuthentic), "{secret}");
    }
    let none = headers(&[]);
    let secrets = ["user:pass".to_owned()];
    let without = Request { token: Some("user:pass"), ..request("https://x", &none, b"{}", 0) };
    assert_eq!(authenticate(&pipedrive(), &without, &secrets), Err(NotAuthentic));
    let given = std::str::from_utf8(&basic("user:pass")).unwrap().to_owned();
    let twice = headers(&[("authorization", &given), ("authorization", &given)]);
    let twice = request("https://x", &twice, b"{}", 0);
    assert_eq!(authenticate(&pipedrive(), &twice, &secrets), Err(NotAuthentic));
}

#[test]
fn a_won_deal_is_a_signed_contract() {
    let event = event(&pipedrive(), DEAL_WON);
    assert_eq!(event.name, "contract.signed");
    assert_eq!((event.subject.object, event.subject.id.as_deref()), {
        (Some(ObjectKind::Deal), Some("746"))
    });
    let expected = [(ObjectKind::Contact, "3"), (ObjectKind::Account, "2")];
    let expected = expected.map(|(object, id)| Reference::new("pipedrive", object, id));
    assert_eq!(event.subject.references, expected);
    assert_eq!(event.amount, Some(Money { minor: 200, currency: "USD".into() }));
    assert_eq!(event.occurred_at, "2026-05-15T18:00:00Z".parse().ok());
    assert_eq!((event.fields["title"].as_str(), event.import), (Some("test deal"), false));
}

#[test]
fn a_person_is_told_with_address_name_and_custom_fields() {
    let mut body: Value = serde_json::from_str(PERSON).unwrap();
    body["data"]["emails"] = json!([
        { "label": "home", "value": "dana@home.example", "primary": false },
        { "label": "work", "value": "dana@acme.example", "primary": true },
    ]);
    body["data"]["phones"] = json!([{ "value": "+49 30 1" }]);
    body["data"]["custom_fields"] = json!({
        "a1b2": { "type": "double", "value": 71.5 }, "c3d4": { "type": "enum", "id": 12 },
        "e5f6": "plain", "0000": null, "1111": { "type": "set", "values": [1] },
    });
    let event = event(&pipedrive(), body.to_string());
    assert_eq!((event.name.as_str(), event.score), ("lead.scored", Some(71)));
    assert_eq!((event.subject.object, event.subject.id.as_deref()), {
        (Some(ObjectKind::Contact), Some("123"))
    });
    assert_eq!(event.subject.email.as_deref(), Some("dana@acme.example"));
    assert_eq!(event.subject.name.as_deref(), Some("Person Name"));
    assert_eq!((&event.fields["phone"], &event.fields["fit"]), (&json!("+49 30 1"), &json!(12)));
    assert_eq!((&event.fields["e5f6"], event.fields.get("0000")), (&json!("plain"), None));
    assert_eq!(event.occurred_at, "2023-01-01T00:00:00Z".parse().ok());
}

#[test]
fn only_what_changed_is_looked_at() {
    assert_eq!(said(|body| body["previous"] = json!({ "title": "old" })).name, "updated");
    assert_eq!(said(|body| body["previous"] = json!({ "owner_id": 1 })).name, "territory.changed");
    assert!(is_ignored(|body| body["previous"] = json!({ "update_time": "2026-01-01T00:00:00Z" })));
    assert!(is_ignored(|body| body["previous"] = Value::Null));
    let before = json!({ "custom_fields": { "a1b2": { "type": "double", "value": 60 } } });
    let scored = said(|body| {
        body["meta"]["entity"] = "person".into();
        body["data"]["custom_fields"] = json!({ "a1b2": { "type": "double", "value": 66 } });
        body["previous"] = before;
    });
    assert_eq!((scored.score, scored.previous_score), (Some(66), Some(60)));
    assert_eq!(scored.name, "lead.scored");
}

#[test]
fn an_owner_from_the_beginning_or_by_a_program_is_no_transfer() {
    let open = |body: &mut Value| body["data"]["status"] = "open".into();
    let created = said(|body| {
        open(body);
        body["meta"]["action"] = "create".into();
        body["previous"] = Value::Null;
    });
    assert_eq!(created.name, "updated");
    assert!(is_ignored(|body| {
        body["meta"]["change_source"] = "api".into();
        body["previous"] = json!({ "owner_id": 1, "update_time": "2026-01-01T00:00:00Z" });
    }));
}

#[test]
fn other_companies_objects_and_actions_are_nothing_to_us() {
    let mut source = pipedrive();
    for (known, is_ours) in [("12882925", true), ("999", false)] {
        source.senders = vec![known.to_owned()];
        for company in [json!("12882925"), json!(12_882_925)] {
            let body = deal(|body| body["meta"]["company_id"] = company.clone()).to_string();
            let items = read(&source, &body).unwrap();
            assert_eq!(items != [Item::Ignored], is_ours, "{company} {known}");
        }
    }
    for (member, value) in [("entity", "activity"), ("action", "delete"), ("action", "renamed")] {
        assert!(is_ignored(|body| body["meta"][member] = value.into()), "{value}");
    }
}

#[test]
fn a_change_is_known_by_its_envelope() {
    let key = |change: fn(&mut Value)| said(change).key;
    let same = key(|_| {});
    assert_eq!(key(|body| body["meta"]["attempt"] = 2.into()), same);
    assert_ne!(key(|body| body["meta"]["id"] = "another".into()), same);
    assert_ne!(key(|body| body["meta"]["webhook_id"] = 457.into()), same);
    // An id that only repeats the object's says nothing about the change.
    let repeated = |body: &mut Value| body["meta"]["id"] = 746.into();
    let first = key(|body| body["meta"]["id"] = 746.into());
    let second = said(|body| {
        repeated(body);
        body["meta"]["timestamp"] = 1_779_000_000.into();
    });
    assert_ne!(first, second.key);
    assert_eq!(second.occurred_at.map(|at| at.timestamp()), Some(1_779_000_000));
    let fingerprint = |change: fn(&mut Value)| said(change).fingerprint;
    assert_eq!(fingerprint(|body| body["meta"]["attempt"] = 4.into()), fingerprint(|_| {}));
    assert_ne!(fingerprint(|body| body["data"]["value"] = 3.into()), fingerprint(|_| {}));
}

#[test]
fn what_cannot_be_read_names_the_member() {
    let source = pipedrive();
    for (pointer, value, expected) in [
        ("/meta", json!(1), "field:meta"),
        ("/meta/entity", json!(null), "field:meta.entity"),
        ("/meta/action", json!(7), "field:meta.action"),
        ("/meta/entity_id", json!({}), "field:meta.entity_id"),
        ("/meta/timestamp", json!("soon"), "field:meta.timestamp"),
        ("/data", json!([]), "field:data"),
        ("/previous", json!("x"), "field:previous"),
    ] {
        let body = deal(|body| *body.pointer_mut(pointer).unwrap() = value);
        assert_eq!(reason(&source, body.to_string()), expected);
    }
    assert_eq!(reason(&source, "42"), "shape");
    assert_eq!(reason(&source, "[{}]"), "shape");
    assert_eq!(reading(&source, "[]").items, []);
    let mut source = pipedrive();
    source.senders = vec!["1".to_owned()];
    let body = deal(|body| drop(body["meta"].as_object_mut().unwrap().remove("company_id")));
    assert_eq!(reason(&source, body.to_string()), "field:meta.company_id");
}
