//! A commit: one change of one handoff, with who did it, why, and everything a reader of the stream
//! needs.
//!
//! Commit rows are the outbox, the archive and the source of every number. A reader never looks at
//! later state.

use crate::{
    change::Change,
    config::Mode,
    handoff::Handoff,
    ids::{AttemptId, HandoffId, PersonId, PoolId, SourceKey, TypeKey},
    involved::Involved,
    money::Money,
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Who made a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// A person, from the desk or Slack.
    Person(PersonId),
    /// A source's event.
    Source(SourceKey),
    /// The router.
    Router,
    /// The sweep.
    Sweep,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => write!(f, "{person}"),
            Self::Source(source) => write!(f, "source {source}"),
            Self::Router => f.write_str("router"),
            Self::Sweep => f.write_str("sweep"),
        }
    }
}

/// What a commit is about: the dimensions its numbers are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct About {
    /// The handoff's type after the commit.
    #[serde(rename = "type")]
    pub kind: TypeKey,
    /// The organisation's day on which the handoff opened.
    pub opened_day: NaiveDate,
    /// The organisation's day of this commit.
    pub day: NaiveDate,
    /// Its pool after the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolId>,
    /// Its owner before the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_before: Option<PersonId>,
    /// Its owner after the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// Who stays beside its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<PersonId>,
    /// Who is involved besides its owner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub involved: Vec<Involved>,
    /// The transferring team.
    pub from: String,
    /// Who sent it, if a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<PersonId>,
    /// The source that opened it.
    pub source: SourceKey,
    /// The rule that routed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Its amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Whether anything is sent outside for it.
    #[serde(default)]
    pub mode: Mode,
    /// Whether it is a test, which no number counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

impl About {
    /// Describes a handoff as it stands; `day_of` is the organisation's calendar day.
    pub fn of(
        handoff: &Handoff,
        before: Option<&Handoff>,
        at: DateTime<Utc>,
        day_of: impl Fn(DateTime<Utc>) -> NaiveDate,
    ) -> Self {
        Self {
            kind: handoff.kind.clone(),
            opened_day: day_of(handoff.opened_at),
            day: day_of(at),
            pool: handoff.pool.clone(),
            owner_before: before.and_then(|before| before.owner.clone()),
            owner: handoff.owner.clone(),
            beside: handoff.overlap.as_ref().map(|overlap| overlap.who.clone()),
            involved: handoff.involved.clone(),
            from: handoff.from.clone(),
            sender: handoff.sender.clone(),
            source: handoff.source.clone(),
            rule: handoff.rule.clone(),
            amount: handoff.amount.clone(),
            mode: handoff.mode,
            test: handoff.test,
        }
    }

    /// Tells whether numbers count it.
    pub fn counts(&self) -> bool {
        self.mode != Mode::Off && !self.test
    }
}

/// One entry of a handoff's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// The handoff.
    pub handoff: HandoffId,
    /// Its version after this commit, from 1.
    pub version: u64,
    /// When it was recorded.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: Actor,
    /// What made them: a receipt, an event, a schedule's time.
    pub cause: String,
    /// The try that wrote it, by which its writer knows its own lost reply.
    pub attempt: AttemptId,
    /// What happened.
    pub changes: Vec<Change>,
    /// What it is about.
    pub about: About,
    /// On an opening: what the journey's previous handoff was about, and whether this is the first
    /// in its lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// Personal data and free text, erasable without touching history: notes, comments, changed
    /// package values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub personal: BTreeMap<String, serde_json::Value>,
}

impl Commit {
    /// Lists the events it becomes on the bus, in the order of its changes, each once.
    pub fn events(&self) -> Vec<&'static str> {
        let mut events = Vec::new();
        for event in self.changes.iter().filter_map(Change::event) {
            if !events.contains(&event) {
                events.push(event);
            }
        }
        events
    }
}

/// Where a new handoff stands on its journey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// What the handoff before it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<About>,
    /// Whether its claim was never held before.
    pub first_in_lane: bool,
}
