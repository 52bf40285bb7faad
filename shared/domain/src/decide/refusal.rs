//! Why a command is not carried out: data whose `Display` is the sentence a person reads.

use crate::{
    ids::{PersonId, PoolId, TypeKey},
    span::Span,
    stage::{Stage, Verb},
    survey::Over,
};
use chrono::{DateTime, Utc};

/// Why a command is not carried out, as the person who gave it reads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The stage table has no such move.
    #[error("This handoff is {stage}: it cannot be {verb} now.")]
    Stage {
        /// Where it stands.
        stage: Stage,
        /// What was wanted.
        verb: Verb,
    },
    /// Somebody else has it.
    #[error("{owner} has this handoff now; only its owner can do that.")]
    NotYours {
        /// Who has it.
        owner: String,
    },
    /// A word that is not on the list.
    #[error("`{said}` is not one of this type's {what}: choose {choices}.")]
    NotListed {
        /// What was said.
        said: String,
        /// The list's name.
        what: &'static str,
        /// The list.
        choices: String,
    },
    /// A type whose clocks never stand still.
    #[error("The clocks of this type are not paused: its configuration lists no `pause_reasons`.")]
    NeverPaused,
    /// The limit is used up.
    #[error("This handoff was paused as long as its type allows, {0} in all.")]
    PausedEnough(Span),
    /// Its clocks stand still already.
    #[error("This handoff is paused until {}: resume it first.", .0.format("%-d %b %Y %H:%M UTC"))]
    PausedAlready(DateTime<Utc>),
    /// A pause that would end before it begins.
    #[error("A pause ends later than now: say another `until`, or leave it out.")]
    PauseOver,
    /// A rating out of range.
    #[error("A rating is 1 to 5, not {0}.")]
    Rating(u8),
    /// An outcome that nothing waits for any more.
    #[error("This handoff has ended; `{said}` is not awaited: choose {choices}.")]
    NotAwaited {
        /// What was said.
        said: String,
        /// What is awaited.
        choices: String,
    },
    /// A type that asks no prospects.
    #[error("This type asks nobody how it went: its configuration has no `survey`.")]
    NoSurvey,
    /// A survey that was answered.
    #[error("They have answered already: ask them yourself if you want to know more.")]
    Surveyed,
    /// Nobody they could rate.
    #[error("Nobody of the receiving team has it: there is nothing to rate.")]
    NobodyToRate,
    /// A link that can be answered no more.
    #[error(transparent)]
    Survey(Over),
    /// Its owner leads it already.
    #[error("{owner} has this handoff and leads it: involve somebody else.")]
    LeadsAlready {
        /// Who has it.
        owner: String,
    },
    /// As many people as may be involved.
    #[error("{0} people are involved here: release one before you involve another.")]
    EnoughInvolved(usize),
    /// A type the configuration no longer has.
    #[error("The configuration has no handoff type `{0}`: choose one it has.")]
    UnknownType(TypeKey),
    /// A pool the configuration does not have.
    #[error("There is no pool `{0}`.")]
    UnknownPool(PoolId),
    /// A question to nobody.
    #[error("Nobody stands on the other side yet: say whom you ask, in `to`.")]
    NobodyThere,
    /// Somebody the configuration does not have.
    #[error("The configuration knows nobody called `{0}`.")]
    UnknownPerson(PersonId),
    /// As many questions as may stand open.
    #[error("{0} questions stand open here: answer one before you ask another.")]
    EnoughQuestions(usize),
    /// A question that does not stand open.
    #[error("No question {0} stands open here: somebody may have answered it.")]
    NoQuestion(u32),
    /// Nothing would change.
    #[error("Nothing changes by that.")]
    Nothing,
}
