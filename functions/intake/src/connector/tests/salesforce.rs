//! Salesforce's outbound messages: who may send them, what they say, and what XML may not do.

use super::fixtures::{
    ACCOUNT, ACK, CLOSED_WON, event, headers, reading, reason, request, salesforce,
};
use crate::connector::{Item, NotAuthentic, Reply, Request, authenticate, reply, soap_ack, xml};
use domain::{
    config::Source,
    money::Money,
    subject::{ObjectKind, Reference},
};
use serde_json::json;

fn envelope(notifications: &str) -> String {
    format!(
        "<e:Envelope xmlns:e='urn:e' xmlns:xsi='urn:x'><e:Body><notifications xmlns='urn:n'>\
        <OrganizationId>00Dxx0000001gPLEAY</OrganizationId><SessionId>live!token</SessionId>\
        {notifications}</notifications></e:Body></e:Envelope>"
    )
}

fn notification(id: &str, kind: &str, fields: &str) -> String {
    format!(
        "<Notification><Id>{id}</Id><sObject xsi:type='sf:{kind}' xmlns:sf='urn:s'>\
        <sf:Id>REC{id}</sf:Id>{fields}</sObject></Notification>"
    )
}

fn lead(fields: &str) -> String {
    envelope(&notification("04l1", "Lead", fields))
}

fn check(source: &Source, token: Option<&str>, body: &str) -> Result<(), NotAuthentic> {
    let headers = headers(&[]);
    let request = Request { token, ..request("https://x.example", &headers, body.as_bytes(), 0) };
    authenticate(source, &request, &["old-token".to_owned(), "token".to_owned()])
}

#[test]
fn the_token_and_the_organisation_prove_the_sender() {
    let mut source = salesforce();
    assert_eq!(check(&source, Some("token"), CLOSED_WON), Ok(()));
    assert_eq!(check(&source, Some("old-token"), CLOSED_WON), Ok(()));
    assert_eq!(check(&source, Some("other"), CLOSED_WON), Err(NotAuthentic));
    assert_eq!(check(&source, None, CLOSED_WON), Err(NotAuthentic));
    for known in ["00Dxx0000001gPLEAY", "00Dxx0000001gPL"] {
        source.senders = vec![known.to_owned()];
        assert_eq!(check(&source, Some("token"), CLOSED_WON), Ok(()), "{known}");
        assert_eq!(check(&source, Some("token"), ACCOUNT), Err(NotAuthentic), "{known}");
        assert_eq!(check(&source, Some("other"), CLOSED_WON), Err(NotAuthentic));
    }
    source.senders = vec!["00Dxx0000001gpl".to_owned()];
    assert_eq!(check(&source, Some("token"), CLOSED_WON), Err(NotAuthentic));
}

#[test]
fn an_organisation_is_named_once_or_not_believed() {
    let mut source = salesforce();
    source.senders = vec!["00Dxx0000001gPLEAY".to_owned()];
    let twice = envelope("<OrganizationId>00Dxx0000009999EAY</OrganizationId>");
    assert_eq!(check(&source, Some("token"), &twice), Err(NotAuthentic));
    assert_eq!(check(&source, Some("token"), "<a/>"), Err(NotAuthentic));
    // What has the token but cannot be read is for the quarantine.
    for unreadable in ["", "<Envelope>", "<!DOCTYPE a><a/>"] {
        assert_eq!(check(&source, Some("token"), unreadable), Ok(()), "{unreadable}");
    }
}

#[test]
fn a_won_opportunity_is_a_signed_contract() {
    let event = event(&salesforce(), CLOSED_WON);
    assert_eq!(
        (event.name.as_str(), event.key.as_str()),
        ("contract.signed", "04l9000001olR84AAE")
    );
    assert_eq!(event.subject.crm.as_deref(), Some("salesforce"));
    assert_eq!(event.subject.object, Some(ObjectKind::Deal));
    assert_eq!(event.subject.id.as_deref(), Some("006xx000004TmiQAAS"));
    assert_eq!((event.subject.name, event.occurred_at), (None, None));
    assert_eq!(event.amount, Some(Money { minor: 5_000_000, currency: "EUR".into() }));
    let fields = json!({"CloseDate": "2026-06-30", "Name": "Acme - 500 Widgets",
        "StageName": "Closed Won"});
    assert_eq!(json!(event.fields), fields);
    assert!(!event.thin && event.fingerprint.len() == 64);
}

#[test]
fn an_account_is_an_update() {
    let event = event(&salesforce(), ACCOUNT);
    assert_eq!(event.name, "updated");
    assert_eq!(event.subject.object, Some(ObjectKind::Account));
    assert_eq!(event.subject.company.as_deref(), Some("Salesforce.com Inc."));
    assert_eq!(event.subject.country.as_deref(), Some("United States"));
    assert_eq!(event.fields["BillingPostalCode"], "CA 94105");
}

#[test]
fn a_lead_carries_its_score_its_time_and_its_references() {
    let fields = "<sf:Score__c>71.0</sf:Score__c><sf:FirstName>Dana</sf:FirstName>\
        <sf:LastName>Reyes &amp; Co &#233;</sf:LastName><sf:Email>dana@acme.example</sf:Email>\
        <sf:LastModifiedDate>2026-01-05T09:00:00.000Z</sf:LastModifiedDate>\
        <sf:Fit__c>high</sf:Fit__c>\
        <sf:SystemModstamp>2026-01-05T09:00:01.000Z</sf:SystemModstamp>\
        <sf:AccountId>001xx</sf:AccountId><sf:ContactId>003xx</sf:ContactId>\
        <sf:Phone xsi:nil='true'/><sf:Country></sf:Country>";
    let event = event(&salesforce(), lead(fields));
    assert_eq!((event.name.as_str(), event.score), ("lead.scored", Some(71)));
    assert_eq!(event.subject.name.as_deref(), Some("Dana Reyes & Co é"));
    assert_eq!(event.subject.email.as_deref(), Some("dana@acme.example"));
    assert_eq!(event.occurred_at, "2026-01-05T09:00:00Z".parse().ok());
    let expected = [(ObjectKind::Contact, "003xx"), (ObjectKind::Account, "001xx")];
    let expected = expected.map(|(object, id)| Reference::new("salesforce", object, id));
    assert_eq!(event.subject.references, expected);
    assert_eq!(json!(event.fields), json!({"fit": "high"}));
}

#[test]
fn amounts_take_the_records_currency() {
    for (currency, minor) in [("EUR", 1_050), ("JPY", 10), ("KWD", 10_500)] {
        let fields = format!(
            "<sf:Amount>10.5</sf:Amount><sf:CurrencyIsoCode>{currency}</sf:CurrencyIsoCode>"
        );
        let event = event(&salesforce(), lead(&fields));
        assert_eq!(event.amount, Some(Money { minor, currency: currency.into() }));
        assert!(event.fields.is_empty());
    }
}

#[test]
fn another_object_is_ours_only_by_a_rule_and_a_reference() {
    let task = |fields: &str| envelope(&notification("04l1", "Task", fields));
    let touch = "<sf:Status>Completed</sf:Status><sf:LeadId>00Q1</sf:LeadId>";
    let event = event(&salesforce(), task(touch));
    assert_eq!((event.name.as_str(), event.subject.id), ("touch", None));
    assert_eq!(event.subject.references.len(), 1);
    for fields in ["<sf:Status>Completed</sf:Status>", "<sf:LeadId>00Q1</sf:LeadId>"] {
        assert_eq!(reading(&salesforce(), task(fields)).items, [Item::Ignored]);
    }
}

#[test]
fn a_default_namespace_reads_like_a_prefixed_one() {
    let unprefixed = CLOSED_WON
        .replace("soapenv:", "")
        .replace("sf:", "")
        .replace("xmlns:soapenv", "xmlns")
        .replace("xmlns:sf", "xmlns");
    assert_eq!(event(&salesforce(), unprefixed), event(&salesforce(), CLOSED_WON));
}

#[test]
fn the_session_id_reaches_nothing_that_is_kept() {
    let body = lead("<sf:Score__c>71</sf:Score__c>")
        .replace("</notifications>", "<Notification/></notifications>");
    let items = reading(&salesforce(), body).items;
    assert_eq!(items.len(), 2);
    for item in items {
        let kept = match item {
            Item::Event(event) => serde_json::to_string(&event).unwrap(),
            Item::Unreadable(unreadable) => String::from_utf8(unreadable.part).unwrap(),
            Item::Click(_) | Item::Ignored => String::new(),
        };
        assert!(!kept.contains("live!token"), "{kept}");
    }
}

#[test]
fn one_bad_notification_among_a_hundred_is_quarantined_alone() {
    let good: String = (0..99)
        .map(|index| notification(&format!("04l{index}"), "Lead", "<sf:Score__c>7</sf:Score__c>"))
        .collect();
    for (bad, expected) in [
        ("<Notification></Notification>".to_owned(), "field:Id"),
        ("<Notification><Id>1</Id></Notification>".to_owned(), "field:sObject"),
        ("<Notification><Id>1</Id><sObject/></Notification>".to_owned(), "field:sObject.type"),
        (notification("b", "Lead", "").replace("RECb", ""), "field:sObject.Id"),
        (notification("b", "Lead", "<sf:A>&nbsp;</sf:A>"), "xml"),
        (notification("b", "Lead", "<sf:A>1</sf:A><sf:A>2</sf:A>"), "dup-key"),
    ] {
        let items = reading(&salesforce(), envelope(&format!("{good}{bad}"))).items;
        let events = items.iter().filter(|item| matches!(item, Item::Event(_))).count();
        assert_eq!((items.len(), events), (100, 99), "{bad}");
        match items.last() {
            Some(Item::Unreadable(unreadable)) => {
                assert_eq!(
                    (unreadable.reason.as_str(), &unreadable.part[..]),
                    (expected, bad.as_bytes())
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_same_notification_again_has_the_same_key_and_another_content_shows() {
    let first = event(&salesforce(), lead("<sf:Score__c>7</sf:Score__c>"));
    let other = event(&salesforce(), lead("<sf:Score__c>8</sf:Score__c>"));
    assert_eq!(first.key, other.key);
    assert_ne!(first.fingerprint, other.fingerprint);
}

#[test]
fn documents_that_are_no_outbound_message_are_quarantined() {
    let laughs = "<!DOCTYPE a [<!ENTITY l 'ha'><!ENTITY m '&l;&l;&l;'>]><a>&m;</a>";
    let external = "<?xml version='1.0'?><!DOCTYPE a SYSTEM 'http://x.example/a.dtd'><a/>";
    for (body, expected) in [
        (laughs, "dtd"),
        (external, "dtd"),
        ("", "empty"),
        ("{\"a\":1}", "xml"),
        ("<a>", "xml"),
        ("<a/>", "shape"),
        ("<Envelope><Body/></Envelope>", "shape"),
        (&CLOSED_WON[..900], "xml"),
        (&"<a>".repeat(10_000), "depth"),
    ] {
        assert_eq!(reason(&salesforce(), body), expected, "{body:.40}");
    }
    assert_eq!(reading(&salesforce(), envelope("")).items, []);
}

#[test]
fn the_acknowledgement_is_salesforces_own() {
    assert_eq!(reply(&salesforce()), Reply::SoapAck);
    let content = |text: &str| {
        let root = xml::parse(text).unwrap();
        let response = root.child("Body")?.child("notificationsResponse")?;
        Some((root.name.clone(), response.child("Ack")?.text.clone()))
    };
    assert_eq!(content(soap_ack()), content(ACK));
    assert_eq!(content(ACK), Some(("Envelope".to_owned(), "true".to_owned())));
}
