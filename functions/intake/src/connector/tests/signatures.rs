//! Every published and generated vector, each of its single-bit flips, and each way a signature
//! goes wrong.

use super::fixtures::{FLAT, generic, headers, hubspot, request, slack};
use crate::connector::{NotAuthentic, Request, authenticate, signature};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::config::Source;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use sha2::Sha256;

const ADDRESS: &str = "https://api.example.com/hooks/hubspot";
const NOW_MS: i64 = 1_700_000_000_000;

/// A signed request that can be changed before it is checked.
#[derive(Clone)]
struct Signed {
    source: Source,
    secret: String,
    method: String,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
    now_ms: i64,
    signature: &'static str,
}

impl Signed {
    fn check(&self) -> Result<(), NotAuthentic> {
        self.check_with(&[&self.secret])
    }

    fn check_with(&self, secrets: &[&str]) -> Result<(), NotAuthentic> {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let request = request(&self.url, &self.headers, &self.body, self.now_ms);
        let request = Request { method: &self.method, ..request };
        authenticate(&self.source, &request, &secrets)
    }

    fn is_refused(&self, change: impl FnOnce(&mut Self)) -> bool {
        let mut changed = self.clone();
        change(&mut changed);
        changed.check() == Err(NotAuthentic)
    }

    /// Tells whether method and address are signed too.
    fn signs_the_address(&self) -> bool {
        let version = self.headers.get("x-hubspot-signature-version");
        self.signature == "x-hubspot-signature-v3" || version.is_some_and(|it| it == "v2")
    }

    fn set(&mut self, name: &'static str, value: &[u8]) {
        let value = HeaderValue::from_bytes(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
    }
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../fixtures/signature_vectors.json")).unwrap()
}

fn signed_vectors() -> Vec<Signed> {
    let vectors = vectors();
    let vectors = vectors["vectors"].as_array().unwrap();
    let mut signed: Vec<Signed> = vectors.iter().map(vector).collect();
    signed.push(standard_webhooks_vector());
    signed
}

fn vector(vector: &Value) -> Signed {
    match vector["scheme"].as_str() {
        Some("slack.v0") => slack_vector(vector),
        _ => hubspot_vector(vector),
    }
}

fn slack_vector(vector: &Value) -> Signed {
    let (given, signature) = (&vector["headers"], "x-slack-signature");
    let said = |own: &Value, header: &str| {
        own.as_str().or_else(|| given[header].as_str()).unwrap().to_owned()
    };
    let expected = said(&vector["expected"], "X-Slack-Signature");
    let time = said(&vector["timestamp"], "X-Slack-Request-Timestamp");
    let body = vector["body"].as_str().or_else(|| vector["form_body"].as_str()).unwrap();
    Signed {
        source: slack(),
        secret: vector["secret"].as_str().unwrap().to_owned(),
        method: "POST".to_owned(),
        url: "https://api.example.com/hooks/slack".to_owned(),
        headers: headers(&[(signature, &expected), ("x-slack-request-timestamp", &time)]),
        body: body.as_bytes().to_vec(),
        now_ms: time.parse::<i64>().unwrap() * 1_000,
        signature,
    }
}

fn hubspot_vector(vector: &Value) -> Signed {
    let text = |key: &str| vector[key].as_str().map(str::to_owned);
    let expected = text("expected")
        .or_else(|| vector["headers"]["X-HubSpot-Signature"].as_str().map(str::to_owned))
        .unwrap();
    let time = text("timestamp");
    let (signature, headers) = match vector["scheme"].as_str().unwrap() {
        "hubspot.v3" => {
            let time = ("x-hubspot-request-timestamp", time.as_deref().unwrap());
            let name = "x-hubspot-signature-v3";
            (name, headers(&[(name, &expected), time]))
        }
        scheme => {
            let version = scheme.strip_prefix("hubspot.").unwrap();
            let name = "x-hubspot-signature";
            (name, headers(&[(name, &expected), ("x-hubspot-signature-version", version)]))
        }
    };
    Signed {
        source: hubspot(),
        secret: text("secret").unwrap(),
        method: "POST".to_owned(),
        url: text("uri").unwrap_or_else(|| ADDRESS.to_owned()),
        headers,
        body: text("body").unwrap_or_else(|| FLAT.to_owned()).into_bytes(),
        now_ms: time.map_or(NOW_MS, |time| time.parse().unwrap()),
        signature,
    }
}

/// The example of the Standard Webhooks specification.
fn standard_webhooks_vector() -> Signed {
    Signed {
        source: generic(),
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
        method: "POST".to_owned(),
        url: "https://api.example.com/hooks/generic".into(),
        headers: headers(&[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ]),
        body: br#"{"test": 2432232314}"#.to_vec(),
        now_ms: 1_614_265_330_000,
        signature: "webhook-signature",
    }
}

/// A form signed at a time as it is written.
fn form(time: &str) -> Signed {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"local-slack-secret").unwrap();
    mac.update(format!("v0:{time}:ssl_check=1").as_bytes());
    let given = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
    let signature = "x-slack-signature";
    Signed {
        source: slack(),
        secret: "local-slack-secret".to_owned(),
        method: "POST".to_owned(),
        url: ADDRESS.to_owned(),
        headers: headers(&[(signature, &given), ("x-slack-request-timestamp", time)]),
        body: b"ssl_check=1".to_vec(),
        now_ms: NOW_MS,
        signature,
    }
}

fn mac(secret: &[u8], content: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(content);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A HubSpot request signed now over `signed_url`, received at `url`.
fn hubspot_v3(url: &str, signed_url: &str, time: &str) -> Signed {
    let body = b"[]".to_vec();
    let content = [b"POST", signed_url.as_bytes(), &body, time.as_bytes()].concat();
    let signature = "x-hubspot-signature-v3";
    let given = mac(b"local-hubspot-secret", &content);
    Signed {
        source: hubspot(),
        secret: "local-hubspot-secret".into(),
        method: "POST".to_owned(),
        url: url.into(),
        headers: headers(&[(signature, &given), ("x-hubspot-request-timestamp", time)]),
        body,
        now_ms: NOW_MS,
        signature,
    }
}

fn webhook(time: &str) -> Signed {
    let content = format!("msg_1.{time}.{{}}");
    let given = format!("v1,{}", mac(b"local-generic-secret", content.as_bytes()));
    Signed {
        secret: format!("whsec_{}", STANDARD.encode("local-generic-secret")),
        headers: headers(&[
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", time),
            ("webhook-signature", &given),
        ]),
        body: b"{}".to_vec(),
        now_ms: NOW_MS,
        ..standard_webhooks_vector()
    }
}

#[test]
fn every_vector_is_accepted() {
    let signed = signed_vectors();
    assert_eq!(signed.len(), 7);
    for (index, signed) in signed.iter().enumerate() {
        assert_eq!(signed.check(), Ok(()), "vector {index}");
    }
}

/// Each text that differs from another in one bit.
fn flips(text: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..text.len() * 8).map(|bit| {
        let mut flipped = text.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit, flipped)
    })
}

/// Tells whether an address with a flipped bit still means the same: an escape that HubSpot
/// decodes, its digit in another case.
fn is_same_address(one: &str, other: &str) -> bool {
    let escapes = |text: &str| text.replace("%3a", "%3A").replace("%2f", "%2F");
    escapes(one) == escapes(other)
}

#[test]
fn every_single_bit_flip_of_a_vector_is_refused() {
    let with_escapes = "https://api.example.com/hooks/hubspot?a=%3A%2F%28&b=%20";
    let decoded = "https://api.example.com/hooks/hubspot?a=:/(&b=%20";
    let mut vectors = signed_vectors();
    vectors.push(hubspot_v3(with_escapes, decoded, &NOW_MS.to_string()));
    vectors.push(webhook(&(NOW_MS / 1000).to_string()));
    let (mut refused, mut the_same) = (0, 0);
    for signed in vectors {
        assert_eq!(signed.check(), Ok(()));
        for (bit, body) in flips(&signed.body) {
            assert!(signed.is_refused(|signed| signed.body = body), "body {bit}");
            refused += 1;
        }
        // The signature, its version, its time and the message's id: every header is signed.
        for name in signed.headers.keys() {
            for (bit, flipped) in flips(signed.headers[name].as_bytes()) {
                // What is no header value never reaches us.
                let Ok(value) = HeaderValue::from_bytes(&flipped) else { continue };
                let set = |signed: &mut Signed| drop(signed.headers.insert(name, value));
                assert!(signed.is_refused(set), "{name} {bit}");
                refused += 1;
            }
        }
        if !signed.signs_the_address() {
            continue;
        }
        for (bit, flipped) in flips(signed.url.as_bytes()) {
            let Ok(url) = String::from_utf8(flipped) else { continue };
            let same = is_same_address(&signed.url, &url);
            assert_ne!(signed.is_refused(|signed| signed.url = url), same, "address {bit}");
            (refused, the_same) = (refused + usize::from(!same), the_same + usize::from(same));
        }
        for (bit, flipped) in flips(b"POST") {
            let Ok(method) = String::from_utf8(flipped) else { continue };
            assert!(signed.is_refused(|signed| signed.method = method), "method {bit}");
            refused += 1;
        }
    }
    assert!(refused > 9_000, "{refused} flips");
    assert_eq!(the_same, 2, "`%3a` and `%2f`, and nothing else");
}

#[test]
fn every_negative_case_is_refused() {
    let vectors = vectors();
    let cases = vectors["negative_cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        for signed in signed_vectors() {
            let is_v3 = signed.signature == "x-hubspot-signature-v3";
            let timed = ["webhook-signature", "x-slack-signature"];
            let has_time = is_v3 || timed.contains(&signed.signature);
            let name = signed.signature;
            match case["mutate"].as_str().unwrap() {
                "flip one body byte" => {
                    assert!(signed.is_refused(|signed| signed.body[0] ^= 0xff));
                }
                older if older.starts_with("timestamp older than 300 s") => {
                    assert_eq!(signed.is_refused(|signed| signed.now_ms += 300_001), has_time);
                }
                "timestamp more than 300 s in the future" => {
                    assert_eq!(signed.is_refused(|signed| signed.now_ms -= 300_001), has_time);
                }
                "http:// instead of https://" if is_v3 => {
                    assert!(signed.is_refused(|s| s.url = s.url.replace("https://", "http://")));
                }
                "trailing slash on URI" if is_v3 => {
                    assert!(signed.is_refused(|signed| signed.url.push('/')));
                }
                "non-numeric timestamp signed consistently" => {
                    assert_eq!(hubspot_v3(ADDRESS, ADDRESS, "abc").check(), Err(NotAuthentic));
                }
                "missing header" => {
                    assert!(signed.is_refused(|signed| drop(signed.headers.remove(name))));
                }
                "two signatures, one valid (rotation)" => {
                    assert_eq!(signed.check_with(&["another", &signed.secret]), Ok(()));
                    assert_eq!(signed.check_with(&[&signed.secret, "another"]), Ok(()));
                    assert_eq!(signed.check_with(&["another"]), Err(NotAuthentic));
                    assert_eq!(signed.check_with(&[]), Err(NotAuthentic));
                }
                _ => assert_eq!(case["of"], "hubspot.v3"),
            }
        }
    }
}

#[test]
fn a_signed_time_may_lie_exactly_five_minutes_away() {
    let check = |time_ms: i64| hubspot_v3(ADDRESS, ADDRESS, &time_ms.to_string()).check();
    for (away, is_accepted) in [(0, true), (300_000, true), (300_001, false)] {
        assert_eq!(check(NOW_MS - away).is_ok(), is_accepted, "{away} ms old");
        assert_eq!(check(NOW_MS + away).is_ok(), is_accepted, "{away} ms ahead");
    }
    let check = |time: i64| webhook(&time.to_string()).check();
    for (away, is_accepted) in [(0, true), (300, true), (301, false)] {
        assert_eq!(check(NOW_MS / 1000 - away).is_ok(), is_accepted, "{away} s old");
        assert_eq!(check(NOW_MS / 1000 + away).is_ok(), is_accepted, "{away} s ahead");
        for time in [NOW_MS / 1000 - away, NOW_MS / 1000 + away] {
            assert_eq!(form(&time.to_string()).check().is_ok(), is_accepted, "{away} s away");
        }
    }
}

#[test]
fn a_time_that_is_no_plain_integer_is_refused_however_well_it_is_signed() {
    for time in ["abc", "", "1700000000", "+1700000000000", "-1", "1700000000000.0", " 1", "1e12"] {
        assert_eq!(hubspot_v3(ADDRESS, ADDRESS, time).check(), Err(NotAuthentic), "{time}");
    }
    for time in ["abc", "", "1700000000000", "+1700000000", "1700000000.0", "9223372036854775807"] {
        assert_eq!(webhook(time).check(), Err(NotAuthentic), "{time}");
        assert_eq!(form(time).check(), Err(NotAuthentic), "{time}");
    }
}

#[test]
fn hubspot_signs_the_address_with_its_twelve_escapes_decoded() {
    let received = "https://api.example.com/hooks/hubspot?a=%3A%2F%28&b=%20";
    let decoded = "https://api.example.com/hooks/hubspot?a=:/(&b=%20";
    let time = NOW_MS.to_string();
    assert_eq!(hubspot_v3(received, decoded, &time).check(), Ok(()));
    assert_eq!(hubspot_v3(received, received, &time).check(), Err(NotAuthentic));
}

#[test]
fn a_malformed_signature_is_refused() {
    for signed in signed_vectors() {
        let name = signed.signature;
        let given = signed.headers[name].to_str().unwrap().to_owned();
        let base64url = given.replace('+', "-").replace('/', "_");
        let mut wrong = vec![
            String::new(),
            "v1,".to_owned(),
            given[..given.len() - 1].to_owned(),
            format!("{given}="),
            "no base64!".to_owned(),
            format!("{given},{given}"),
            given.replacen("v1,", "v1a,", 1).to_uppercase(),
        ];
        wrong.extend((base64url != given).then_some(base64url));
        for wrong in wrong {
            assert!(signed.is_refused(|signed| signed.set(name, wrong.as_bytes())), "{wrong}");
        }
    }
}

#[test]
fn a_header_that_occurs_twice_is_refused() {
    for signed in signed_vectors() {
        for name in signed.headers.keys() {
            let again = signed.headers[name].clone();
            let name = name.clone();
            assert!(signed.is_refused(|signed| assert!(signed.headers.append(name, again))));
        }
    }
}

#[test]
fn a_version_3_header_leaves_no_way_back_to_version_2() {
    let signed = signed_vectors().remove(0);
    assert!(signed.is_refused(|signed| signed.set("x-hubspot-signature-v3", b"wrong")));
    assert!(signed.is_refused(|signed| signed.set("x-hubspot-signature-version", b"v3")));
    let without_version =
        |signed: &mut Signed| drop(signed.headers.remove("x-hubspot-signature-version"));
    assert!(!signed.is_refused(without_version));
}

#[test]
fn a_body_written_anew_is_refused() {
    let signed = signed_vectors().remove(3);
    let value: Value = serde_json::from_slice(&signed.body).unwrap();
    assert!(signed.is_refused(|signed| signed.body = value.to_string().into_bytes()));
}

#[test]
fn any_one_of_several_webhook_signatures_suffices() {
    let signed = webhook(&(NOW_MS / 1000).to_string());
    let given = signed.headers["webhook-signature"].to_str().unwrap().to_owned();
    let other = format!("v1,{}", mac(b"another", b"content"));
    for (header, is_accepted) in [
        (format!("{other} {given}"), true),
        (format!("v1a,abc {given} v2,x"), true),
        (format!("{other} {other}"), false),
        (format!("{given} {other},{other}"), false),
        (format!("{given},{other}"), false),
    ] {
        let is_refused = signed.is_refused(|s| s.set("webhook-signature", header.as_bytes()));
        assert_eq!(!is_refused, is_accepted, "{header}");
    }
}

#[test]
fn a_secret_without_prefix_signs_with_its_own_bytes() {
    let mut signed = webhook(&(NOW_MS / 1000).to_string());
    signed.secret = "local-generic-secret".into();
    assert_eq!(signed.check(), Ok(()));
}

#[test]
fn a_path_token_counts_only_without_a_signature() {
    let check = |token: Option<&str>, pairs: &[(&str, &str)], secrets: &[&str]| {
        let headers = headers(pairs);
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let request = Request { token, ..request("https://x.example", &headers, b"{}", NOW_MS) };
        authenticate(&generic(), &request, &secrets).is_ok()
    };
    assert!(check(Some("token-1"), &[], &["token-2", "token-1"]));
    assert!(check(Some("token-1"), &[("webhook-id", "a")], &["token-1"]));
    assert!(check(Some("keys"), &[], &["whsec_a2V5cw=="]));
    assert!(check(Some("whsec_a2V5cw=="), &[], &["whsec_a2V5cw=="]));
    assert!(!check(Some("token-1"), &[("webhook-signature", "v1,AA==")], &["token-1"]));
    assert!(!check(Some("token-1"), &[("webhook-timestamp", "1")], &["token-1"]));
    assert!(!check(Some("token-1"), &[], &["token-2"]));
    for (token, secrets) in [
        (None, vec!["token-1"]),
        (Some(""), vec![""]),
        (Some(""), vec!["whsec_"]),
        (Some(""), vec!["whsec_***"]),
        (Some("token"), vec!["token-1"]),
        (Some("token-1"), vec![]),
    ] {
        assert!(!check(token, &[], &secrets), "{token:?} {secrets:?}");
    }
}

#[test]
fn hubspot_has_no_path_token() {
    let headers = HeaderMap::new();
    let request = Request { token: Some("secret"), ..request(ADDRESS, &headers, b"[]", NOW_MS) };
    assert_eq!(signature::hubspot(&request, &["secret"]), Err(NotAuthentic));
}
