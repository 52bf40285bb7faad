//! What a commit records: facts in the past tense, each holding everything a reader of the stream
//! needs.
//!
//! A consumer works from the commit row alone, so a change that replaces something already counted
//! carries what was counted before (`was`), whole.

mod event;
mod response;

pub use event::EVENTS;
pub use response::Response;

use crate::{
    beside::{Brief, Overlap, Task},
    clock::{Clock, Credit},
    config::Act,
    handoff::{Flag, Handoff, Routing},
    ids::{JourneyId, PersonId, PoolId, TypeKey},
    involved::Part,
    milestone::Milestone,
    money::Money,
    pause::Pause,
    question::Question,
    routing::Trace,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Something that happened to a handoff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// It came into being, as `handoff` says.
    Opened {
        /// Its whole first state.
        #[cfg_attr(feature = "schema", schemars(skip))]
        handoff: Box<Handoff>,
    },
    /// A second trigger of its lane joined it.
    Joined {
        /// The type the trigger would have opened.
        #[serde(rename = "type")]
        kind: TypeKey,
    },
    /// What is known about it changed.
    Updated {
        /// The new score, if it changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        score: Option<i64>,
        /// The new amount, if it changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Money>,
        /// The new time of the meeting, if it changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        meeting_at: Option<DateTime<Utc>>,
        /// The package's completeness now, in percent.
        completeness: u8,
    },
    /// A hotter trigger joined it: it is now of that type, with that type's clocks.
    Upgraded {
        /// The type it is now.
        #[serde(rename = "type")]
        kind: TypeKey,
        /// The type it was.
        was: TypeKey,
        /// Its heat now.
        heat: u32,
        /// Its clocks now.
        #[cfg_attr(feature = "schema", schemars(skip))]
        clocks: Vec<Clock>,
        /// When the hotter trigger was: what responses count from now.
        triggered_at: DateTime<Utc>,
    },
    /// A clock got another deadline, because its meeting moved or became known.
    ClockMoved {
        /// The clock as it is now.
        clock: Clock,
        /// Who answered for the breach this takes back, if one was counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<Credit>,
        /// Who is to hear that the breach no longer stands.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        told: Vec<PersonId>,
    },
    /// It got an owner.
    Assigned {
        /// Who has it now.
        owner: PersonId,
        /// Who had it before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<PersonId>,
        /// The pool they took it from.
        pool: PoolId,
        /// The rule that chose the pool; none when a person did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// How far this moved them on in the pool's rotation; none where it was nobody's turn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn: Option<u64>,
        /// Clocks recounted on the pool's calendar.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "schema", schemars(skip))]
        clocks: Vec<Clock>,
        /// Why them.
        #[cfg_attr(feature = "schema", schemars(skip))]
        trace: Box<Trace>,
    },
    /// Nobody could take it.
    Unrouted {
        /// Whether that is known already, in other numbers or until another time.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
        /// The request that now stands.
        routing: Routing,
        /// Who is told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        told: Vec<PersonId>,
        /// Why nobody.
        #[cfg_attr(feature = "schema", schemars(skip))]
        trace: Box<Trace>,
    },
    /// Somebody or the clock asked for another owner.
    RoutingRequested {
        /// The request that now stands.
        routing: Routing,
        /// Who had it and is not to be given it again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        had: Option<PersonId>,
    },
    /// Its owner took it.
    Accepted {
        /// Who.
        by: PersonId,
        /// When.
        at: DateTime<Utc>,
    },
    /// Somebody touched the subject.
    Touched {
        /// How.
        channel: String,
        /// When.
        at: DateTime<Utc>,
        /// Who, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonId>,
        /// Whether it is the receiving team's first.
        #[serde(default)]
        first: bool,
        /// What is counted for it, if it is the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response: Option<Response>,
        /// What was counted before, if this one is earlier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<Response>,
    },
    /// The receiving team is in touch.
    Engaged,
    /// A clock was stopped.
    ClockMet {
        /// Which.
        clock: String,
        /// When, by the fact's own time.
        at: DateTime<Utc>,
        /// Whether after the deadline.
        #[serde(default)]
        late: bool,
        /// Who answers for it.
        credit: Credit,
        /// Who answered for the breach this withdraws, if one was counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<Credit>,
        /// Who was told of that breach and is to hear that it is withdrawn.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        told: Vec<PersonId>,
    },
    /// A clock's deadline passed.
    Breached {
        /// Which.
        clock: String,
        /// The deadline.
        due_at: DateTime<Utc>,
        /// Who answers for it.
        #[serde(default)]
        credit: Credit,
    },
    /// A rung of a ladder was taken.
    Stepped {
        /// Whose ladder.
        clock: String,
        /// Which rung.
        n: u8,
        /// What it did.
        #[serde(rename = "do")]
        act: Act,
        /// When it was due.
        due_at: DateTime<Utc>,
        /// The clock's deadline.
        deadline: DateTime<Utc>,
        /// Whether that was at once, because the meeting was sooner than the lead time.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        short_notice: bool,
        /// Whom it told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        to: Vec<PersonId>,
    },
    /// A rung was not taken: nobody to tell, or its time was long over.
    StepPassed {
        /// Whose ladder.
        clock: String,
        /// Which rung.
        n: u8,
        /// What it would have done.
        #[serde(rename = "do")]
        act: Act,
        /// When it was due.
        due_at: DateTime<Utc>,
        /// Why not.
        reason: String,
    },
    /// Its receiver gave it back.
    Returned {
        /// Why, from the type's list.
        reason: String,
        /// Who had it.
        by: PersonId,
    },
    /// Its sender sent it again.
    Resubmitted {
        /// The request that now stands.
        routing: Routing,
    },
    /// Its outcome is known.
    Completed {
        /// The outcome, from the type's list.
        outcome: String,
        /// Whether it counts as success.
        success: bool,
        /// What it is worth.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Money>,
    },
    /// It went back to an earlier stage or to nurture.
    Recycled {
        /// Where to.
        to: String,
        /// Why.
        reason: String,
    },
    /// It was withdrawn.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// Somebody wrote something; the words are in the commit's erasable part.
    Noted,
    /// Somebody asked something; the words are in the commit's erasable part.
    Asked {
        /// Which question, by whom and to whom.
        question: Question,
    },
    /// Somebody answered a question; the words are in the commit's erasable part.
    Answered {
        /// Which.
        question: u32,
        /// Who.
        by: PersonId,
        /// Who had asked.
        to: PersonId,
    },
    /// What was written names people.
    Mentioned {
        /// Whom.
        who: Vec<PersonId>,
    },
    /// Somebody judged it.
    Rated {
        /// One to five.
        score: u8,
        /// Whether the information was complete.
        complete: bool,
        /// Whether it stands in the state; those of before did not.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stands: bool,
    },
    /// The person who was passed on may say how that went.
    SurveyAsked {
        /// Which survey of the handoff.
        n: u32,
        /// Until when.
        until: DateTime<Utc>,
    },
    /// They need not any more.
    SurveyWithdrawn {
        /// Which.
        n: u32,
        /// Who took it back.
        by: PersonId,
    },
    /// They said it; the comment is in the commit's erasable part.
    SurveyAnswered {
        /// Which.
        n: u32,
        /// One to five.
        score: u8,
    },
    /// It ended well, and has something to prove later.
    MilestonesBegun {
        /// What, and by when.
        milestones: Vec<Milestone>,
    },
    /// Somebody is asked what a milestone came to.
    MilestoneAsked {
        /// Which, and by when it is to be said.
        milestone: Milestone,
        /// Who is asked.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        told: Vec<PersonId>,
    },
    /// What a milestone came to is known.
    MilestoneKnown {
        /// Which.
        milestone: String,
        /// The outcome, from its list.
        outcome: String,
        /// Whether it counts as success.
        success: bool,
        /// What it is worth.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Money>,
        /// When it was so.
        at: DateTime<Utc>,
    },
    /// Nobody said in time what a milestone came to.
    MilestoneMissed {
        /// Which, and by when it was to be said.
        milestone: Milestone,
        /// Who hears of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        told: Vec<PersonId>,
    },
    /// Somebody is involved besides its owner.
    Involved {
        /// Who.
        who: PersonId,
        /// As what.
        #[serde(rename = "as")]
        part: Part,
        /// Who says so.
        by: PersonId,
    },
    /// Somebody is involved no longer.
    Released {
        /// Who.
        who: PersonId,
        /// Who says so.
        by: PersonId,
    },
    /// What came thin was read back: the flag that says so is taken off.
    ReadBack,
    /// People should know something about it.
    Flagged {
        /// What.
        flag: Flag,
    },
    /// Its clocks stand still.
    Paused {
        /// From when, by whom, why, and until when at most.
        pause: Pause,
    },
    /// Its clocks go on.
    Resumed {
        /// When the pause ended.
        at: DateTime<Utc>,
        /// Who ended it; nobody, when its time was over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonId>,
        /// The clocks that were put off.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "schema", schemars(skip))]
        clocks: Vec<Clock>,
        /// Every task, those put off among them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tasks: Vec<Task>,
    },
    /// Its receiver has a sequence of touches to do.
    CadenceStarted {
        /// Which, and by when.
        tasks: Vec<Task>,
    },
    /// The sequence is over: what is left of it need not be done.
    CadenceEnded {
        /// Why: `reply` or `meeting`.
        reason: String,
        /// When that was.
        at: DateTime<Utc>,
    },
    /// A touch did a task.
    TaskDone {
        /// Which.
        task: String,
        /// When.
        at: DateTime<Utc>,
        /// Whether after its time, so that it was counted as missed.
        #[serde(default)]
        late: bool,
    },
    /// A task was counted as missed and should not have been: it was done in time, or they had
    /// answered before, and the record of that came in late.
    TaskExcused {
        /// Which.
        task: String,
        /// Who answered for it.
        was: Credit,
    },
    /// A task's time passed.
    TaskMissed {
        /// Which.
        task: String,
        /// When it was due.
        due_at: DateTime<Utc>,
        /// Who answers for it.
        credit: Credit,
    },
    /// The meeting's time changed what goes by it.
    Rescheduled {
        /// The mail with everything known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        brief: Option<Brief>,
        /// Who stays beside the owner.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overlap: Option<Overlap>,
    },
    /// Its owner was sent everything that is known; the words are in the commit's erasable part.
    Briefed {
        /// Who.
        to: PersonId,
        /// When the meeting is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        meeting_at: Option<DateTime<Utc>>,
    },
    /// Nobody stands beside its owner any more.
    OverlapEnded {
        /// Who did.
        who: PersonId,
        /// Who ended it; nobody, when its time was over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<PersonId>,
    },
    /// Its journey was merged into an older one.
    MovedJourney {
        /// The journey it belongs to now.
        journey: JourneyId,
        /// What it claims now.
        claim: String,
    },
}
