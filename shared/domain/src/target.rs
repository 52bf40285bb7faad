//! What an event is to the handoffs there are: a trigger, a touch, an outcome, or news.

use crate::{
    beside::TaskState,
    config::{ClaimBy, Config, HandoffType, Mode, Start},
    decide::Command,
    event::{SourceEvent, names},
    handoff::Handoff,
    ids::{JourneyId, PersonId, TypeKey},
    milestone::waits_for,
    subject::{ObjectKind, Subject},
};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// The longest name of a deal or an account that stands in a claim as it is, in bytes.
const CLAIM_BYTES_MAX: usize = 256;

/// The last score that was observed, and when it was so.
pub type Observation = Option<(i64, DateTime<Utc>)>;

/// Finds the type an event opens: the one a person chose, else the hottest it triggers; one that
/// waits for a score is triggered only on the upward crossing.
pub fn triggered<'a>(
    config: &'a Config,
    event: &SourceEvent,
    at: DateTime<Utc>,
    observed: Observation,
) -> Option<(&'a TypeKey, &'a HandoffType)> {
    if let Some(chosen) = &event.opens {
        return config.types.get_key_value(chosen).filter(|(_, kind)| kind.mode != Mode::Off);
    }
    let fires = |kind: &HandoffType| {
        kind.triggers.iter().filter(|trigger| trigger.on == event.name).any(|trigger| {
            trigger.score_reaches.is_none_or(|level| crosses(level, event, at, observed))
        })
    };
    config
        .types
        .iter()
        .filter(|(_, kind)| kind.mode != Mode::Off && fires(kind))
        .max_by_key(|(_, kind)| kind.heat)
}

/// Tells whether a score came up to a level: from below it, by the sender's own word or by what was
/// last observed.
fn crosses(level: i64, event: &SourceEvent, at: DateTime<Utc>, observed: Observation) -> bool {
    let Some(score) = event.score else { return false };
    let overtaken = observed.is_some_and(|(_, seen_at)| seen_at > at);
    let before = event.previous_score.or(observed.map(|(score, _)| score));
    score >= level && !overtaken && before.is_none_or(|before| before < level)
}

/// Tells whether any type waits for this event's score.
pub fn watches_score(config: &Config, event: &SourceEvent) -> bool {
    let mut triggers = config.types.values().flat_map(|kind| &kind.triggers);
    event.score.is_some()
        && triggers.any(|trigger| trigger.on == event.name && trigger.score_reaches.is_some())
}

/// Tells what a handoff of some lane claims: the deal or the account, else the journey.
pub fn claim_of(by: ClaimBy, subject: &Subject, journey: &JourneyId) -> String {
    let kind = match by {
        ClaimBy::Journey => None,
        ClaimBy::Deal => Some(ObjectKind::Deal),
        ClaimBy::Account => Some(ObjectKind::Account),
    };
    match kind.and_then(|kind| subject.reference_of(kind)) {
        Some(reference) if reference.system.len() + reference.id.len() <= CLAIM_BYTES_MAX => {
            format!("{}:{}:{}", reference.object, reference.system, reference.id)
        }
        Some(long) => {
            let name = format!("{}:{}:{}", long.system.len(), long.system, long.id);
            format!("{}:{}", long.object, hex::encode(Sha256::digest(name.as_bytes())))
        }
        None => format!("journey:{journey}"),
    }
}

/// Picks the handoff of a journey that an event is about which opens nothing, and what it does to
/// it.
///
/// A touch belongs to the handoff that stood open when it happened, also if it is told after that
/// one closed; everything else is about what is open now.
pub fn command<'a>(
    config: &Config,
    newest_first: &[&'a Handoff],
    event: &SourceEvent,
    at: DateTime<Utc>,
) -> Option<(&'a Handoff, Option<Command>)> {
    let kind = |handoff: &Handoff| config.types.get(&handoff.kind);
    let mut open = newest_first.iter().copied().filter(|one| one.stage.is_open());
    match event.name.as_str() {
        names::TOUCH => {
            let by = event.owner_email.as_deref().and_then(|email| config.person_by_email(email));
            let handoff = touched(newest_first, by, at)?;
            let channel = event.channel.clone().unwrap_or_else(|| "unknown".to_owned());
            Some((handoff, Some(Command::Touch { channel, at, by: by.cloned() })))
        }
        names::REPLY => {
            let waits = |one: &&Handoff| one.tasks.iter().any(|task| task.state == TaskState::Open);
            let mut then = open.filter(|one| one.triggered_at <= at);
            // One that has ended since may have been answered before its tasks were missed.
            let stood_open = |one: &&Handoff| one.closed_at.is_some_and(|end| at <= end);
            let mut ended = newest_first.iter().copied().filter(stood_open);
            let handoff = then
                .clone()
                .find(waits)
                .or_else(|| then.next())
                .or_else(|| ended.find(|one| one.triggered_at <= at))?;
            Some((handoff, Some(Command::Reply { at })))
        }
        names::OUTCOME => {
            let outcome = event.outcome.clone()?;
            let knows =
                |one: &Handoff| kind(one).is_some_and(|kind| kind.outcomes.contains(&outcome));
            let handoff = open
                .find(|one| one.triggered_at <= at && knows(one))
                .or_else(|| proven(newest_first, event, &outcome, at))?;
            let value = event.amount.clone();
            Some((handoff, Some(Command::Complete { outcome, value, at })))
        }
        names::MEETING_MOVED | names::MEETING_CANCELLED => {
            let prepares = |one: &Handoff| {
                one.meeting_at.is_some()
                    || kind(one).is_some_and(|kind| {
                        kind.clocks.iter().any(|clock| clock.from == Start::Meeting)
                    })
            };
            let handoff = open.find(|one| one.triggered_at <= at && prepares(one))?;
            let cancelled = event.name == names::MEETING_CANCELLED;
            let reason = "the meeting was cancelled".to_owned();
            Some((handoff, cancelled.then_some(Command::Cancel { reason })))
        }
        _ => open.next().map(|handoff| (handoff, None)),
    }
}

/// Picks the handoff that has ended well and waits for an outcome: the one of the event's deal, or
/// the only one there is. Of several that may be meant none is.
fn proven<'a>(
    newest_first: &[&'a Handoff],
    event: &SourceEvent,
    outcome: &str,
    at: DateTime<Utc>,
) -> Option<&'a Handoff> {
    let names_deal = event.subject.reference_of(ObjectKind::Deal).is_some();
    let is_another = |one: &Handoff| {
        let claim = claim_of(ClaimBy::Deal, &event.subject, &one.journey);
        names_deal && one.claim.starts_with("deal:") && one.claim != claim
    };
    let waits =
        |one: &&&Handoff| waits_for(one, outcome) && one.triggered_at <= at && !is_another(one);
    let mut waiting = newest_first.iter().filter(waits);
    let first = waiting.next()?;
    waiting.next().is_none().then_some(*first)
}

/// Picks the handoff somebody touched: one that stood open at that time, theirs first; else the
/// newest that is open.
fn touched<'a>(
    newest_first: &[&'a Handoff],
    by: Option<&PersonId>,
    at: DateTime<Utc>,
) -> Option<&'a Handoff> {
    let stood_open = |one: &&&Handoff| {
        one.triggered_at <= at && one.closed_at.is_none_or(|closed_at| at <= closed_at)
    };
    let theirs = |one: &&&Handoff| by.is_some() && one.owner.as_ref() == by;
    let mut then = newest_first.iter().filter(stood_open);
    then.clone()
        .find(theirs)
        .or_else(|| then.clone().find(|one| one.stage.is_open()))
        .or_else(|| then.next())
        .or_else(|| newest_first.iter().find(|one| one.stage.is_open()))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::minutes(minute)
    }

    fn check(score: i64, said_before: Option<i64>, observed: Observation, expected: bool) {
        let event = SourceEvent {
            score: Some(score),
            previous_score: said_before,
            ..SourceEvent::default()
        };
        let got = crosses(65, &event, at(10), observed);
        assert_eq!(got, expected, "{score} after {said_before:?} or {observed:?}");
    }

    #[test]
    fn a_score_trigger_fires_on_the_upward_crossing_only() {
        check(65, Some(64), None, true);
        check(65, None, None, true);
        check(64, Some(10), None, false);
        check(80, Some(70), None, false);
        check(80, None, Some((70, at(5))), false);
        check(80, None, Some((40, at(5))), true);
        check(66, Some(90), None, false);
    }

    #[test]
    fn a_score_that_was_overtaken_triggers_nothing() {
        check(80, None, Some((40, at(20))), false);
    }
}
