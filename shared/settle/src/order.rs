//! Orders: what a person asks for is decided on what is stored now, and committed once, wherever
//! they asked for it.
//!
//! Load, decide, commit; a lost race is decided again on the new truth, at most a few times. The
//! same key again gives the same answer, read off the handoff's own history. What must stay true:
//! nothing is written outside the one commit, and a person's free text only into its erasable part.

use crate::{
    Settler,
    may::{Forbidden, may, may_mention},
    plan::{self, Plan, Refused, Situation},
    said::Values,
    verb::Verb,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::{
    Actor, AttemptId, Config, Facts, Handoff, HandoffId, PersonId, PoolId, Refusal, SourceKey,
    involved::Part, money::Money, question::mentioned, routing::Place,
};
use runtime::configs::ConfigError;
use sha2::{Digest, Sha256};
use store::{By, Seen, StoreError, Stored, Write};

/// How often a lost race is decided again.
const TRIES: usize = 5;

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Take it.
    Accept,
    /// Give it back, for a reason of the type's list.
    Reject(String),
    /// Send it again, with these package values; local times are in a zone.
    Resubmit(Values, Tz),
    /// Say what is known more, in the same way.
    Supply(Values, Tz),
    /// Record a touch: how, and when if not now.
    Touch(String, Option<DateTime<Utc>>),
    /// Write something.
    Note,
    /// Ask the other side, or somebody.
    Ask(Option<PersonId>),
    /// Answer a question.
    Answer(u32),
    /// Give it to a rep.
    GiveTo(PersonId),
    /// Give it to a pool, or to whom the rules choose.
    Route(Option<PoolId>),
    /// Take it from somebody whose handoffs all go, for whom the rules choose.
    TakeFrom(PersonId),
    /// Let its clocks stand still: why, and until when if not as long as it may be.
    Pause(String, Option<DateTime<Utc>>),
    /// Let them go on.
    Resume,
    /// Involve somebody, as something.
    Involve(PersonId, Part),
    /// Involve somebody no longer.
    Release(PersonId),
    /// Ask whoever was passed on how that went.
    Survey,
    /// Take that back.
    WithdrawSurvey,
    /// Nobody need stand beside its owner any more.
    EndOverlap,
    /// Record the outcome and what it is worth.
    Complete(String, Option<Money>),
    /// Send it back: where to, for a reason of the type's list.
    Recycle(String, String),
    /// Withdraw it, for a reason.
    Cancel(String),
    /// Judge it: one to five, and whether the information was complete.
    Rate(u8, bool),
}

/// What a person asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The verb.
    pub verb: Verb,
    /// What is done.
    pub deed: Deed,
    /// What they wrote with it.
    pub note: Option<String>,
    /// The message they sent by it.
    pub message: Option<String>,
}

/// Where a person asks: at the desk, in chat.
#[derive(Clone, Debug)]
pub struct Via {
    /// The source under which keys are remembered.
    pub source: SourceKey,
    /// What history says made the change.
    pub cause: String,
}

/// A command with who gives it, where, and on what condition.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who.
    pub person: PersonId,
    /// What.
    pub ask: Ask,
    /// Where.
    pub via: Via,
    /// The version they saw, if only that one is to change.
    pub version: Option<u64>,
    /// What makes sending it twice the same as once.
    pub key: Option<String>,
}

/// A handoff after an order, and what came of it.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The handoff as the order left it.
    pub handoff: Handoff,
    /// Whether it changed.
    pub done: Done,
}

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was done now.
    Now,
    /// It was done before, by the same key.
    Before,
    /// There was nothing to do: it stood so already.
    Already,
}

/// Why an order is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Whoever gave it may not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The handoff is no longer as they saw it.
    #[error("{0}")]
    Stale(String),
    /// The decision says no, on the handoff as it is.
    #[error("{0}")]
    Refused(Refused, Box<Handoff>),
    /// One key came with two contents.
    #[error("This key was used for something else.")]
    KeyReused,
    /// Every race was lost.
    #[error("Others keep changing this handoff: try again.")]
    Busy,
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A history that begins with no opening.
    #[error("the history of {0} has no opening")]
    Broken(HandoffId),
}

impl Order {
    /// Hashes everything that is asked, so that one key with two contents is seen.
    fn fingerprint(&self, id: &HandoffId) -> String {
        let said = format!("{id}\n{}\n{:?}", self.person, self.ask);
        hex::encode(Sha256::digest(said.as_bytes()))
    }
}

impl Settler {
    /// Carries out an order; the handoff as it is after it, or as it is if there was nothing to do.
    ///
    /// # Errors
    /// Why not, in a sentence; `Busy`, and what of `Store` and `Config` is passing, mean later.
    pub async fn carry_out(&self, id: &HandoffId, order: &Order) -> Result<Carried, OrderError> {
        if let Some(seen) = self.seen(order).await? {
            return self.as_answered(id, &seen, order).await;
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
            may(&order.person, order.ask.verb, &handoff, facts.active)?;
            expect(&handoff, order.version, facts.active)?;
            if order.ask.verb == Verb::Note {
                let note = order.ask.note.as_deref().unwrap_or_default();
                may_mention(&mentioned(note, facts.active), &handoff, facts.active)?;
            }

            let standing = self.standing(&order.ask.deed, &handoff, facts.active).await?;
            let situation =
                Situation { handoff: &handoff, package: &package, facts, standing, now };
            let note = order.ask.note.as_deref();
            let plan = match situation.decide(&order.person, &order.ask.deed, note) {
                Ok(plan) => plan,
                Err(Refused::Decision(Refusal::Nothing)) => {
                    return Ok(Carried { handoff: handoff.record, done: Done::Already });
                }
                Err(refused) => {
                    return Err(OrderError::Refused(refused, Box::new(handoff.record)));
                }
            };
            let write = self.ordered(&handoff, plan, order, facts.active, now);
            match self.store.commit(write).await {
                Ok(handoff) => return Ok(Carried { handoff, done: Done::Now }),
                Err(StoreError::Conflict | StoreError::Full(_)) => {}
                Err(StoreError::Duplicate(seen)) => {
                    return self.as_answered(id, &seen, order).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(OrderError::Busy)
    }

    /// Tells whether an order with this key was carried out.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn is_carried_out(&self, order: &Order) -> Result<bool, StoreError> {
        Ok(self.seen(order).await?.is_some())
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

    fn ordered(
        &self,
        handoff: &Stored<Handoff>,
        plan: Plan,
        order: &Order,
        config: &Config,
        now: DateTime<Utc>,
    ) -> Write {
        let attempt = AttemptId(self.ids.ulid(now));
        let actor = Actor::Person(order.person.clone());
        let by = By { actor, cause: order.via.cause.clone(), attempt };
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
                write.done(&order.via.source, &act_key(key), order.ask.verb.word(), &said)
            }
        }
    }

    async fn seen(&self, order: &Order) -> Result<Option<Seen>, StoreError> {
        match &order.key {
            None => Ok(None),
            Some(key) => self.store.seen(&order.via.source, &act_key(key)).await,
        }
    }

    /// Gives the answer that was given: the handoff as the command left it.
    async fn as_answered(
        &self,
        id: &HandoffId,
        seen: &Seen,
        order: &Order,
    ) -> Result<Carried, OrderError> {
        if seen.fingerprint != order.fingerprint(id) {
            return Err(OrderError::KeyReused);
        }
        let history = self.store.history(id).await?;
        let then = history.iter().take_while(|commit| commit.version <= seen.version);
        let handoff = Handoff::of(then).ok_or_else(|| OrderError::Broken(id.clone()))?;
        Ok(Carried { handoff, done: Done::Before })
    }
}

/// Keeps the keys of commands apart from those of openings.
fn act_key(key: &str) -> String {
    format!("act:{key}")
}

/// Checks that the handoff is still as the person saw it.
fn expect(handoff: &Handoff, version: Option<u64>, config: &Config) -> Result<(), OrderError> {
    if version.is_none_or(|version| version == handoff.version) {
        return Ok(());
    }
    let owner = match &handoff.owner {
        Some(owner) => format!("{} has it", config.name_of(owner)),
        None => "nobody has it".to_owned(),
    };
    Err(OrderError::Stale(format!(
        "Somebody was faster: this handoff is {} now and {owner} (version {}). Look at it again.",
        handoff.stage, handoff.version
    )))
}
