//! The six types of the matrix, each from a webhook as its source sends it to what its receiver
//! has: the package with who said what, how complete it is, what is missing, and the words that are
//! written for them.

use super::*;
use local::sample::{Dice, Lead, Parcel, Score};
use serde_json::Value;

/// Sends what a source says; gives the handoff it opens.
async fn told(world: &mut World, parcel: &Parcel) -> HandoffId {
    let request = parcel.request(&world.sender, world.now());
    let answer = world.post(request).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    world.settle().await;
    let mut opened = world.store.opened_on(world.now().date_naive()).await.unwrap();
    assert_eq!(opened.len(), 1);
    opened.remove(0)
}

/// Writes down what a handoff's receiver has.
async fn shown(world: &mut World, id: &HandoffId) -> String {
    let handoff = world.get(&format!("/api/handoffs/{id}")).await.body;
    let mut text = format!(
        "{} from {} to {}, {} % complete\nmissing: {}\n\n",
        handoff["type"],
        handoff["from"],
        handoff["to"],
        handoff["completeness"],
        handoff["missing"]
    );
    let values = handoff["package"].as_object().unwrap();
    for (name, known) in values {
        text += &format!("{name}: {} ({})\n", known["value"], known["by"].as_str().unwrap());
    }
    let messages = world.get(&format!("/api/handoffs/{id}/messages")).await.body;
    for one in messages["messages"].as_array().unwrap() {
        let word = |name: &str| one[name].as_str().unwrap().to_owned();
        text += &format!(
            "\n--- {}, by {}, missing {}\n{}\n\n{}\n",
            word("name"),
            word("by"),
            one["missing"],
            word("subject"),
            word("text")
        );
    }
    text
}

async fn check(name: &str, parcel: impl FnOnce(&Lead, &World) -> Parcel) {
    let mut world = World::start().await;
    let lead = Lead::nth(3, &mut Dice::new(5, 1));
    let parcel = parcel(&lead, &world);
    let id = told(&mut world, &parcel).await;
    let shown = shown(&mut world, &id).await;
    insta::assert_snapshot!(name, shown);
    world.read_mail();
}

#[tokio::test]
async fn an_mql_as_hubspot_tells_it() {
    let properties = [
        ("hs_analytics_source", "PAID_SEARCH"),
        ("content_engaged", "The forecasting guide"),
        ("fit_assessment", "Size and industry fit"),
    ];
    check("six_mql", |lead, _| {
        Parcel::hubspot_flat(lead, Some(Score { before: Some(20), now: 81 }), &properties)
    })
    .await;
}

#[tokio::test]
async fn a_hot_lead_as_hubspot_tells_it() {
    let properties =
        [("recent_conversion_event_name", "Request a demo"), ("phone", "+44 20 7946 0000")];
    check("six_hot_lead", |lead, _| Parcel::hubspot_flat(lead, None, &properties)).await;
}

#[tokio::test]
async fn a_meeting_with_all_that_was_learned_for_it() {
    check("six_meeting_set", |lead, world| {
        let at = world.now() + Duration::days(5) + Duration::hours(5);
        let by = ("amara@northwind.example", at);
        Parcel::meeting("m1".to_owned(), world.now(), &lead.subject(), by)
    })
    .await;
}

/// Something the generic hook tells about a deal or an account of a lead.
fn generic((kind, by): (&str, &str), world: &World, lead: &Lead, fields: &Value) -> Parcel {
    let data = json!({
        "subject": lead.subject(), "owner_email": format!("{by}@northwind.example"), "fields": fields,
        "amount": { "minor": 4_800_000, "currency": "EUR" },
    });
    Parcel::generic("m1".to_owned(), kind, world.now(), &data)
}

#[tokio::test]
async fn an_opportunity_that_changes_territory() {
    let fields = json!({
        "opportunity": "120 seats, proposal sent", "relationship_notes": "Prefers calls",
        "next_steps": ["Legal review", "Security questionnaire"], "close_date": "2026-03-31",
    });
    check("six_opportunity", |lead, world| {
        generic(("territory.changed", "farid"), world, lead, &fields)
    })
    .await;
}

#[tokio::test]
async fn a_closed_deal_as_salesforce_tells_it() {
    check("six_closed_won", |lead, world| {
        let fields = [
            ("Id", lead.salesforce_id("006")),
            ("StageName", "Closed Won".to_owned()),
            ("AccountId", lead.salesforce_id("001")),
            ("Amount", "48000".to_owned()),
            ("Contract__c", "https://contracts.example/4711".to_owned()),
            ("Technical_Requirements__c", "SSO, warehouse export".to_owned()),
            ("Success_Criteria__c", "Forecast error under 5 %".to_owned()),
        ];
        Parcel::salesforce("04l000000000001AAA", "Opportunity", world.now(), &fields)
    })
    .await;
}

#[tokio::test]
async fn an_account_that_uses_more_than_it_bought() {
    let fields = json!({
        "product_usage": "92 % of seats", "health_score": "81", "contacts": ["Nia Park, admin"],
        "renewal_date": "2026-11-30",
    });
    check("six_expansion", |lead, world| {
        generic(("usage.threshold", "ingrid"), world, lead, &fields)
    })
    .await;
}
