//! What an event comes to: it opens a handoff, joins the one that holds the claim, or tells what
//! is known more.

use crate::{Effect, Origin, SettleError, Settler, Whose, journey::LOOKED_AT, telling::Changed};
use chrono::{DateTime, Utc};
use domain::{
    About, Command, Config, Handoff, HandoffId, JourneyId, Package, SourceEvent, TypeKey,
    commit::Lineage,
    config::{ClaimBy, HandoffType},
    decide::Targets,
    event::Occurrence,
    handoff::Flag,
    subject::Reference,
    target::{self, Observation},
};
use runtime::Figure;
use store::{Claim, Observed, Opening, StoreError, Stored, Write};

/// The property whose last value is kept for crossings.
const SCORE: &str = "score";

/// Everything that was read to settle an event.
pub(crate) struct Reading<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) event: &'a SourceEvent,
    pub(crate) config: &'a Config,
    pub(crate) occurred: Occurrence,
    pub(crate) now: DateTime<Utc>,
    pub(crate) conflict: bool,
    pub(crate) score_to_keep: Option<Observed>,
    pub(crate) known_as: Option<(JourneyId, Vec<Reference>)>,
}

impl Settler {
    /// Reads what an event is about, decides what it comes to, commits.
    pub(crate) async fn come_to(
        &self,
        origin: &Origin,
        event: &SourceEvent,
        whose: Whose,
        conflict: bool,
    ) -> Result<Effect, SettleError> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let config = &active.config;
        let occurred = match event.import {
            true => Occurrence { at: now, suspect: false },
            false => event.occurrence(origin.received_at),
        };
        let observed = self.last_score(config, event).await?;
        let score_to_keep = score_to_keep(config, event, occurred.at, observed);
        let known_as = match &whose {
            Whose::One(journey, new) => Some((journey.clone(), new.clone())),
            Whose::New(_) | Whose::Several(_) => None,
        };
        let reading =
            Reading { origin, event, config, occurred, now, conflict, score_to_keep, known_as };
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
        let by = reading.config.lanes.get(&kind.lane).map_or(ClaimBy::Journey, |lane| lane.claim);
        let claim = target::claim_of(by, &reading.event.subject, &journey);
        let by_new_journey = new_journey && claim.starts_with("journey:");
        let held = match by_new_journey {
            true => Claim::default(),
            false => self.store.claim_of(&kind.lane, &claim).await?,
        };
        if let Some(open) = &held.open {
            return self.join(reading, key, (open, &journey)).await;
        }
        let known = match new_journey {
            true => Vec::new(),
            false => self.known(reading, &journey).await?,
        };
        let previous = known.first();
        let opening = Opening {
            claim_count: held.count,
            new_references,
            lineage: Some(Lineage {
                previous: previous.map(|(handoff, _)| {
                    About::of(handoff, None, reading.now, |at| reading.config.day_of(at))
                }),
                first_in_lane: held.count == 0,
            }),
        };
        let others = known.iter().map(|(handoff, _)| handoff);
        let also = self.others_answered(reading, others, None).await?;
        let id = HandoffId(self.ids.ulid(reading.now));
        let beginning = domain::opening::Opening {
            event: reading.event,
            source: &reading.origin.source,
            said_by: &reading.origin.said_by,
            occurred: reading.occurred,
            config: reading.config,
            kind: (key, kind),
            previous: previous.map(|(handoff, package)| (&handoff.record, &package.record)),
            now: reading.now,
        };
        let (mut handoff, package) = beginning.handoff(id.clone(), journey, claim);
        handoff.flags.extend(reading.conflict.then_some(Flag::Conflict));
        let completeness = handoff.completeness;
        let write = Write::open(handoff, self.by(reading.origin), reading.now, reading.config)
            .with_package(Stored::new(package))
            .observes(reading.score_to_keep.clone())
            .also(also);
        self.store.commit_opening(reading.done(write, "opened"), opening).await?;
        Figure::Completeness.is(completeness.into());
        Ok(Effect::Opened(id))
    }

    /// Reads the journey's latest handoff, whose package the new one starts from; with it the
    /// others, where the event is an answer that concerns them.
    async fn known(
        &self,
        reading: &Reading<'_>,
        journey: &JourneyId,
    ) -> Result<Vec<(Stored<Handoff>, Stored<Package>)>, SettleError> {
        let many = if reading.answer().is_some() { LOOKED_AT } else { 1 };
        let listed = self.store.journey_handoffs(journey, many).await?;
        let ids: Vec<HandoffId> = listed.into_iter().map(|row| row.id).collect();
        match ids.as_slice() {
            [] => Ok(Vec::new()),
            [latest] => Ok(vec![self.store.handoff_and_package(latest).await?]),
            several => Ok(self.store.handoffs(several).await?),
        }
    }

    /// Joins the handoff that holds the claim; one that closed since the claim was read makes the
    /// event be looked at again.
    async fn join(
        &self,
        reading: &Reading<'_>,
        key: &TypeKey,
        (open, journey): (&HandoffId, &JourneyId),
    ) -> Result<Effect, SettleError> {
        let at = reading.occurred.at;
        let command = Command::Join { kind: key.clone(), at, targets: Targets::new() };
        let others = match reading.answer() {
            Some(_) => self.open_handoffs(journey).await?,
            None => Vec::new(),
        };
        let also = self.others_answered(reading, others.iter(), Some(open)).await?;
        match self.change(reading, open, (Some(command), also), "joined").await? {
            Changed::Closed => Err(StoreError::Conflict.into()),
            Changed::Yes | Changed::No => Ok(Effect::Joined(open.clone())),
        }
    }
}

impl Reading<'_> {
    /// Marks the event done by a change.
    pub(crate) fn done(&self, write: Write, effect: &str) -> Write {
        write.done(&self.origin.source, &self.event.key, effect, &self.event.fingerprint)
    }
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
