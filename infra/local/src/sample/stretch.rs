//! A short stretch of traffic, so that a system that has just started has something to show.
//!
//! One of each: every type, every form a source speaks in, a second trigger, a duplicate, and a
//! body that is authentic but cut off.

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::{Dice, Lead, Parcel, Score};

/// The stretch always has the same people.
const SEED: u64 = 7;

/// Lists what the sources say now; the meeting is three days ahead.
pub fn stretch(now: DateTime<Utc>) -> Vec<Parcel> {
    let mut dice = Dice::new(SEED, 0);
    let [dana, oliver, mei, sofia, liam, noor, pedro, greta, ivan] =
        std::array::from_fn(|place| Lead::nth(place as u64, &mut dice));
    let generic = |number: u32, what: &str, data: &serde_json::Value| {
        Parcel::generic(format!("msg_stretch_{number}"), what, now, data)
    };
    let content = [
        ("hs_analytics_source", "ORGANIC_SEARCH"),
        ("content_engaged", "Benchmark report 2026"),
        ("fit_assessment", "A: industry and size match"),
    ];
    let demo = [
        ("recent_conversion_event_name", "Pricing page: Request a demo"),
        ("hs_analytics_source", "PAID_SEARCH"),
    ];
    let crossing = Score { before: Some(52), now: 71 };
    let qualified = Parcel::hubspot_legacy(&dana, now, Some(crossing), &content);
    let email = mei.email();
    let thin = [("hubspotscore", "68"), ("email", email.as_str()), ("country", "GB")];
    let deal = sofia.salesforce_id("006");
    vec![
        qualified.clone(),
        generic(
            1,
            "lead.scored",
            &json!({
                "subject": oliver.subject(), "score": 77, "previous_score": 58,
                "fields": {
                    "source": "Webinar", "engagement": "Webinar: one number for revenue",
                    "fit": "B: size matches",
                },
            }),
        ),
        Parcel::hubspot_changes(("contact", mei.hubspot_id()), now, &thin),
        Parcel::hubspot_flat(&liam, None, &demo),
        generic(
            2,
            "trial.started",
            &json!({ "subject": noor.subject(), "fields": { "intent_signal": "Trial sign-up" } }),
        ),
        // Oliver, whose score just came up, asks for a demo: hotter, and still one handoff.
        generic(
            3,
            "demo.requested",
            &json!({ "subject": oliver.subject(), "fields": { "intent_signal": "Demo request" } }),
        ),
        Parcel::meeting(
            "msg_stretch_4".to_owned(),
            now,
            &pedro.subject(),
            ("amara@northwind.example", now + Duration::days(3)),
        ),
        Parcel::salesforce(
            &sofia.salesforce_id("04l"),
            "Opportunity",
            now,
            &[
                ("Id", deal),
                ("Amount", "50000.0".to_owned()),
                ("Name", format!("{} - Analytics", sofia.company.name)),
                ("StageName", "Closed Won".to_owned()),
                ("Contract__c", "https://contracts.example/1".to_owned()),
                ("Technical_Requirements__c", "Single sign-on, EU hosting".to_owned()),
                ("Success_Criteria__c", "Reports in a minute".to_owned()),
            ],
        ),
        generic(
            5,
            "usage.threshold",
            &json!({
                "subject": {
                    "crm": "product", "object": "account", "id": "acc-1",
                    "company": greta.company.name, "country": greta.company.country,
                },
                "owner_email": "ingrid@northwind.example",
                "fields": {
                    "product_usage": "112 % of seats", "health_score": 84,
                    "contacts": greta.name(),
                },
            }),
        ),
        generic(
            6,
            "territory.changed",
            &json!({
                "subject": {
                    "crm": "hubspot", "object": "deal", "id": "9100001",
                    "company": ivan.company.name, "country": ivan.company.country,
                },
                "owner_email": "elena@northwind.example",
                "amount": { "minor": 4_800_000, "currency": "USD" },
                "fields": {
                    "opportunity": "Second proposal is out",
                    "relationship_notes": "Prefers calls, decides with the CFO",
                },
            }),
        ),
        Parcel::Generic {
            id: "msg_stretch_7".to_owned(),
            body: Bytes::from_static(br#"{"type":"lead.scored","data":{"subject":{"id":"#),
        },
        // HubSpot tries again what it has already told.
        qualified,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stretch_is_a_dozen_and_ends_with_a_duplicate() {
        let parcels = stretch(DateTime::UNIX_EPOCH);
        assert_eq!(parcels.len(), 12);
        assert_eq!(parcels.first(), parcels.last());
        assert_eq!(parcels, stretch(DateTime::UNIX_EPOCH));
    }
}
