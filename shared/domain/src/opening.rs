//! A handoff as it opens: made of the event that opens it and of what its journey knew before.

use crate::{
    beside,
    config::{Config, HandoffType},
    decide::{lacks_a_deadline, start_clocks, targets},
    event::{Occurrence, SourceEvent},
    handoff::{Flag, Handoff, Routing},
    ids::{HandoffId, JourneyId, SourceKey, TypeKey},
    involved,
    package::Package,
    routing::hold,
    stage::Stage,
    threshold,
};
use chrono::{DateTime, Utc};

/// Everything a handoff is made of when it opens.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// The event that opens it.
    pub event: &'a SourceEvent,
    /// The source it came from.
    pub source: &'a SourceKey,
    /// Who said it, as the package shows it beside each value.
    pub said_by: &'a str,
    /// When it occurred.
    pub occurred: Occurrence,
    /// The configuration in force.
    pub config: &'a Config,
    /// The type it opens.
    pub kind: (&'a TypeKey, &'a HandoffType),
    /// The journey's handoff before it, with its package.
    pub previous: Option<(&'a Handoff, &'a Package)>,
    /// The time.
    pub now: DateTime<Utc>,
}

impl Opening<'_> {
    /// Makes the handoff and its package; it starts from the package of the one before it.
    pub fn handoff(&self, id: HandoffId, journey: JourneyId, claim: String) -> (Handoff, Package) {
        let Self { event, config, occurred, now, .. } = *self;
        let (key, kind) = self.kind;
        let mut package = Package::default();
        package.absorb(event, self.said_by, occurred.at);
        if let Some((_, earlier)) = self.previous {
            package.inherit(earlier);
        }
        let passed_on = self.previous.filter(|(handoff, _)| handoff.to == kind.from);
        let named = event.owner_email.as_deref().and_then(|email| config.person_by_email(email));
        let sender = passed_on.and_then(|(handoff, _)| handoff.owner.clone()).or(named.cloned());
        let flags = [
            (Flag::TimeSuspect, occurred.suspect),
            (Flag::ReadBack, event.thin),
            (Flag::Shortened, package.shortened),
        ];
        let mut handoff = Handoff {
            id,
            version: 0,
            kind: key.clone(),
            lane: kind.lane.clone(),
            claim,
            journey,
            stage: Stage::Opened,
            mode: kind.mode,
            test: false,
            config: config.version,
            source: self.source.clone(),
            from: kind.from.clone(),
            to: kind.to.clone(),
            heat: kind.heat,
            sender: event.opened_by.clone().or(sender),
            owner: None,
            pool: None,
            rule: None,
            turn: None,
            had: Vec::new(),
            score: event.score,
            amount: event.amount.clone(),
            completeness: package.completeness(&kind.fields, Stage::Opened).percent,
            triggered_at: occurred.at,
            opened_at: now,
            assigned_at: None,
            accepted_at: None,
            first_touch_at: None,
            response_credit: None,
            answered_at: None,
            closed_at: None,
            meeting_at: event.meeting_at,
            clocks: Vec::new(),
            pauses: Vec::new(),
            tasks: Vec::new(),
            overlap: None,
            brief: None,
            routing: Some(Routing {
                reason: "new".to_owned(),
                since: now,
                retry_at: now + config.organisation.reroute_every.elapsed(),
                pool: None,
                held: false,
            }),
            questions: Vec::new(),
            asked: 0,
            involved: Vec::new(),
            rating: None,
            survey: None,
            milestones: Vec::new(),
            previous: self.previous.map(|(handoff, _)| handoff.id.clone()),
            outcome: None,
            flags: flags.into_iter().filter(|(_, raised)| *raised).map(|(flag, _)| flag).collect(),
        };
        let targets = targets(kind, config, (&handoff, &package), now);
        handoff.clocks =
            start_clocks(kind, config, None, (occurred.at, event.meeting_at), &targets);
        if lacks_a_deadline(kind, &handoff) {
            handoff.flags.insert(Flag::NoDeadline);
        }
        beside::begin(&mut handoff, kind, config);
        let holds = |when: &[String]| hold(when, config, (&handoff, &package), now);
        let (tests, email) = (&config.test_leads, package.subject.email.as_deref());
        let test = event.test
            || self.previous.is_some_and(|(before, _)| before.test)
            || email.is_some_and(|email| tests.has(email))
            || (!tests.when.is_empty() && holds(&tests.when));
        let involved = involved::at_opening(&kind.involve, holds, config);
        (handoff.test, handoff.involved) = (test, involved);
        threshold::at_opening(&mut handoff, kind, now);
        (handoff, package)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Actor, Change, Commit,
        calendar::Calendar,
        commit::About,
        config,
        notice::notices,
        subject::{ObjectKind, Reference, Subject},
    };

    const SAMPLE: &str = include_str!("../../../infra/local/sample/organisation.toml");

    fn open(config: &Config, kind: &str) -> Handoff {
        let references = vec![Reference::new("hubspot", ObjectKind::Contact, "7")];
        let event = SourceEvent {
            subject: Subject { references, ..Subject::default() },
            ..SourceEvent::default()
        };
        let now: DateTime<Utc> = "2026-01-05T10:00:00Z".parse().unwrap();
        let (source, key) = (SourceKey::from("generic"), TypeKey::from(kind));
        let opening = Opening {
            event: &event,
            source: &source,
            said_by: "generic",
            occurred: Occurrence { at: now, suspect: false },
            config,
            kind: (&key, &config.types[&key]),
            previous: None,
            now,
        };
        opening.handoff("h1".into(), "j1".into(), "journey:j1".to_owned()).0
    }

    #[test]
    fn a_clock_whose_calendar_never_reaches_its_target_is_told_not_dropped() {
        let mut config = config::load(SAMPLE).unwrap();
        assert!(open(&config, "mql").flags.is_empty());
        config.calendars.insert("london".into(), Calendar::new(chrono_tz::Europe::London));
        let handoff = open(&config, "mql");
        assert!(handoff.clocks.is_empty() && handoff.flags.contains(&Flag::NoDeadline));
        let about = About::of(&handoff, None, handoff.opened_at, |at| config.day_of(at));
        let commit = Commit {
            handoff: handoff.id.clone(),
            version: 1,
            at: handoff.opened_at,
            actor: Actor::Router,
            cause: "a test".to_owned(),
            attempt: "a".into(),
            changes: vec![Change::Opened { handoff: Box::new(handoff) }],
            about,
            lineage: None,
            personal: Default::default(),
        };
        let notices = notices(&commit, &config);
        let said: Vec<_> = notices.iter().map(|one| (one.subject.as_str(), &one.to[0].0)).collect();
        assert_eq!(said, [("No deadline: MQL", &"priya".to_owned())]);
    }

    #[test]
    fn a_clock_that_waits_for_its_meeting_lacks_nothing() {
        let config = config::load(SAMPLE).unwrap();
        let handoff = open(&config, "meeting_set");
        assert!(handoff.clocks.is_empty() && handoff.flags.is_empty());
    }
}
