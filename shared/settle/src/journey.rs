//! Whose journey an event belongs to; two journeys that turn out to be one person's are merged
//! first.

use crate::{Origin, SettleError, Settler};
use domain::{
    Change, Config, Handoff, HandoffId, JourneyId, SourceEvent, handoff::Flag, subject::Reference,
};
use std::collections::BTreeSet;
use store::{Merge, MovedHandoff, NewClaim, StoreError, Stored, Write};

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

impl Settler {
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

    /// Finds whose journey a handoff is of which an event tells more: an address that is learned
    /// by it is theirs too.
    pub(crate) async fn whose_handoff(
        &self,
        id: &HandoffId,
        event: &SourceEvent,
    ) -> Result<Whose, SettleError> {
        let journey = self.store.handoff(id).await?.journey.clone();
        let learned: Vec<Reference> =
            event.subject.email.iter().map(|email| Reference::email(email)).collect();
        let known = self.store.journeys_of(&learned).await?;
        let others = known.values().filter(|other| **other != journey);
        let others: BTreeSet<JourneyId> = others.cloned().collect();
        if !others.is_empty() {
            return Ok(Whose::Several(others.into_iter().chain([journey]).collect()));
        }
        let new = learned.into_iter().filter(|reference| !known.contains_key(reference));
        Ok(Whose::One(journey, new.collect()))
    }

    /// Merges journeys into the oldest, open handoffs and claims with them. Where both hold one
    /// claim the older handoff keeps it, and the newer stays open, flagged.
    pub(crate) async fn merge(
        &self,
        origin: &Origin,
        mut journeys: BTreeSet<JourneyId>,
    ) -> Result<(), SettleError> {
        let Some(older) = journeys.pop_first() else { return Ok(()) };
        let active = self.configs.active(self.clock.now()).await?;
        for newer in journeys {
            let moved = self.moved(origin, &active.config, &older, &newer).await?;
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
        origin: &Origin,
        config: &Config,
        older: &JourneyId,
        newer: &JourneyId,
    ) -> Result<Vec<MovedHandoff>, SettleError> {
        let mut moved = Vec::new();
        for handoff in self.open_handoffs(newer).await? {
            let by_journey = handoff.claim == format!("journey:{newer}");
            let (from, to) = match by_journey {
                false => (String::new(), NewClaim::None),
                // One claim has one holder, so no two of these are of one lane.
                true => {
                    let to = self.claimed_by(origin, config, &handoff, older).await?;
                    (handoff.claim.clone(), to)
                }
            };
            let claim = match (&to, by_journey) {
                (_, false) => handoff.claim.clone(),
                (NewClaim::None, true) => String::new(),
                (NewClaim::Free(claim, _) | NewClaim::Yielded(claim, _), true) => claim.clone(),
            };
            let beside = by_journey && claim.is_empty();
            let write = self.moving(origin, config, &handoff, (older, claim, beside));
            moved.push(MovedHandoff { write, lane: handoff.lane.clone(), from, to });
        }
        Ok(moved)
    }

    /// Finds what a handoff of the newer journey claims on the older one: the older handoff has the
    /// claim.
    async fn claimed_by(
        &self,
        origin: &Origin,
        config: &Config,
        handoff: &Handoff,
        older: &JourneyId,
    ) -> Result<NewClaim, SettleError> {
        let claim = format!("journey:{older}");
        let held = self.store.claim_of(&handoff.lane, &claim).await?;
        let holder = match held.open {
            None => return Ok(NewClaim::Free(claim, held.count)),
            Some(holder) => self.store.handoff(&holder).await?,
        };
        if (holder.opened_at, &holder.id) < (handoff.opened_at, &handoff.id) {
            return Ok(NewClaim::None);
        }
        let yielded = self.moving(origin, config, &holder, (older, String::new(), true));
        Ok(NewClaim::Yielded(claim, Box::new(yielded)))
    }

    /// Prepares the move of a handoff to a journey, with the claim it has there; flagged where it
    /// stands beside another.
    fn moving(
        &self,
        origin: &Origin,
        config: &Config,
        handoff: &Stored<Handoff>,
        (journey, claim, beside): (&JourneyId, String, bool),
    ) -> Write {
        let mut changes = vec![Change::MovedJourney { journey: journey.clone(), claim }];
        changes.extend(beside.then_some(Change::Flagged { flag: Flag::MergedBeside }));
        Write::change(handoff, changes, self.by(origin), self.clock.now(), config)
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
