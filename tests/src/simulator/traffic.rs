//! The traffic: what sources, people and time do in a life, drawn from its seed.
//!
//! A dozen people are told of again and again, by every kind of event; beside them come leads of
//! whom nothing else is ever said, so that it can be counted that none is lost and none comes
//! twice. What a person does to a handoff is drawn when it is done, from what there is then.

use chrono::Duration;
use local::sample::{Dice, ORGANISATION};
use serde_json::{Value, json};

/// Something that is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// A source tells of something, under this message id.
    Tell { id: String, kind: &'static str, data: Value },
    /// A source sends what nobody can read.
    Garble { id: String },
    /// Somebody does something to the handoff that the draw falls on, as its owner where it has
    /// one.
    Act { draw: u64, verb: &'static str, body: Value },
    /// A manager posts something.
    Manage { path: String, body: Value },
    /// The configuration changes.
    Push { organisation: String },
}

/// How the life of a seed goes: what is done, and how long after its beginning.
pub(super) fn traffic(seed: u64) -> Vec<(Duration, Deed)> {
    let mut dice = Dice::new(seed, 3);
    let (span_s, count) = (*dice.pick(&[1_800, 3_600, 7_200]), dice.between(15, 45));
    let mut deeds: Vec<(Duration, Deed)> = (0..count)
        .map(|number| (Duration::seconds(dice.between(1, span_s)), deed(&mut dice, number)))
        .collect();
    deeds.sort_by_key(|(at, _)| *at);
    deeds
}

/// The configuration a life begins with, or one it changes to.
pub(super) fn organisation(dice: &mut Dice) -> String {
    let members = "members = [{ rep = \"amara\" }, { rep = \"ben\" }]";
    let other = *dice.pick(&[
        members,
        "members = [{ rep = \"amara\" }, { rep = \"ben\" }, { rep = \"hana\" }]",
        "members = [{ rep = \"amara\", weight = 2 }, { rep = \"ben\" }]",
        "members = [{ rep = \"ben\" }]",
    ]);
    let text = ORGANISATION.replacen(members, other, 1);
    match dice.happens(30) {
        // Few places: many wait.
        true => text.replace("capacity = 40", "capacity = 2"),
        false => text,
    }
}

fn deed(dice: &mut Dice, number: i64) -> Deed {
    match dice.below(20) {
        0..=5 => lead(dice, format!("solo{number}"), number),
        6..=11 => told(dice, number),
        12..=16 => act(dice),
        17 => manage(dice),
        18 => Deed::Garble { id: format!("msg_{number}") },
        _ => Deed::Push { organisation: organisation(dice) },
    }
}

/// What the CRM calls somebody: its ids are numbers.
fn number_of(who: &str) -> String {
    let digits: String = who.chars().filter(char::is_ascii_digit).collect();
    format!("{}{digits}", who.len())
}

pub(super) fn subject(who: &str, country: &str) -> Value {
    json!({
        "references": [{ "system": "hubspot", "object": "contact", "id": number_of(who) }],
        "crm": "hubspot", "object": "contact", "id": who, "name": format!("Dana {who}"),
        "email": format!("{who}@{who}.example"), "company": "Acme", "country": country,
    })
}

fn lead(dice: &mut Dice, who: String, number: i64) -> Deed {
    let country = *dice.pick(&["GB", "GB", "US"]);
    asks(format!("msg_{number}"), &who, country)
}

/// Somebody asks for a demo.
pub(super) fn asks(id: String, who: &str, country: &str) -> Deed {
    let data = json!({
        "subject": subject(who, country), "fields": { "intent_signal": "Requested a demo" },
    });
    Deed::Tell { id, kind: "demo.requested", data }
}

fn told(dice: &mut Dice, number: i64) -> Deed {
    let who = format!("p{}", dice.below(6));
    let country = *dice.pick(&["GB", "GB", "US", "ZA"]);
    let kind = *dice.pick(&[
        "lead.scored",
        "lead.scored",
        "demo.requested",
        "trial.started",
        "meeting.booked",
        "meeting.moved",
        "meeting.cancelled",
        "territory.changed",
        "contract.signed",
        "usage.threshold",
        "touch",
        "touch",
        "reply",
        "outcome",
    ]);
    let mut data = json!({ "subject": subject(&who, country), "fields": { "fit": "good" } });
    match kind {
        "lead.scored" => {
            data["score"] = dice.between(50, 95).into();
            data["previous_score"] = dice.between(10, 70).into();
        }
        "meeting.booked" | "meeting.moved" => {
            // An offset, made a time when it is sent.
            data["meeting_at"] = dice.between(600, 200_000).into();
        }
        "territory.changed" | "contract.signed" => {
            let deal = format!("9{}", number_of(&who));
            let deal = json!({ "system": "hubspot", "object": "deal", "id": deal });
            let references = data["subject"]["references"].as_array_mut();
            references.into_iter().for_each(|all| all.push(deal.clone()));
            data["amount"] = json!({ "minor": dice.between(1_000, 9_000), "currency": "EUR" });
        }
        "touch" => data["channel"] = (*dice.pick(&["email", "phone"])).into(),
        "outcome" => {
            let said = ["meeting_booked", "no_response", "activated", "renewed"];
            data["outcome"] = (*dice.pick(&said)).into();
        }
        _ => {}
    }
    Deed::Tell { id: format!("msg_{number}"), kind, data }
}

fn act(dice: &mut Dice) -> Deed {
    let owner = *dice.pick(&["amara", "ben", "hana", "carla"]);
    let verbs = [
        (4, "accept", json!({})),
        (4, "touch", json!({ "channel": "phone" })),
        (3, "reject", json!({ "reason": "missing_information" })),
        (3, "resubmit", json!({ "package": { "fit": "high" } })),
        (1, "note", json!({ "text": "called twice" })),
        (2, "pause", json!({ "reason": "asked_to_wait" })),
        (1, "resume", json!({})),
        (2, "reassign", json!({ "owner": owner })),
        (1, "reassign", json!({ "pool": null })),
        (2, "complete", json!({ "outcome": "meeting_booked" })),
        (1, "complete", json!({ "outcome": "disqualified" })),
        (1, "recycle", json!({ "to": "nurture", "reason": "not_now" })),
        (1, "cancel", json!({ "reason": "test" })),
        (1, "rate", json!({ "score": 4, "complete": true, "comment": "fine" })),
        (1, "involve", json!({ "person": "grace", "as": "sponsor" })),
        (1, "involve", json!({ "person": "elena" })),
        (1, "release", json!({ "person": "grace" })),
        (1, "survey", json!({})),
        (1, "withdraw_survey", json!({})),
        (1, "complete", json!({ "outcome": "activated" })),
        (1, "complete", json!({ "outcome": "renewed" })),
    ];
    let weights: Vec<(u64, usize)> =
        verbs.iter().enumerate().map(|(place, (weight, ..))| (*weight, place)).collect();
    let (_, verb, body) = verbs[dice.weigh(&weights)].clone();
    Deed::Act { draw: dice.below(1_000_000), verb, body }
}

fn manage(dice: &mut Dice) -> Deed {
    let rep = *dice.pick(&["amara", "ben", "carla"]);
    match dice.below(3) {
        0 => Deed::Manage { path: "/api/reassign".to_owned(), body: json!({ "from": rep }) },
        1 => Deed::Manage { path: format!("/api/reps/{rep}/absence"), body: json!({}) },
        _ => {
            // Minutes from now, made times when it is sent.
            let body = json!({ "from": 0, "to": dice.between(1, 40) });
            Deed::Manage { path: format!("/api/reps/{rep}/absence"), body }
        }
    }
}
