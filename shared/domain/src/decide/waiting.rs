//! Letting a handoff's clocks stand still, and go on.

use super::{Facts, Refusal, allow, clocks::resumed, listed};
use crate::{
    change::Change,
    handoff::Handoff,
    ids::PersonId,
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
    if handoff.paused().is_some() {
        return Err(Refusal::Nothing);
    }
    let left = kind.pause_limit.elapsed() - handoff.paused_for(now);
    if left <= Duration::zero() || handoff.pauses.len() >= PAUSES_MAX {
        return Err(Refusal::PausedEnough(kind.pause_limit));
    }
    if until.is_some_and(|until| until <= now) {
        return Err(Refusal::PauseOver);
    }
    let until = until.map_or(now + left, |until| until.min(now + left));
    Ok(vec![Change::Paused { pause: Pause { at: now, by, reason, until, ended_at: None } }])
}

/// Ends a pause by hand.
pub(super) fn resume(
    handoff: &Handoff,
    by: PersonId,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    allow(handoff, Verb::Resume)?;
    resumed(handoff, now, Some(by), facts).map(|change| vec![change]).ok_or(Refusal::Nothing)
}
