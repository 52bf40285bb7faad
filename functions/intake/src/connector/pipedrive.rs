//! Pipedrive: webhooks of version 2, one change an envelope, with the object as it is and what it
//! was.
//!
//! They are not signed; HTTP Basic proves who sends. The object comes whole at every change, so a
//! rule looks only at the properties that changed: a deal that was won is not won again when its
//! title is edited. Ids come as numbers and as texts, and both are one.

use super::{
    Item,
    fault::Fault,
    json,
    key::digest,
    mapping::{Vocabulary, instant, matching_rule, says_something, score},
    node::{Map, Node},
};
use chrono::{DateTime, Utc};
use domain::{
    SourceEvent,
    config::Source,
    event::names::UPDATED,
    subject::{ObjectKind, Reference, Subject},
};

/// The name of Pipedrive in references.
const CRM: &str = "pipedrive";

const VOCABULARY: Vocabulary = Vocabulary {
    defaults: &[
        ("", "email", "email"),
        ("person", "name", "name"),
        ("organization", "name", "company"),
        ("deal", "value", "amount"),
        ("lead", "value", "amount"),
    ],
    name_parts: ["first_name", "last_name"],
    currency: "currency",
};

/// Properties that name another object.
const REFERENCES: [(&str, ObjectKind); 3] = [
    ("person_id", ObjectKind::Contact),
    ("org_id", ObjectKind::Account),
    ("organization_id", ObjectKind::Account),
];

/// Properties of which an object has several, and what the chief one is called here.
const SEVERAL: [(&str, &str); 2] = [("emails", "email"), ("phones", "phone")];

/// Whole numbers below this are seconds since 1970; in milliseconds it is a day of 1973.
const MOST_SECONDS: i64 = 100_000_000_000;

/// The property that says whose an object is.
const OWNER: &str = "owner_id";

/// Reads the one change of a request; an empty list is none.
pub(super) fn read(source: &Source, text: &str) -> Result<Vec<Item>, Fault> {
    let mut body = match json::parse(text, 0)? {
        Node::Map(body) => body,
        Node::List(items) if items.is_empty() => return Ok(Vec::new()),
        _ => return Err(Fault::Shape),
    };
    let Some(Node::Map(meta)) = body.get_mut("meta") else {
        return Err(Fault::field("meta"));
    };
    // It counts up while what was sent stays the same.
    meta.remove("attempt");
    let meta = meta.clone();
    let item = match change(source, &meta, &body)? {
        Some(mut event) => {
            event.fingerprint = digest(&[Some(&Node::Map(body).canonical())]);
            Item::event(event)
        }
        None => Item::Ignored,
    };
    Ok(vec![item])
}

/// Reads what changed; `None` when it is not ours.
fn change(source: &Source, meta: &Map, body: &Map) -> Result<Option<SourceEvent>, Fault> {
    let entity = word(meta, "entity")?;
    let action = word(meta, "action")?;
    let id = meta.get("entity_id").and_then(Node::as_id);
    let id = id.ok_or_else(|| Fault::field("meta.entity_id"))?;
    if !company_may_speak(source, meta)? || !matches!(action, "create" | "change") {
        return Ok(None);
    }
    let kind = match entity {
        "person" | "deal" | "organization" | "lead" => ObjectKind::from_word(entity),
        _ => None,
    };
    let Some(kind) = kind else { return Ok(None) };
    let data = body.get("data").and_then(Node::as_map).ok_or_else(|| Fault::field("data"))?;
    let before = match body.get("previous") {
        None | Some(Node::Null) => Map::new(),
        Some(Node::Map(before)) => properties(before),
        Some(_) => return Err(Fault::field("previous")),
    };
    let mut properties = properties(data);
    let is_new = action == "create";
    let mut changed = properties.clone();
    if !is_new {
        let previous = body.get("previous").and_then(Node::as_map);
        changed.retain(|name, _| previous.is_some_and(|before| has_changed(name, before)));
    }
    // Whoever has it from the beginning did not get it from somebody.
    if is_new || by_a_program(meta) {
        changed.remove(OWNER);
    }
    if changed.is_empty() && !is_new {
        return Ok(None);
    }
    let rule = matching_rule(source, entity, &changed);
    let score_of = |name: &&String| VOCABULARY.target(source, entity, name) == Some("score");
    let mut event = SourceEvent {
        key: key(meta, entity, id, action),
        name: rule.map_or(UPDATED, |rule| &rule.event).to_owned(),
        occurred_at: occurred_at(meta, data)?,
        subject: Subject {
            crm: Some(CRM.to_owned()),
            object: Some(kind),
            id: Some(id.to_owned()),
            references: take_references(&mut properties),
            ..Subject::default()
        },
        previous_score: before
            .keys()
            .find(score_of)
            .and_then(|name| score(before.get(name)?.as_scalar()?)),
        import: meta.get("is_bulk_edit") == Some(&Node::Bool(true)),
        ..SourceEvent::default()
    };
    VOCABULARY.fill(&mut event, source, entity, &properties);
    Ok(Some(event))
}

fn word<'a>(meta: &'a Map, member: &str) -> Result<&'a str, Fault> {
    let word = meta.get(member).and_then(Node::as_text).filter(|word| !word.is_empty());
    word.ok_or_else(|| Fault::Field(format!("meta.{member}")))
}

/// Tells whether the company an envelope names is configured; with none configured, all are.
fn company_may_speak(source: &Source, meta: &Map) -> Result<bool, Fault> {
    if source.senders.is_empty() {
        return Ok(true);
    }
    let company = meta.get("company_id").and_then(Node::as_id);
    let company = company.ok_or_else(|| Fault::field("meta.company_id"))?;
    Ok(source.senders.iter().any(|known| known == company))
}

/// Recognises what was changed by the API: an owner set so, by ourselves for one, is no transfer
/// somebody made.
fn by_a_program(meta: &Map) -> bool {
    meta.get("change_source").and_then(Node::as_text) == Some("api")
}

/// Makes the duplicate key: the envelope's id, or where that only repeats the object's, everything
/// that makes the change this change.
fn key(meta: &Map, entity: &str, id: &str, action: &str) -> String {
    let part = |member| meta.get(member).and_then(Node::as_scalar);
    match part("id").filter(|own| !own.is_empty() && *own != id) {
        Some(own) => digest(&[Some(CRM), Some(own), part("webhook_id")]),
        None => digest(&[
            Some(CRM),
            part("correlation_id"),
            Some(entity),
            Some(id),
            Some(action),
            part("timestamp"),
        ]),
    }
}

/// Reads when it occurred: as the envelope says, else as the object does.
fn occurred_at(meta: &Map, data: &Map) -> Result<Option<DateTime<Utc>>, Fault> {
    match meta.get("timestamp") {
        None | Some(Node::Null) => {
            Ok(data.get("update_time").and_then(|at| instant(at.as_text()?)))
        }
        Some(at) => moment(at).map(Some).ok_or_else(|| Fault::field("meta.timestamp")),
    }
}

/// Reads an instant, or seconds or milliseconds since 1970.
fn moment(at: &Node) -> Option<DateTime<Utc>> {
    let text = at.as_id()?;
    match text.parse::<i64>() {
        Ok(seconds) if seconds.abs() < MOST_SECONDS => DateTime::from_timestamp(seconds, 0),
        _ => instant(text),
    }
}

/// Reads the properties that say something: the object's own, the chief of several, and custom
/// fields by their keys.
fn properties(object: &Map) -> Map {
    let mut found = Map::new();
    let own = object.iter().map(|(name, value)| (name, Some(value)));
    let custom = object.get("custom_fields").and_then(Node::as_map);
    let custom = custom.into_iter().flatten().map(|(name, value)| (name, plain(value)));
    let several = |name: &str| SEVERAL.iter().find(|(many, _)| *many == name);
    for (name, value) in own.chain(custom) {
        let (name, value) = match (several(name), value) {
            (Some((_, one)), Some(Node::List(values))) => (*one, chief(values)),
            (_, value) => (name.as_str(), value),
        };
        if let Some(value) = value.filter(|value| says_something(value)) {
            found.entry(name.to_owned()).or_insert_with(|| value.clone());
        }
    }
    found
}

/// Reads a custom field's value: an object that names its type, or the value alone.
fn plain(value: &Node) -> Option<&Node> {
    match value {
        Node::Map(typed) => typed.get("value").or_else(|| typed.get("id")),
        value => Some(value),
    }
}

/// Finds the value that is marked primary, else the first.
fn chief(values: &[Node]) -> Option<&Node> {
    let is_primary = |value: &&Map| value.get("primary") == Some(&Node::Bool(true));
    let mut all = values.iter().filter_map(Node::as_map);
    all.clone().find(is_primary).or_else(|| all.next())?.get("value")
}

/// Tells whether a property is among what an object was before; that it was touched is no change.
fn has_changed(name: &str, before: &Map) -> bool {
    let several = SEVERAL.iter().find(|(_, one)| *one == name).map(|(many, _)| *many);
    let custom = before.get("custom_fields").and_then(Node::as_map);
    name != "update_time"
        && (before.contains_key(several.unwrap_or(name))
            || custom.is_some_and(|custom| custom.contains_key(name)))
}

fn take_references(properties: &mut Map) -> Vec<Reference> {
    let mut references = Vec::new();
    for (property, object) in REFERENCES {
        if let Some(id) = properties.remove(property)
            && let Some(id) = id.as_id()
        {
            references.push(Reference::new(CRM, object, id));
        }
    }
    references
}
