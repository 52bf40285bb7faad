//! The plays: short courses of events, each played again with one request spoiled.
//!
//! A play is calm but for that request. However it is spoiled, the play must end as it ends when
//! nothing is: the same handoffs, stages, outcomes and clocks; only who has them, and when, may
//! differ.

use super::{
    Facts, Lived, Point, Spoiled, Storm,
    life::Life,
    traffic::{Deed, asks, subject},
};
use chrono::Duration;
use local::sample::ORGANISATION;
use serde_json::{Value, json};

/// A short course of events: its name, and what is done when.
pub type Play = (&'static str, fn() -> Vec<(i64, Deed)>);

/// How a play ended.
#[derive(Debug)]
pub struct Played {
    /// What its handoffs came to.
    pub facts: Vec<Facts>,
    /// Where it asked for something before it came to rest.
    pub points: Vec<Point>,
    /// What there was.
    pub lived: Lived,
}

/// Every play.
pub const PLAYS: [Play; 7] = [
    ("a lead is answered", answered),
    ("a lead is missed", missed),
    ("it goes back and comes again", given_back),
    ("two triggers are one, and hotter", joined),
    ("a meeting moves", meeting),
    ("nobody is there", nobody),
    ("a deal is paused and given away", paused),
];

/// Plays a play; the requests named are spoiled. What a source says is settled by the sweep's second
/// try when the first is spoiled: so nobody in a play answers it sooner than that.
///
/// # Panics
/// When something is not as it must be.
pub async fn play((_, deeds): Play, spoiled: &[Spoiled]) -> Played {
    let storm = Storm::spoiling(spoiled);
    let mut life = Life::begin(1, ORGANISATION, storm.clone()).await;
    let deeds = deeds().into_iter();
    life.plans(deeds.map(|(seconds, deed)| (Duration::seconds(seconds), deed)).collect());
    life.goes_on().await;
    let points = storm.points();
    life.comes_to_rest().await;
    life.is_true().await;
    let facts = life.facts();
    Played { facts, points, lived: life.ends().await }
}

fn answered() -> Vec<(i64, Deed)> {
    vec![
        (1, lead("solo", "GB")),
        (181, act("accept", json!({}))),
        (200, act("touch", json!({ "channel": "phone" }))),
        (205, act("note", json!({ "text": "she wants a demo" }))),
        (230, act("complete", json!({ "outcome": "meeting_booked" }))),
    ]
}

fn missed() -> Vec<(i64, Deed)> {
    vec![(1, lead("solo", "US")), (2_700, told("touch", json!({ "channel": "email" })))]
}

fn given_back() -> Vec<(i64, Deed)> {
    vec![
        (1, lead("solo", "GB")),
        (150, act("reject", json!({ "reason": "missing_information" }))),
        (190, act("resubmit", json!({ "package": { "fit": "high" } }))),
        (250, act("accept", json!({}))),
        (260, act("touch", json!({ "channel": "phone" }))),
        (285, act("recycle", json!({ "to": "nurture", "reason": "not_now" }))),
    ]
}

fn joined() -> Vec<(i64, Deed)> {
    vec![
        (1, told("lead.scored", json!({ "score": 70, "previous_score": 10 }))),
        (40, told("demo.requested", json!({ "fields": { "intent_signal": "Demo" } }))),
        (270, told("touch", json!({ "channel": "email" }))),
        (290, told("outcome", json!({ "outcome": "no_response" }))),
        (300, Deed::Garble { id: "garbled".to_owned() }),
    ]
}

fn meeting() -> Vec<(i64, Deed)> {
    vec![
        (1, told("meeting.booked", json!({ "meeting_at": 200_000 }))),
        (181, told("meeting.moved", json!({ "meeting_at": 100_000 }))),
        (361, act("accept", json!({}))),
        (391, told("meeting.cancelled", json!({}))),
    ]
}

fn nobody() -> Vec<(i64, Deed)> {
    let away = json!({ "from": 0, "to": 20 });
    let absence = |rep: &str, body: &Value| Deed::Manage {
        path: format!("/api/reps/{rep}/absence"),
        body: body.clone(),
    };
    vec![
        (1, absence("amara", &away)),
        (2, absence("ben", &away)),
        (10, lead("solo", "GB")),
        (60, absence("ben", &json!({}))),
        (240, act("touch", json!({ "channel": "phone" }))),
        (250, act("complete", json!({ "outcome": "disqualified" }))),
    ]
}

fn paused() -> Vec<(i64, Deed)> {
    vec![
        (1, told("contract.signed", json!({ "amount": { "minor": 900, "currency": "EUR" } }))),
        (181, act("pause", json!({ "reason": "legal_review" }))),
        (241, act("resume", json!({}))),
        (271, Deed::Manage { path: "/api/reassign".to_owned(), body: json!({ "from": "ingrid" }) }),
        (311, Deed::Manage { path: "/api/reassign".to_owned(), body: json!({ "from": "jonas" }) }),
        (361, Deed::Push { organisation: ORGANISATION.replace("capacity = 60", "capacity = 61") }),
        (381, act("cancel", json!({ "reason": "test" }))),
    ]
}

fn lead(who: &str, country: &str) -> Deed {
    asks("msg_lead".to_owned(), who, country)
}

/// Something a source tells of the one person these plays are about.
fn told(kind: &'static str, more: Value) -> Deed {
    let mut data = json!({ "subject": subject("solo", "GB"), "fields": {} });
    if kind == "contract.signed" {
        data["subject"]["references"] =
            json!([{ "system": "hubspot", "object": "deal", "id": "d1" }]);
    }
    for (name, value) in more.as_object().into_iter().flatten() {
        data[name] = value.clone();
    }
    Deed::Tell { id: format!("msg_{kind}"), kind, data }
}

/// Something the owner does to the first handoff.
fn act(verb: &'static str, body: Value) -> Deed {
    Deed::Act { draw: 0, verb, body }
}
