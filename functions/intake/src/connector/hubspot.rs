//! HubSpot: app webhooks (lists of thin changes) and workflow actions (one fat object).
//!
//! HubSpot promises neither order nor unique event ids: a batch is sorted, creations first, and a
//! duplicate key is made of everything that makes a change this change. One batch may mix portals.
//! Whatever is not ours is answered like what is, since any 4xx brings the whole batch again.

mod workflow;

use super::{
    Item,
    fault::Fault,
    json,
    key::digest,
    mapping::{Vocabulary, matching_rule, says_something},
    node::{Map, Node},
};
use chrono::{DateTime, Utc};
use domain::{
    SourceEvent, SourceKey,
    config::Source,
    event::names::UPDATED,
    subject::{ObjectKind, Subject},
};

/// The name of HubSpot in references.
const CRM: &str = "hubspot";

const VOCABULARY: Vocabulary = Vocabulary {
    defaults: &[
        ("", "email", "email"),
        ("", "company", "company"),
        ("company", "name", "company"),
        ("", "country", "country"),
        ("", "phone", "phone"),
        ("", "amount", "amount"),
    ],
    name_parts: ["firstname", "lastname"],
    currency: "deal_currency_code",
};

/// Reads a list of app events or the object of a workflow action.
pub(super) fn read(key: &SourceKey, source: &Source, text: &str) -> Result<Vec<Item>, Fault> {
    if let Some(entries) = json::entries(text)? {
        return batch(source, &entries);
    }
    match json::parse(text, 0)? {
        // An app event outside a list is no form HubSpot sends.
        Node::Map(body) if body.contains_key("subscriptionType") => Err(Fault::Shape),
        Node::Map(body) => Ok(vec![workflow::read(key, source, body)?]),
        _ => Err(Fault::Shape),
    }
}

/// Reads each entry by itself, so that a bad one is bad alone; but what is not JSON is not read in
/// parts.
fn batch(source: &Source, entries: &[&str]) -> Result<Vec<Item>, Fault> {
    let (mut events, mut others) = (Vec::new(), Vec::new());
    for entry in entries {
        let read = match json::parse(entry, 1) {
            Err(Fault::Json) => return Err(Fault::Json),
            parsed => parsed.and_then(|node| app_event(source, node)),
        };
        match read {
            Ok(Some(event)) => events.push(event),
            Ok(None) => others.push(Item::Ignored),
            Err(fault) => others.push(Item::unreadable(&fault, entry.trim().as_bytes())),
        }
    }
    events.sort_by_key(|(kind, event)| {
        let at = event.occurred_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
        (*kind != ChangeKind::Creation, at)
    });
    Ok(events.into_iter().map(|(_, event)| Item::event(event)).chain(others).collect())
}

/// The changes that can be ours; deletions, merges and associations are not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ChangeKind {
    Creation,
    PropertyChange,
}

/// Reads one app event; `None` when it is not ours.
fn app_event(source: &Source, node: Node) -> Result<Option<(ChangeKind, SourceEvent)>, Fault> {
    let Node::Map(mut entry) = node else {
        return Err(Fault::Shape);
    };
    entry.remove("attemptNumber");
    let subscription = entry.get("subscriptionType").and_then(Node::as_text);
    let subscription = subscription.ok_or_else(|| Fault::field("subscriptionType"))?;
    if !portal_may_speak(source, &entry, "portalId")? {
        return Ok(None);
    }
    let Some((object, kind)) = what_changed(subscription, &entry) else {
        return Ok(None);
    };
    let Some(object_kind) = ObjectKind::from_word(object) else {
        return Ok(None);
    };
    let id = id_of(&entry, "objectId")?;
    let occurred_at = occurred_at(&entry)?;
    let properties = changed_property(kind, &entry)?;
    if is_own_echo(&entry) || (kind == ChangeKind::PropertyChange && properties.is_empty()) {
        return Ok(None);
    }
    let known = |property: &String| VOCABULARY.target(source, object, property).is_some();
    let name = match matching_rule(source, object, &properties) {
        Some(rule) => rule.event.as_str(),
        None if properties.keys().any(known) => UPDATED,
        None => return Ok(None),
    };
    let mut event = SourceEvent {
        key: app_event_key(&entry),
        name: name.to_owned(),
        occurred_at,
        subject: subject(object_kind, &id),
        thin: true,
        import: entry.get("changeSource").and_then(Node::as_text) == Some("IMPORT"),
        ..SourceEvent::default()
    };
    VOCABULARY.fill(&mut event, source, object, &properties);
    event.fingerprint = digest(&[Some(&Node::Map(entry).canonical())]);
    Ok(Some((kind, event)))
}

/// Tells which object a subscription is about and what happened to it, in the classic and the
/// generic (`object.*`) form.
fn what_changed<'a>(subscription: &'a str, entry: &Map) -> Option<(&'a str, ChangeKind)> {
    let (object, change) = subscription.split_once('.')?;
    let kind = match change {
        "creation" => ChangeKind::Creation,
        "propertyChange" => ChangeKind::PropertyChange,
        _ => return None,
    };
    let object = match (object, entry.get("objectTypeId").and_then(Node::as_text)) {
        ("object", Some("0-1")) => "contact",
        ("object", Some("0-2")) => "company",
        ("object", Some("0-3")) => "deal",
        ("object", Some("0-136")) => "lead",
        ("object", _) => return None,
        _ => object,
    };
    Some((object, kind))
}

/// Reads the changed property; none when it was emptied or its value is withheld.
fn changed_property(kind: ChangeKind, entry: &Map) -> Result<Map, Fault> {
    if kind == ChangeKind::Creation {
        return Ok(Map::new());
    }
    let name = entry.get("propertyName").and_then(Node::as_text);
    let name = name.ok_or_else(|| Fault::field("propertyName"))?;
    match entry.get("propertyValue") {
        Some(Node::List(_) | Node::Map(_)) => Err(Fault::field("propertyValue")),
        Some(value) if says_something(value) => Ok(Map::from([(name.to_owned(), value.clone())])),
        _ => Ok(Map::new()),
    }
}

/// Recognises an owner that an integration changed, ourselves for one: not a transfer somebody
/// made.
fn is_own_echo(entry: &Map) -> bool {
    let says = |key, text| entry.get(key).and_then(Node::as_text) == Some(text);
    says("changeSource", "INTEGRATION") && says("propertyName", "hubspot_owner_id")
}

/// Makes the duplicate key: the event id alone is documented as not unique.
fn app_event_key(entry: &Map) -> String {
    let part = |key| entry.get(key).and_then(Node::as_scalar);
    digest(&[
        Some("app"),
        part("portalId"),
        part("subscriptionId"),
        part("eventId"),
        part("objectId"),
        part("occurredAt"),
        part("propertyName"),
        part("propertyValue"),
    ])
}

/// Tells whether the portal an entry names is configured; with no portals configured, all are.
fn portal_may_speak(source: &Source, entry: &Map, member: &str) -> Result<bool, Fault> {
    if source.senders.is_empty() {
        return Ok(true);
    }
    let portal = id_of(entry, member)?;
    Ok(source.senders.contains(&portal))
}

fn id_of(entry: &Map, member: &str) -> Result<String, Fault> {
    let id = entry.get(member).and_then(Node::as_id);
    id.map(str::to_owned).ok_or_else(|| Fault::field(member))
}

fn occurred_at(entry: &Map) -> Result<Option<DateTime<Utc>>, Fault> {
    match entry.get("occurredAt") {
        None | Some(Node::Null) => Ok(None),
        Some(at) => milliseconds(at).map(Some).ok_or_else(|| Fault::field("occurredAt")),
    }
}

fn milliseconds(at: &Node) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(at.as_id()?.parse().ok()?)
}

fn subject(object: ObjectKind, id: &str) -> Subject {
    Subject {
        crm: Some(CRM.to_owned()),
        object: Some(object),
        id: Some(id.to_owned()),
        ..Subject::default()
    }
}
