//! The shape of a handoff type: what opens it, its clocks and ladders, what must be passed on.

use super::fields::{FieldRule, Threshold};
use crate::{ids::LaneKey, involved::Part, span::Span};
use serde::{Deserialize, Serialize};

/// Whether a type acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Its triggers open nothing.
    Off,
    /// Clocks and numbers run; nothing is sent or written outside.
    Observe,
    /// Everything happens.
    #[default]
    Live,
}

/// One kind of handoff.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HandoffType {
    /// The name people know.
    pub name: String,
    /// The transferring team.
    pub from: String,
    /// The receiving team.
    pub to: String,
    /// The lane it opens in.
    pub lane: LaneKey,
    /// Within a lane a hotter type upgrades the open handoff.
    #[serde(default)]
    pub heat: u32,
    /// Whether it acts.
    #[serde(default)]
    pub mode: Mode,
    /// What opens it.
    pub triggers: Vec<Trigger>,
    /// The outcomes it may be completed with.
    pub outcomes: Vec<String>,
    /// The outcomes that count as success.
    #[serde(default)]
    pub success: Vec<String>,
    /// Reasons a receiver may reject for.
    pub reject_reasons: Vec<String>,
    /// Where it may be recycled to.
    #[serde(default)]
    pub recycle_to: Vec<String>,
    /// Reasons to recycle for.
    #[serde(default)]
    pub recycle_reasons: Vec<String>,
    /// Its clocks.
    pub clocks: Vec<ClockRule>,
    /// Reasons its clocks may stand still for; none means they never do.
    #[serde(default)]
    pub pause_reasons: Vec<String>,
    /// How long its clocks may stand still in all; then they go on by themselves.
    #[serde(default = "five_days")]
    pub pause_limit: Span,
    /// What its receiver does after accepting, in order.
    #[serde(default)]
    pub cadence: Vec<TaskRule>,
    /// Who stays beside its owner for a while.
    pub overlap: Option<OverlapRule>,
    /// When its owner is sent everything that is known, before the meeting.
    pub brief: Option<BriefRule>,
    /// Who is involved besides its owner.
    #[serde(default)]
    pub involve: Vec<InvolveRule>,
    /// What the person who was passed on is asked.
    pub survey: Option<SurveyRule>,
    /// What it has to prove after it ended well.
    #[serde(default)]
    pub milestones: Vec<MilestoneRule>,
    /// What must be passed on.
    pub fields: Vec<FieldRule>,
    /// What happens to one that opens with less than it should.
    pub threshold: Option<Threshold>,
}

/// An event that opens a handoff.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The event's name.
    pub on: String,
    /// Opens only when the score comes up to this value, counting from the value before.
    pub score_reaches: Option<i64>,
}

/// What a clock counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Forward from the trigger.
    #[default]
    Trigger,
    /// Backward from the meeting.
    Meeting,
}

/// What stops a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stop {
    /// The first touch by the receiving team.
    #[default]
    Touch,
    /// The receiver's acceptance.
    Accept,
    /// An outcome that counts as success.
    Success,
}

/// One clock of a type.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClockRule {
    /// Its name, such as `respond`.
    pub name: String,
    /// How long it runs: `4h` from the trigger, or `24h` before the meeting.
    pub target: Span,
    /// How long it runs instead for some, first match wins.
    #[serde(default)]
    pub targets: Vec<TargetRule>,
    /// A calendar's name, `pool`, or nothing for elapsed time.
    pub calendar: Option<String>,
    /// What it counts from.
    #[serde(default)]
    pub from: Start,
    /// What stops it.
    #[serde(default)]
    pub stop: Stop,
    /// What happens on the way and after.
    #[serde(default)]
    pub ladder: Vec<Rung>,
}

/// Another target for those of whom all clauses hold.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TargetRule {
    /// CEL clauses over `lead`, `account`, `handoff`, `territory` and `now`.
    pub when: Vec<String>,
    /// The target.
    pub target: Span,
}

/// One touch of the sequence that follows acceptance.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TaskRule {
    /// Its name, such as `first_email`.
    pub name: String,
    /// What to do, as people read it.
    pub label: String,
    /// How: a touch by this channel does it.
    pub channel: String,
    /// When it is to be done, counted from the acceptance; at once if it says nothing.
    #[serde(default)]
    pub at: Span,
    /// How long one has for it.
    #[serde(default = "an_hour")]
    pub within: Span,
    /// The package field it should name, such as the content that was downloaded.
    pub about: Option<String>,
}

/// Who stays beside the owner, and for how long.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OverlapRule {
    /// `sender`, or a role.
    #[serde(default = "sender")]
    pub who: String,
    /// For how long, from the trigger; without it until the meeting.
    #[serde(rename = "for")]
    pub span: Option<Span>,
}

/// When the owner is sent everything that is known.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BriefRule {
    /// How long before the meeting.
    pub before: Span,
}

/// Who is involved in some handoffs besides their owner.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InvolveRule {
    /// A role of the organisation.
    pub who: String,
    /// As what.
    #[serde(rename = "as")]
    pub part: Part,
    /// CEL clauses over `lead`, `account`, `handoff`, `territory` and `now`; none means all.
    #[serde(default)]
    pub when: Vec<String>,
}

/// What the person who was passed on is asked.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SurveyRule {
    /// The question, answered in one of five words from poor to excellent.
    #[serde(default = "how_was_it")]
    pub question: String,
    /// How long a link is good.
    #[serde(default = "thirty_days")]
    pub open_for: Span,
    /// Whether the receiving team's first touch makes a link by itself.
    #[serde(default = "yes")]
    pub at_first_touch: bool,
}

/// What is to be known some time after a handoff ended well.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MilestoneRule {
    /// Its name, such as `renewal`.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// When its owner is asked, counted from the trigger.
    pub after: Span,
    /// How long they have to say it.
    #[serde(default = "thirty_days")]
    pub within: Span,
    /// The outcomes it may have.
    pub outcomes: Vec<String>,
    /// The outcomes that count as success.
    #[serde(default)]
    pub success: Vec<String>,
}

/// What a rung of a ladder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Reminds somebody before the deadline.
    Remind,
    /// Tells somebody of the breach.
    Tell,
    /// Puts it before somebody higher.
    Escalate,
    /// Gives it to another rep.
    Reassign,
    /// Marks the clock breached; every clock has this at its deadline without being asked.
    Breach,
}

/// One rung of a ladder.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// When: `80%` of the target, `breach`, or `+30m` after it.
    pub at: RungTime,
    /// What happens.
    #[serde(rename = "do")]
    pub act: Act,
    /// Whom it concerns: `owner`, or a role of the pool.
    pub to: Option<String>,
}

/// When a rung is due, relative to its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String")]
pub enum RungTime {
    /// At a share of the target, in percent.
    Share(u32),
    /// At the deadline.
    Breach,
    /// After the deadline, on the clock's calendar.
    After(Span),
}

impl TryFrom<String> for RungTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "breach" {
            return Ok(Self::Breach);
        }
        if let Some(percent) = text.strip_suffix('%') {
            return match percent.parse::<u32>() {
                Ok(share) if (1..100).contains(&share) => Ok(Self::Share(share)),
                _ => Err(format!("`{text}` is no share: write 1% to 99%")),
            };
        }
        match text.strip_prefix('+').map(str::parse::<Span>) {
            Some(Ok(span)) => Ok(Self::After(span)),
            Some(Err(error)) => Err(error.to_string()),
            None => Err(format!("`{text}` is no time: write `80%`, `breach` or `+30m`")),
        }
    }
}

fn five_days() -> Span {
    Span::new(5, 0).unwrap_or_default()
}

fn thirty_days() -> Span {
    Span::new(30, 0).unwrap_or_default()
}

fn how_was_it() -> String {
    "How well did we pass you on to the people who look after you now?".to_owned()
}

fn yes() -> bool {
    true
}

fn an_hour() -> Span {
    Span::new(0, 3600).unwrap_or_default()
}

fn sender() -> String {
    "sender".to_owned()
}
