//! What an event is to the handoffs there are: a trigger, a touch, an outcome, or news.

use chrono::{DateTime, Utc};
use domain::{
    Command, Config, Handoff, SourceEvent, TypeKey,
    config::{HandoffType, Mode, Start},
    event::names,
};

/// The last score that was observed, and when it was so.
pub(crate) type Observation = Option<(i64, DateTime<Utc>)>;

/// Finds the hottest type an event triggers; one that waits for a score does so only on the upward
/// crossing.
pub(crate) fn triggered<'a>(
    config: &'a Config,
    event: &SourceEvent,
    at: DateTime<Utc>,
    observed: Observation,
) -> Option<(&'a TypeKey, &'a HandoffType)> {
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
pub(crate) fn watches_score(config: &Config, event: &SourceEvent) -> bool {
    let mut triggers = config.types.values().flat_map(|kind| &kind.triggers);
    event.score.is_some()
        && triggers.any(|trigger| trigger.on == event.name && trigger.score_reaches.is_some())
}

/// Picks the open handoff an event that opens nothing is about, newest first, and what it does to
/// it.
pub(crate) fn command(
    config: &Config,
    open: &[&Handoff],
    event: &SourceEvent,
    at: DateTime<Utc>,
) -> Option<(usize, Option<Command>)> {
    let person = event.owner_email.as_deref().and_then(|email| config.person_by_email(email));
    let kind = |handoff: &Handoff| config.types.get(&handoff.kind);
    let newest = (!open.is_empty()).then_some(0);
    match event.name.as_str() {
        names::TOUCH => {
            let theirs =
                open.iter().position(|one| person.is_some() && one.owner.as_ref() == person);
            let channel = event.channel.clone().unwrap_or_else(|| "unknown".to_owned());
            let touch = Command::Touch { channel, at, by: person.cloned() };
            theirs.or(newest).map(|place| (place, Some(touch)))
        }
        names::OUTCOME => {
            let outcome = event.outcome.clone()?;
            let knows =
                |one: &&Handoff| kind(one).is_some_and(|kind| kind.outcomes.contains(&outcome));
            let place = open.iter().position(|one| one.triggered_at <= at && knows(one))?;
            let value = event.amount.clone();
            Some((place, Some(Command::Complete { outcome, value })))
        }
        names::MEETING_MOVED | names::MEETING_CANCELLED => {
            let prepares = |one: &&Handoff| {
                one.meeting_at.is_some()
                    || kind(one).is_some_and(|kind| {
                        kind.clocks.iter().any(|clock| clock.from == Start::Meeting)
                    })
            };
            let place = open.iter().position(|one| one.triggered_at <= at && prepares(one))?;
            let cancelled = event.name == names::MEETING_CANCELLED;
            let reason = "the meeting was cancelled".to_owned();
            Some((place, cancelled.then_some(Command::Cancel { reason })))
        }
        _ => newest.map(|place| (place, None)),
    }
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
