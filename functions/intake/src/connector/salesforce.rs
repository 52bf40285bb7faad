//! Salesforce: outbound messages, SOAP with up to a hundred notifications, unsigned.
//!
//! What proves them is the token in the path and, where configured, the organisation they name. The
//! session id in the envelope is a live credential: nothing of it reaches an event. Messages arrive
//! in any order and show the record as it was when sent, so the record's own modification time is
//! when the event occurred.

use super::{
    Item, NotAuthentic,
    fault::Fault,
    inflate,
    key::digest,
    mapping::{Vocabulary, instant, matching_rule, says_something},
    node::{Map, Node},
    xml::{self, Element},
};
use domain::{
    SourceEvent,
    config::Source,
    event::names::UPDATED,
    subject::{ObjectKind, Reference, Subject},
};
use http::HeaderMap;

/// The name of Salesforce in references.
const CRM: &str = "salesforce";

const VOCABULARY: Vocabulary = Vocabulary {
    defaults: &[
        ("", "Email", "email"),
        ("Lead", "Name", "name"),
        ("Contact", "Name", "name"),
        ("Account", "Name", "company"),
        ("", "Company", "company"),
        ("", "Country", "country"),
        ("", "BillingCountry", "country"),
        ("", "MailingCountry", "country"),
        ("", "Phone", "phone"),
        ("", "Amount", "amount"),
    ],
    name_parts: ["FirstName", "LastName"],
    currency: "CurrencyIsoCode",
};

/// Fields that name another record.
const REFERENCES: [(&str, ObjectKind); 4] = [
    ("LeadId", ObjectKind::Lead),
    ("ContactId", ObjectKind::Contact),
    ("OpportunityId", ObjectKind::Deal),
    ("AccountId", ObjectKind::Account),
];

/// Fields that say when the record was changed, the more telling first.
const TIMES: [&str; 2] = ["LastModifiedDate", "SystemModstamp"];

/// Checks that the organisation a message names is configured, once its token is proven.
///
/// What cannot be read names none and is let through: it has the token, and only the quarantine
/// will see it.
pub(super) fn sender_may_speak(
    source: &Source,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), NotAuthentic> {
    if source.senders.is_empty() {
        return Ok(());
    }
    let parsed = inflate::text(headers, body).and_then(|text| xml::parse(&text));
    let Ok(envelope) = parsed else { return Ok(()) };
    let mut named = notifications(&envelope).into_iter().flat_map(|all| all.all("OrganizationId"));
    match (named.next(), named.next()) {
        (Some(id), None) if source.senders.iter().any(|known| is_same_id(known, &id.text)) => {
            Ok(())
        }
        _ => Err(NotAuthentic),
    }
}

/// Reads each notification by itself.
pub(super) fn read(source: &Source, text: &str) -> Result<Vec<Item>, Fault> {
    let envelope = xml::parse(text)?;
    let notifications = notifications(&envelope).ok_or(Fault::Shape)?;
    let item = |one: &Element| match notification(source, one) {
        Ok(Some(event)) => Item::event(event),
        Ok(None) => Item::Ignored,
        Err(fault) => {
            let part = text.get(one.span.clone()).unwrap_or_default();
            Item::unreadable(&fault, part.as_bytes())
        }
    };
    Ok(notifications.all("Notification").map(item).collect())
}

fn notifications(envelope: &Element) -> Option<&Element> {
    let body = Some(envelope).filter(|root| root.name == "Envelope")?.child("Body")?;
    body.child("notifications")
}

/// Compares ids of 15 and of 18 characters: the longer form only adds a checksum for systems that
/// ignore case.
fn is_same_id(one: &str, other: &str) -> bool {
    let significant = |id: &str| match id.len() {
        15 | 18 => id.get(..15).map(str::to_owned),
        _ => None,
    };
    one == other || significant(one).is_some_and(|id| significant(other) == Some(id))
}

/// Reads one notification; `None` when it is not ours.
fn notification(source: &Source, one: &Element) -> Result<Option<SourceEvent>, Fault> {
    if !one.is_sound {
        return Err(Fault::Xml);
    }
    let key = one.child("Id").map(|id| &id.text).filter(|id| !id.is_empty());
    let key = key.ok_or_else(|| Fault::field("Id"))?;
    let record = one.child("sObject").ok_or_else(|| Fault::field("sObject"))?;
    let object = record.kind.as_deref().ok_or_else(|| Fault::field("sObject.type"))?;
    let mut fields = fields_of(record)?;
    let id = fields.remove("Id").ok_or_else(|| Fault::field("sObject.Id"))?;
    let id = id.as_id().ok_or_else(|| Fault::field("sObject.Id"))?;
    let kind = match object {
        "Lead" | "Contact" | "Opportunity" | "Account" => ObjectKind::from_word(object),
        _ => None,
    };
    let rule = matching_rule(source, object, &fields);
    let fingerprint = {
        let content = Node::Map(fields.clone()).canonical();
        digest(&[Some(object), Some(id), Some(&content)])
    };
    let mut subject = Subject::default();
    if kind.is_some() {
        subject.crm = Some(CRM.to_owned());
        subject.object = kind;
        subject.id = Some(id.to_owned());
    }
    subject.references = take_references(&mut fields);
    if kind.is_none() && (rule.is_none() || subject.references.is_empty()) {
        return Ok(None);
    }
    let mut event = SourceEvent {
        key: key.clone(),
        fingerprint,
        name: rule.map_or(UPDATED, |rule| &rule.event).to_owned(),
        occurred_at: TIMES.iter().find_map(|field| instant(fields.get(*field)?.as_text()?)),
        subject,
        ..SourceEvent::default()
    };
    fields.retain(|field, _| !TIMES.contains(&field.as_str()));
    VOCABULARY.fill(&mut event, source, object, &fields);
    Ok(Some(event))
}

/// Reads a record's fields that have a value; compound ones are not part of outbound messages.
fn fields_of(record: &Element) -> Result<Map, Fault> {
    let mut fields = Map::new();
    for field in record.children.iter().filter(|field| field.children.is_empty()) {
        let value = Node::Text(field.text.clone());
        if field.is_nil || !says_something(&value) {
            continue;
        }
        if fields.insert(field.name.clone(), value).is_some() {
            return Err(Fault::DuplicateKey);
        }
    }
    Ok(fields)
}

fn take_references(fields: &mut Map) -> Vec<Reference> {
    let mut references = Vec::new();
    for (field, object) in REFERENCES {
        if let Some(id) = fields.remove(field)
            && let Some(id) = id.as_id()
        {
            references.push(Reference::new(CRM, object, id));
        }
    }
    references
}
