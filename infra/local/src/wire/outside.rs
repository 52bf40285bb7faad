//! What answers for vendors on a laptop: whatever a destination called `local` is sent is kept in
//! the outbox, and answered as the vendor would on a good day.

use super::{Desk, respond};
use crate::outbox::Sent;
use axum::response::Response;
use bytes::Bytes;
use http::{Method, Uri};
use serde_json::{Value, json};

pub(super) fn answer(desk: &Desk, method: &Method, uri: &Uri, body: &Bytes) -> Response {
    let path = uri.path().trim_start_matches('/');
    let (vendor, rest) = path.split_once('/').unwrap_or((path, ""));
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    // A sign-in is nothing anybody was told.
    if rest.ends_with("oauth2/token") {
        let session = json!({ "access_token": "local-session", "token_type": "Bearer" });
        return respond(200, "application/json", session.to_string());
    }
    let sent = Sent::Outside {
        vendor: vendor.to_owned(),
        method: method.to_string(),
        path: format!("/{rest}"),
        body: said.clone(),
    };
    let id = match desk.ledger.publish(desk.clock.now(), &sent) {
        Ok(id) => id,
        Err(error) => {
            tracing::error!(%error, "what was sent outside could not be stored");
            return respond(503, "text/plain", "Try again.".to_owned());
        }
    };
    let place = id.rsplit('-').next().and_then(|place| u64::from_str_radix(place, 16).ok());
    match answer_of(vendor, rest, &said, place.unwrap_or_default()) {
        Some(Value::String(text)) => respond(200, "text/plain", text),
        Some(answer) => respond(200, "application/json", answer.to_string()),
        None => respond(404, "text/plain", "Nobody on this machine answers for that.".to_owned()),
    }
}

fn answer_of(vendor: &str, path: &str, said: &Value, place: u64) -> Option<Value> {
    match vendor {
        "slack" => slack(path, said, place),
        "slack_webhook" => Some("ok".into()),
        "hubspot" => Some(json!({ "id": place.to_string(), "results": [] })),
        "salesforce" => Some(salesforce(path, said, place)),
        "pipedrive" => Some(json!({ "success": true, "data": { "id": place } })),
        "webhook" => Some(json!({})),
        _ => None,
    }
}

fn slack(method: &str, said: &Value, place: u64) -> Option<Value> {
    let channel = said["channel"].as_str().unwrap_or_default();
    // With a person one speaks in a conversation of its own.
    let channel = match channel.strip_prefix('U') {
        Some(person) => format!("D{person}"),
        None => channel.to_owned(),
    };
    let ts = said["ts"].as_str().map(str::to_owned);
    let ts = ts.unwrap_or_else(|| format!("1700000000.{place:06}"));
    match method {
        "chat.postMessage" | "chat.update" => {
            Some(json!({ "ok": true, "channel": channel, "ts": ts }))
        }
        "conversations.open" => {
            let person = said["users"].as_str().unwrap_or_default();
            let id = format!("D{}", person.trim_start_matches('U'));
            Some(json!({ "ok": true, "channel": { "id": id } }))
        }
        "conversations.history" | "conversations.replies" => {
            Some(json!({ "ok": true, "messages": [] }))
        }
        _ => None,
    }
}

fn salesforce(path: &str, said: &Value, place: u64) -> Value {
    if path.contains("/query") {
        return json!({ "totalSize": 0, "done": true, "records": [] });
    }
    let asked = said["compositeRequest"].as_array().into_iter().flatten();
    let results = asked.map(|one| {
        let made = one["method"] == "POST";
        let body = json!({ "id": format!("00T{place:015}"), "success": true });
        json!({
            "body": if made { body } else { Value::Null },
            "httpStatusCode": if made { 201 } else { 204 },
            "referenceId": one["referenceId"],
        })
    });
    json!({ "compositeResponse": results.collect::<Vec<_>>() })
}
