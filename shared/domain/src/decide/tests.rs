//! What is decided, case by case: a handoff of the sample organisation, a command, the changes.

use super::*;
use crate::{
    beside::TaskState,
    clock::ClockState,
    config::{self, Act, ClockRule},
    handoff::{Flag, Why},
    ids::HandoffId,
    package::Package,
    routing::Trace,
};
use chrono::Duration;

mod sequence;
mod waiting;

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
        completeness: Package::default().completeness(&rule.fields, Stage::Opened).percent,
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
fn a_deadline_that_cannot_be_counted_any_more_is_flagged_once() {
    let flagged = |changes: &[Change]| {
        let undated = |it: &&Change| matches!(it, Change::Flagged { flag: Flag::NoDeadline });
        changes.iter().filter(undated).count()
    };
    let good = config();
    let mut idle = good.clone();
    for hours in idle.calendars.values_mut() {
        *hours = crate::calendar::Calendar::new(chrono_tz::UTC);
    }
    let assign = Command::Assign {
        owner: "carla".into(),
        pool: "sdr_americas".into(),
        rule: None,
        trace: Box::new(Trace::default()),
    };
    let facts = Facts { active: &idle, pinned: &idle };
    let now = at("2026-01-05T10:00:01Z");
    let handoff = opened(&good, "mql");
    let changes = decide(&handoff, assign, facts, now).unwrap();
    assert_eq!(flagged(&changes), 1, "{changes:?}");
    let after = handoff.after(&changes, now);
    assert_eq!(after.clocks[0].due_at, opened(&good, "mql").clocks[0].due_at, "what there was");

    let mut working = good.clone();
    for name in ["prepare", "rehearse"] {
        let meeting = working.types.get_mut("meeting_set").unwrap();
        let rule = ClockRule { name: name.into(), ..meeting.clocks[0].clone() };
        let rule = ClockRule { calendar: Some("london".into()), ..rule };
        meeting.clocks.push(rule);
    }
    working.types.get_mut("meeting_set").unwrap().clocks.remove(0);
    working.calendars.clone_from(&idle.calendars);
    let facts = Facts { active: &working, pinned: &working };
    let update = Command::Update {
        score: None,
        amount: None,
        meeting_at: Some(at("2026-01-08T15:00:00Z")),
        completeness: 0,
        targets: Targets::new(),
    };
    let booked = opened(&good, "meeting_set");
    let changes = decide(&booked, update.clone(), facts, now).unwrap();
    assert_eq!(flagged(&changes), 1, "{changes:?}");
    let again = decide(&booked.after(&changes, now), update, facts, now).unwrap();
    assert_eq!(flagged(&again), 0, "{again:?}");

    let mut hot = good.clone();
    hot.types.get_mut("hot_lead").unwrap().clocks[0].calendar = Some("london".into());
    hot.calendars.clone_from(&idle.calendars);
    let facts = Facts { active: &hot, pinned: &good };
    let join = Command::Join { kind: "hot_lead".into(), at: now, targets: Targets::new() };
    let changes = decide(&opened(&good, "mql"), join, facts, now).unwrap();
    assert_eq!(flagged(&changes), 1, "{changes:?}");
}

#[test]
fn ending_a_handoff_hides_no_miss_that_no_sweep_has_seen() {
    let config = config();
    let late = at("2026-01-05T11:50:00Z");
    let handoff = || assigned(&config, "hot_lead", "amara", "sdr_emea");
    let endings = [
        Command::Complete { outcome: "disqualified".into(), value: None, at: late },
        Command::Recycle { to: "nurture".into(), reason: "not_now".into() },
        Command::Cancel { reason: "a test".into() },
        Command::Reject { by: "amara".into(), reason: "duplicate".into() },
        Command::Assign {
            owner: "ben".into(),
            pool: "sdr_emea".into(),
            rule: None,
            trace: Box::new(Trace::default()),
        },
    ];
    for command in endings {
        let changes = decided(&config, &handoff(), command.clone(), late).unwrap();
        let missed = changes.iter().find_map(|change| match change {
            Change::Breached { due_at, credit, .. } => Some((*due_at, credit.owner.clone())),
            _ => None,
        });
        let expected = (at("2026-01-05T10:05:00Z"), Some("amara".into()));
        assert_eq!(missed, Some(expected), "{command:?}");
        let after = handoff().after(&changes, late);
        assert_eq!(after.clocks[0].state, ClockState::Breached, "{command:?}");
    }
    // What was so before the deadline and told after it missed nothing.
    let done = at("2026-01-05T10:04:00Z");
    let early = Command::Complete { outcome: "disqualified".into(), value: None, at: done };
    let changes = decided(&config, &handoff(), early, late).unwrap();
    assert!(!changes.iter().any(|it| matches!(it, Change::Breached { .. })), "{changes:?}");
}

#[test]
fn a_meeting_that_moves_closer_than_its_lead_time_is_due_at_once_and_says_so() {
    let config = config();
    let mut booked = assigned(&config, "meeting_set", "elena", "ae_emea");
    let friday = Some(at("2026-01-09T15:00:00Z"));
    booked.meeting_at = friday;
    let kind = &config.types["meeting_set"];
    let times = (booked.triggered_at, friday);
    booked.clocks = start_clocks(kind, &config, None, times, &Targets::new());
    let now = at("2026-01-07T12:00:00Z");
    let update = Command::Update {
        score: None,
        amount: None,
        meeting_at: Some(at("2026-01-07T18:00:00Z")),
        completeness: 0,
        targets: Targets::new(),
    };
    let moved = step(&config, booked, update, now);
    let clock = &moved.clocks[0];
    assert_eq!((clock.due_at, clock.short_notice), (now, true));
    assert!(clock.steps.iter().all(|step| step.at >= now), "{:?}", clock.steps);
    let changes = decided(&config, &moved, Command::Tick, now).unwrap();
    let told: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Stepped { act, short_notice, .. } => Some((*act, *short_notice)),
            Change::StepPassed { reason, .. } => panic!("{reason}"),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(Act::Remind, true), (Act::Tell, true)], "the director comes later");
}

#[test]
fn the_manager_hears_once_of_one_kind_of_reason_and_the_next_try_comes_when_somebody_is_back() {
    let config = config();
    let leave = |reason: &str, back_at: Option<&str>| Command::LeaveUnrouted {
        reason: reason.to_owned(),
        back_at: back_at.map(at),
        trace: Box::default(),
    };
    let three = at("2026-01-05T03:00:00Z");
    let mut handoff = opened(&config, "hot_lead");
    handoff.routing = None;
    let seven = leave("7 at capacity, 3 away", None);
    let first = decided(&config, &handoff, seven, three).unwrap();
    assert!(matches!(&first[0], Change::Unrouted { again: false, .. }), "{first:?}");
    let waits = handoff.after(&first, three);
    let every = waits.routing.as_ref().unwrap().retry_at;
    let other = leave("6 at capacity, 4 away", None);
    let numbers = decided(&config, &waits, other, three + Duration::seconds(9)).unwrap();
    assert!(matches!(&numbers[0], Change::Unrouted { again: true, .. }), "{numbers:?}");
    // Two tries later somebody comes back between this one and the next.
    let tried = waits.after(
        &decided(&config, &handoff_with(&config, every), Command::Tick, every).unwrap_or_default(),
        every,
    );
    let soon = every + Duration::seconds(40);
    let back = leave("7 at capacity, 3 away", Some(&soon.to_rfc3339()));
    let sooner = decided(&config, &tried, back, every + Duration::seconds(1)).unwrap();
    let Change::Unrouted { routing, again: true, .. } = &sooner[0] else { panic!("{sooner:?}") };
    assert_eq!(routing.retry_at, soon);
    let off_shift = leave("2 not on shift", None);
    let other = decided(&config, &tried, off_shift, every + Duration::seconds(2)).unwrap();
    assert!(matches!(&other[0], Change::Unrouted { again: false, .. }), "{other:?}");
}

/// A handoff whose standing request is due at an instant.
fn handoff_with(config: &Config, retry_at: DateTime<Utc>) -> Handoff {
    let mut handoff = opened(config, "hot_lead");
    let (reason, since) = ("7 at capacity, 3 away".to_owned(), handoff.opened_at);
    handoff.routing = Some(Routing { reason, since, retry_at, pool: None, held: false });
    handoff
}
