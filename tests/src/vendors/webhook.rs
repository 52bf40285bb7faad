//! A receiver of webhooks: it verifies as the Standard Webhooks libraries do, and remembers ids.
//!
//! It takes a message whose signature one of its keys proves, whichever of them: while one replaces
//! another the sender signs with both. The same id is the same message, byte for byte.

use super::call::{Call, Faults, Reply};
use crate::shape::wrong_with_webhook;
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// How long a message may be, in bytes.
const BYTES_MAX: usize = 20_000;

/// How far a message's time may be from the receiver's, in seconds.
const TOLERANCE: i64 = 5 * 60;

/// A message that was received.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Its id: the same however often it comes.
    pub id: String,
    /// What it tells: the `type` of its body.
    pub event: String,
    /// When that try was made, in seconds.
    pub tried_at: i64,
    /// The whole body.
    pub body: Value,
    /// Whether it had come before.
    pub again: bool,
}

/// What the receiver knows.
#[derive(Clone, Default)]
pub(super) struct Receiver {
    /// Everything that was taken, in order.
    pub(super) received: Vec<Received>,
}

impl Receiver {
    /// Answers a request.
    pub(super) fn answer(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        faults.must(call.asked.method == "POST", || "a webhook is POSTed".to_owned());
        let json = call.media() == "application/json";
        faults.must(json, || "a webhook is JSON by its media type".to_owned());
        let bytes = call.raw.len();
        faults.must(bytes <= BYTES_MAX, || format!("it has {bytes} bytes: {BYTES_MAX} may be"));
        let id = call.header("webhook-id").unwrap_or_default();
        let is_id = !id.is_empty() && id.len() <= 255 && id.bytes().all(|b| b.is_ascii_graphic());
        faults.must(is_id, || format!("`{id}` is no webhook-id"));
        let time = call.header("webhook-timestamp").unwrap_or_default();
        let at = time.parse::<i64>().ok();
        faults.must(at.is_some(), || format!("`{time}` is no webhook-timestamp"));
        let at = at.unwrap_or_default();
        if let Some(now) = call.now {
            let off = (now.timestamp() - at).abs();
            faults.must(off <= TOLERANCE, || format!("its time is {off} s from the receiver's"));
        }
        let signed = call.header("webhook-signature").unwrap_or_default();
        let good = call.secrets.iter().any(|key| proves(key, (id, time, call.raw), signed));
        if !faults.must(good, || "no signature is by a key of ours".to_owned()) {
            return Reply::text(401, "signature");
        }
        let body = &call.asked.body;
        let event = body["type"].as_str().unwrap_or_default();
        let words = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.';
        faults.must(!event.is_empty() && event.bytes().all(words), || {
            format!("`{event}` is no type of an event")
        });
        let told = body["timestamp"].as_str().unwrap_or_default();
        let is_time = DateTime::parse_from_rfc3339(told).is_ok();
        faults.must(is_time, || format!("`{told}` is no timestamp"));
        faults.must(body["data"].is_object(), || "it has no data".to_owned());
        let before = self.received.iter().find(|one| one.id == id);
        let same = before.is_none_or(|before| before.body == *body);
        faults.must(same, || format!("{id} came with another body"));
        for wrong in wrong_with_webhook(body) {
            faults.must(false, || wrong);
        }
        if !faults.is_clean() {
            return Reply::text(if at == 0 { 401 } else { 400 }, "refused");
        }
        let (again, event) = (before.is_some(), event.to_owned());
        let (id, body) = (id.to_owned(), body.clone());
        self.received.push(Received { id, event, tried_at: at, body, again });
        Reply::text(204, "")
    }
}

/// Tells whether one of the signatures is by a key.
fn proves(secret: &str, (id, time, body): (&str, &str, &[u8]), signed: &str) -> bool {
    let key = secret.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
    let Some(key) = key.filter(|key| !key.is_empty()) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
    for part in [id.as_bytes(), b".", time.as_bytes(), b".", body] {
        mac.update(part);
    }
    let expected = STANDARD.encode(mac.finalize().into_bytes());
    let versions = signed.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    versions.into_iter().any(|one| one == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_is_proved_and_nothing_else() {
        // The vector of the Standard Webhooks reference libraries.
        let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let body: &[u8] = br#"{"test": 2432232314}"#;
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let message = (id, "1614265330", body);
        assert!(proves(key, message, good));
        assert!(proves(key, message, &format!("v1,AAAA {good}")), "either of two");
        assert!(!proves(key, (id, "1614265331", body), good));
        assert!(!proves(key, message, "v1,AAAA"));
        assert!(!proves("whsec_bG9jYWwtZXZlbnRzLXNlY3JldA==", message, good));
        assert!(!proves("whsec_", message, good));
    }
}
