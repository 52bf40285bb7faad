//! HubSpot's workflow actions: the whole object, in the legacy contact shape or as a flat body of
//! chosen properties.
//!
//! An action has no event id. The legacy shape carries each property's versions, so one enrolment
//! is told from the next by the newest of them; a flat body has none and is told by its content.
//! All values are strings.

use super::{CRM, VOCABULARY, milliseconds, portal_may_speak, subject};
use crate::connector::{
    Item,
    fault::Fault,
    key::digest,
    mapping::{matching_rule, says_something, score},
    node::{Map, Node},
};
use chrono::{DateTime, Utc};
use domain::{SourceEvent, SourceKey, config::Source, event::names::UPDATED, subject::ObjectKind};

/// Members of the legacy shapes that name the object; without one it is a contact.
const LEGACY_IDS: [(&str, &str); 4] =
    [("vid", "contact"), ("dealId", "deal"), ("companyId", "company"), ("hs_object_id", "contact")];

/// Members of a flat body that name the contact.
const FLAT_IDS: [(&str, &str); 3] =
    [("hs_object_id", "contact"), ("vid", "contact"), ("objectId", "contact")];

/// Reads the one object of a workflow action.
pub(super) fn read(key: &SourceKey, source: &Source, body: Map) -> Result<Item, Fault> {
    for portal in ["portal-id", "portalId"] {
        if body.contains_key(portal) && !portal_may_speak(source, &body, portal)? {
            return Ok(Item::Ignored);
        }
    }
    let (properties, histories) = properties(&body)?;
    let (object, id) = object_and_id(&body, &properties)?;
    let kind = ObjectKind::from_word(object).ok_or(Fault::Shape)?;
    let rule = matching_rule(source, object, &properties);
    let trigger = rule.and_then(|rule| rule.property.as_deref());
    let newest = histories
        .iter()
        .filter(|history| Some(history.property) == trigger)
        .chain(histories.iter().max_by_key(|history| history.newest()))
        .find_map(|history| history.versions.first());
    let mut event = SourceEvent {
        name: rule.map_or(UPDATED, |rule| &rule.event).to_owned(),
        occurred_at: newest.map(|version| version.at),
        subject: subject(kind, &id),
        previous_score: previous_score(source, object, &histories),
        import: newest.is_some_and(|version| version.source == Some("IMPORT")),
        ..SourceEvent::default()
    };
    let mut told = properties;
    told.retain(|name, _| FLAT_IDS.iter().all(|(member, _)| name != member));
    VOCABULARY.fill(&mut event, source, object, &told);
    let at = event.occurred_at.map(|at| at.timestamp_millis().to_string());
    let content = Node::Map(body.clone()).canonical();
    event.fingerprint = digest(&[Some(&content)]);
    let distinction = match (trigger, &at) {
        (Some(_), Some(at)) => at,
        _ => &event.fingerprint,
    };
    let parts = [CRM, "workflow", key.as_str(), object, &id, trigger.unwrap_or(""), distinction];
    event.key = digest(&parts.map(Some));
    Ok(Item::event(event))
}

/// A property's values over time, newest first.
struct History<'a> {
    property: &'a str,
    versions: Vec<Version<'a>>,
}

struct Version<'a> {
    at: DateTime<Utc>,
    value: &'a str,
    source: Option<&'a str>,
}

impl History<'_> {
    fn newest(&self) -> Option<DateTime<Utc>> {
        self.versions.first().map(|version| version.at)
    }
}

/// Reads the properties that say something, and in the legacy shape their versions.
fn properties(body: &Map) -> Result<(Map, Vec<History<'_>>), Fault> {
    let members = match body.get("properties") {
        Some(Node::Map(members)) => members,
        Some(_) => return Err(Fault::field("properties")),
        None => body,
    };
    let (mut properties, mut histories) = (Map::new(), Vec::new());
    for (name, node) in members {
        let value = match node {
            Node::Map(wrapped) => {
                histories.push(History { property: name, versions: versions(wrapped) });
                wrapped.get("value")
            }
            plain => Some(plain),
        };
        if let Some(value) = value.filter(|value| says_something(value)) {
            properties.insert(name.clone(), value.clone());
        }
    }
    Ok((properties, histories))
}

fn versions(wrapped: &Map) -> Vec<Version<'_>> {
    let Some(Node::List(entries)) = wrapped.get("versions") else {
        return Vec::new();
    };
    let mut versions: Vec<Version<'_>> = entries.iter().filter_map(version).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.at));
    versions
}

fn version(entry: &Node) -> Option<Version<'_>> {
    let entry = entry.as_map()?;
    Some(Version {
        at: milliseconds(entry.get("timestamp")?)?,
        value: entry.get("value")?.as_scalar()?,
        source: entry.get("source-type").and_then(Node::as_text),
    })
}

fn object_and_id(body: &Map, properties: &Map) -> Result<(&'static str, String), Fault> {
    let members = if body.contains_key("properties") { &LEGACY_IDS[..] } else { &FLAT_IDS[..] };
    let found = members.iter().find_map(|(member, object)| {
        let id = body.get(*member).or_else(|| properties.get(*member))?.as_id()?;
        Some((*object, id.to_owned()))
    });
    found.ok_or_else(|| Fault::field(members[0].0))
}

/// Reads the score before the present one, whichever property is mapped to it.
fn previous_score(source: &Source, object: &str, histories: &[History<'_>]) -> Option<i64> {
    let is_score = |history: &&History<'_>| {
        VOCABULARY.target(source, object, history.property) == Some("score")
    };
    let history = histories.iter().find(is_score)?;
    score(history.versions.get(1)?.value)
}
