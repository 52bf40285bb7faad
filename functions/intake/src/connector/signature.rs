//! Proof of origin: message authentication codes, path tokens and passwords.
//!
//! The expected signature is computed and written out as the vendor writes it, and the two texts
//! are compared in constant time: there is no decoder to be lenient, so upper case, other alphabets
//! and odd padding are all refused. Every active secret is tried whatever the first one said. A
//! header that occurs twice is never chosen from.

use super::{NotAuthentic, Request};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use subtle::{Choice, ConstantTimeEq};

/// How far a signed time may lie from ours, either way, in milliseconds.
const TOLERANCE_MS: u64 = 300_000;

/// Header names of Standard Webhooks; the id is also the duplicate key.
pub(super) const WEBHOOK_ID: &str = "webhook-id";
const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// What stands before a Standard Webhooks key in base64.
const KEY_PREFIX: &str = "whsec_";

/// Keys are read with or without padding; signatures are not read at all.
const KEYS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Checks a HubSpot request: version 3 if it carries one, else the version its header names.
///
/// Versions 1 and 2 sign no time and can be replayed, which duplicate keys make harmless; and being
/// plain hashes they can be extended, but only by bytes that are not UTF-8, which reading refuses.
pub(super) fn hubspot(request: &Request<'_>, secrets: &[&str]) -> Result<(), NotAuthentic> {
    let headers = request.headers;
    if let Some(given) = only(headers, "x-hubspot-signature-v3")? {
        let time = only(headers, "x-hubspot-request-timestamp")?.ok_or(NotAuthentic)?;
        is_recent(digits(time)?, request.now)?;
        let address = decode_hubspot_escapes(request.url);
        let parts = [request.method.as_bytes(), address.as_bytes(), request.body, time];
        return any(secrets, |secret| {
            STANDARD.encode(mac(secret.as_bytes(), &parts)).as_bytes().ct_eq(given)
        });
    }
    let given = only(headers, "x-hubspot-signature")?.ok_or(NotAuthentic)?;
    let before_body = match only(headers, "x-hubspot-signature-version")? {
        None | Some(b"v1") => "".into(),
        Some(b"v2") => format!("{}{}", request.method, request.url),
        Some(_) => return Err(NotAuthentic),
    };
    any(secrets, |secret| {
        let hash = Sha256::new().chain_update(secret).chain_update(&before_body);
        hex::encode(hash.chain_update(request.body).finalize()).as_bytes().ct_eq(given)
    })
}

/// Checks a Standard Webhooks request, or the path token of a sender that does not sign at all.
pub(super) fn standard_webhooks(
    request: &Request<'_>,
    secrets: &[&str],
) -> Result<(), NotAuthentic> {
    let headers = request.headers;
    let (id, time) = (only(headers, WEBHOOK_ID)?, only(headers, WEBHOOK_TIMESTAMP)?);
    let (id, time, given) = match (id, time, only(headers, WEBHOOK_SIGNATURE)?) {
        (_, None, None) => return path_token(request, secrets),
        (Some(id), Some(time), Some(given)) => (id, time, given),
        _ => return Err(NotAuthentic),
    };
    let seconds = digits(time)?;
    is_recent(seconds.checked_mul(1000).ok_or(NotAuthentic)?, request.now)?;
    let given = given.split(|byte| *byte == b' ').filter_map(|one| one.strip_prefix(b"v1,"));
    let given: Vec<&[u8]> = given.collect();
    // Two headers joined on the way: which signature was meant is not ours to guess.
    if given.iter().any(|one| one.contains(&b',')) {
        return Err(NotAuthentic);
    }
    let parts = [id, b".", time, b".", request.body];
    any(secrets, |secret| {
        let Some(key) = webhook_key(secret) else {
            return Choice::from(0);
        };
        let expected = STANDARD.encode(mac(&key, &parts));
        given.iter().fold(Choice::from(0), |found, one| found | expected.as_bytes().ct_eq(one))
    })
}

/// Checks a Slack request: version 0, over the time and the body.
pub(super) fn slack(request: &Request<'_>, secrets: &[&str]) -> Result<(), NotAuthentic> {
    let given = only(request.headers, "x-slack-signature")?.ok_or(NotAuthentic)?;
    let time = only(request.headers, "x-slack-request-timestamp")?.ok_or(NotAuthentic)?;
    is_recent(digits(time)?.checked_mul(1000).ok_or(NotAuthentic)?, request.now)?;
    let parts = [b"v0:", time, b":", request.body];
    any(secrets, |secret| {
        let expected = hex::encode(mac(secret.as_bytes(), &parts));
        format!("v0={expected}").as_bytes().ct_eq(given)
    })
}

/// Checks the token in the path: a secret, or the key a `whsec_` secret wraps.
pub(super) fn path_token(request: &Request<'_>, secrets: &[&str]) -> Result<(), NotAuthentic> {
    let token = Sha256::digest(request.token.ok_or(NotAuthentic)?);
    // Digests are compared, so that not even a secret's length shows.
    any(secrets, |secret| {
        let key = webhook_key(secret).map(Sha256::digest).unwrap_or_default();
        Sha256::digest(secret).ct_eq(&token) | key.ct_eq(&token)
    })
}

/// Checks HTTP Basic credentials. A secret is `user:password`; one that lacks either is nobody's.
pub(super) fn basic(request: &Request<'_>, secrets: &[&str]) -> Result<(), NotAuthentic> {
    let given = only(request.headers, "authorization")?.ok_or(NotAuthentic)?;
    let scheme = given.split(|byte| *byte == b' ').next().unwrap_or_default();
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return Err(NotAuthentic);
    }
    let given = Sha256::digest(given[scheme.len()..].trim_ascii_start());
    any(secrets, |secret| {
        let whole = secret
            .split_once(':')
            .is_some_and(|(user, password)| !user.is_empty() && !password.is_empty());
        Sha256::digest(STANDARD.encode(secret)).ct_eq(&given) & Choice::from(u8::from(whole))
    })
}

/// Reads a header that occurs at most once.
pub(super) fn only<'a>(
    headers: &'a HeaderMap,
    name: &str,
) -> Result<Option<&'a [u8]>, NotAuthentic> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(|value| value.as_bytes())),
        _ => Err(NotAuthentic),
    }
}

fn any(secrets: &[&str], proves: impl Fn(&str) -> Choice) -> Result<(), NotAuthentic> {
    let proven = secrets.iter().fold(Choice::from(0), |found, secret| found | proves(secret));
    if bool::from(proven) { Ok(()) } else { Err(NotAuthentic) }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Reads the key of a secret; an empty one would let everybody sign.
fn webhook_key(secret: &str) -> Option<Cow<'_, [u8]>> {
    let key = match secret.strip_prefix(KEY_PREFIX) {
        Some(encoded) => Cow::Owned(KEYS.decode(encoded).ok()?),
        None => Cow::Borrowed(secret.as_bytes()),
    };
    (!key.is_empty()).then_some(key)
}

fn digits(text: &[u8]) -> Result<i64, NotAuthentic> {
    if !text.iter().all(u8::is_ascii_digit) {
        return Err(NotAuthentic);
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(NotAuthentic)
}

fn is_recent(signed_ms: i64, now: DateTime<Utc>) -> Result<(), NotAuthentic> {
    let away = now.timestamp_millis().abs_diff(signed_ms);
    if away <= TOLERANCE_MS { Ok(()) } else { Err(NotAuthentic) }
}

/// Decodes the twelve escapes HubSpot decodes before it signs, and no others.
fn decode_hubspot_escapes(address: &str) -> String {
    let mut parts = address.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let plain = part.get(..2).and_then(|code| match code.to_ascii_uppercase().as_str() {
            "3A" => Some(':'),
            "2F" => Some('/'),
            "3F" => Some('?'),
            "40" => Some('@'),
            "21" => Some('!'),
            "24" => Some('$'),
            "27" => Some('\''),
            "28" => Some('('),
            "29" => Some(')'),
            "2A" => Some('*'),
            "2C" => Some(','),
            "3B" => Some(';'),
            _ => None,
        });
        match plain {
            Some(plain) => {
                decoded.push(plain);
                decoded.push_str(&part[2..]);
            }
            None => {
                decoded.push('%');
                decoded.push_str(part);
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_twelve_escapes_are_decoded_and_only_once() {
        let all = "%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B";
        assert_eq!(decode_hubspot_escapes(all), ":/?@!$'()*,;");
        for kept in ["%20", "%253A", "%", "%3", "%é", "a%26b%3D"] {
            assert_eq!(decode_hubspot_escapes(kept), kept);
        }
    }

    #[test]
    fn a_key_is_unwrapped_and_never_empty() {
        assert_eq!(webhook_key("plain").as_deref(), Some(&b"plain"[..]));
        assert_eq!(webhook_key("whsec_a2V5cw==").as_deref(), Some(&b"keys"[..]));
        assert_eq!(webhook_key("whsec_a2V5cw").as_deref(), Some(&b"keys"[..]));
        assert_eq!(webhook_key("whsec_"), None);
        assert_eq!(webhook_key("whsec_***"), None);
    }
}
