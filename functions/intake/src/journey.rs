//! Whose journey an event belongs to; two journeys that turn out to be one person's are merged
//! first.

use crate::{Envelope, Intake, SettleError};
use domain::{
    Actor, Change, Config, Handoff, JourneyId, SourceEvent,
    config::ClaimBy,
    handoff::Flag,
    subject::{ObjectKind, Reference, Subject},
};
use std::collections::{BTreeMap, BTreeSet};
use store::{By, Merge, MovedHandoff, StoreError, Stored, Write};

/// How many of a journey's handoffs are looked at, newest first.
pub(crate) const LOOKED_AT: i32 = 20;

/// Whose event it is.
pub(crate) enum Whose {
    /// Nobody this system knows.
    New(Vec<Reference>),
    /// One journey's, with the references that do not point to it yet.
    One(JourneyId, Vec<Reference>),
    /// Several journeys', which are therefore one.
    Several(BTreeSet<JourneyId>),
}

/// What a handoff of some lane claims: the journey, the deal or the account, else the journey.
pub(crate) fn claim_of(by: ClaimBy, subject: &Subject, journey: &JourneyId) -> String {
    let kind = match by {
        ClaimBy::Journey => None,
        ClaimBy::Deal => Some(ObjectKind::Deal),
        ClaimBy::Account => Some(ObjectKind::Account),
    };
    match kind.and_then(|kind| subject.reference_of(kind)) {
        Some(reference) => format!("{}:{}:{}", reference.object, reference.system, reference.id),
        None => format!("journey:{journey}"),
    }
}

impl Intake {
    /// Finds the journeys an event's references point to.
    pub(crate) async fn whose(&self, event: &SourceEvent) -> Result<Whose, SettleError> {
        let all = event.subject.all_references();
        let known = self.store.journeys_of(&all).await?;
        let unknown: Vec<Reference> =
            all.into_iter().filter(|reference| !known.contains_key(reference)).collect();
        let selecting = event.subject.selecting_references();
        let mut journeys: BTreeSet<JourneyId> =
            selecting.iter().filter_map(|reference| known.get(reference).cloned()).collect();
        if journeys.len() > 1 {
            return Ok(Whose::Several(journeys));
        }
        Ok(match journeys.pop_first() {
            Some(journey) => Whose::One(journey, unknown),
            None => Whose::New(unknown),
        })
    }

    /// Merges journeys into the oldest, open handoffs and claims with them. Where both hold one
    /// claim the older handoff keeps it, and the newer stays open, flagged.
    pub(crate) async fn merge(
        &self,
        envelope: &Envelope,
        mut journeys: BTreeSet<JourneyId>,
    ) -> Result<(), SettleError> {
        let Some(older) = journeys.pop_first() else { return Ok(()) };
        let active = self.configs.active(self.clock.now()).await?;
        for newer in journeys {
            let moved = self.moved(envelope, &active.config, &older, &newer).await?;
            let merge = Merge { older: older.clone(), newer, moved };
            match self.store.merge_journeys(&merge, &self.attempt()).await {
                // Somebody else merged them, or changed one of them: the caller looks again.
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn moved(
        &self,
        envelope: &Envelope,
        config: &Config,
        older: &JourneyId,
        newer: &JourneyId,
    ) -> Result<Vec<MovedHandoff>, SettleError> {
        let mut taken: BTreeMap<(String, String), bool> = BTreeMap::new();
        let mut moved = Vec::new();
        for handoff in self.open_handoffs(newer).await? {
            let lane = handoff.lane.clone();
            let by_journey = handoff.claim == format!("journey:{newer}");
            let (claim, to, beside) = match by_journey {
                false => (handoff.claim.clone(), None, false),
                true => {
                    let claim = format!("journey:{older}");
                    let held = self.store.claim_of(&lane, &claim).await?;
                    let second = taken.insert((lane.to_string(), claim.clone()), true).is_some();
                    match held.open.is_some() || second {
                        true => (String::new(), None, true),
                        false => (claim.clone(), Some((claim, held.count)), false),
                    }
                }
            };
            let from = if by_journey { handoff.claim.clone() } else { String::new() };
            let mut changes = vec![Change::MovedJourney { journey: older.clone(), claim }];
            changes.extend(beside.then_some(Change::Flagged { flag: Flag::MergedBeside }));
            let by = By {
                actor: Actor::Source(envelope.source.clone()),
                cause: format!("receipt {}", envelope.receipt),
                attempt: self.attempt(),
            };
            let write = Write::change(&handoff, changes, by, self.clock.now(), config);
            moved.push(MovedHandoff { write, lane, from, to });
        }
        Ok(moved)
    }

    /// Reads a journey's open handoffs, newest first.
    pub(crate) async fn open_handoffs(
        &self,
        journey: &JourneyId,
    ) -> Result<Vec<Stored<Handoff>>, SettleError> {
        let listed = self.store.journey_handoffs(journey, LOOKED_AT).await?;
        let ids: Vec<_> = listed.into_iter().map(|row| row.id).collect();
        let handoffs = self.store.handoffs(&ids).await?.into_iter().map(|(handoff, _)| handoff);
        Ok(handoffs.filter(|handoff| handoff.stage.is_open()).collect())
    }
}
