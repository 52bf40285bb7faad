//! Sample sources and requests.

use crate::connector::{Item, Reading, Request, read};
use chrono::{DateTime, Utc};
use domain::{
    SourceEvent, SourceKey,
    config::{EventRule, Source, SourceKind},
};
use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const CREATION: &str =
    include_str!("../../../fixtures/hubspot/subscription_contact_creation.json");
pub(super) const PROPERTY_CHANGE: &str =
    include_str!("../../../fixtures/hubspot/subscription_contact_propertyChange_mql.json");
pub(super) const LEGACY: &str =
    include_str!("../../../fixtures/hubspot/workflow_action_contact_legacy.json");
pub(super) const FLAT: &str =
    include_str!("../../../fixtures/hubspot/workflow_action_custom_body.json");
pub(super) const CLOSED_WON: &str =
    include_str!("../../../fixtures/salesforce/outbound_message_opportunity_closed_won.xml");
pub(super) const ACCOUNT: &str =
    include_str!("../../../fixtures/salesforce/outbound_message_account.xml");
pub(super) const PERSON: &str = include_str!("../../../fixtures/pipedrive/v2_create_person.json");
pub(super) const DEAL_WON: &str =
    include_str!("../../../fixtures/pipedrive/v2_change_deal_won.json");
pub(super) const PRESSED: &str =
    include_str!("../../../fixtures/slack/interactivity_block_actions.json");
pub(super) const ACK: &str =
    include_str!("../../../fixtures/salesforce/outbound_message_ack_response.xml");

fn rule(object: &str, property: &str, says: Option<Result<&str, &str>>, event: &str) -> EventRule {
    EventRule {
        object: Some(object.into()),
        property: Some(property.into()),
        equals: says.and_then(Result::ok).map(str::to_owned),
        contains: says.and_then(Result::err).map(str::to_owned),
        event: event.into(),
    }
}

fn source(kind: SourceKind, events: Vec<EventRule>, fields: &[(&str, &str)]) -> Source {
    Source {
        kind,
        secret: "sample".into(),
        senders: Vec::new(),
        events,
        fields: fields.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect(),
        currency: "EUR".into(),
        destination: None,
    }
}

pub(super) fn generic() -> Source {
    source(SourceKind::Generic, Vec::new(), &[])
}

pub(super) fn hubspot() -> Source {
    let (demo, mql) = (Some(Err("demo")), Some(Ok("marketingqualifiedlead")));
    let events = vec![
        rule("contact", "recent_conversion_event_name", demo, "demo.requested"),
        rule("contact", "hubspotscore", None, "lead.scored"),
        rule("contact", "lifecyclestage", mql, "lead.qualified"),
        rule("deal", "dealstage", Some(Ok("closedwon")), "contract.signed"),
        rule("deal", "hubspot_owner_id", None, "territory.changed"),
    ];
    let fields = [("hubspotscore", "score"), ("recent_conversion_event_name", "intent_signal")];
    source(SourceKind::Hubspot, events, &fields)
}

pub(super) fn salesforce() -> Source {
    let events = vec![
        rule("Lead", "Score__c", None, "lead.scored"),
        rule("Opportunity", "StageName", Some(Ok("Closed Won")), "contract.signed"),
        rule("Task", "Status", Some(Ok("Completed")), "touch"),
    ];
    source(SourceKind::Salesforce, events, &[("Score__c", "score"), ("Fit__c", "fit")])
}

pub(super) fn pipedrive() -> Source {
    let events = vec![
        rule("person", "a1b2", None, "lead.scored"),
        rule("deal", "status", Some(Ok("won")), "contract.signed"),
        rule("deal", "owner_id", None, "territory.changed"),
    ];
    source(SourceKind::Pipedrive, events, &[("a1b2", "score"), ("c3d4", "fit")])
}

pub(super) fn slack() -> Source {
    source(SourceKind::Slack, Vec::new(), &[])
}

pub(super) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

pub(super) fn request<'a>(
    url: &'a str,
    headers: &'a HeaderMap,
    body: &'a [u8],
    now_ms: i64,
) -> Request<'a> {
    let now: DateTime<Utc> = DateTime::from_timestamp_millis(now_ms).unwrap();
    Request { method: "POST", url, token: None, headers, body, now }
}

pub(super) fn reading(source: &Source, body: impl AsRef<[u8]>) -> Reading {
    read(&SourceKey::from("sample"), source, &HeaderMap::new(), body.as_ref())
}

/// Reads a body that says exactly one thing that happened.
pub(super) fn event(source: &Source, body: impl AsRef<[u8]>) -> SourceEvent {
    let mut items = reading(source, body).items;
    match (items.pop(), items.len()) {
        (Some(Item::Event(event)), 0) => *event,
        other => panic!("expected one event, not {other:?}"),
    }
}

/// Reads a body that has one item, unreadable; checks that its part is the bytes concerned.
pub(super) fn reason(source: &Source, body: impl AsRef<[u8]>) -> String {
    let mut items = reading(source, body.as_ref()).items;
    match (items.pop(), items.len()) {
        (Some(Item::Unreadable(unreadable)), 0) => {
            let part = unreadable.part.as_slice();
            let is_there = body.as_ref().windows(part.len().max(1)).any(|window| window == part);
            assert!(is_there || part == body.as_ref());
            unreadable.reason
        }
        other => panic!("expected one unreadable item, not {other:?}"),
    }
}
