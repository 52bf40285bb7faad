//! Clocks in a decision: started with the handoff, recounted when its pool is known, moved with its
//! meeting.

use super::Facts;
use crate::{
    change::Change,
    clock::{Clock, ClockState, NamedCalendar},
    config::{ClockRule, Config, HandoffType, Start},
    handoff::Handoff,
    ids::{CalendarKey, PoolId},
};
use chrono::{DateTime, Utc};

/// Starts the clocks of a type; those whose meeting is not set wait for it.
pub fn start_clocks(
    kind: &HandoffType,
    config: &Config,
    pool: Option<&PoolId>,
    triggered_at: DateTime<Utc>,
    meeting_at: Option<DateTime<Utc>>,
) -> Vec<Clock> {
    kind.clocks
        .iter()
        .filter_map(|rule| {
            let calendar = calendar_of(rule, config, pool);
            Clock::start(rule, calendar, triggered_at, meeting_at)
        })
        .collect()
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

/// Counts clocks on a pool's calendar again, from the trigger, now that the pool is known; never
/// one that has ended.
pub(super) fn recounted(handoff: &Handoff, pool: &PoolId, facts: Facts<'_>) -> Vec<Clock> {
    let Some(kind) = facts.kind(handoff) else { return Vec::new() };
    let fresh = |clock: &Clock| {
        let rule = kind.clocks.iter().find(|rule| rule.name == clock.name)?;
        let calendar = calendar_of(rule, facts.pinned, Some(pool));
        let mut again = Clock::start(rule, calendar, clock.started_at, handoff.meeting_at)?;
        let taken = |n: u8| !clock.steps.iter().any(|step| step.n == n);
        again.steps.retain(|step| !taken(step.n));
        (again.calendar != clock.calendar).then_some(again)
    };
    handoff
        .clocks
        .iter()
        .filter(|clock| clock.pool_calendar && clock.state == ClockState::Running)
        .filter_map(fresh)
        .collect()
}

/// Counts clocks back from the meeting's new time; one that was breached runs again if its new
/// deadline is ahead.
pub(super) fn moved(
    handoff: &Handoff,
    meeting: DateTime<Utc>,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Vec<Change> {
    let Some(kind) = facts.kind(handoff) else { return Vec::new() };
    let rules = kind.clocks.iter().filter(|rule| rule.from == Start::Meeting);
    let mut changes = Vec::new();
    for rule in rules {
        let known = handoff.clocks.iter().find(|clock| clock.name == rule.name);
        let ended = known.is_some_and(|clock| clock.met_at.is_some());
        let calendar = calendar_of(rule, facts.pinned, handoff.pool.as_ref());
        let fresh = Clock::start(rule, calendar, handoff.triggered_at, Some(meeting));
        let Some(clock) = fresh.filter(|_| !ended) else { continue };
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
    changes
}
