//! HubSpot's app events and workflow actions, from captured and documented bodies.

use super::fixtures::{CREATION, FLAT, LEGACY, PROPERTY_CHANGE, event, hubspot, reading, reason};
use crate::connector::Item;
use domain::{SourceEvent, config::Source, money::Money, subject::ObjectKind};
use serde_json::json;

/// One app event, changed member by member; `null` removes.
fn app(changes: serde_json::Value) -> String {
    let mut entry = json!({
        "eventId": 1, "subscriptionId": 2, "portalId": 62515, "occurredAt": 1_765_043_528_476_i64,
        "subscriptionType": "contact.propertyChange", "attemptNumber": 0, "objectId": 173,
        "propertyName": "hubspotscore", "propertyValue": "71.0", "changeSource": "CRM_UI"
    });
    for (name, value) in changes.as_object().unwrap() {
        entry[name] = value.clone();
    }
    entry.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    entry.to_string()
}

fn batch(entries: &[String]) -> String {
    format!("[{}]", entries.join(","))
}

fn one(changes: serde_json::Value) -> SourceEvent {
    event(&hubspot(), batch(&[app(changes)]))
}

fn is_ignored(source: &Source, changes: serde_json::Value) -> bool {
    reading(source, batch(&[app(changes)])).items == [Item::Ignored]
}

fn names(body: &str) -> Vec<String> {
    let items = reading(&hubspot(), body).items.into_iter();
    items
        .map(|item| match item {
            Item::Event(event) => event.name,
            Item::Click(_) | Item::Ignored => "ignored".to_owned(),
            Item::Unreadable(unreadable) => unreadable.reason,
        })
        .collect()
}

#[test]
fn a_lifecycle_change_is_a_qualified_lead() {
    let event = event(&hubspot(), PROPERTY_CHANGE);
    assert_eq!(event.name, "lead.qualified");
    assert_eq!(event.occurred_at.map(|at| at.timestamp_millis()), Some(1_765_043_528_476));
    assert_eq!(event.subject.crm.as_deref(), Some("hubspot"));
    assert_eq!(event.subject.object, Some(ObjectKind::Contact));
    assert_eq!(event.subject.id.as_deref(), Some("173595202426"));
    assert_eq!(json!(event.fields), json!({"lifecyclestage": "marketingqualifiedlead"}));
    assert!(event.thin && !event.import);
    assert_eq!((event.key.len(), event.fingerprint.len()), (64, 64));
}

#[test]
fn a_creation_is_ours_only_by_a_rule() {
    assert_eq!(reading(&hubspot(), CREATION).items, [Item::Ignored]);
    let mut source = hubspot();
    source.events[0].property = None;
    source.events[0].event = "lead.created".into();
    let event = event(&source, CREATION);
    assert_eq!((event.name.as_str(), event.thin), ("lead.created", true));
}

#[test]
fn a_score_change_carries_the_score() {
    let event = one(json!({}));
    assert_eq!((event.name.as_str(), event.score), ("lead.scored", Some(71)));
    assert!(event.fields.is_empty());
    let unclear = one(json!({"propertyValue": "n/a"}));
    assert_eq!((unclear.score, json!(unclear.fields)), (None, json!({"hubspotscore": "n/a"})));
}

#[test]
fn a_known_property_without_a_rule_is_a_thin_update() {
    let event = one(json!({"propertyName": "email", "propertyValue": "dana@acme.example"}));
    assert_eq!((event.name.as_str(), event.thin), ("updated", true));
    assert_eq!(event.subject.email.as_deref(), Some("dana@acme.example"));
    assert!(is_ignored(&hubspot(), json!({"propertyName": "hs_whatever"})));
    let company = json!({"subscriptionType": "company.propertyChange", "propertyName": "name",
        "propertyValue": "Acme"});
    let event = one(company);
    assert_eq!(event.subject.object, Some(ObjectKind::Account));
    assert_eq!((event.subject.company.as_deref(), event.subject.name), (Some("Acme"), None));
}

#[test]
fn the_generic_form_names_its_object_by_type_id() {
    let deal = json!({"subscriptionType": "object.propertyChange", "objectTypeId": "0-3",
        "propertyName": "dealstage", "propertyValue": "closedwon"});
    let event = one(deal);
    assert_eq!(event.name, "contract.signed");
    assert_eq!(event.subject.object, Some(ObjectKind::Deal));
    let ticket = json!({"subscriptionType": "object.propertyChange", "objectTypeId": "0-5"});
    assert!(is_ignored(&hubspot(), ticket));
}

#[test]
fn what_is_not_ours_is_ignored() {
    for changes in [
        json!({"subscriptionType": "contact.deletion", "propertyName": null}),
        json!({"subscriptionType": "contact.merge", "objectId": null}),
        json!({"subscriptionType": "contact.associationChange", "objectId": null}),
        json!({"subscriptionType": "conversation.newMessage"}),
        json!({"subscriptionType": "something new"}),
        json!({"propertyValue": "REDACTED"}),
        json!({"propertyValue": ""}),
        json!({"propertyValue": null}),
    ] {
        assert!(is_ignored(&hubspot(), changes.clone()), "{changes}");
    }
}

#[test]
fn an_owner_changed_by_an_integration_is_our_own_echo() {
    let owner = |change_source: &str| {
        json!({"subscriptionType": "deal.propertyChange", "propertyName": "hubspot_owner_id",
            "propertyValue": "41488296", "changeSource": change_source})
    };
    assert!(is_ignored(&hubspot(), owner("INTEGRATION")));
    assert_eq!(one(owner("CRM_UI")).name, "territory.changed");
    assert_eq!(one(json!({"changeSource": "INTEGRATION"})).name, "lead.scored");
}

#[test]
fn an_import_is_marked() {
    assert!(one(json!({"changeSource": "IMPORT"})).import);
}

#[test]
fn portals_are_told_apart_within_a_batch() {
    let mut source = hubspot();
    source.senders = vec!["62515".into()];
    assert!(is_ignored(&source, json!({"portalId": 62516})));
    assert!(!is_ignored(&source, json!({"portalId": "62515"})));
    assert_eq!(reason(&source, batch(&[app(json!({"portalId": null}))])), "field:portalId");
    assert_eq!(event(&source, LEGACY).name, "demo.requested");
    let other = LEGACY.replace("62515", "62516");
    assert_eq!(reading(&source, other).items, [Item::Ignored]);
}

#[test]
fn a_batch_is_sorted_creations_first_then_by_time() {
    let mut source = hubspot();
    source.events.insert(0, source.events[0].clone());
    source.events[0].property = None;
    let at = |at: i64, kind: &str, id: i64| {
        app(json!({"occurredAt": at, "subscriptionType": kind, "objectId": id}))
    };
    let body = batch(&[
        at(30, "contact.propertyChange", 3),
        at(20, "contact.propertyChange", 2),
        app(json!({"occurredAt": null, "objectId": 4})),
        at(40, "contact.creation", 1),
    ]);
    let order: Vec<String> = reading(&source, body)
        .items
        .into_iter()
        .map(|item| match item {
            Item::Event(event) => event.subject.id.unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(order, ["1", "2", "3", "4"]);
}

#[test]
fn redelivery_changes_neither_key_nor_fingerprint() {
    let (first, again) = (one(json!({})), one(json!({"attemptNumber": 3})));
    assert_eq!(first, again);
    let twice = reading(&hubspot(), batch(&[app(json!({})), app(json!({}))])).items;
    assert_eq!(twice[0], twice[1]);
}

#[test]
fn each_part_of_the_key_makes_another_change() {
    let first = one(json!({})).key;
    for changes in [
        json!({"eventId": 9}),
        json!({"subscriptionId": 9}),
        json!({"portalId": 9}),
        json!({"objectId": 9}),
        json!({"occurredAt": 9}),
        json!({"propertyValue": "72"}),
        json!({"propertyName": "email"}),
    ] {
        assert_ne!(one(changes.clone()).key, first, "{changes}");
    }
    // One key with another content is a conflict, seen by the fingerprint.
    let other = one(json!({"sourceId": "userId:1"}));
    assert_eq!(other.key, first);
    assert_ne!(other.fingerprint, one(json!({})).fingerprint);
}

#[test]
fn ids_are_kept_exactly_and_never_merge() {
    let with = |id: &str| batch(&[app(json!({})).replace(":173,", &format!(":{id},"))]);
    for id in ["9007199254740993", "9007199254740994", "9223372036854775808", "1.0"] {
        assert_eq!(event(&hubspot(), with(id)).subject.id.as_deref(), Some(id));
    }
    let key = |id: &str| event(&hubspot(), with(id)).key;
    assert_ne!(key("9007199254740993"), key("9007199254740994"));
    let composed = key("\"\u{e9}\"");
    assert_ne!(composed, key("\"e\u{301}\""));
    assert_eq!(reason(&hubspot(), with("\"\"")), "field:objectId");
}

#[test]
fn times_are_kept_as_given() {
    for at in [0_i64, -1, 4_070_908_800_000] {
        let occurred_at = one(json!({"occurredAt": at})).occurred_at;
        assert_eq!(occurred_at.map(|at| at.timestamp_millis()), Some(at));
    }
    assert_eq!(one(json!({"occurredAt": null})).occurred_at, None);
    let wrong = batch(&[app(json!({"occurredAt": "yesterday"}))]);
    assert_eq!(reason(&hubspot(), wrong), "field:occurredAt");
}

#[test]
fn a_missing_or_mistyped_field_is_named() {
    for (changes, expected) in [
        (json!({"objectId": null}), "field:objectId"),
        (json!({"objectId": true}), "field:objectId"),
        (json!({"subscriptionType": null}), "field:subscriptionType"),
        (json!({"subscriptionType": 7}), "field:subscriptionType"),
        (json!({"propertyName": null}), "field:propertyName"),
        (json!({"propertyValue": ["a"]}), "field:propertyValue"),
    ] {
        assert_eq!(reason(&hubspot(), batch(&[app(changes)])), expected);
    }
}

#[test]
fn one_poisoned_entry_among_a_hundred_is_quarantined_alone() {
    for (poison, expected) in [
        ("{\"eventId\":1,\"eventId\":2}".to_owned(), "dup-key"),
        (format!("{}{}", "[".repeat(127), "]".repeat(127)), "depth"),
        (app(json!({"objectId": null})), "field:objectId"),
        ("7".to_owned(), "shape"),
        ("null".to_owned(), "shape"),
    ] {
        let mut entries: Vec<String> =
            (0..99).map(|index| app(json!({"eventId": index}))).collect();
        entries.insert(41, poison.clone());
        let items = reading(&hubspot(), batch(&entries)).items;
        let events = items.iter().filter(|item| matches!(item, Item::Event(_))).count();
        assert_eq!((items.len(), events), (100, 99));
        match items.last() {
            Some(Item::Unreadable(unreadable)) => {
                assert_eq!(unreadable.reason, expected);
                assert_eq!(unreadable.part, poison.as_bytes());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_thousand_events_are_a_thousand_items() {
    let entries: Vec<String> = (0..1000).map(|index| app(json!({"eventId": index}))).collect();
    assert_eq!(names(&batch(&entries)), vec!["lead.scored"; 1000]);
}

#[test]
fn the_top_level_is_a_list_or_a_workflows_object() {
    assert_eq!(names("[]"), Vec::<String>::new());
    assert_eq!(names(" \u{feff}[]".trim()), Vec::<String>::new());
    for scalar in ["1", "\"x\"", "null"] {
        assert_eq!(reason(&hubspot(), scalar), "shape");
    }
    assert_eq!(reason(&hubspot(), app(json!({}))), "shape");
    assert_eq!(reason(&hubspot(), "{\"a\":1}"), "field:hs_object_id");
    assert_eq!(reason(&hubspot(), "{\"properties\":{}}"), "field:vid");
}

#[test]
fn a_legacy_workflow_body_carries_everything() {
    let event = event(&hubspot(), LEGACY);
    assert_eq!(event.name, "demo.requested");
    assert_eq!(event.subject.id.as_deref(), Some("3234574"));
    assert_eq!(event.subject.name.as_deref(), Some("Dana Reyes"));
    assert_eq!(event.subject.email.as_deref(), Some("dana@acme.example"));
    assert_eq!(event.subject.company.as_deref(), Some("Acme"));
    assert_eq!((event.score, event.previous_score), (Some(71), Some(52)));
    assert_eq!(event.occurred_at.map(|at| at.timestamp_millis()), Some(1_719_252_600_000));
    let fields = json!({"intent_signal": "Pricing page: Request a demo",
        "lifecyclestage": "marketingqualifiedlead"});
    assert_eq!(json!(event.fields), fields);
    assert!(!event.thin);
}

#[test]
fn a_workflows_time_is_the_matched_propertys_newest_version() {
    let email_last = LEGACY.replace("1719252562899", "1719999999999");
    let any = event(&hubspot(), &email_last);
    assert_eq!(any.occurred_at.map(|at| at.timestamp_millis()), Some(1_719_999_999_999));
    let scored = email_last.replace("Request a demo", "Newsletter");
    let scored = event(&hubspot(), &scored);
    assert_eq!(scored.name, "lead.scored");
    assert_eq!(scored.occurred_at.map(|at| at.timestamp_millis()), Some(1_719_252_600_000));
}

#[test]
fn a_workflow_enrolment_is_told_from_the_next_by_its_newest_version() {
    let demo = |body: &str| event(&hubspot(), body);
    let (first, next) = (demo(LEGACY), demo(&LEGACY.replace("1719252600000", "1719252600001")));
    assert_ne!(first.key, next.key);
    let same_time = demo(&LEGACY.replace("Reyes", "Reyes-Lund"));
    assert_eq!(first.key, same_time.key);
    assert_ne!(first.fingerprint, same_time.fingerprint);
    assert_ne!(demo(FLAT).key, demo(&FLAT.replace("\"71\"", "\"72\"")).key);
    assert_eq!(demo(FLAT), demo(FLAT));
}

#[test]
fn a_flat_workflow_body_carries_what_was_chosen() {
    let event = event(&hubspot(), FLAT);
    assert_eq!(event.name, "demo.requested");
    assert_eq!(event.subject.id.as_deref(), Some("32192850234"));
    assert_eq!(event.subject.name.as_deref(), Some("Dana"));
    assert_eq!((event.score, event.previous_score, event.occurred_at), (Some(71), None, None));
    let fields = json!({"intent_signal": "Pricing page: Request a demo",
        "createdate": "1719005182880",
        "lifecyclestage": "marketingqualifiedlead", "hubspot_owner_id": "41488296"});
    assert_eq!(json!(event.fields), fields);
}

#[test]
fn the_fields_table_reaches_every_attribute() {
    let mut source = hubspot();
    source.events.clear();
    for target in ["previous_score", "amount", "meeting_at", "owner_email", "channel", "outcome"] {
        source.fields.insert(format!("x_{target}"), target.to_owned());
    }
    for (from, to) in [("x_firm", "company"), ("x_land", "country"), ("firstname", "nickname")] {
        source.fields.insert(from.to_owned(), to.to_owned());
    }
    let body = json!({"hs_object_id": "1", "x_previous_score": "52", "x_amount": "1234.5",
        "x_meeting_at": "1769180400000", "x_owner_email": "ann@us.example", "x_channel": "phone",
        "x_outcome": "won", "x_firm": "Acme", "x_land": "DE", "company": "ACME Inc.",
        "firstname": "Dana", "lastname": "Reyes", "deal_currency_code": "GBP", "empty": ""});
    let event = event(&source, body.to_string());
    assert_eq!(event.name, "updated");
    assert_eq!(event.previous_score, Some(52));
    assert_eq!(event.amount, Some(Money { minor: 123_450, currency: "GBP".into() }));
    assert_eq!(event.meeting_at, "2026-01-23T15:00:00Z".parse().ok());
    assert_eq!(event.owner_email.as_deref(), Some("ann@us.example"));
    assert_eq!(event.channel.as_deref(), Some("phone"));
    assert_eq!(event.outcome.as_deref(), Some("won"));
    assert_eq!(event.subject.company.as_deref(), Some("Acme"));
    assert_eq!(event.subject.country.as_deref(), Some("DE"));
    assert_eq!(event.subject.name.as_deref(), Some("Dana Reyes"));
    assert_eq!(json!(event.fields), json!({"company_as_sent": "ACME Inc.", "nickname": "Dana"}));
}
