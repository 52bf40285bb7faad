//! Why an owner was chosen, small enough to be stored with every assignment.

use super::{place::Daily, rotation::raised};
use crate::ids::{PersonId, PoolId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt};

/// One clause and whether it held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clause {
    /// The clause, as the configuration writes it.
    pub expr: String,
    /// Whether it held; one that cannot be evaluated does not.
    pub held: bool,
    /// Why it could not be evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A rule that came before the winning one and did not match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFailed {
    /// Its name.
    pub rule: String,
    /// The first clause that did not hold.
    pub clause: Clause,
}

/// Why a rep of the pool did not get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedOver {
    /// They take no handoffs now.
    Inactive,
    /// They have not begun yet.
    NotStarted,
    /// They are away.
    Absent,
    /// They do not work at this time.
    OffShift,
    /// They do not have every skill that is asked for.
    LacksSkill,
    /// They have as many open as they may.
    AtCapacity,
    /// They were given as many today as they may.
    DayFull,
    /// They had this one, and missed it or gave it away.
    HadIt,
    /// It was somebody else's turn.
    NotTheirTurn,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inactive => "takes no handoffs now",
            Self::NotStarted => "has not begun yet",
            Self::Absent => "is away",
            Self::OffShift => "is not on shift",
            Self::LacksSkill => "lacks a skill",
            Self::AtCapacity => "is at capacity",
            Self::DayFull => "had enough today",
            Self::HadIt => "had it already",
            Self::NotTheirTurn => "not their turn",
        })
    }
}

/// A rep of the pool, as they stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub rep: PersonId,
    /// Why not them; none for the one who got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<PassedOver>,
    /// Their place in the rotation before.
    pub position_before: u64,
    /// Their place after.
    pub position_after: u64,
    /// How many they had open before.
    pub open: u32,
    /// How many they may have open.
    pub capacity: u32,
    /// What they were given today, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<Daily>,
    /// The pool's floor: lower places are raised to it.
    #[serde(default)]
    pub floor: u64,
    /// How far below the floor they may stand: turns that were given back to them.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub owed: u64,
}

impl Candidate {
    /// Tells whether it could have been them.
    pub fn eligible(&self) -> bool {
        matches!(self.passed_over, None | Some(PassedOver::NotTheirTurn))
    }

    /// Tells how far it moved them on in the rotation, from where the floor had raised them to.
    pub fn turn(&self) -> u64 {
        self.position_after.saturating_sub(self.raised())
    }

    /// Tells from where they are counted.
    pub fn raised(&self) -> u64 {
        raised(self.position_before, self.floor, self.owed)
    }

    /// Tells what they are still owed after their turn: what is left below the floor.
    pub fn owed_after(&self) -> u64 {
        self.owed.min(self.floor.saturating_sub(self.position_after))
    }

    fn document(&self) -> Value {
        json!({
            "rep": self.rep, "eligible": self.eligible(), "passed_over": self.passed_over,
            "position_before": self.position_before, "position_after": self.position_after,
            "open": self.open, "capacity": self.capacity, "daily": self.daily,
            "floor": self.floor, "owed": self.owed,
        })
    }
}

/// The owner of the lead's account, who is asked before the rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountOwner {
    /// Who.
    pub rep: PersonId,
    /// How that is known, in words.
    pub because: String,
    /// Why not them; none when they got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<PassedOver>,
}

/// A pool in which nobody could take it, so that another was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Which.
    pub pool: PoolId,
    /// Why nobody there, in words.
    pub why: String,
}

/// Why an owner was chosen, or why nobody was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The configuration that was in force.
    pub config_version: u64,
    /// The pool that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolId>,
    /// The rule that named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The winning rule's clauses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<Clause>,
    /// Why the rules before it did not match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<RuleFailed>,
    /// How many rules before those did not match either.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_failed: usize,
    /// The skills the rule asks for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub skills: BTreeSet<String>,
    /// The owner of the lead's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_owner: Option<AccountOwner>,
    /// The pools that were asked before this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// Why it is not the rotation's choice, where it is not: `next_on_shift` or `manager`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
    /// The pool's reps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// Who decided, when it was a person and not the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<PersonId>,
}

/// A trace names at most this many rules that failed and reps that were passed over: a commit row
/// stays small.
pub(super) const MOST_TRACED: usize = 12;

fn is_nothing(turns: &u64) -> bool {
    *turns == 0
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Trace {
    /// Tells how far the one who was chosen was moved on; none where it was nobody's turn.
    pub fn turn(&self) -> Option<u64> {
        self.candidates.iter().find(|one| one.passed_over.is_none()).map(Candidate::turn)
    }

    /// Keeps the trace small: the nearest rules, the chosen rep and those next in turn.
    pub fn bounded(mut self) -> Self {
        let extra = self.failed.len().saturating_sub(MOST_TRACED);
        self.failed.drain(..extra);
        self.more_failed += extra;
        if self.candidates.len() > MOST_TRACED {
            self.candidates.sort_by_key(|candidate| {
                (candidate.passed_over.is_some(), candidate.position_before, candidate.rep.clone())
            });
            self.candidates.truncate(MOST_TRACED);
        }
        self
    }

    /// Shows it as JSON, in the names of the contract.
    pub fn document(&self) -> Value {
        let failed = self
            .failed
            .iter()
            .map(|one| json!({ "rule": one.rule, "held": false, "clauses": [one.clause] }));
        let won = self
            .rule
            .iter()
            .map(|rule| json!({ "rule": rule, "held": true, "clauses": self.clauses }));
        json!({
            "pool": self.pool,
            "rule": self.rule,
            "by_hand": self.by_hand,
            "account_owner": self.account_owner,
            "skills": self.skills,
            "tried": self.tried,
            "otherwise": self.otherwise,
            "more_failed": self.more_failed,
            "rules": failed.chain(won).collect::<Vec<_>>(),
            "candidates": self.candidates.iter().map(Candidate::document).collect::<Vec<_>>(),
            "config_version": self.config_version,
        })
    }
}
