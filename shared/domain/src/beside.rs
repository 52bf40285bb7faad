//! What stands beside a handoff's clocks: the receiver's tasks, who stays with the owner for a
//! while, and the mail with everything known before a meeting.

use crate::{
    clock::Credit,
    config::{BriefRule, Config, HandoffType, OverlapRule, TaskRule},
    handoff::Handoff,
    ids::PersonId,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a task stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// It is to be done.
    #[default]
    Open,
    /// A touch did it.
    Done,
    /// Its time passed first.
    Missed,
    /// There is nothing to be done any more: they replied, or a meeting was booked.
    Ended,
}

impl TaskState {
    /// Tells whether it is still to be done.
    pub(crate) fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Missed => "missed",
            Self::Ended => "ended",
        })
    }
}

/// One touch of the sequence that follows acceptance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Task {
    /// Its name.
    pub name: String,
    /// How: a touch by this channel does it.
    pub channel: String,
    /// When it is to be done.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// By when.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub due_at: DateTime<Utc>,
    /// Whether it is to be done at once: then a touch before the acceptance did it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
    /// How it stands.
    #[serde(default, skip_serializing_if = "TaskState::is_open")]
    pub state: TaskState,
    /// Who answers for it, once it was missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<Credit>,
}

impl Task {
    /// Tells whether it counts as missed only because nobody knew that they had answered by `at`.
    pub(crate) fn is_excused_by(&self, at: DateTime<Utc>) -> bool {
        self.credit.is_some() && self.due_at >= at
    }
}

/// Somebody stays beside the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Overlap {
    /// Who.
    pub who: PersonId,
    /// Until when; none while the meeting it lasts to is not set.
    #[cfg_attr(feature = "schema", schemars(with = "Option<DateTime<Utc>>"))]
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<DateTime<Utc>>,
    /// Whether it lasts until the meeting, and so moves with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_meeting: bool,
}

/// The mail with everything known, before the meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Brief {
    /// When it goes to the owner.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Whether the present owner has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sent: bool,
}

/// Makes the tasks of a type, counted from the acceptance.
pub(crate) fn tasks(rules: &[TaskRule], accepted_at: DateTime<Utc>) -> Vec<Task> {
    let task = |rule: &TaskRule| {
        let at = accepted_at + rule.at.elapsed();
        Task {
            first: rule.at.elapsed().is_zero(),
            name: rule.name.clone(),
            channel: rule.channel.clone(),
            at,
            due_at: at + rule.within.elapsed(),
            state: TaskState::Open,
            credit: None,
        }
    };
    rules.iter().map(task).collect()
}

/// Finds who stays beside the owner of a handoff that opens.
pub(crate) fn overlap(
    rule: Option<&OverlapRule>,
    handoff: &Handoff,
    config: &Config,
) -> Option<Overlap> {
    let rule = rule?;
    let who = match rule.who.as_str() {
        "sender" => handoff.sender.as_ref(),
        role => config.role(None, role),
    };
    let until = match rule.span {
        Some(span) => Some(handoff.triggered_at + span.elapsed()),
        None => handoff.meeting_at,
    };
    Some(Overlap { who: who?.clone(), until, to_meeting: rule.span.is_none() })
}

/// Finds when the owner is sent everything that is known: at once where the meeting is sooner than
/// that.
pub(crate) fn brief(
    rule: Option<&BriefRule>,
    meeting_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<Brief> {
    let (rule, meeting_at) = (rule?, meeting_at.filter(|at| *at > now)?);
    Some(Brief { at: (meeting_at - rule.before.elapsed()).max(now), sent: false })
}

/// Sets what stands beside a handoff as it opens.
pub(crate) fn begin(handoff: &mut Handoff, kind: &HandoffType, config: &Config) {
    handoff.overlap = overlap(kind.overlap.as_ref(), handoff, config);
    handoff.brief = brief(kind.brief.as_ref(), handoff.meeting_at, handoff.opened_at);
}
