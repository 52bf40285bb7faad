//! What is decided, case by case: a handoff of the sample organisation, a command, the changes.

use super::*;
use crate::{
    beside::TaskState,
    clock::ClockState,
    config::{self, Act},
    handoff::Why,
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
        score: Some(70),
        completeness: Package::default().completeness(&rule.fields).percent,
        triggered_at: now,
        opened_at: now,
        clocks: start_clocks(rule, config, None, (now, None), &Targets::new()),
        flags: Default::default(),
        ..Handoff::default()
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
    let next = after.next_deadline().map(|(_, why)| why);
    assert!(!matches!(next, Some(Why::Step(..))), "nobody is escalated to any more: {next:?}");
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
    let hot = step(
        &config,
        mql,
        Command::Join { kind: "hot_lead".into(), at: now, targets: Targets::new() },
        now,
    );
    assert_eq!(hot.kind.as_str(), "hot_lead");
    assert_eq!(hot.clocks[0].due_at, now + Duration::minutes(5));
    let join = Command::Join { kind: "mql".into(), at: now, targets: Targets::new() };
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
    let meeting = |at| Command::Update {
        score: None,
        amount: None,
        meeting_at: Some(at),
        completeness: 0,
        targets: Targets::new(),
    };
    let set = step(&config, handoff, meeting(at("2026-01-08T15:00:00Z")), now);
    assert_eq!(set.clocks[0].due_at, at("2026-01-07T15:00:00Z"));
    let breached = step(&config, set, Command::Tick, at("2026-01-07T15:00:00Z"));
    assert_eq!(breached.clocks[0].state, ClockState::Breached);
    let later = at("2026-01-07T16:00:00Z");
    let moved = step(&config, breached, meeting(at("2026-01-12T15:00:00Z")), later);
    assert_eq!(moved.clocks[0].state, ClockState::Running);
    assert_eq!(moved.clocks[0].due_at, at("2026-01-11T15:00:00Z"));
}

/// Ticks at every deadline until `to`; returns what was taken, with its time.
fn tick_until(config: &Config, mut handoff: Handoff, to: &str) -> (Handoff, Vec<(String, Change)>) {
    let mut taken = Vec::new();
    while let Some((due_at, _)) = handoff.next_deadline().filter(|(due_at, _)| *due_at <= at(to)) {
        let facts = Facts { active: config, pinned: config };
        let changes = decide(&handoff, Command::Tick, facts, due_at).expect("what is due is taken");
        handoff = handoff.after(&changes, due_at);
        taken.extend(changes.into_iter().map(|change| (due_at.to_rfc3339(), change)));
    }
    (handoff, taken)
}

fn pause(reason: &str, until: Option<&str>) -> Command {
    Command::Pause { by: "amara".into(), reason: reason.to_owned(), until: until.map(at) }
}

#[test]
fn a_pause_leaves_the_time_that_was_left_and_ends_by_itself() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let paused_at = at("2026-01-05T10:02:00Z");
    let until = Some("2026-01-05T11:02:00Z");
    let paused = step(&config, handoff, pause("asked_to_wait", until), paused_at);
    let (paused, taken) = tick_until(&config, paused, "2026-01-05T11:01:59Z");
    assert_eq!(taken, [], "nothing happens in a pause");
    let (resumed, taken) = tick_until(&config, paused, "2026-01-05T11:03:00Z");
    assert!(matches!(taken[0].1, Change::Resumed { by: None, .. }), "{taken:?}");
    // Three of the five minutes were left.
    assert_eq!(resumed.clocks[0].due_at, at("2026-01-05T11:05:00Z"));
    let (_, taken) = tick_until(&config, resumed, "2026-01-05T11:05:00Z");
    let (when, first) = &taken[0];
    assert!(matches!(first, Change::Stepped { act: Act::Remind, .. }), "{taken:?}");
    assert_eq!(when, "2026-01-05T11:04:00+00:00");
    assert!(matches!(taken[1].1, Change::Breached { .. }), "{taken:?}");
}

#[test]
fn a_touch_in_a_pause_is_in_time_however_long_it_took() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let paused = step(&config, handoff, pause("asked_to_wait", None), at("2026-01-05T10:02:00Z"));
    let called = at("2026-01-05T15:00:00Z");
    let touched = step(&config, paused, touch("phone", called, Some("amara")), called);
    assert_eq!(touched.clocks[0].state, ClockState::Met);
}

#[test]
fn a_pause_has_a_reason_and_a_limit_in_all() {
    let config = config();
    let facts = Facts { active: &config, pinned: &config };
    let now = at("2026-01-05T10:02:00Z");
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let refused = decide(&handoff, pause("lunch", None), facts, now).unwrap_err().to_string();
    assert!(refused.contains("choose asked_to_wait, out_of_office"), "{refused}");
    let over = pause("asked_to_wait", Some("2026-01-05T10:02:00Z"));
    assert_eq!(decide(&handoff, over, facts, now), Err(Refusal::PauseOver));
    let far = pause("asked_to_wait", Some("2027-01-01T00:00:00Z"));
    let paused = step(&config, handoff, far, now);
    assert_eq!(paused.paused().unwrap().until, now + Duration::days(5), "cut at the limit");
    let twice = decide(&paused, pause("asked_to_wait", None), facts, now);
    assert_eq!(twice, Err(Refusal::PausedAlready(now + Duration::days(5))));
    let (resumed, _) = tick_until(&config, paused, "2026-01-10T10:02:00Z");
    let again = decide(&resumed, pause("asked_to_wait", None), facts, at("2026-01-10T10:03:00Z"));
    assert!(matches!(again, Err(Refusal::PausedEnough(_))), "{again:?}");
    let expansion = opened(&config, "expansion");
    let never = decide(&expansion, pause("asked_to_wait", None), facts, now);
    assert_eq!(never, Err(Refusal::NeverPaused));
}

#[test]
fn a_clock_that_counts_back_from_a_meeting_does_not_wait() {
    let config = config();
    let mut handoff = opened(&config, "meeting_set");
    let meeting = at("2026-01-08T15:00:00Z");
    let kind = &config.types["meeting_set"];
    handoff.clocks =
        start_clocks(kind, &config, None, (handoff.triggered_at, Some(meeting)), &Targets::new());
    let due_at = handoff.clocks[0].due_at;
    let pause = crate::pause::Pause {
        at: handoff.opened_at,
        by: "elena".into(),
        reason: "a_test".to_owned(),
        until: at("2026-01-20T00:00:00Z"),
        ended_at: None,
    };
    handoff.apply(&Change::Paused { pause }, handoff.opened_at);
    let (handoff, _) = tick_until(&config, handoff, "2026-01-07T15:00:00Z");
    assert_eq!(handoff.clocks[0].breached_at, Some(due_at));
}

#[test]
fn accepting_begins_the_sequence_and_a_reply_ends_it() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let now = at("2026-01-05T10:10:00Z");
    let accepted = step(&config, handoff, Command::Accept { by: "amara".into() }, now);
    let tasks: Vec<(&str, DateTime<Utc>)> =
        accepted.tasks.iter().map(|task| (task.name.as_str(), task.due_at)).collect();
    let by = |hours| now + Duration::hours(hours);
    assert_eq!(tasks, [("first_email", by(1)), ("call", by(4)), ("follow_up", by(28))]);
    let emailed = at("2026-01-05T10:30:00Z");
    let emailed = step(&config, accepted, touch("email", emailed, Some("amara")), emailed);
    assert_eq!(emailed.tasks[0].state, TaskState::Done);
    let (missed, taken) = tick_until(&config, emailed, "2026-01-05T14:10:00Z");
    assert!(matches!(&taken[0].1, Change::TaskMissed { task, .. } if task == "call"), "{taken:?}");
    let called = at("2026-01-05T15:00:00Z");
    let called = step(&config, missed, touch("phone", called, Some("amara")), called);
    assert_eq!(called.tasks[1].state, TaskState::Done, "late, and done");
    let replied = step(&config, called, Command::Reply { at: now }, by(6));
    assert_eq!(replied.tasks[2].state, TaskState::Ended);
    let facts = Facts { active: &config, pinned: &config };
    let again = decide(&replied, Command::Reply { at: now }, facts, by(7));
    assert_eq!(again, Ok(vec![Change::Noted]), "recorded, and nothing is left to end");
}

#[test]
fn a_touch_that_is_an_acceptance_begins_the_sequence_and_does_its_first() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let now = at("2026-01-05T10:10:00Z");
    let touched = step(&config, handoff, touch("phone", now, Some("amara")), now);
    let states: Vec<TaskState> = touched.tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskState::Open, TaskState::Done, TaskState::Open]);
}

#[test]
fn an_amount_that_becomes_known_chooses_another_target_for_a_clock_that_runs() {
    let config = config();
    let handoff = opened(&config, "closed_won");
    let due = |handoff: &Handoff| handoff.clocks[0].due_at - handoff.triggered_at;
    assert_eq!(due(&handoff), Duration::hours(48));
    let amount = Some(Money { minor: 20_000_000, currency: "EUR".into() });
    let targets = Targets::from([("respond".to_owned(), "5d".parse().unwrap())]);
    let update = |targets| Command::Update {
        score: None,
        amount: amount.clone(),
        meeting_at: None,
        completeness: 0,
        targets,
    };
    let now = handoff.triggered_at + Duration::hours(1);
    let enterprise = step(&config, handoff.clone(), update(targets.clone()), now);
    assert_eq!(due(&enterprise), Duration::days(5));
    assert_eq!(
        due(&step(&config, handoff.clone(), update(Targets::new()), now)),
        Duration::hours(48)
    );
    let (breached, _) = tick_until(&config, handoff, "2026-01-07T10:00:00Z");
    let late = step(&config, breached, update(targets), at("2026-01-07T11:00:00Z"));
    assert_eq!(due(&late), Duration::hours(48), "what is missed stays missed");
}

#[test]
fn the_seller_stays_thirty_days_and_the_sdr_until_the_meeting_wherever_it_moves() {
    let config = config();
    let mut signed = opened(&config, "closed_won");
    signed.sender = Some("elena".into());
    crate::beside::begin(&mut signed, &config.types["closed_won"], &config);
    let (stays, _) = tick_until(&config, signed, "2026-02-04T09:59:59Z");
    assert_eq!(stays.overlap.as_ref().map(|overlap| overlap.who.as_str()), Some("elena"));
    let (over, taken) = tick_until(&config, stays, "2026-02-04T10:00:00Z");
    assert_eq!(over.overlap, None);
    assert!(
        taken.iter().any(|(_, change)| matches!(change, Change::OverlapEnded { by: None, .. }))
    );

    let mut booked = opened(&config, "meeting_set");
    (booked.sender, booked.meeting_at) = (Some("amara".into()), Some(at("2026-01-08T15:00:00Z")));
    crate::beside::begin(&mut booked, &config.types["meeting_set"], &config);
    let brief_at = |handoff: &Handoff| handoff.brief.map(|brief| brief.at);
    assert_eq!(brief_at(&booked), Some(at("2026-01-07T15:00:00Z")));
    let update = Command::Update {
        score: None,
        amount: None,
        meeting_at: Some(at("2026-01-12T15:00:00Z")),
        completeness: 0,
        targets: Targets::new(),
    };
    let moved = step(&config, booked, update, at("2026-01-06T10:00:00Z"));
    assert_eq!(brief_at(&moved), Some(at("2026-01-11T15:00:00Z")));
    assert_eq!(moved.overlap.and_then(|overlap| overlap.until), Some(at("2026-01-12T15:00:00Z")));
}

#[test]
fn everything_known_goes_to_whoever_has_it_and_again_to_who_has_it_next() {
    let config = config();
    let mut booked = opened(&config, "meeting_set");
    booked.meeting_at = Some(at("2026-01-08T15:00:00Z"));
    crate::beside::begin(&mut booked, &config.types["meeting_set"], &config);
    let told = |handoff: Handoff, to| {
        let (handoff, taken) = tick_until(&config, handoff, to);
        let briefed = taken.into_iter().filter_map(|(when, change)| match change {
            Change::Briefed { to, .. } => Some((when, to.0)),
            _ => None,
        });
        (handoff, briefed.collect::<Vec<_>>())
    };
    let (nobody, briefed) = told(booked, "2026-01-07T15:00:00Z");
    assert_eq!(briefed, [], "nobody has it");
    let give = |handoff: Handoff, rep: &str, when: &str| {
        let command = Command::Assign {
            owner: rep.into(),
            pool: "ae_emea".into(),
            rule: None,
            trace: Box::new(Trace::default()),
        };
        step(&config, handoff, command, at(when))
    };
    let given = give(nobody, "elena", "2026-01-07T16:00:00Z");
    let (given, briefed) = told(given, "2026-01-07T16:00:00Z");
    assert_eq!(briefed.len(), 1, "{briefed:?}");
    let (again, briefed) = told(given, "2026-01-08T10:00:00Z");
    assert_eq!(briefed, [], "once");
    let (_, briefed) = told(give(again, "hana", "2026-01-08T10:00:00Z"), "2026-01-08T10:00:00Z");
    assert_eq!(briefed.first().map(|(_, to)| to.as_str()), Some("hana"));
}

#[test]
fn nobody_is_sent_anything_for_a_meeting_that_is_over() {
    let config = config();
    let mut booked = opened(&config, "meeting_set");
    booked.meeting_at = Some(at("2026-01-08T15:00:00Z"));
    crate::beside::begin(&mut booked, &config.types["meeting_set"], &config);
    let command = Command::Assign {
        owner: "elena".into(),
        pool: "ae_emea".into(),
        rule: None,
        trace: Box::new(Trace::default()),
    };
    let given = step(&config, booked, command, at("2026-01-08T15:30:00Z"));
    let facts = Facts { active: &config, pinned: &config };
    let changes = decide(&given, Command::Tick, facts, at("2026-01-08T15:30:00Z")).unwrap();
    let briefed = changes.iter().any(|change| matches!(change, Change::Briefed { .. }));
    assert!(!briefed, "{changes:?}");
    let after = given.after(&changes, at("2026-01-08T15:30:00Z"));
    assert!(
        after.next_deadline().is_none_or(|(_, why)| why != Why::Brief),
        "it is not due for ever"
    );
}

#[test]
fn whoever_takes_it_after_a_rejection_begins_the_sequence_anew() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let accept = |by: &str| Command::Accept { by: by.into() };
    let accepted = step(&config, handoff, accept("amara"), at("2026-01-05T10:10:00Z"));
    let reject = Command::Reject { by: "amara".into(), reason: "duplicate".to_owned() };
    let returned = step(&config, accepted, reject, at("2026-01-05T10:20:00Z"));
    assert!(returned.tasks.is_empty(), "nobody has anything to do");
    let again = step(&config, returned, Command::Resubmit, at("2026-01-05T11:00:00Z"));
    let command = Command::Assign {
        owner: "ben".into(),
        pool: "sdr_emea".into(),
        rule: None,
        trace: Box::new(Trace::default()),
    };
    let given = step(&config, again, command, at("2026-01-05T11:00:00Z"));
    let taken = step(&config, given, accept("ben"), at("2026-01-05T12:00:00Z"));
    assert_eq!(taken.tasks[0].due_at, at("2026-01-05T13:00:00Z"));
}

#[test]
fn a_pause_hides_no_breach_that_no_sweep_has_seen() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let late = step(&config, handoff, pause("asked_to_wait", None), at("2026-01-05T10:05:30Z"));
    assert_eq!(late.clocks[0].state, ClockState::Breached);
    assert!(late.paused().is_some());
    let called = at("2026-01-05T11:00:00Z");
    let touched = step(&config, late, touch("phone", called, Some("amara")), called);
    assert_eq!(touched.clocks[0].state, ClockState::Breached, "it stays missed");
}

#[test]
fn a_touch_in_a_pause_is_in_time_also_when_it_is_told_after_the_handoff_closed() {
    let config = config();
    let handoff = assigned(&config, "hot_lead", "amara", "sdr_emea");
    let paused = step(&config, handoff, pause("asked_to_wait", None), at("2026-01-05T10:03:00Z"));
    let done = Command::Complete {
        outcome: "meeting_booked".to_owned(),
        value: None,
        at: at("2026-01-05T12:00:00Z"),
    };
    let closed = step(&config, paused, done, at("2026-01-05T12:00:00Z"));
    let called = touch("phone", at("2026-01-05T11:00:00Z"), Some("amara"));
    let told = step(&config, closed, called, at("2026-01-05T12:05:00Z"));
    assert_eq!(told.clocks[0].state, ClockState::Met);
}

#[test]
fn somebody_who_asks_again_ends_the_pause() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let paused = step(&config, handoff, pause("asked_to_wait", None), at("2026-01-05T10:30:00Z"));
    let asked = at("2026-01-05T11:00:00Z");
    let join = Command::Join { kind: "hot_lead".into(), at: asked, targets: Targets::new() };
    let hot = step(&config, paused, join, asked);
    assert!(hot.paused().is_none());
    assert_eq!(hot.clocks[0].due_at, at("2026-01-05T11:05:00Z"));
}

#[test]
fn a_second_email_on_the_first_day_is_not_the_next_days() {
    let config = config();
    let handoff = assigned(&config, "mql", "amara", "sdr_emea");
    let now = at("2026-01-05T10:10:00Z");
    let mut handoff = step(&config, handoff, Command::Accept { by: "amara".into() }, now);
    for minute in ["2026-01-05T10:20:00Z", "2026-01-05T10:30:00Z"] {
        handoff = step(&config, handoff, touch("email", at(minute), Some("amara")), at(minute));
    }
    assert_eq!(handoff.tasks[2].state, TaskState::Open);
}
