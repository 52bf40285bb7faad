//! The generic hook: what is read, what is refused, and that the published schema says the same.

use super::fixtures::{event, generic, headers, reading, reason};
use crate::connector::{Item, read};
use domain::{
    SourceKey,
    money::Money,
    subject::{ObjectKind, Reference},
};
use serde_json::{Value, json};

const FULL: &str = r#"{
  "type": "contract.signed", "timestamp": "2026-01-05T10:00:00+01:00",
  "data": {
    "subject": {
      "crm": "hubspot", "object": "Contact", "id": 9007199254740993, "name": "Dana Reyes",
      "email": "dana@acme.example", "company": "Acme", "country": "DE", "title": "CTO",
      "references": [{"system": "salesforce", "object": "opportunity", "id": "006xx"}]
    },
    "score": "71.0", "previous_score": 52.9, "amount": {"minor": 5000000, "currency": "USD"},
    "meeting_at": "1769180400000", "owner_email": "ann@us.example", "channel": "email",
    "outcome": "won", "test": true,
    "fields": {"fit": "high", "seats": 40, "gone": null}, "plan": {"name": "Pro"}
  }
}"#;

fn with_subject(subject: &str) -> String {
    format!(r#"{{"type":"touch","data":{{"subject":{subject}}}}}"#)
}

#[test]
fn a_full_body_is_read_whole() {
    let event = event(&generic(), FULL);
    assert_eq!(event.name, "contract.signed");
    assert_eq!(event.occurred_at, "2026-01-05T09:00:00Z".parse().ok());
    let subject = &event.subject;
    assert_eq!(subject.crm.as_deref(), Some("hubspot"));
    assert_eq!(subject.object, Some(ObjectKind::Contact));
    assert_eq!(subject.id.as_deref(), Some("9007199254740993"));
    assert_eq!(subject.name.as_deref(), Some("Dana Reyes"));
    assert_eq!(subject.email.as_deref(), Some("dana@acme.example"));
    assert_eq!(subject.company.as_deref(), Some("Acme"));
    assert_eq!(subject.country.as_deref(), Some("DE"));
    assert_eq!(subject.references, [Reference::new("salesforce", ObjectKind::Deal, "006xx")]);
    assert_eq!((event.score, event.previous_score), (Some(71), Some(52)));
    assert_eq!(event.amount, Some(Money { minor: 5_000_000, currency: "USD".into() }));
    assert_eq!(event.meeting_at, "2026-01-23T15:00:00Z".parse().ok());
    assert_eq!(event.owner_email.as_deref(), Some("ann@us.example"));
    assert_eq!(event.channel.as_deref(), Some("email"));
    assert_eq!(event.outcome.as_deref(), Some("won"));
    let fields = json!({"fit": "high", "seats": 40, "plan": {"name": "Pro"}, "title": "CTO"});
    assert_eq!(json!(event.fields), fields);
    assert!(event.test && !event.thin && !event.import);
}

#[test]
fn only_type_and_subject_are_needed() {
    let event = event(&generic(), with_subject("{}"));
    assert_eq!((event.name.as_str(), event.occurred_at), ("touch", None));
    assert!(event.fields.is_empty());
    let unknown = r#"{"type":"something.else","data":{"subject":{"email":"a@b.example"}}}"#;
    assert_eq!(super::fixtures::event(&generic(), unknown).name, "something.else");
}

#[test]
fn null_and_empty_say_nothing() {
    let body = r#"{"type":"touch","timestamp":null,"data":{"score":null,"amount":null,
        "subject":{"crm":"","id":"","object":null,"references":null,"name":null},"fields":null}}"#;
    let event = event(&generic(), body);
    assert_eq!(event.subject, domain::subject::Subject::default());
}

#[test]
fn ids_are_kept_exactly_as_written() {
    let id = |id: &str| {
        let subject = with_subject(&format!(r#"{{"object":"deal","id":{id}}}"#));
        event(&generic(), subject).subject.id.unwrap()
    };
    for number in ["9007199254740993", "9007199254740994", "9223372036854775808", "1.0"] {
        assert_eq!(id(number), number);
    }
    assert_eq!(id("18446744073709551616"), "18446744073709551616");
    assert_eq!(id(&"9".repeat(39)), "9".repeat(39));
    assert_eq!(id("\"1\""), "1");
    for text in ["a#b/c d", "😀", "\u{e9}", "e\u{301}", "nul\\u0000", &"x".repeat(3000)] {
        assert_eq!(id(&format!("\"{text}\"")), text.replace("\\u0000", "\0"));
    }
}

#[test]
fn a_fault_names_its_path() {
    for (body, expected) in [
        (r#"{}"#, "field:data"),
        (r#"{"type":"touch"}"#, "field:data"),
        (r#"{"type":"touch","data":[]}"#, "field:data"),
        (r#"{"type":"touch","data":{}}"#, "field:data.subject"),
        (r#"{"data":{"subject":{}}}"#, "field:type"),
        (r#"{"type":null,"data":{"subject":{}}}"#, "field:type"),
        (r#"{"type":"","data":{"subject":{}}}"#, "field:type"),
        (r#"{"type":7,"data":{"subject":{}}}"#, "field:type"),
        (r#"{"type":"t","data":{"subject":{},"test":"yes"}}"#, "field:data.test"),
        (r#"{"type":"t","timestamp":"soon","data":{"subject":{}}}"#, "field:timestamp"),
        (r#"{"type":"t","data":{"subject":{},"score":"high"}}"#, "field:data.score"),
        (r#"{"type":"t","data":{"subject":{},"score":true}}"#, "field:data.score"),
        (r#"{"type":"t","data":{"subject":{},"amount":5}}"#, "field:data.amount"),
        (r#"{"type":"t","data":{"subject":{},"amount":{}}}"#, "field:data.amount.minor"),
        (r#"{"type":"t","data":{"subject":{},"amount":{"minor":1.5}}}"#, "field:data.amount.minor"),
        (r#"{"type":"t","data":{"subject":{},"meeting_at":"9 o'clock"}}"#, "field:data.meeting_at"),
        (r#"{"type":"t","data":{"subject":{},"fields":[]}}"#, "field:data.fields"),
        (r#"{"type":"t","data":{"subject":{},"channel":1}}"#, "field:data.channel"),
    ] {
        assert_eq!(reason(&generic(), body), expected, "{body}");
    }
    for (subject, expected) in [
        (r#"[]"#, "field:data.subject"),
        (r#"{"id":7}"#, "field:data.subject.object"),
        (r#"{"id":7,"object":"ticket"}"#, "field:data.subject.object"),
        (r#"{"id":true,"object":"deal"}"#, "field:data.subject.id"),
        (r#"{"email":7}"#, "field:data.subject.email"),
        (r#"{"references":{}}"#, "field:data.subject.references"),
        (r#"{"references":[7]}"#, "field:data.subject.references.0"),
        (
            r#"{"references":[{"system":"a","object":"deal","id":1},{"system":"a","id":1}]}"#,
            "field:data.subject.references.1.object",
        ),
    ] {
        assert_eq!(reason(&generic(), with_subject(subject)), expected, "{subject}");
    }
}

#[test]
fn the_key_is_the_delivery_id_or_the_bodys_hash() {
    let key = |pairs: &[(&str, &str)], body: &str| {
        let reading = read(&SourceKey::from("g"), &generic(), &headers(pairs), body.as_bytes());
        match reading.items.into_iter().next() {
            Some(Item::Event(event)) => (event.key, event.fingerprint),
            other => panic!("{other:?}"),
        }
    };
    let compact = serde_json::from_str::<Value>(FULL).unwrap().to_string();
    assert_eq!(key(&[("webhook-id", "msg_1")], FULL).0, "msg_1");
    assert_eq!(key(&[], FULL), key(&[("webhook-id", "")], FULL));
    assert_ne!(key(&[], FULL).0, key(&[], &compact).0);
    // Other content under one id is a conflict; other spelling is not.
    assert_eq!(key(&[], FULL).1.len(), 64);
    let other = FULL.replace("Dana", "Dora");
    assert_ne!(key(&[], FULL).1, key(&[], &other).1);
    let spelled = FULL.replace("\"Dana Reyes\"", "\"\\u0044ana Reyes\"").replace('\n', " ");
    assert_eq!(key(&[], FULL).1, key(&[], &spelled).1);
}

#[test]
fn a_batch_is_no_generic_body_but_an_empty_one_is_nothing() {
    assert_eq!(reading(&generic(), "[]").items, []);
    for body in ["[{}]", "1", "\"x\"", "null", "true"] {
        assert_eq!(reason(&generic(), body), "shape", "{body}");
    }
}

#[test]
fn the_published_schema_names_what_is_read() {
    let schema: Value = serde_json::from_str(crate::GENERIC_SCHEMA).unwrap();
    let names = |value: &Value| -> Vec<String> {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let mut full: Value = serde_json::from_str(FULL).unwrap();
    full["data"].as_object_mut().unwrap().remove("plan");
    full["data"]["subject"].as_object_mut().unwrap().remove("title");
    assert_eq!(names(&schema["properties"]), names(&full));
    assert_eq!(names(&schema["properties"]["data"]["properties"]), names(&full["data"]));
    let subject = &schema["$defs"]["subject"]["properties"];
    assert_eq!(names(subject), names(&full["data"]["subject"]));
    for word in schema["$defs"]["object"]["enum"].as_array().unwrap() {
        assert!(ObjectKind::from_word(word.as_str().unwrap()).is_some(), "{word}");
    }
    let examples = schema["properties"]["type"]["examples"].as_array().unwrap();
    let examples: Vec<&str> = examples.iter().filter_map(Value::as_str).collect();
    assert_eq!(examples, domain::event::names::ALL);
}
