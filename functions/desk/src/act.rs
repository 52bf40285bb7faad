//! Acting: what a person asks for is decided on what is stored now, and committed once.
//!
//! Load, decide, commit; a lost race is decided again on the new truth, at most a few times. The
//! same `Idempotency-Key` again gives the same answer, read off the handoff's own history. What
//! must stay true: nothing is written outside the one commit, and a person's free text only into
//! its erasable part.

use crate::{
    DESK, Desk,
    ask::{Ask, Deed},
    fault::Fault,
    may::may,
    plan::{self, Plan, Refused, Situation},
    sheet::folded,
};
use chrono::{DateTime, Utc};
use domain::{
    Actor, AttemptId, Config, Facts, Handoff, HandoffId, PersonId, Refusal, SourceKey,
    routing::Place,
};
use sha2::{Digest, Sha256};
use store::{By, Seen, StoreError, Stored, Write};

/// How often a lost race is decided again.
const TRIES: usize = 5;

/// A command with who gives it and on what condition.
pub(crate) struct Order {
    /// Who.
    pub(crate) person: PersonId,
    /// What.
    pub(crate) ask: Ask,
    /// The version they saw, if only that one is to change.
    pub(crate) version: Option<u64>,
    /// What makes sending it twice the same as once.
    pub(crate) key: Option<String>,
}

impl Order {
    /// Hashes everything that is asked, so that one key with two contents is seen.
    fn fingerprint(&self, id: &HandoffId) -> String {
        let said = format!("{id}\n{}\n{:?}", self.person, self.ask);
        hex::encode(Sha256::digest(said.as_bytes()))
    }
}

impl Desk {
    /// Carries out a command; the handoff as it is after it, or as it is if there was nothing to
    /// do.
    pub(crate) async fn act(&self, id: &HandoffId, order: &Order) -> Result<Handoff, Fault> {
        Ok(self.carry_out(id, order).await?.0)
    }

    /// Carries out a command, and tells whether anything changed by it now.
    pub(crate) async fn carry_out(
        &self,
        id: &HandoffId,
        order: &Order,
    ) -> Result<(Handoff, bool), Fault> {
        if let Some(seen) = self.seen(order).await? {
            return Ok((self.as_answered(id, &seen, order).await?, false));
        }
        for _ in 0..TRIES {
            let now = self.clock.now();
            let active = self.configs.active(now).await?;
            let handoff = self.store.handoff(id).await?;
            let package = match order.ask.deed {
                Deed::Resubmit(..) | Deed::Supply(..) => self.store.package(id).await?,
                _ => Stored::default(),
            };
            let pinned = self.configs.version(handoff.config).await?;
            let facts = Facts { active: &active.config, pinned: &pinned.config };
            expect(&handoff, order.version, facts.active)?;
            may(&order.person, order.ask.verb, &handoff, facts.active)?;

            let standing = self.standing(&order.ask.deed, &handoff, facts.active).await?;
            let situation =
                Situation { handoff: &handoff, package: &package, facts, standing, now };
            let plan =
                match situation.decide(&order.person, &order.ask.deed, order.ask.note.as_deref()) {
                    Ok(plan) => plan,
                    Err(Refused::Decision(Refusal::Nothing)) => return Ok((handoff.record, false)),
                    Err(Refused::Fields(wrong)) => return Err(Fault::Fields(wrong)),
                    Err(refused) => return Err(Fault::Conflict(refused.to_string())),
                };
            let write = self.write(&handoff, plan, order, facts.active, now);
            match self.store.commit(write).await {
                Ok(handoff) => return Ok((handoff, true)),
                Err(StoreError::Conflict | StoreError::Full(_)) => {}
                Err(StoreError::Duplicate(seen)) => {
                    return Ok((self.as_answered(id, &seen, order).await?, false));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::NotNow("Others keep changing this handoff: try again.".to_owned()))
    }

    /// Reads how the rep stands whom a command concerns; one whom nobody wrote of stands at
    /// nothing.
    async fn standing(
        &self,
        deed: &Deed,
        handoff: &Handoff,
        config: &Config,
    ) -> Result<Place, StoreError> {
        let Some((pool, rep)) = plan::concerned(deed, handoff, config) else {
            return Ok(Default::default());
        };
        let mut standings = self.store.standings(pool, std::slice::from_ref(rep)).await?;
        Ok(standings.remove(rep).unwrap_or_default())
    }

    fn write(
        &self,
        handoff: &Stored<Handoff>,
        plan: Plan,
        order: &Order,
        config: &Config,
        now: DateTime<Utc>,
    ) -> Write {
        let attempt = AttemptId(self.ids.ulid(now));
        let actor = Actor::Person(order.person.clone());
        let by = By { actor, cause: DESK.to_owned(), attempt };
        let mut write = Write::change(handoff, plan.changes, by, now, config)
            .personal("note", order.ask.note.clone().into())
            .personal("message", order.ask.message.clone().into());
        if let Some((package, told)) = plan.package {
            write = write.with_package(package).personal("told", told.into());
        }
        if let Some((pool, candidate)) = plan.turn_taken {
            write = write.takes_turn(pool, candidate);
        }
        if let Some((pool, rep, turn)) = plan.turn_given_back {
            write = write.gives_turn_back(pool, rep, turn);
        }
        match &order.key {
            None => write,
            Some(key) => {
                let said = order.fingerprint(&handoff.id);
                write.done(&SourceKey::from(DESK), &act_key(key), order.ask.verb.word(), &said)
            }
        }
    }

    async fn seen(&self, order: &Order) -> Result<Option<Seen>, Fault> {
        match &order.key {
            None => Ok(None),
            Some(key) => Ok(self.store.seen(&SourceKey::from(DESK), &act_key(key)).await?),
        }
    }

    /// Tells whether a command with this key was carried out.
    pub(crate) async fn is_answered(&self, order: &Order) -> Result<bool, Fault> {
        Ok(self.seen(order).await?.is_some())
    }

    /// Gives the answer that was given: the handoff as the command left it.
    async fn as_answered(
        &self,
        id: &HandoffId,
        seen: &Seen,
        order: &Order,
    ) -> Result<Handoff, Fault> {
        if seen.fingerprint != order.fingerprint(id) {
            return Err(Fault::KeyReused);
        }
        let history = self.store.history(id).await?;
        let then = history.iter().take_while(|commit| commit.version <= seen.version);
        let gone = || Fault::Broken(format!("the history of {id} has no opening"));
        folded(then).ok_or_else(gone)
    }
}

/// Hashes texts, each with where it ends.
pub(crate) fn fingerprint_of(texts: &[&str]) -> String {
    let said = format!("{texts:?}");
    hex::encode(Sha256::digest(said.as_bytes()))
}

/// Keeps the keys of commands apart from those of openings.
fn act_key(key: &str) -> String {
    format!("act:{key}")
}

/// Checks that the handoff is still as the person saw it.
fn expect(handoff: &Handoff, version: Option<u64>, config: &Config) -> Result<(), Fault> {
    if version.is_none_or(|version| version == handoff.version) {
        return Ok(());
    }
    let owner = match &handoff.owner {
        Some(owner) => format!("{} has it", config.name_of(owner)),
        None => "nobody has it".to_owned(),
    };
    Err(Fault::Conflict(format!(
        "Somebody was faster: this handoff is {} now and {owner} (version {}). Look at it again.",
        handoff.stage, handoff.version
    )))
}
