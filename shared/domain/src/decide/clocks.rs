//! Clocks in a decision: started with the handoff, recounted when its pool is known, moved with its
//! meeting.

use super::Facts;
use crate::{
    beside,
    change::Change,
    clock::{Clock, ClockState, NamedCalendar},
    config::{ClockRule, Config, HandoffType, Start},
    handoff::{Flag, Handoff},
    ids::{CalendarKey, PersonId, PoolId},
    package::Package,
    pause::put_off,
    routing::hold,
    span::Span,
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// The targets that conditions chose, by clock; every other clock has its rule's own.
pub type Targets = BTreeMap<String, Span>;

/// Chooses the targets that conditions decide on, for a handoff as it is now.
pub fn targets(
    kind: &HandoffType,
    config: &Config,
    about: (&Handoff, &Package),
    now: DateTime<Utc>,
) -> Targets {
    let chosen = |rule: &ClockRule| {
        let mut targets = rule.targets.iter();
        let target = targets.find(|target| hold(&target.when, config, about, now))?.target;
        Some((rule.name.clone(), target))
    };
    kind.clocks.iter().filter_map(chosen).collect()
}

/// Starts the clocks of a type; those whose meeting is not set wait for it.
pub fn start_clocks(
    kind: &HandoffType,
    config: &Config,
    pool: Option<&PoolId>,
    (triggered_at, meeting_at): (DateTime<Utc>, Option<DateTime<Utc>>),
    targets: &Targets,
) -> Vec<Clock> {
    let start = |rule: &ClockRule| {
        let calendar = calendar_of(rule, config, pool);
        let target = targets.get(&rule.name).copied().unwrap_or(rule.target);
        Clock::start(rule, target, calendar, triggered_at, meeting_at)
    };
    kind.clocks.iter().filter_map(start).collect()
}

/// Tells whether a clock that should run does not, because its calendar never reaches its target.
pub fn lacks_a_deadline(kind: &HandoffType, handoff: &Handoff) -> bool {
    let started = |rule: &&ClockRule| handoff.clocks.iter().any(|clock| clock.name == rule.name);
    let expected = |rule: &&ClockRule| rule.from == Start::Trigger || handoff.meeting_at.is_some();
    kind.clocks.iter().filter(expected).any(|rule| !started(&rule))
}

/// Finds the calendar a clock counts on: named, the pool's (the organisation's until there is one),
/// or none.
pub fn calendar_of<'a>(
    rule: &ClockRule,
    config: &'a Config,
    pool: Option<&PoolId>,
) -> NamedCalendar<'a> {
    let name = match rule.calendar.as_deref()? {
        "pool" => pool
            .and_then(|pool| config.pools.get(pool))
            .and_then(|pool| pool.calendar.as_ref())
            .or(config.organisation.calendar.as_ref())?
            .clone(),
        named => CalendarKey::from(named),
    };
    config.calendars.get_key_value(&name)
}

/// Says that a clock has no deadline, or not the one it should have; once a handoff.
pub(super) fn undated(handoff: &Handoff) -> Option<Change> {
    let flag = Flag::NoDeadline;
    (!handoff.flags.contains(&flag)).then_some(Change::Flagged { flag })
}

/// Counts clocks on a pool's calendar again, from the trigger, now that the pool is known; never
/// one that has ended. Tells whether the pool's calendar reached every target.
pub(super) fn recounted(handoff: &Handoff, pool: &PoolId, facts: Facts<'_>) -> (Vec<Clock>, bool) {
    let Some(kind) = facts.kind(handoff) else { return (Vec::new(), true) };
    let (mut fresh, mut reached) = (Vec::new(), true);
    let running = |clock: &&Clock| clock.pool_calendar && clock.state == ClockState::Running;
    for clock in handoff.clocks.iter().filter(running) {
        let Some(rule) = kind.clocks.iter().find(|rule| rule.name == clock.name) else { continue };
        let calendar = calendar_of(rule, facts.pinned, Some(pool));
        if calendar.map(|(name, _)| name) == clock.calendar.as_ref() {
            continue;
        }
        let again = again(handoff, clock, rule, calendar);
        reached &= again.is_some();
        fresh.extend(again);
    }
    (fresh, reached)
}

/// Counts clocks back from the meeting's new time; one that was breached runs again if its new
/// deadline is ahead.
pub(super) fn moved(
    handoff: &Handoff,
    meeting: DateTime<Utc>,
    targets: &Targets,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Vec<Change> {
    let Some(kind) = facts.kind(handoff) else { return Vec::new() };
    let rules = kind.clocks.iter().filter(|rule| rule.from == Start::Meeting);
    let (mut changes, mut lost) = (Vec::new(), false);
    for rule in rules {
        let known = handoff.clocks.iter().find(|clock| clock.name == rule.name);
        let ended = known.is_some_and(|clock| clock.met_at.is_some());
        let calendar = calendar_of(rule, facts.pinned, handoff.pool.as_ref());
        let chosen = targets.get(&rule.name).copied();
        let target = chosen.unwrap_or_else(|| match rule.targets.is_empty() {
            true => known.map_or(rule.target, |clock| clock.target),
            false => rule.target,
        });
        let known = known.filter(|clock| clock.is_ticking() || clock.met_at.is_some());
        let (trigger, times) = (handoff.triggered_at, (Some(meeting), now));
        let fresh = Clock::start_by(rule, target, calendar, trigger, times);
        if ended {
            continue;
        }
        let Some(clock) = fresh else {
            lost = true;
            continue;
        };
        let breached = known.filter(|clock| clock.state == ClockState::Breached);
        if breached.is_some() && clock.due_at <= now {
            continue;
        }
        changes.push(Change::ClockMoved {
            clock,
            was: breached.and_then(|clock| clock.credit.clone()),
            told: breached.map(|clock| clock.told.clone()).unwrap_or_default(),
        });
    }
    changes.extend(lost.then(|| undated(handoff)).flatten());
    changes
}

/// Counts clocks again whose target the conditions now choose otherwise, each once its deadline is
/// still ahead.
pub(super) fn retargeted(
    handoff: &Handoff,
    targets: &Targets,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Vec<Change> {
    let Some(kind) = facts.kind(handoff) else { return Vec::new() };
    // In a pause nothing comes closer.
    let now = handoff.paused().map_or(now, |pause| pause.at.min(now));
    let (mut changes, mut lost) = (Vec::new(), false);
    for clock in handoff.clocks.iter().filter(|clock| clock.state == ClockState::Running) {
        let Some(rule) = kind.clocks.iter().find(|rule| rule.name == clock.name) else { continue };
        let target = targets.get(&clock.name).copied().unwrap_or(rule.target);
        let by_meeting = clock.from == Start::Meeting;
        if target == clock.target || rule.targets.is_empty() || clock.due_at <= now || by_meeting {
            continue;
        }
        let wanted = Clock { target, ..clock.clone() };
        let calendar = calendar_of(rule, facts.pinned, handoff.pool.as_ref());
        let moved = again(handoff, &wanted, rule, calendar);
        lost |= moved.is_none();
        changes.extend(moved.map(|clock| Change::ClockMoved {
            clock,
            was: None,
            told: Vec::new(),
        }));
    }
    changes.extend(lost.then(|| undated(handoff)).flatten());
    changes
}

/// Starts a running clock again from its trigger, pauses and all, without the steps it has taken.
fn again(
    handoff: &Handoff,
    clock: &Clock,
    rule: &ClockRule,
    calendar: NamedCalendar<'_>,
) -> Option<Clock> {
    let (started_at, meeting_at) = (clock.started_at, handoff.meeting_at);
    let mut again = Clock::start(rule, clock.target, calendar, started_at, meeting_at)?;
    let hours = calendar.map(|(_, hours)| hours);
    for pause in &handoff.pauses {
        if let Some(ended_at) = pause.ended_at {
            again.put_off(hours, pause.at, ended_at);
        }
    }
    let taken = |n: u8| !clock.steps.iter().any(|step| step.n == n);
    again.steps.retain(|step| !taken(step.n));
    Some(again)
}

/// Moves what goes by the meeting with it: the mail before it, and who stays until it.
pub(super) fn rescheduled(
    handoff: &Handoff,
    meeting: DateTime<Utc>,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Option<Change> {
    let kind = facts.kind(handoff)?;
    let brief = beside::brief(kind.brief.as_ref(), Some(meeting), now);
    let mut overlap = handoff.overlap.clone();
    if let Some(overlap) = overlap.as_mut().filter(|overlap| overlap.to_meeting) {
        overlap.until = Some(meeting);
    }
    let moves = brief != handoff.brief || overlap != handoff.overlap;
    moves.then_some(Change::Rescheduled { brief, overlap })
}

/// Lets the clocks and tasks of a paused handoff go on at an instant.
pub(crate) fn resumed(
    handoff: &Handoff,
    at: DateTime<Utc>,
    by: Option<PersonId>,
    facts: Facts<'_>,
) -> Option<Change> {
    let pause = handoff.paused()?;
    let hours = |clock: &Clock| facts.pinned.calendars.get(clock.calendar.as_ref()?);
    let mut clocks: Vec<Clock> =
        handoff.clocks.iter().filter(|clock| clock.is_ticking()).cloned().collect();
    for clock in &mut clocks {
        clock.put_off(hours(clock), pause.at, at);
    }
    let mut tasks = handoff.tasks.clone();
    let begun_at = tasks.iter().map(|task| task.at).min().unwrap_or(at);
    let waits = (pause.at.max(begun_at), at.max(begun_at));
    for task in tasks.iter_mut().filter(|task| task.state == beside::TaskState::Open) {
        task.at = put_off(None, task.at, waits);
        task.due_at = put_off(None, task.due_at, waits);
    }
    Some(Change::Resumed { at, by, clocks, tasks })
}
