//! What can be wanted of a handoff: by a person, a source, the router or the clock.

use super::Targets;
use crate::{
    handoff::Flag,
    ids::{PersonId, PoolId, TypeKey},
    involved::Part,
    money::Money,
    routing::Trace,
};
use chrono::{DateTime, Utc};

/// What somebody or something wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The router, or a person, gives it to a rep.
    Assign {
        /// The rep.
        owner: PersonId,
        /// The pool they take it from.
        pool: PoolId,
        /// The rule that chose the pool.
        rule: Option<String>,
        /// Why them.
        trace: Box<Trace>,
    },
    /// The router found nobody.
    LeaveUnrouted {
        /// Why.
        reason: String,
        /// When somebody may be there who is not now.
        back_at: Option<DateTime<Utc>>,
        /// What was considered.
        trace: Box<Trace>,
    },
    /// A person wants it given to a pool, or to whom the rules choose.
    RequestRouting {
        /// The pool; none lets the rules decide.
        pool: Option<PoolId>,
        /// Why.
        reason: String,
    },
    /// Its owner takes it.
    Accept {
        /// Who says so.
        by: PersonId,
    },
    /// Somebody touched the subject.
    Touch {
        /// How.
        channel: String,
        /// When it happened.
        at: DateTime<Utc>,
        /// Who, if known; an unknown toucher counts as the receiving team.
        by: Option<PersonId>,
    },
    /// The subject answered.
    Reply {
        /// When.
        at: DateTime<Utc>,
    },
    /// Its clocks are to stand still.
    Pause {
        /// Who says so.
        by: PersonId,
        /// Why, from the type's list.
        reason: String,
        /// Until when; none means as long as the type allows.
        until: Option<DateTime<Utc>>,
    },
    /// They are to go on.
    Resume {
        /// Who says so.
        by: PersonId,
    },
    /// Nobody need stand beside its owner any more.
    EndOverlap {
        /// Who says so.
        by: PersonId,
    },
    /// Its owner gives it back.
    Reject {
        /// Who says so.
        by: PersonId,
        /// Why, from the type's list.
        reason: String,
    },
    /// Its sender sends it again.
    Resubmit,
    /// Its outcome is known.
    Complete {
        /// From the type's list.
        outcome: String,
        /// What it is worth.
        value: Option<Money>,
        /// When it was so.
        at: DateTime<Utc>,
    },
    /// It goes back to an earlier stage or to nurture.
    Recycle {
        /// Where to, from the type's list.
        to: String,
        /// Why, from the type's list.
        reason: String,
    },
    /// It is withdrawn.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Somebody asks something: the other side, or whom they say.
    Ask {
        /// Who.
        by: PersonId,
        /// Whom.
        to: Option<PersonId>,
    },
    /// Somebody answers a question.
    Answer {
        /// Who.
        by: PersonId,
        /// Which.
        question: u32,
    },
    /// Somebody writes something.
    Note {
        /// Whom it names.
        mentions: Vec<PersonId>,
    },
    /// Somebody judges it.
    Rate {
        /// One to five.
        score: u8,
        /// Whether the information was complete.
        complete: bool,
    },
    /// The person who was passed on is to be asked how that went.
    AskSurvey,
    /// They need not be.
    WithdrawSurvey {
        /// Who says so.
        by: PersonId,
    },
    /// They say it.
    AnswerSurvey {
        /// Which survey of the handoff.
        n: u32,
        /// One to five.
        score: u8,
    },
    /// Somebody is involved besides its owner.
    Involve {
        /// Who says so.
        by: PersonId,
        /// Who.
        who: PersonId,
        /// As what.
        part: Part,
    },
    /// Somebody is involved no longer.
    Release {
        /// Who says so.
        by: PersonId,
        /// Who.
        who: PersonId,
    },
    /// Another trigger of its lane fired.
    Join {
        /// The type it would have opened.
        kind: TypeKey,
        /// When.
        at: DateTime<Utc>,
        /// The targets that conditions chose for that type.
        targets: Targets,
    },
    /// A source told more about it.
    Update {
        /// The score, if told.
        score: Option<i64>,
        /// The amount, if told.
        amount: Option<Money>,
        /// The meeting's time, if told.
        meeting_at: Option<DateTime<Utc>>,
        /// The package's completeness now, in percent.
        completeness: u8,
        /// The targets that conditions choose now.
        targets: Targets,
    },
    /// People should know something about it.
    Flag(Flag),
    /// The clock says something is due.
    Tick,
}
