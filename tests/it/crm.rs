//! HubSpot and Salesforce through the real door: their payloads, their signatures, their answers.

use bytes::Bytes;
use domain::{ReceiptId, handoff::Flag};
use serde_json::json;
use tests::{Answer, Setting, World};

const WORKFLOW_LEGACY: &[u8] =
    include_bytes!("../../functions/intake/fixtures/hubspot/workflow_action_contact_legacy.json");
const WORKFLOW_FLAT: &[u8] =
    include_bytes!("../../functions/intake/fixtures/hubspot/workflow_action_custom_body.json");
const CLOSED_WON: &str = include_str!(
    "../../functions/intake/fixtures/salesforce/outbound_message_opportunity_closed_won.xml"
);

async fn sent(world: &mut World, request: http::Request<Bytes>) -> Answer {
    let answer = world.post(request).await.into();
    world.settle().await;
    world.outbox();
    answer
}

#[tokio::test]
async fn a_workflow_action_opens_a_hot_lead_with_what_it_carries() {
    let mut world = World::start().await;
    let request = world.sender.hubspot_workflow(Bytes::from_static(WORKFLOW_LEGACY));
    let id = sent(&mut world, request).await.opened();
    let handoff = world.handoff(&id).await;
    assert_eq!((handoff.kind.as_str(), handoff.score), ("hot_lead", Some(71)));
    assert!(handoff.flags.contains(&Flag::TimeSuspect), "the fixture is years old");
    let package = world.store.package(&id).await.unwrap();
    assert_eq!(package.values["intent_signal"].value, "Pricing page: Request a demo");
    assert_eq!(package.subject.email.as_deref(), Some("dana@acme.example"));
    let again = world.sender.hubspot_workflow(Bytes::from_static(WORKFLOW_LEGACY));
    assert_eq!(sent(&mut world, again).await.body["duplicates"], 1);
    // The flat body is the same person by email: one handoff, told more.
    let flat = world.sender.hubspot_workflow(Bytes::from_static(WORKFLOW_FLAT));
    assert_eq!(sent(&mut world, flat).await.joined(), id);
}

#[tokio::test]
async fn a_thin_event_opens_with_what_it_has_and_is_marked_to_be_read_back() {
    let mut world = World::start().await;
    let events = json!([{
        "eventId": 714285774, "subscriptionId": 4849549, "portalId": 62515, "appId": 25681700,
        "occurredAt": world.now().timestamp_millis(), "attemptNumber": 0,
        "subscriptionType": "contact.propertyChange", "objectId": 173595202426_u64,
        "propertyName": "lifecyclestage", "propertyValue": "marketingqualifiedlead",
        "changeSource": "CRM_UI", "sourceId": "userId:10202051",
    }]);
    let request = world.sender.hubspot_app(world.now(), events.to_string().into());
    let id = sent(&mut world, request).await.opened();
    let handoff = world.handoff(&id).await;
    assert_eq!(handoff.kind.as_str(), "mql");
    assert!(handoff.flags.contains(&Flag::ReadBack));
}

#[tokio::test]
async fn other_portals_and_unknown_changes_are_ignored_not_refused() {
    let mut world = World::start().await;
    let event = |portal: u64, property: &str| {
        json!({
            "eventId": 1, "subscriptionId": 2, "portalId": portal, "appId": 3, "attemptNumber": 0,
            "occurredAt": 1767605400000_u64, "subscriptionType": "contact.propertyChange",
            "objectId": 4, "propertyName": property, "propertyValue": "x", "changeSource": "CRM",
        })
    };
    let body = json!([event(999, "hubspotscore"), event(62515, "favourite_colour")]).to_string();
    let request = world.sender.hubspot_app(world.now(), body.into());
    let answer = sent(&mut world, request).await;
    assert_eq!((answer.status, &answer.body["ignored"]), (200, &json!(2)));
}

#[tokio::test]
async fn an_outbound_message_is_acknowledged_once_and_opens_one_onboarding() {
    let setting = Setting { at: "2026-06-30T09:00:00Z".parse().unwrap(), ..Setting::default() };
    let mut world = World::of(setting).await;
    for _ in 0..2 {
        let request = world.sender.salesforce(CLOSED_WON);
        let answer = sent(&mut world, request).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains("<Ack>true</Ack>"), "{}", answer.text);
    }
    let opened = world.store.opened_on(world.now().date_naive()).await.unwrap();
    assert_eq!(opened.len(), 1);
    let handoff = world.handoff(&opened[0]).await;
    assert_eq!(handoff.kind.as_str(), "closed_won");
    assert_eq!(handoff.amount.unwrap().minor, 5_000_000);
}

#[tokio::test]
async fn a_foreign_organisation_and_a_wrong_token_are_refused() {
    let mut world = World::start().await;
    let foreign = CLOSED_WON.replace("00Dxx0000001gPLEAY", "00Dyy0000009zzzEAA");
    let request = world.sender.salesforce(&foreign);
    assert_eq!(sent(&mut world, request).await.status, 401);
    let mut request = world.sender.salesforce(CLOSED_WON);
    *request.uri_mut() = "/hooks/salesforce/guess".parse().unwrap();
    assert_eq!(sent(&mut world, request).await.status, 401);
}

#[tokio::test]
async fn xml_tricks_are_kept_aside_and_acknowledged() {
    let mut world = World::start().await;
    let bomb = CLOSED_WON.replacen(
        "?>",
        "?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>",
        1,
    );
    let request = world.sender.salesforce(&bomb);
    let answer = sent(&mut world, request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text.contains("<Ack>true</Ack>"));
    let aside = world.store.quarantined(1).await.unwrap().remove(0);
    assert_eq!(aside.reason, "dtd");
    let kept = world.store.receipt(&ReceiptId::from(aside.what.as_str())).await.unwrap();
    assert_eq!(kept.body, bomb.as_bytes());
}
