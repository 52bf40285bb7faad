//! Enrichment: what another system knows of somebody is asked for before a handoff is routed.
//!
//! The port is one GET of a JSON document: its address is made of what is known, and a list of
//! places says which parts of the answer are which fields. What must stay true: a place of the
//! address is filled in encoded and never decides which host is asked; what a person or a source
//! said is not overwritten by what is bought; an answer that is not what was expected says
//! nothing.

use crate::{
    config::{EnrichmentRule, FieldRule, Mode, Origin},
    event::SourceEvent,
    handoff::{Flag, Handoff},
    package::Package,
    subject::Subject,
};
use chrono::Duration;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{borrow::Cow, collections::BTreeMap};

/// What an address may name.
pub const PLACES: [&str; 8] = [
    "lead.id",
    "lead.object",
    "lead.crm",
    "lead.name",
    "lead.email",
    "lead.email_domain",
    "lead.company",
    "lead.country",
];

/// The parts of a subject that an answer may say.
pub const SUBJECT_PARTS: [&str; 4] =
    ["subject.name", "subject.email", "subject.company", "subject.country"];

/// The longest text that is taken from an answer, in bytes.
const TEXT_BYTES_MAX: usize = 4_096;

/// How long before a handoff's trigger an answer is dated, in days: longer than a source's news is
/// on its way.
const DATED_DAYS: i64 = 7;

/// How many entries of a list are taken.
const LIST_MAX: usize = 50;

/// Tells whether a rule asks about a handoff: not where nothing is sent outside, and to read back
/// only what came thin, of that CRM and that kind of object.
pub fn concerns(rule: &EnrichmentRule, handoff: &Handoff, subject: &Subject) -> bool {
    let of_type = rule.types.is_empty() || rule.types.contains(&handoff.kind);
    let of_object = rule.object.is_none() || rule.object == subject.object;
    let thin = handoff.flags.contains(&Flag::ReadBack);
    let to_read_back = rule.reads_back.is_none() || (thin && rule.reads_back == subject.crm);
    handoff.mode == Mode::Live && of_type && of_object && to_read_back
}

/// Makes the address a rule asks; none, where something it names is not known.
pub fn address(rule: &EnrichmentRule, subject: &Subject) -> Option<String> {
    let mut address = String::with_capacity(rule.url.len() + 32);
    let mut rest = rule.url.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (place, after) = after.split_once('}')?;
        address.push_str(before);
        encode(&known(place, subject)?, &mut address);
        rest = after;
    }
    address.push_str(rest);
    Some(address)
}

/// Lists the places an address names, as they are written.
pub(crate) fn places(url: &str) -> Vec<&str> {
    let named = url.split('{').skip(1);
    named.filter_map(|rest| rest.split_once('}').map(|(place, _)| place)).collect()
}

fn known(place: &str, subject: &Subject) -> Option<String> {
    let text = match place {
        "lead.id" => subject.id.clone(),
        "lead.object" => subject.object.map(|object| object.to_string()),
        "lead.crm" => subject.crm.clone(),
        "lead.name" => subject.name.clone(),
        "lead.email" => subject.email.clone(),
        "lead.email_domain" => Some(subject.email_domain()),
        "lead.company" => subject.company.clone(),
        "lead.country" => subject.country.clone(),
        _ => None,
    };
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Writes a text so that it can only be part of what an address asks, whatever is in it.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => into.push(byte.into()),
            // A name of dots alone is a way up in a path.
            other => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                into.push('%');
                for half in [other >> 4, other & 15] {
                    into.push(DIGITS[usize::from(half)].into());
                }
            }
        }
    }
}

/// Reads an answer: values by field, and by `subject.` part. What is no plain value, or longer
/// than anybody reads, is left out.
pub fn read(rule: &EnrichmentRule, answer: &Value) -> BTreeMap<String, Value> {
    let said = rule.fields.iter().filter_map(|(places, field)| {
        let mut parts = places.split('+').filter_map(|place| at(answer, place.trim()));
        let first = parts.next()?;
        let value = match places.contains('+') {
            false => plain(first)?,
            true => {
                let words = std::iter::once(first).chain(parts).filter_map(Value::as_str);
                let words: Vec<&str> =
                    words.map(str::trim).filter(|word| !word.is_empty()).collect();
                plain(&words.join(" ").into())?
            }
        };
        Some((field.clone(), value))
    });
    said.collect()
}

/// Finds a place such as `company.tags.0` in an answer.
fn at<'v>(answer: &'v Value, place: &str) -> Option<&'v Value> {
    let step = |value: &'v Value, name: &str| match value {
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    };
    place.split('.').try_fold(answer, step)
}

fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX => None,
        Value::String(text) => Some(text.trim().into()),
        Value::Number(_) | Value::Bool(_) => Some(value.clone()),
        Value::Array(list) => {
            let entries = list.iter().filter(|one| !one.is_array()).filter_map(plain);
            let entries: Vec<Value> = entries.take(LIST_MAX).collect();
            (!entries.is_empty()).then(|| entries.into())
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// Makes the event an answer is: what it says that nobody said before; none, where that is nothing.
///
/// It is dated a week before the handoff's trigger, so that whatever a source or a person says
/// stands, whenever it comes in. It is one event for each handoff and rule, however often it is
/// asked.
pub fn event(
    name: &str,
    rule: &EnrichmentRule,
    said: &BTreeMap<String, Value>,
    (handoff, package, template): (&Handoff, &Package, &[FieldRule]),
) -> Option<SourceEvent> {
    let taken = |field: &str| {
        let known = template.iter().find(|known| known.name == field);
        known.is_none_or(|known| may_say(known, rule)) && is_new(field, package, &rule.name)
    };
    let fields = said.iter().filter(|(field, _)| !field.starts_with("subject.") && taken(field));
    let fields: BTreeMap<String, Value> =
        fields.map(|(field, value)| (field.clone(), value.clone())).collect();
    let known = &package.subject;
    let part = |name: &str, known: &Option<String>| {
        let said = said.get(&format!("subject.{name}")).and_then(Value::as_str);
        said.filter(|_| known.is_none()).map(str::to_owned)
    };
    let subject = Subject {
        crm: known.crm.clone(),
        object: known.object,
        id: known.id.clone(),
        references: Vec::new(),
        name: part("name", &known.name),
        email: part("email", &known.email),
        company: part("company", &known.company),
        country: part("country", &known.country),
    };
    let learned = [&subject.name, &subject.email, &subject.company, &subject.country];
    let read_back = rule.reads_back.is_some() && !said.is_empty();
    if fields.is_empty() && learned.iter().all(|part| part.is_none()) && !read_back {
        return None;
    }
    let key = format!("{name}:{}", handoff.id);
    Some(SourceEvent {
        fingerprint: hex::encode(Sha256::digest(&key)),
        key,
        name: ENRICHED.to_owned(),
        occurred_at: Some(handoff.triggered_at - Duration::days(DATED_DAYS)),
        about: Some(handoff.id.clone()),
        subject,
        score: fields.get("score").and_then(Value::as_i64),
        fields,
        read_back,
        ..SourceEvent::default()
    })
}

/// Leaves out of an answer what somebody has said since it was asked for; every other event says
/// what it says.
pub fn still_new<'e>(
    event: &'e SourceEvent,
    package: &Package,
    said_by: &str,
) -> Cow<'e, SourceEvent> {
    if event.about.is_none() {
        return Cow::Borrowed(event);
    }
    let mut event = event.clone();
    event.fields.retain(|field, _| is_new(field, package, said_by));
    event.score = event.score.filter(|_| event.fields.contains_key("score"));
    // A package may have a part of its subject from a field of that name.
    let said = |name: &str| !is_new(name, package, said_by);
    let (company, country) = (said("company"), said("country"));
    event.subject.company = event.subject.company.filter(|_| !company);
    event.subject.country = event.subject.country.filter(|_| !country);
    Cow::Owned(event)
}

fn is_new(field: &str, package: &Package, said_by: &str) -> bool {
    let known = package.values.get(field);
    known.is_none_or(|known| known.by == said_by || says_nothing(&known.value))
}

/// The event an answer is.
pub const ENRICHED: &str = "enriched";

/// Tells whether a field may be said by enrichment.
pub(crate) fn may_say(field: &FieldRule, rule: &EnrichmentRule) -> bool {
    rule.reads_back.is_some() || field.from.contains(&Origin::Enrichment)
}

fn says_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::ObjectKind;
    use chrono::DateTime;
    use serde_json::json;

    fn rule(url: &str, fields: &[(&str, &str)]) -> EnrichmentRule {
        let fields = fields.iter().map(|(place, field)| ((*place).into(), (*field).into()));
        EnrichmentRule {
            name: "Company data".to_owned(),
            url: url.to_owned(),
            fields: fields.collect(),
            ..EnrichmentRule::default()
        }
    }

    fn subject(email: &str, company: &str) -> Subject {
        Subject {
            crm: Some("hubspot".to_owned()),
            object: Some(ObjectKind::Contact),
            id: Some("7".to_owned()),
            email: Some(email.to_owned()),
            company: Some(company.to_owned()),
            ..Subject::default()
        }
    }

    #[test]
    fn an_address_is_filled_in_encoded_and_only_where_all_is_known() {
        let ask = |url: &str, subject: &Subject| address(&rule(url, &[]), subject);
        let dana = subject("dana@acme.example", "A&B ../ #1?");
        let host = "https://data.example";
        assert_eq!(
            ask(&format!("{host}/{{lead.email_domain}}?c={{lead.company}}"), &dana).unwrap(),
            format!("{host}/acme%2Eexample?c=A%26B%20%2E%2E%2F%20%231%3F")
        );
        assert_eq!(ask(&format!("{host}/{{lead.country}}"), &dana), None);
        let odd = subject("dana@evil.example/..@x", "Ü");
        assert_eq!(
            ask(&format!("{host}/{{lead.email}}/{{lead.company}}"), &odd).unwrap(),
            format!("{host}/dana%40evil%2Eexample%2F%2E%2E%40x/%C3%9C")
        );
    }

    #[test]
    fn an_answer_is_read_by_its_places_and_only_plain_values_are_taken() {
        let fields = [
            ("company.size", "company_size"),
            ("company.tags.1", "industry"),
            ("company.tags", "signals"),
            ("company", "whole"),
            ("nothing.there", "location"),
            ("note", "long"),
            ("first + last", "subject.name"),
        ];
        let answer = json!({
            "company": { "size": 250, "tags": ["b2b", " software ", null, { "x": 1 }, ""] },
            "note": "x".repeat(5_000), "first": "Dana", "last": " Hall ",
        });
        let said = read(&rule("https://data.example", &fields), &answer);
        let expected = json!({
            "company_size": 250, "industry": "software", "signals": ["b2b", "software"],
            "subject.name": "Dana Hall",
        });
        assert_eq!(json!(said), expected);
        for odd in [json!(null), json!([1, 2]), json!("text"), json!({ "company": [] })] {
            assert!(read(&rule("https://data.example", &fields), &odd).is_empty(), "{odd}");
        }
    }

    #[test]
    fn what_somebody_said_is_not_overwritten_by_what_is_bought() {
        let rule = rule("https://data.example", &[]);
        let mut package =
            Package { subject: subject("dana@acme.example", "Acme"), ..Package::default() };
        package.put(
            BTreeMap::from([("industry".to_owned(), "Retail".into())]),
            "amara",
            DateTime::UNIX_EPOCH,
        );
        let said = json!({
            "industry": "Software", "company_size": 250, "subject.email": "x@y.example",
            "subject.country": "GB",
        });
        let said: BTreeMap<String, Value> = serde_json::from_value(said).unwrap();
        let handoff = Handoff { id: "h1".into(), version: 1, ..Handoff::default() };
        let event = event("company", &rule, &said, (&handoff, &package, &[])).unwrap();
        assert_eq!(json!(event.fields), json!({ "company_size": 250 }));
        let told = (event.subject.email.as_deref(), event.subject.country.as_deref());
        assert_eq!(told, (None, Some("GB")));
        let mut later = package.clone();
        later.put(
            BTreeMap::from([("company_size".to_owned(), 3.into())]),
            "amara",
            DateTime::UNIX_EPOCH,
        );
        let left = still_new(&event, &later, "Company data");
        assert!(left.fields.is_empty(), "said meanwhile: {left:?}");
        let size = FieldRule { name: "company_size".to_owned(), ..FieldRule::default() };
        let about = (&handoff, &package, std::slice::from_ref(&size));
        let by_template = super::event("company", &rule, &said, about).unwrap();
        assert!(by_template.fields.is_empty(), "its template does not take it");
        let again = said.into_iter().filter(|(field, _)| field == "industry").collect();
        assert_eq!(super::event("company", &rule, &again, (&handoff, &package, &[])), None);
    }
}
