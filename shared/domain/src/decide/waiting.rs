//! Letting a handoff's clocks stand still, and go on.

use super::{Facts, Refusal, allow, clocks::resumed, listed};
use crate::{
    change::Change,
    handoff::Handoff,
    ids::PersonId,
    ladder,
    pause::{PAUSES_MAX, Pause},
    stage::Verb,
};
use chrono::{DateTime, Duration, Utc};

/// Pauses a handoff for a listed reason, until a time its type's limit allows.
pub(super) fn pause(
    handoff: &Handoff,
    (by, reason): (PersonId, String),
    until: Option<DateTime<Utc>>,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::Pause)?;
    let kind = facts.kind(handoff).ok_or(Refusal::UnknownType(handoff.kind.clone()))?;
    if kind.pause_reasons.is_empty() {
        return Err(Refusal::NeverPaused);
    }
    listed(&reason, &kind.pause_reasons, "reasons to pause")?;
    if let Some(pause) = handoff.paused() {
        return Err(Refusal::PausedAlready(pause.until));
    }
    let left = kind.pause_limit.elapsed() - handoff.paused_for(now);
    if left <= Duration::zero() || handoff.pauses.len() >= PAUSES_MAX {
        return Err(Refusal::PausedEnough(kind.pause_limit));
    }
    if until.is_some_and(|until| until <= now) {
        return Err(Refusal::PauseOver);
    }
    let until = until.map_or(now + left, |until| until.min(now + left));
    // What is due by now is not put off: the sweep may not have come yet.
    let mut changes = ladder::tick(handoff, facts, now).unwrap_or_default();
    changes.push(Change::Paused { pause: Pause { at: now, by, reason, until, ended_at: None } });
    Ok(changes)
}

/// Ends a pause by hand.
pub(super) fn resume(
    handoff: &Handoff,
    by: PersonId,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::Resume)?;
    let at = handoff.paused().map_or(now, |pause| pause.until.min(now));
    resumed(handoff, at, Some(by), facts).map(|change| vec![change]).ok_or(Refusal::Nothing)
}
