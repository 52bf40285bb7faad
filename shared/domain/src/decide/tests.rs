//! What is decided, case by case: a handoff of the sample organisation, a command, the changes.

use super::*;
use crate::{
    clock::ClockState,
    config::{self, Act},
    ids::HandoffId,
    package::Package,
    routing::Trace,
};
use chrono::Duration;

const SAMPLE: &str = include_str!("../../../../infra/local/sample/organisation.toml");

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn config() -> Config {
    Config { version: 1, ..config::load(SAMPLE).unwrap() }
}

/// A handoff that opened on a Monday at 10:00 in London.
fn opened(config: &Config, kind: &str) -> Handoff {
    let now = at("2026-01-05T10:00:00Z");
    let rule = &config.types[kind];
    let handoff = Handoff {
        id: HandoffId::from("h1"),
        version: 0,
        kind: kind.into(),
        lane: rule.lane.clone(),
        claim: "journey:j1".into(),
        journey: "j1".into(),
        stage: Stage::Opened,
        mode: rule.mode,
        config: 1,
        source: "generic".into(),
        from: rule.from.clone(),
        to: rule.to.clone(),
        heat: rule.heat,
        sender: None,
        owner: None,
        pool: None,
        rule: None,
        had: Vec::new(),
        score: Some(70),
        amount: None,
        completeness: Package::default().completeness(&rule.fields).percent,
        triggered_at: now,
        opened_at: now,
        assigned_at: None,
        accepted_at: None,
        first_touch_at: None,
        response_credit: None,
        closed_at: None,
        meeting_at: None,
        clocks: start_clocks(rule, config, None, now, None),
        routing: None,
        previous: None,
        outcome: None,
        flags: Default::default(),
    };
    let change = Change::Opened { handoff: Box::new(handoff.clone()) };
    handoff.after(&[change], now)
}

fn assigned(config: &Config, kind: &str, owner: &str, pool: &str) -> Handoff {
    let command = Command::Assign {
        owner: owner.into(),
        pool: pool.into(),
        rule: Some("by rule".into()),
        trace: Box::new(Trace::default()),
    };
    step(config, opened(config, kind), command, at("2026-01-05T10:00:01Z"))
}

fn decided(
    config: &Config,
    handoff: &Handoff,
    command: Command,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    decide(handoff, command, Facts { active: config, pinned: config }, now)
}

fn step(config: &Config, handoff: Handoff, command: Command, now: DateTime<Utc>) -> Handoff {
    let changes = decided(config, &handoff, command, now).unwrap();
    handoff.after(&changes, now)
}

fn touch(channel: &str, at: DateTime<Utc>, by: Option<&str>) -> Command {
    Command::Touch { channel: channel.into(), at, by: by.map(Into::into) }
}

#[test]
fn the_first_assignment_recounts_the_clock_on_the_pools_calendar() {
    let config = config();
    let london = opened(&config, "mql");
    assert_eq!(london.clocks[0].due_at, at("2026-01-05T14:00:00Z"));
    let new_york = assigned(&config, "mql", "carla", "sdr_americas");
    assert_eq!(new_york.clocks[0].due_at, at("2026-01-05T18:00:00Z"));
    assert_eq!(new_york.clocks[0].calendar, Some("new_york".into()));
}

#[test]
fn only_the_owner_accepts_and_the_late_one_hears_who_has_it() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let now = at("2026-01-05T10:01:00Z");
    let refused = decided(&config, &handoff, Command::Accept { by: "ben".into() }, now);
    let sentence = refused.unwrap_err().to_string();
    assert_eq!(sentence, "Amara Okafor has this handoff now; only its owner can do that.");
    let accepted = step(&config, handoff, Command::Accept { by: "amara".into() }, now);
    let again = decided(&config, &accepted, Command::Accept { by: "amara".into() }, now);
    assert_eq!(again, Err(Refusal::Nothing));
}

#[test]
fn a_touch_by_the_sending_team_is_recorded_and_stops_nothing() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let now = at("2026-01-05T10:02:00Z");
    let after = step(&config, handoff, touch("email", now, Some("elena")), now);
    assert_eq!((after.stage, after.first_touch_at), (Stage::Assigned, None));
    assert_eq!(after.clocks[0].state, ClockState::Running);
}

#[test]
fn a_touch_after_the_deadline_is_a_breach_though_no_sweep_has_looked() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let late = at("2026-01-05T10:05:01Z");
    let after = step(&config, handoff, touch("phone", late, Some("amara")), late);
    let clock = &after.clocks[0];
    assert_eq!((clock.state, clock.met_at), (ClockState::Breached, Some(late)));
    assert!(after.next_deadline().is_none(), "nobody is escalated to any more");
}

#[test]
fn a_touch_at_the_deadline_itself_is_in_time() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let due = handoff.clocks[0].due_at;
    let after = step(&config, handoff, touch("phone", due, Some("amara")), due);
    assert_eq!(after.clocks[0].state, ClockState::Met);
}

#[test]
fn a_timely_touch_told_late_takes_the_breach_back_from_who_was_told() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let due = handoff.clocks[0].due_at;
    let breached = step(&config, handoff, Command::Tick, due);
    assert_eq!(breached.clocks[0].told, [PersonId::from("priya")]);
    let told = touch("phone", due - Duration::minutes(1), None);
    let changes = decided(&config, &breached, told, due + Duration::hours(1)).unwrap();
    let met = changes.iter().find_map(|change| match change {
        Change::ClockMet { late, was, told, .. } => Some((*late, was.clone(), told.clone())),
        _ => None,
    });
    let (late, was, told) = met.unwrap();
    assert!(!late);
    assert_eq!(was.unwrap().owner, Some("amara".into()));
    assert_eq!(told, [PersonId::from("priya")]);
    let after = breached.after(&changes, due);
    assert_eq!((after.clocks[0].state, after.clocks[0].breached_at), (ClockState::Met, None));
}

#[test]
fn nothing_happens_a_millisecond_early_and_everything_happens_once() {
    let config = config();
    let mut handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let mut taken = Vec::new();
    while let Some((due, _)) = handoff.next_deadline() {
        let early = due - Duration::milliseconds(1);
        assert_eq!(decided(&config, &handoff, Command::Tick, early), Err(Refusal::Nothing));
        let changes = decided(&config, &handoff, Command::Tick, due).unwrap();
        for change in &changes {
            match change {
                Change::Stepped { act, due_at, .. } => taken.push((*act, *due_at)),
                Change::Breached { due_at, .. } => taken.push((Act::Breach, *due_at)),
                _ => {}
            }
        }
        handoff = handoff.after(&changes, due);
        handoff.routing = None;
        assert_eq!(decided(&config, &handoff, Command::Tick, due), Err(Refusal::Nothing));
    }
    let minute = |minute| at("2026-01-05T10:00:00Z") + Duration::minutes(minute);
    let expected = [
        (Act::Remind, minute(4)),
        (Act::Breach, minute(5)),
        (Act::Tell, minute(5)),
        (Act::Reassign, minute(15)),
        (Act::Escalate, minute(35)),
    ];
    assert_eq!(taken, expected);
}

#[test]
fn after_an_outage_it_moves_to_its_current_step_and_records_what_was_missed() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let late = at("2026-01-05T10:20:00Z");
    let changes = decided(&config, &handoff, Command::Tick, late).unwrap();
    let kinds: Vec<&str> = changes
        .iter()
        .map(|change| match change {
            Change::Breached { .. } => "breached",
            Change::Stepped { act: Act::Reassign, .. } => "reassign",
            Change::Stepped { .. } => "told",
            Change::StepPassed { .. } => "passed",
            Change::RoutingRequested { .. } => "routing requested",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["passed", "breached", "passed", "reassign", "routing requested"]);
    let after = handoff.after(&changes, late);
    let next = after.clocks[0].next_step().unwrap();
    assert_eq!(next.at, at("2026-01-05T10:35:00Z"), "steps follow the deadline, not the sweep");
}

#[test]
fn a_step_with_nobody_to_tell_does_not_wait() {
    let mut config = config();
    config.pools.get_mut("sdr_emea").unwrap().roles.clear();
    config.organisation.roles.clear();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let due = handoff.clocks[0].due_at;
    let changes = decided(&config, &handoff, Command::Tick, due).unwrap();
    let passed = changes.iter().any(|change| {
        matches!(change, Change::StepPassed { act: Act::Tell, reason, .. } if reason.contains("no manager"))
    });
    let reassigned = changes.iter().any(|change| matches!(change, Change::RoutingRequested { .. }));
    assert!(passed && reassigned, "{changes:?}");
}

#[test]
fn a_hotter_trigger_upgrades_and_a_cooler_one_joins() {
    let config = config();
    let mql = assigned(&config, "mql", "amara", "sdr_emea");
    let now = at("2026-01-05T11:00:00Z");
    let hot = step(&config, mql, Command::Join { kind: "hot_lead".into(), at: now }, now);
    assert_eq!(hot.kind.as_str(), "hot_lead");
    assert_eq!(hot.clocks[0].due_at, now + Duration::minutes(5));
    let join = Command::Join { kind: "mql".into(), at: now };
    assert_eq!(decided(&config, &hot, join, now).unwrap(), [Change::Joined { kind: "mql".into() }]);
}

#[test]
fn a_reason_that_is_not_listed_is_refused_with_the_list() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let reject = Command::Reject { by: "amara".into(), reason: "because".into() };
    let refused = decided(&config, &handoff, reject, at("2026-01-05T10:01:00Z")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`because` is not one of this type's reasons to reject: choose not_a_fit, duplicate, \
         bad_contact_data, missing_information."
    );
}

#[test]
fn a_meeting_that_moves_takes_its_clock_with_it() {
    let config = config();
    let now = at("2026-01-05T10:00:00Z");
    let handoff = assigned(&config, "meeting_set", "elena", "ae_emea");
    assert!(handoff.clocks.is_empty(), "no meeting is set yet");
    let meeting =
        |at| Command::Update { score: None, amount: None, meeting_at: Some(at), completeness: 0 };
    let set = step(&config, handoff, meeting(at("2026-01-08T15:00:00Z")), now);
    assert_eq!(set.clocks[0].due_at, at("2026-01-07T15:00:00Z"));
    let breached = step(&config, set, Command::Tick, at("2026-01-07T15:00:00Z"));
    assert_eq!(breached.clocks[0].state, ClockState::Breached);
    let later = at("2026-01-07T16:00:00Z");
    let moved = step(&config, breached, meeting(at("2026-01-12T15:00:00Z")), later);
    assert_eq!(moved.clocks[0].state, ClockState::Running);
    assert_eq!(moved.clocks[0].due_at, at("2026-01-11T15:00:00Z"));
}
