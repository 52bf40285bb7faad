//! What a person can do to a handoff, in one word each.

use domain::stage::{Stage, Verb as Move};
use std::fmt;

/// What a person can do to a handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// The owner takes it.
    Accept,
    /// The owner gives it back to the sender.
    Reject,
    /// The sender sends it again.
    Resubmit,
    /// Somebody says what is known more.
    Supply,
    /// Somebody touched the subject.
    Touch,
    /// Somebody writes something.
    Note,
    /// One side asks the other.
    Ask,
    /// Somebody answers a question.
    Answer,
    /// Somebody gives it to another rep or pool.
    Reassign,
    /// Its clocks stand still.
    Pause,
    /// They go on.
    Resume,
    /// Somebody is involved besides its owner.
    Involve,
    /// Somebody is involved no longer.
    Release,
    /// Whoever was passed on is to be asked how that went.
    Survey,
    /// They need not be.
    WithdrawSurvey,
    /// Nobody need stand beside its owner any more.
    EndOverlap,
    /// Its outcome is known.
    Complete,
    /// It goes back to an earlier stage or to nurture.
    Recycle,
    /// It is withdrawn.
    Cancel,
    /// Somebody judges it.
    Rate,
}

impl Verb {
    /// Every verb, in the order a page offers them.
    pub const ALL: [Self; 20] = [
        Self::Accept,
        Self::Touch,
        Self::Resume,
        Self::Complete,
        Self::Supply,
        Self::Resubmit,
        Self::Reject,
        Self::Recycle,
        Self::Reassign,
        Self::Note,
        Self::Ask,
        Self::Answer,
        Self::Rate,
        Self::Survey,
        Self::WithdrawSurvey,
        Self::Involve,
        Self::Release,
        Self::Pause,
        Self::EndOverlap,
        Self::Cancel,
    ];

    /// Reads a verb's word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.word() == word)
    }

    /// Writes its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Resubmit => "resubmit",
            Self::Supply => "supply",
            Self::Touch => "touch",
            Self::Note => "note",
            Self::Ask => "ask",
            Self::Answer => "answer",
            Self::Reassign => "reassign",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Involve => "involve",
            Self::Release => "release",
            Self::Survey => "survey",
            Self::WithdrawSurvey => "withdraw_survey",
            Self::EndOverlap => "end_overlap",
            Self::Complete => "complete",
            Self::Recycle => "recycle",
            Self::Cancel => "cancel",
            Self::Rate => "rate",
        }
    }

    /// Tells whether the stage table lets it happen.
    pub fn fits(self, stage: Stage) -> bool {
        let its_move = match self {
            Self::Accept => Move::Accept,
            Self::Reject => Move::Reject,
            Self::Resubmit => Move::Resubmit,
            Self::Touch => Move::Touch,
            Self::Supply | Self::Involve | Self::Release => Move::Record,
            Self::Note | Self::Ask | Self::Answer => Move::Note,
            Self::Survey | Self::WithdrawSurvey => Move::Note,
            Self::Reassign => Move::RequestRouting,
            Self::Pause => Move::Pause,
            Self::Resume | Self::EndOverlap => Move::Resume,
            Self::Complete => Move::Complete,
            Self::Recycle => Move::Recycle,
            Self::Cancel => Move::Cancel,
            Self::Rate => Move::Rate,
        };
        its_move.leads(stage).is_some()
    }

    /// Lists every verb in words.
    pub fn list() -> String {
        Self::ALL.map(Self::word).join(", ")
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
