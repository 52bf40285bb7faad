//! What an event comes to: it opens a handoff, joins one, tells one more, or is nothing to us.

use crate::{
    Effect, Envelope, Intake, SettleError,
    journey::{self, LOOKED_AT, Whose},
    target::{self, Observation},
};
use chrono::{DateTime, Utc};
use domain::{
    About, Actor, Change, Command, Config, Facts, Handoff, HandoffId, JourneyId, Package, Refusal,
    SourceEvent, TypeKey,
    commit::Lineage,
    config::HandoffType,
    decide::{decide, start_clocks},
    event::Occurrence,
    handoff::{Flag, Routing},
    stage::Stage,
    subject::Reference,
};
use std::collections::BTreeSet;
use store::{By, Claim, Observed, Opening, Stored, Write};

/// The property whose last value is kept for crossings.
const SCORE: &str = "score";

/// Everything that was read to settle an event.
struct Reading<'a> {
    envelope: &'a Envelope,
    event: &'a SourceEvent,
    config: &'a Config,
    occurred: Occurrence,
    now: DateTime<Utc>,
    conflict: bool,
    score_to_keep: Option<Observed>,
    known_as: Option<(JourneyId, Vec<Reference>)>,
}

impl Intake {
    /// Reads what an event is about, decides what it comes to, commits.
    pub(crate) async fn come_to(
        &self,
        envelope: &Envelope,
        event: &SourceEvent,
        whose: Whose,
        conflict: bool,
    ) -> Result<Effect, SettleError> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let config = &active.config;
        let occurred = match event.import {
            true => Occurrence { at: now, suspect: false },
            false => event.occurrence(envelope.received_at),
        };
        let observed = self.last_score(config, event).await?;
        let score_to_keep = score_to_keep(config, event, occurred.at, observed);
        let known_as = match &whose {
            Whose::One(journey, new) => Some((journey.clone(), new.clone())),
            Whose::New(_) | Whose::Several(_) => None,
        };
        let reading =
            Reading { envelope, event, config, occurred, now, conflict, score_to_keep, known_as };
        let triggered = target::triggered(config, event, occurred.at, observed);
        match (triggered, whose) {
            (Some(kind), Whose::One(journey, new)) => {
                self.open_or_join(&reading, kind, journey, new, false).await
            }
            (Some(kind), Whose::New(new)) => {
                let journey = JourneyId(self.ids.ulid(now));
                self.open_or_join(&reading, kind, journey, new, true).await
            }
            (None, Whose::One(journey, _)) => self.tell(&reading, &journey).await,
            (None, _) | (_, Whose::Several(_)) => self.keep_score(&reading).await,
        }
    }

    async fn last_score(
        &self,
        config: &Config,
        event: &SourceEvent,
    ) -> Result<Observation, SettleError> {
        let reference = event.subject.all_references().into_iter().next();
        match reference.filter(|_| target::watches_score(config, event)) {
            Some(reference) => Ok(self.store.observed(&reference, SCORE).await?),
            None => Ok(None),
        }
    }

    /// Opens a handoff, or joins the one that holds the claim.
    async fn open_or_join(
        &self,
        reading: &Reading<'_>,
        (key, kind): (&TypeKey, &HandoffType),
        journey: JourneyId,
        new_references: Vec<Reference>,
        new_journey: bool,
    ) -> Result<Effect, SettleError> {
        let lane = reading.config.lanes.get(&kind.lane);
        let by = lane.map_or(domain::config::ClaimBy::Journey, |lane| lane.claim);
        let claim = journey::claim_of(by, &reading.event.subject, &journey);
        let by_new_journey = new_journey && claim.starts_with("journey:");
        let held = match by_new_journey {
            true => Claim::default(),
            false => self.store.claim_of(&kind.lane, &claim).await?,
        };
        if let Some(open) = &held.open {
            return self.join(reading, key, open).await;
        }
        let previous = match new_journey {
            true => None,
            false => self.previous(&journey).await?,
        };
        let opening = Opening {
            claim_count: held.count,
            new_references,
            lineage: Some(Lineage {
                previous: previous.as_ref().map(|(handoff, _)| {
                    About::of(handoff, None, reading.now, |at| reading.config.day_of(at))
                }),
                first_in_lane: held.count == 0,
            }),
        };
        let (handoff, package) = self.new_handoff(reading, (key, kind), (journey, claim), previous);
        let id = handoff.id.clone();
        let write = Write::open(handoff, self.by(reading), reading.now, reading.config)
            .with_package(Stored::new(package))
            .observes(reading.score_to_keep.clone());
        let write = done(write, reading, "opened");
        self.store.commit_opening(write, opening).await?;
        Ok(Effect::Opened(id))
    }

    fn new_handoff(
        &self,
        reading: &Reading<'_>,
        (key, kind): (&TypeKey, &HandoffType),
        (journey, claim): (JourneyId, String),
        previous: Option<(Stored<Handoff>, Stored<Package>)>,
    ) -> (Handoff, Package) {
        let Reading { event, config, occurred, now, .. } = *reading;
        let mut package = Package::default();
        package.absorb(event, reading.envelope.source.as_str(), occurred.at);
        if let Some((_, earlier)) = &previous {
            package.inherit(earlier);
        }
        let passed_on = previous.as_ref().filter(|(handoff, _)| handoff.to == kind.from);
        let named = event.owner_email.as_deref().and_then(|email| config.person_by_email(email));
        let sender = passed_on.and_then(|(handoff, _)| handoff.owner.clone()).or(named.cloned());
        let handoff = Handoff {
            id: HandoffId(self.ids.ulid(now)),
            version: 0,
            kind: key.clone(),
            lane: kind.lane.clone(),
            claim,
            journey,
            stage: Stage::Opened,
            mode: kind.mode,
            config: config.version,
            source: reading.envelope.source.clone(),
            from: kind.from.clone(),
            to: kind.to.clone(),
            heat: kind.heat,
            sender,
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
            previous: previous.map(|(handoff, _)| handoff.id.clone()),
            outcome: None,
            flags: flags(reading),
        };
        (handoff, package)
    }

    /// Reads the journey's latest handoff, whose package the new one starts from.
    async fn previous(
        &self,
        journey: &JourneyId,
    ) -> Result<Option<(Stored<Handoff>, Stored<Package>)>, SettleError> {
        let Some(latest) = self.store.journey_handoffs(journey, 1).await?.into_iter().next() else {
            return Ok(None);
        };
        Ok(Some(self.store.handoff_and_package(&latest.id).await?))
    }

    async fn join(
        &self,
        reading: &Reading<'_>,
        key: &TypeKey,
        open: &HandoffId,
    ) -> Result<Effect, SettleError> {
        let command = Command::Join { kind: key.clone(), at: reading.occurred.at };
        self.change(reading, open, Some(command), "joined").await?;
        Ok(Effect::Joined(open.clone()))
    }

    /// Tells the journey's open handoff what the event says; nothing, when there is none.
    async fn tell(
        &self,
        reading: &Reading<'_>,
        journey: &JourneyId,
    ) -> Result<Effect, SettleError> {
        let listed = self.store.journey_handoffs(journey, LOOKED_AT).await?;
        let ids: Vec<_> = listed.into_iter().map(|row| row.id).collect();
        let handoffs = self.store.handoffs(&ids).await?;
        let open: Vec<&Handoff> = handoffs
            .iter()
            .map(|(handoff, _)| &handoff.record)
            .filter(|handoff| handoff.stage.is_open())
            .collect();
        let about = target::command(reading.config, &open, reading.event, reading.occurred.at);
        let Some((place, command)) = about else { return self.keep_score(reading).await };
        let id = open[place].id.clone();
        match self.change(reading, &id, command, "updated").await? {
            true => Ok(Effect::Updated(id)),
            false => Ok(Effect::Ignored),
        }
    }

    /// Changes a stored handoff by an event: its package, what is known of it, and what the command
    /// decides. False when the event changes nothing.
    async fn change(
        &self,
        reading: &Reading<'_>,
        id: &HandoffId,
        command: Option<Command>,
        effect: &str,
    ) -> Result<bool, SettleError> {
        let (handoff, mut package) = self.store.handoff_and_package(id).await?;
        let pinned = self.configs.version(handoff.config).await?;
        let facts = Facts { active: reading.config, pinned: &pinned.config };
        let by_source = reading.envelope.source.as_str();
        let told = package.absorb(reading.event, by_source, reading.occurred.at);
        let changes = decide_all(&handoff, command, (&package, &told), facts, reading);
        // Another person's event may join a deal's handoff: their references stay their own.
        let learned = match &reading.known_as {
            Some((journey, new)) if *journey == handoff.journey => new.clone(),
            _ => Vec::new(),
        };
        if changes.is_empty() && told.is_empty() && learned.is_empty() {
            return Ok(false);
        }
        let mut write =
            Write::change(&handoff, changes, self.by(reading), reading.now, reading.config)
                .observes(reading.score_to_keep.clone())
                .learns(learned)
                .personal("told", told.clone().into());
        if !told.is_empty() {
            write = write.with_package(package);
        }
        self.store.commit(done(write, reading, effect)).await?;
        Ok(true)
    }

    /// Keeps the last score of somebody about whom nothing is open.
    async fn keep_score(&self, reading: &Reading<'_>) -> Result<Effect, SettleError> {
        if let Some(observed) = &reading.score_to_keep {
            self.store.put_observed(observed, &self.attempt()).await?;
        }
        Ok(Effect::Ignored)
    }

    fn by(&self, reading: &Reading<'_>) -> By {
        By {
            actor: Actor::Source(reading.envelope.source.clone()),
            cause: format!("receipt {}", reading.envelope.receipt),
            attempt: self.attempt(),
        }
    }
}

/// Decides the command and what the event tells; a source's fact that moves nothing is still
/// recorded.
fn decide_all(
    handoff: &Handoff,
    command: Option<Command>,
    (package, told): (&Package, &[String]),
    facts: Facts<'_>,
    reading: &Reading<'_>,
) -> Vec<Change> {
    let (event, now) = (reading.event, reading.now);
    // What the package did not take was said later by something newer.
    let news = |name: &str| told.iter().any(|told| told == name);
    let score = event.score.filter(|_| news("score"));
    let amount = event.amount.clone().filter(|_| news("amount"));
    let meeting_at = event.meeting_at.filter(|_| news("meeting_at"));
    let mut changes = match command.map(|command| decide(handoff, command, facts, now)) {
        None | Some(Err(Refusal::Nothing)) => Vec::new(),
        Some(Ok(changes)) => changes,
        Some(Err(refusal)) => {
            tracing::info!(handoff = %handoff.id, %refusal, "a fact moves nothing");
            vec![Change::Noted]
        }
    };
    let after = handoff.clone().after(&changes, now);
    let fields = facts.active.types.get(&after.kind).map(|kind| kind.fields.as_slice());
    let completeness = package.completeness(fields.unwrap_or_default()).percent;
    let differs = score.is_some_and(|score| handoff.score != Some(score))
        || amount.as_ref().is_some_and(|amount| handoff.amount.as_ref() != Some(amount))
        || meeting_at.is_some_and(|at| handoff.meeting_at != Some(at))
        || completeness != handoff.completeness;
    if differs && after.stage.is_open() {
        let update = Command::Update { score, amount, meeting_at, completeness };
        changes.extend(decide(&after, update, facts, now).unwrap_or_default());
    }
    if reading.conflict && !handoff.flags.contains(&Flag::Conflict) {
        changes.push(Change::Flagged { flag: Flag::Conflict });
    }
    changes
}

fn done(write: Write, reading: &Reading<'_>, effect: &str) -> Write {
    let event = reading.event;
    write.done(&reading.envelope.source, &event.key, effect, &event.fingerprint)
}

fn flags(reading: &Reading<'_>) -> BTreeSet<Flag> {
    let suspect = reading.occurred.suspect.then_some(Flag::TimeSuspect);
    let thin = reading.event.thin.then_some(Flag::ReadBack);
    let conflict = reading.conflict.then_some(Flag::Conflict);
    [suspect, thin, conflict].into_iter().flatten().collect()
}

/// Makes the observation to store: only a newer score replaces the last one; of two at one instant
/// the higher stands, whichever came first.
fn score_to_keep(
    config: &Config,
    event: &SourceEvent,
    at: DateTime<Utc>,
    observed: Observation,
) -> Option<Observed> {
    let value = event.score.filter(|_| target::watches_score(config, event))?;
    let reference = event.subject.all_references().into_iter().next()?;
    let before_at = observed.map(|(_, before)| before);
    let newer = observed.is_none_or(|(before, before_at)| (at, value) > (before_at, before));
    newer.then(|| Observed { reference, property: SCORE.to_owned(), value, at, before_at })
}
