//! A handoff as it opens: made of the event that opens it and of what its journey knew before.

use crate::{
    config::{Config, HandoffType},
    decide::start_clocks,
    event::{Occurrence, SourceEvent},
    handoff::{Flag, Handoff, Routing},
    ids::{HandoffId, JourneyId, SourceKey, TypeKey},
    package::Package,
    stage::Stage,
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
        let handoff = Handoff {
            id,
            version: 0,
            kind: key.clone(),
            lane: kind.lane.clone(),
            claim,
            journey,
            stage: Stage::Opened,
            mode: kind.mode,
            config: config.version,
            source: self.source.clone(),
            from: kind.from.clone(),
            to: kind.to.clone(),
            heat: kind.heat,
            sender: event.opened_by.clone().or(sender),
            owner: None,
            pool: None,
            rule: None,
            had: Vec::new(),
            score: event.score,
            amount: event.amount.clone(),
            completeness: package.completeness(&kind.fields).percent,
            triggered_at: occurred.at,
            opened_at: now,
            assigned_at: None,
            accepted_at: None,
            first_touch_at: None,
            response_credit: None,
            closed_at: None,
            meeting_at: event.meeting_at,
            clocks: start_clocks(kind, config, None, occurred.at, event.meeting_at),
            routing: Some(Routing {
                reason: "new".to_owned(),
                since: now,
                retry_at: now + config.organisation.reroute_every.elapsed(),
                pool: None,
            }),
            previous: self.previous.map(|(handoff, _)| handoff.id.clone()),
            outcome: None,
            flags: flags.into_iter().filter(|(_, raised)| *raised).map(|(flag, _)| flag).collect(),
        };
        (handoff, package)
    }
}
