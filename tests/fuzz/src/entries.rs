//! What strangers hand in, each as one function of bytes that must neither panic nor hang, and what
//! must hold of its answer.
//!
//! A message is headers, a line each, an empty line and the body; without an empty line all of it
//! is the body. Secrets, addresses and times are those of the published signatures among the seeds,
//! so that a fuzzer begins with messages that are authentic.

use chrono::{DateTime, Utc};
use domain::{
    Config, Handoff, Package, SourceKey,
    config::{self, EventRule, Source, SourceKind},
    routing::{Rules, hold},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use intake::connector::{Item, Request, authenticate, read};
use std::sync::LazyLock;

/// The most entries a batch is read of.
const ENTRIES_MAX: usize = 10_000;

/// The reasons an entry can be put aside for, besides `field:` and its path.
const REASONS: [&str; 11] =
    ["empty", "utf8", "json", "form", "dup-key", "depth", "size", "shape", "xml", "dtd", "inflate"];

/// The sample organisation.
static SAMPLE: LazyLock<Config> = LazyLock::new(|| {
    let text = include_str!("../../../infra/local/sample/organisation.toml");
    config::load(text).expect("the sample is good")
});

/// Proves and reads a message to the generic hook.
pub(crate) fn generic(data: &[u8]) {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    message(data, SourceKind::Generic, secret, 1_614_265_330_000);
}

/// Proves and reads a message of HubSpot.
pub(crate) fn hubspot(data: &[u8]) {
    let secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    message(data, SourceKind::Hubspot, secret, 1_693_657_560_000);
}

/// Proves and reads a message of Salesforce.
pub(crate) fn salesforce(data: &[u8]) {
    message(data, SourceKind::Salesforce, "token", 1_782_000_000_000);
}

/// Proves and reads a message of Pipedrive.
pub(crate) fn pipedrive(data: &[u8]) {
    message(data, SourceKind::Pipedrive, "handoff:secret", 1_782_000_000_000);
}

/// Proves and reads a button of Slack that was pressed.
pub(crate) fn slack(data: &[u8]) {
    message(data, SourceKind::Slack, "test-secret-0001", 1_790_000_001_000);
}

/// Reads a packed body as each connector does.
pub(crate) fn inflate(data: &[u8]) {
    let name = HeaderName::from_static("content-encoding");
    let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("gzip"))]);
    for kind in [SourceKind::Generic, SourceKind::Salesforce] {
        is_read(&source(kind), &headers, data);
    }
}

/// Reads a configuration; every problem has a place in it and is a sentence.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match config::load(text) {
        Ok(config) => drop(Rules::compile(&config)),
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(problem.span.start <= problem.span.end, "{problem:?}");
                assert!(problem.span.end <= text.len(), "{problem:?}");
                assert!(problem.line >= 1 && problem.column >= 1, "{problem:?}");
                assert!(problem.to_string().ends_with(['.', '?']), "{problem}");
            }
        }
    }
}

/// Lints, compiles and asks a clause: what is asked by lookup and what is asked in order agree.
pub(crate) fn clause(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let clauses = vec![text.to_owned()];
    let mut config = SAMPLE.clone();
    config.rules.truncate(1);
    let rule = &mut config.rules[0];
    (rule.when, rule.types) = (clauses.clone(), Vec::new());
    drop(Rules::faults(&config));
    let now = DateTime::UNIX_EPOCH;
    let (handoff, package) = (Handoff::default(), Package::default());
    let about = (&handoff, &package);
    let first = Rules::compile(&config).first(&config, about, now);
    assert_eq!(first.is_some(), hold(&clauses, &config, about, now), "{text}");
}

fn source(kind: SourceKind) -> Source {
    let rule = |object: &str, property: &str, equals: Option<&str>, event: &str| EventRule {
        object: Some(object.to_owned()),
        property: Some(property.to_owned()),
        equals: equals.map(str::to_owned),
        contains: None,
        event: event.to_owned(),
    };
    let senders: &[&str] = match kind {
        SourceKind::Generic => &[],
        SourceKind::Hubspot => &["62515", "33"],
        SourceKind::Salesforce => &["00Dxx0000001gPLEAY"],
        SourceKind::Pipedrive => &["12882925", "123123"],
        SourceKind::Slack => &["T1DC2JH3J"],
    };
    Source {
        kind,
        secret: "a name".to_owned(),
        senders: senders.iter().map(|sender| (*sender).to_owned()).collect(),
        events: vec![
            rule("contact", "hubspotscore", None, "lead.scored"),
            rule("contact", "lifecyclestage", Some("marketingqualifiedlead"), "lead.qualified"),
            rule("Opportunity", "StageName", Some("Closed Won"), "contract.signed"),
            rule("deal", "status", Some("won"), "contract.signed"),
        ],
        fields: [("hubspotscore", "score"), ("label", "score")]
            .map(|(from, to)| (from.to_owned(), to.to_owned()))
            .into(),
        currency: "EUR".to_owned(),
        destination: None,
    }
}

/// Splits a message into headers and body.
fn split(data: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let Some(end) = data.windows(2).position(|two| two == b"\n\n") else { return (headers, data) };
    for line in data[..end].split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, &data[end + 2..])
}

/// Proves a message and reads it, as the door does, whether it is proven or not.
fn message(data: &[u8], kind: SourceKind, secret: &str, now_ms: i64) {
    let (headers, body) = split(data);
    let source = source(kind);
    let now: DateTime<Utc> = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
    let request = Request {
        method: "POST",
        url: "https://www.example.com/webhook_uri",
        token: (kind == SourceKind::Salesforce).then_some(secret),
        headers: &headers,
        body,
        now,
    };
    let proven = |request: &Request<'_>, secret: &str| {
        authenticate(&source, request, &[secret.to_owned()]).is_ok()
    };
    let signs = matches!(kind, SourceKind::Generic | SourceKind::Hubspot | SourceKind::Slack);
    if proven(&request, secret) && signs {
        assert!(!proven(&request, "another secret"), "anybody's secret proves it");
        let mut other = body.to_vec();
        other.push(b' ');
        assert!(!proven(&Request { body: &other, ..request }, secret), "its body is not proven");
    }
    is_read(&source, &headers, body);
}

/// Reads a body, twice the same; checks each item.
fn is_read(source: &Source, headers: &HeaderMap, body: &[u8]) {
    let key = SourceKey::from("a-source");
    let reading = read(&key, source, headers, body);
    assert!(reading == read(&key, source, headers, body), "it reads the same on every redrive");
    assert!(reading.items.len() <= ENTRIES_MAX.max(1));
    for item in reading.items {
        match item {
            Item::Event(event) => {
                assert!(!event.key.is_empty() && !event.name.is_empty());
                assert_eq!(event.fingerprint.len(), 64);
            }
            Item::Unreadable(unreadable) => {
                let reason = unreadable.reason.as_str();
                assert!(REASONS.contains(&reason) || reason.starts_with("field:"), "{reason}");
                assert!(unreadable.part.len() <= body.len().max(5_000_000));
            }
            Item::Click(click) => {
                assert_eq!(click.key.len(), 64);
                assert!(!click.user.is_empty() && !click.handoff.as_str().is_empty());
            }
            Item::Ignored => {}
        }
    }
}
