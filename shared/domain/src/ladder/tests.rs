//! Which rungs are taken when: one that is passed waits for nobody only where there was nobody to
//! tell.

use super::*;
use crate::config::{Rung, RungTime};
use serde_json::json;

const SAMPLE: &str = include_str!("../../../../infra/local/sample/organisation.toml");

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The sample organisation, in which nobody has the role `backup`.
fn config() -> Config {
    crate::config::load(SAMPLE).unwrap()
}

/// A handoff of 10:00 with a clock of an hour and a ladder, each rung written `time act whom`.
fn handoff(stage: Stage, owner: Option<&str>, ladder: &[&str]) -> Handoff {
    let opened_at = at("2026-01-05T10:00:00Z");
    let mut rule = config().types["hot_lead"].clocks[0].clone();
    rule.target = "1h".parse().unwrap();
    rule.ladder = ladder.iter().map(|text| rung(text)).collect();
    let mut handoff: Handoff = serde_json::from_value(json!({
        "id": "h1", "version": 1, "type": "hot_lead", "lane": "inbound", "claim": "journey:j1",
        "journey": "j1", "stage": stage, "config": 1, "source": "generic", "from": "marketing",
        "to": "sdr", "owner": owner, "pool": "sdr_emea",
        "triggered_at": opened_at.timestamp_millis(), "opened_at": opened_at.timestamp_millis(),
    }))
    .unwrap();
    handoff.clocks.extend(Clock::start(&rule, rule.target, None, opened_at, None));
    handoff
}

fn rung(text: &str) -> Rung {
    let words: Vec<&str> = text.split(' ').collect();
    let act = serde_json::from_value(words[1].into()).unwrap();
    let to = words.get(2).map(|role| (*role).to_owned());
    Rung { at: RungTime::try_from(words[0].to_owned()).unwrap(), act, to }
}

fn waiting(reason: &str) -> Routing {
    let since = at("2026-01-05T10:00:00Z");
    Routing {
        reason: reason.to_owned(),
        since,
        retry_at: at("2026-01-05T12:00:00Z"),
        pool: None,
        held: false,
    }
}

/// Sweeps at each time in turn; tells what happened, one line a change.
fn sweep(mut handoff: Handoff, times: &[&str]) -> (Vec<String>, Handoff) {
    let mut lines = Vec::new();
    for time in times {
        let now = at(&format!("2026-01-05T{time}Z"));
        let (active, pinned) = (&config(), &config());
        let Some(changes) = tick(&handoff, Facts { active, pinned }, now) else { continue };
        lines.extend(changes.iter().map(|change| match change {
            Change::Stepped { act, .. } => format!("{time} {act:?}"),
            Change::StepPassed { act, reason, .. } => format!("{time} no {act:?}: {reason}"),
            Change::RoutingRequested { routing, .. } => format!("{time} route: {}", routing.reason),
            Change::Breached { .. } => format!("{time} Breach"),
            other => format!("{time} {other:?}"),
        }));
        handoff = handoff.after(&changes, now);
    }
    (lines, handoff)
}

#[test]
fn a_handoff_that_stands_with_its_sender_is_not_reassigned_and_its_next_step_keeps_its_time() {
    let ladder = ["breach tell manager", "+10m reassign", "+30m escalate director"];
    let times = ["11:00:00", "11:10:00", "11:29:59", "11:30:00"];
    let (lines, _) = sweep(handoff(Stage::Returned, None, &ladder), &times);
    let expected = [
        "11:00:00 Breach",
        "11:00:00 Tell",
        "11:10:00 no Reassign: it stands with its sender",
        "11:30:00 Escalate",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_handoff_that_nobody_has_keeps_the_request_it_has_and_its_manager_hears_nothing_new() {
    let mut unrouted = handoff(Stage::Opened, None, &["+10m reassign", "+30m escalate director"]);
    unrouted.routing = Some(waiting("everybody is at capacity"));
    let (lines, after) = sweep(unrouted, &["11:00:00", "11:10:00", "11:29:59", "11:30:00"]);
    let expected = [
        "11:00:00 Breach",
        "11:10:00 no Reassign: nobody has it: it is already being routed",
        "11:30:00 Escalate",
    ];
    assert_eq!(lines, expected);
    // The router alerts when the reason is a new one: it must find its own.
    assert_eq!(after.routing, Some(waiting("everybody is at capacity")));
}

#[test]
fn a_standing_request_is_tried_again_at_its_time_though_its_rung_was_passed() {
    let mut unrouted = handoff(Stage::Opened, None, &["+10m reassign"]);
    unrouted.routing = Some(waiting("everybody is at capacity"));
    unrouted.routing.as_mut().unwrap().retry_at = at("2026-01-05T11:10:00Z");
    let (lines, after) = sweep(unrouted, &["11:10:00"]);
    let expected = [
        "11:10:00 Breach",
        "11:10:00 no Reassign: nobody has it: it is already being routed",
        "11:10:00 route: everybody is at capacity",
    ];
    assert_eq!(lines, expected);
    assert_eq!(after.routing.unwrap().retry_at, at("2026-01-05T11:15:00Z"));
}

#[test]
fn a_handoff_whose_owner_missed_it_or_that_nobody_asked_for_is_routed() {
    for owner in [Some("amara"), None] {
        let stage = if owner.is_some() { Stage::Assigned } else { Stage::Opened };
        let (lines, after) = sweep(handoff(stage, owner, &["+10m reassign"]), &["11:10:00"]);
        let expected = ["11:10:00 Breach", "11:10:00 Reassign", "11:10:00 route: respond missed"];
        assert_eq!(lines, expected);
        let had: Vec<_> = owner.into_iter().map(PersonId::from).collect();
        assert_eq!(after.had, had);
    }
}

#[test]
fn the_next_step_stands_in_for_one_with_nobody_to_tell_at_that_ones_time() {
    let ladder = ["+5m tell backup", "+10m tell backup", "+20m tell manager", "+30m reassign"];
    let (lines, after) =
        sweep(handoff(Stage::Assigned, Some("amara"), &ladder), &["11:04:59", "11:05:00"]);
    let expected = [
        "11:04:59 Breach",
        "11:05:00 no Tell: there is no backup to tell",
        "11:05:00 no Tell: there is no backup to tell",
        "11:05:00 Tell",
    ];
    assert_eq!(lines, expected);
    assert_eq!(after.clocks[0].next_step().unwrap().at, at("2026-01-05T11:30:00Z"));
}

#[test]
fn the_deadline_is_never_brought_forward() {
    let ladder = ["50% remind backup", "breach tell manager"];
    let (lines, _) = sweep(handoff(Stage::Assigned, Some("amara"), &ladder), &["10:30:00"]);
    assert_eq!(lines, ["10:30:00 no Remind: there is no backup to tell"]);
}
