//! A handoff: its state, and the one fold that makes it from changes.
//!
//! The stored row is this struct; the stored history is [`Change`]s; folding the second gives the
//! first (`fold`), and a test says so. No personal data is in either: names, addresses and free text live in
//! the package and in a commit's erasable part.

mod fold;

use crate::{
    beside::{Brief, Overlap, Task, TaskState},
    clock::{Clock, Credit},
    config::{Mode, Start},
    ids::{HandoffId, JourneyId, LaneKey, PersonId, PoolId, SourceKey, TypeKey},
    involved::Involved,
    milestone::{self, Milestone},
    money::Money,
    pause::Pause,
    question::Question,
    stage::Stage,
    survey::Survey,
};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub use crate::change::Change;

/// Something a person should know about how a handoff came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// The source's time was disbelieved, so clocks count from receipt.
    TimeSuspect,
    /// One event id came with two contents.
    Conflict,
    /// The source sent only an id: the rest is to be read back.
    ReadBack,
    /// A clock's calendar never reaches its target, so nothing will happen by itself.
    NoDeadline,
    /// Something was too long for the package; the receipt has it whole.
    Shortened,
    /// Two journeys were merged while both held one in this lane.
    MergedBeside,
    /// It opened with less than its type asks for.
    Incomplete,
}

/// A standing request for an owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Routing {
    /// Why it has none, or needs another.
    pub reason: String,
    /// Since when.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub since: DateTime<Utc>,
    /// When it is tried again if nobody took it.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub retry_at: DateTime<Utc>,
    /// The pool it must go to; none lets the rules decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolId>,
    /// Whether it waits for what is missing, and not for somebody to have a place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

/// What its receiver said of it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// One to five.
    pub score: u8,
    /// Whether the information was complete.
    pub complete: bool,
}

/// A handoff as it stands after its last commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// Its id.
    pub id: HandoffId,
    /// How many commits it has; the condition of the next one.
    pub version: u64,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: TypeKey,
    /// The lane it stands in.
    pub lane: LaneKey,
    /// What it claims in that lane.
    pub claim: String,
    /// The journey it belongs to.
    pub journey: JourneyId,
    /// Where it stands.
    pub stage: Stage,
    /// Whether anything is sent outside for it.
    #[serde(default)]
    pub mode: Mode,
    /// Whether it is a test, which no number counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// The configuration it opened with.
    pub config: u64,
    /// The source whose event opened it.
    pub source: SourceKey,
    /// The transferring team.
    pub from: String,
    /// The receiving team.
    pub to: String,
    /// How hot its type is within the lane.
    #[serde(default)]
    pub heat: u32,
    /// Who sent it, if a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<PersonId>,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// The pool it was routed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolId>,
    /// How far it moved its owner on in the pool's rotation: what a rejection gives back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u64>,
    /// The rule that chose the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Those who had it and missed a step, or whose handoffs went to others: not to be given it
    /// again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub had: Vec<PersonId>,
    /// The score when last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<i64>,
    /// The amount when last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Share of the package that is there, in percent, at the last change.
    #[serde(default)]
    pub completeness: u8,
    /// When its event occurred.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub triggered_at: DateTime<Utc>,
    /// When it was recorded.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub opened_at: DateTime<Utc>,
    /// When its present owner got it.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub assigned_at: Option<DateTime<Utc>>,
    /// When its present owner accepted it.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub accepted_at: Option<DateTime<Utc>>,
    /// When the receiving team first touched the subject.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub first_touch_at: Option<DateTime<Utc>>,
    /// Who answers for that touch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_credit: Option<Credit>,
    /// When the subject first answered: replied, or booked a meeting.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub answered_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub closed_at: Option<DateTime<Utc>>,
    /// When the meeting is that it prepares.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub meeting_at: Option<DateTime<Utc>>,
    /// Its clocks.
    #[serde(default)]
    pub clocks: Vec<Clock>,
    /// When its clocks stood still; the last may not have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// What its receiver is to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Who stays beside its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
    /// The mail with everything known, before the meeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brief: Option<Brief>,
    /// The standing request for an owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// What one side asked the other and nobody has answered yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// How many questions were asked in all.
    #[serde(default, skip_serializing_if = "is_none")]
    pub asked: u32,
    /// Who is involved besides its owner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub involved: Vec<Involved>,
    /// How somebody of the organisation rated it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
    /// What the person who was passed on is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey: Option<Survey>,
    /// What it has to prove after its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub milestones: Vec<Milestone>,
    /// The handoff before it on the journey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<HandoffId>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What people should know.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub flags: BTreeSet<Flag>,
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

/// Why something will happen to a handoff at its next deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A clock's step is due: the clock's name and the rung.
    Step(String, u8),
    /// An owner is to be looked for again.
    Reroute,
    /// A pause ends.
    Resume,
    /// A task's time is over: its name.
    Task(String),
    /// Somebody's time beside the owner is over.
    OverlapEnd,
    /// The owner is to be sent everything that is known.
    Brief,
    /// A milestone is to be asked for, or was not said in time: its name.
    Milestone(String),
}

impl Handoff {
    /// Tells when something next happens to it unless somebody acts, and why: the sort key of the
    /// `due` index.
    pub fn next_deadline(&self) -> Option<(DateTime<Utc>, Why)> {
        if !self.stage.is_open() {
            return milestone::next(self);
        }
        let steps = self.moving_clocks().filter_map(|clock| {
            clock.next_step().map(|step| (step.at, Why::Step(clock.name.clone(), step.n)))
        });
        let reroute = self.routing.iter().map(|routing| (routing.retry_at, Why::Reroute));
        let resume = self.paused().map(|pause| (pause.until, Why::Resume));
        let tasks = self.moving_tasks().map(|task| (task.due_at, Why::Task(task.name.clone())));
        let overlap = self.overlap.iter().filter_map(|overlap| overlap.until);
        let brief = self.brief.iter().filter(|brief| !brief.sent && self.owner.is_some());
        steps
            .chain(reroute)
            .chain(resume)
            .chain(tasks)
            .chain(overlap.map(|until| (until, Why::OverlapEnd)))
            .chain(brief.map(|brief| (brief.at, Why::Brief)))
            .min_by_key(|(at, _)| *at)
    }

    /// Finds the clock that presses now: of those that move, the one that is due first.
    pub fn pressing_clock(&self) -> Option<&Clock> {
        let moving = self.moving_clocks().filter(|_| self.stage.is_open());
        moving.min_by_key(|clock| clock.due_at)
    }

    /// Finds the pause that its clocks stand still in.
    pub fn paused(&self) -> Option<&Pause> {
        let last = self.pauses.last().filter(|pause| pause.ended_at.is_none());
        last.filter(|_| self.stage.is_open())
    }

    /// Lists the clocks that tick now: in a pause only those that count back from a meeting.
    pub fn moving_clocks(&self) -> impl Iterator<Item = &Clock> {
        let paused = self.paused().is_some();
        let moves = move |clock: &&Clock| !paused || clock.from == Start::Meeting;
        self.clocks.iter().filter(|clock| clock.is_ticking()).filter(moves)
    }

    /// Lists the tasks that are to be done and do not stand still.
    pub fn moving_tasks(&self) -> impl Iterator<Item = &Task> {
        let paused = self.paused().is_some();
        self.tasks.iter().filter(move |task| task.state == TaskState::Open && !paused)
    }

    /// Reads how long its clocks have stood still so far.
    pub fn paused_for(&self, now: DateTime<Utc>) -> Duration {
        self.pauses.iter().map(|pause| pause.length(now)).sum()
    }

    /// Finds the clock that will run out next, or the first one.
    pub fn leading_clock(&self) -> Option<&Clock> {
        self.clocks
            .iter()
            .filter(|clock| clock.is_ticking())
            .min_by_key(|clock| clock.due_at)
            .or(self.clocks.first())
    }
}
