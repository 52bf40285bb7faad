//! What is told outside, held against the schemas that are shipped: whatever a test makes the
//! system say must have the shape that is documented, and nothing that is not.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::sync::LazyLock;

static WEBHOOK: LazyLock<Validator> =
    LazyLock::new(|| closed(include_str!("../../functions/courier/webhook.schema.json")));

static EVENT: LazyLock<Validator> =
    LazyLock::new(|| closed(include_str!("../../functions/relay/event.schema.json")));

/// Lists what is wrong with the body of a webhook.
pub(crate) fn wrong_with_webhook(body: &Value) -> Vec<String> {
    wrong(&WEBHOOK, body)
}

/// Lists what is wrong with the detail of an event on the bus.
pub(crate) fn wrong_with_event(detail: &Value) -> Vec<String> {
    wrong(&EVENT, detail)
}

fn wrong(validator: &Validator, document: &Value) -> Vec<String> {
    let errors = validator.iter_errors(document);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Reads a schema so that it takes nothing besides what it names: receivers may be told more by a
/// later version, but this one has documented all it says.
fn closed(text: &str) -> Validator {
    let mut schema: Value = serde_json::from_str(text).expect("a schema is JSON");
    close(&mut schema);
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema).expect("a schema")
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_documented_is_found() {
        let day = "2026-01-05";
        let about = json!({ "type": "mql", "opened_day": day, "day": day, "from": "marketing",
                            "source": "hubspot", "mode": "live" });
        let data = json!({ "handoff": "h1", "version": 3, "link": "https://a.example/handoffs/h1",
                           "actor": "sweep", "about": about,
                           "change": { "change": "noted" } });
        let body =
            json!({ "type": "handoff.noted", "timestamp": "2026-01-05T09:00:00Z", "data": data });
        assert_eq!(wrong_with_webhook(&body), [] as [String; 0]);
        for (place, name, value) in [
            ("", "lead", json!(true)),
            ("/data", "secret", json!("x")),
            ("/data/about", "opened_day", json!(20_000)),
            ("/data/change", "words", json!("x")),
            ("", "type", json!("handoff.other")),
            ("", "timestamp", json!("yesterday")),
        ] {
            let mut other = body.clone();
            other.pointer_mut(place).unwrap()[name] = value;
            assert!(!wrong_with_webhook(&other).is_empty(), "{place}/{name}");
        }
    }
}
