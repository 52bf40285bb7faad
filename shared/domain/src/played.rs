//! Histories, played against the real decisions for tests of what reads them.

use crate::{
    Config,
    change::Change,
    commit::{About, Actor, Commit},
    config::Mode,
    decide::{Command, Facts, Targets, decide, start_clocks},
    handoff::{Handoff, Routing},
    ids::*,
    routing::Trace,
    stage::Stage,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proptest::prelude::*;
use std::collections::BTreeMap;

pub(crate) fn config() -> Config {
    crate::config::load(include_str!("../../../infra/local/sample/organisation.toml")).unwrap()
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A commit of 6 January about a handoff of the day before.
pub(crate) fn commit(changes: Vec<Change>) -> Commit {
    let day = |day| NaiveDate::from_ymd_opt(2026, 1, day).unwrap();
    Commit {
        handoff: "H1".into(),
        version: 3,
        at: at("2026-01-06T09:00:00Z"),
        actor: Actor::Sweep,
        cause: "schedule".into(),
        attempt: "A1".into(),
        changes,
        about: About {
            kind: "mql".into(),
            opened_day: day(5),
            day: day(6),
            pool: Some("sdr_emea".into()),
            owner_before: Some("amara".into()),
            owner: Some("ben".into()),
            beside: None,
            involved: Vec::new(),
            from: "marketing".into(),
            sender: None,
            source: "hubspot".into(),
            rule: Some("Inbound".into()),
            amount: None,
            mode: Mode::Live,
            test: false,
        },
        lineage: None,
        personal: BTreeMap::new(),
    }
}

/// Opens a handoff of a type at 09:00 on Monday 5 January; meetings are two days later.
pub(crate) fn open(config: &Config, kind: &str) -> (Handoff, Commit) {
    let now = at("2026-01-05T09:00:00Z");
    let known = &config.types[&TypeKey::from(kind)];
    let meeting_at = (kind == "meeting_set").then(|| now + TimeDelta::days(2));
    let mut handoff = Handoff {
        id: "H1".into(),
        version: 0,
        kind: kind.into(),
        lane: known.lane.clone(),
        claim: "J1".into(),
        journey: "J1".into(),
        stage: Stage::Opened,
        mode: Mode::Live,
        config: 1,
        source: "hubspot".into(),
        from: known.from.clone(),
        to: known.to.clone(),
        heat: known.heat,
        score: None,
        completeness: 60,
        triggered_at: now,
        opened_at: now,
        meeting_at,
        clocks: start_clocks(known, config, None, (now, meeting_at), &Targets::new()),
        sender: Some("carla".into()),
        routing: Some(Routing {
            reason: "new".to_owned(),
            since: now,
            retry_at: now + config.organisation.reroute_every.elapsed(),
            pool: None,
            held: false,
        }),
        ..Handoff::default()
    };
    crate::beside::begin(&mut handoff, known, config);
    let changes = vec![Change::Opened { handoff: Box::new(handoff.clone()) }];
    let after = handoff.after(&changes, now);
    let opened = record(config, &after, None, changes, now);
    (after, opened)
}

pub(crate) fn record(
    config: &Config,
    after: &Handoff,
    before: Option<&Handoff>,
    changes: Vec<Change>,
    now: DateTime<Utc>,
) -> Commit {
    let about = About::of(after, before, now, |at| config.day_of(at));
    Commit { at: now, version: after.version, about, changes, ..commit(Vec::new()) }
}

/// One thing that is tried: after how many minutes, what, and how many minutes back a touch is
/// dated.
pub(crate) type Try = (i64, u8, i64);

fn command(
    config: &Config,
    handoff: &Handoff,
    (_, what, back): Try,
    now: DateTime<Utc>,
) -> Command {
    let owner = handoff.owner.clone().unwrap_or_default();
    let assign = |rep: &str| Command::Assign {
        owner: rep.into(),
        pool: config.pools_of(&rep.into()).next().unwrap().clone(),
        rule: Some("Inbound".into()),
        trace: Box::new(Trace::default()),
    };
    let kind = &config.types[&handoff.kind];
    match what {
        0 => assign("amara"),
        1 => assign("carla"),
        2 => Command::Accept { by: owner },
        3 | 4 => {
            Command::Touch { channel: "call".into(), at: now - TimeDelta::minutes(back), by: None }
        }
        5 => Command::Reject { by: owner, reason: kind.reject_reasons[0].clone() },
        6 => Command::Resubmit,
        7 => Command::Complete { outcome: kind.outcomes[0].clone(), value: None, at: now },
        8 => Command::Rate { score: 4, complete: back > 60 },
        9 => Command::Join { kind: "hot_lead".into(), at: now, targets: Targets::new() },
        10 => Command::Update {
            score: None,
            amount: None,
            meeting_at: (handoff.kind.as_str() == "meeting_set")
                .then(|| now + TimeDelta::minutes(back * 20)),
            completeness: 80,
            targets: Targets::new(),
        },
        11 => Command::Reply { at: now - TimeDelta::minutes(back / 4) },
        12 => {
            let reason = kind.pause_reasons.first().cloned().unwrap_or_default();
            Command::Pause { by: owner, reason, until: Some(now + TimeDelta::minutes(back + 1)) }
        }
        13 => Command::Resume { by: owner },
        14 => Command::EndOverlap { by: owner },
        _ => Command::Tick,
    }
}

/// Plays tries against the real decisions, ticking before each.
pub(crate) fn play(config: &Config, kind: &str, tries: &[Try]) -> (Handoff, Vec<Commit>) {
    played(config, kind, tries, true)
}

/// Plays tries, with a sweep before each or with none at all.
pub(crate) fn played(
    config: &Config,
    kind: &str,
    tries: &[Try],
    swept: bool,
) -> (Handoff, Vec<Commit>) {
    let (mut handoff, opened) = open(config, kind);
    let (mut commits, mut now) = (vec![opened], at("2026-01-05T09:00:00Z"));
    let facts = Facts { active: config, pinned: config };
    for attempt in tries {
        now += TimeDelta::minutes(attempt.0);
        let ticks = ticks_until(config, &handoff, now);
        assert!(ticks < TICKS_MAX, "{:?} is due for ever", handoff.next_deadline());
        let acts = [Command::Tick, command(config, &handoff, *attempt, now)];
        for command in acts.into_iter().skip(usize::from(!swept)) {
            let Ok(changes) = decide(&handoff, command, facts, now) else { continue };
            let after = handoff.clone().after(&changes, now);
            commits.push(record(config, &after, Some(&handoff), changes, now));
            handoff = after;
        }
    }
    (handoff, commits)
}

/// How often a handoff can be due at one instant: each clock's steps, its tasks and the rest once.
const TICKS_MAX: usize = 20;

/// Counts the ticks until nothing is due any more: a deadline that no tick takes is due for ever.
fn ticks_until(config: &Config, handoff: &Handoff, now: DateTime<Utc>) -> usize {
    let (mut handoff, facts) = (handoff.clone(), Facts { active: config, pinned: config });
    let due = |handoff: &Handoff| handoff.next_deadline().is_some_and(|(at, _)| at <= now);
    let ticks = (0..TICKS_MAX).take_while(|_| {
        let is_due = due(&handoff);
        if let Ok(changes) = decide(&handoff, Command::Tick, facts, now) {
            handoff = handoff.clone().after(&changes, now);
        }
        is_due
    });
    ticks.count()
}

pub(crate) fn tries() -> impl Strategy<Value = Vec<Try>> {
    proptest::collection::vec((1..200_i64, 0..19_u8, 0..500_i64), 0..20)
}
