//! Where a handoff stands, and which verbs move it: the whole contract in one table.
//!
//! Deliberately absent: any way back from a closed stage. What ended stays ended; new interest
//! opens a new handoff.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a handoff stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It exists and has no owner yet.
    #[default]
    Opened,
    /// It has an owner who has not answered yet.
    Assigned,
    /// Its owner took it.
    Accepted,
    /// The receiving team has touched the subject.
    Engaged,
    /// Its outcome is known.
    Completed,
    /// Its receiver gave it back to the sender, with a reason.
    Returned,
    /// It went back to an earlier stage or to nurture, with a reason.
    Recycled,
    /// It was withdrawn, with a reason.
    Cancelled,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 8] = [
        Self::Opened,
        Self::Assigned,
        Self::Accepted,
        Self::Engaged,
        Self::Completed,
        Self::Returned,
        Self::Recycled,
        Self::Cancelled,
    ];

    /// Tells whether somebody still has something to do.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Completed | Self::Recycled | Self::Cancelled)
    }

    /// Reads the stage's word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.to_string() == word)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opened => "opened",
            Self::Assigned => "assigned",
            Self::Accepted => "accepted",
            Self::Engaged => "engaged",
            Self::Completed => "completed",
            Self::Returned => "returned",
            Self::Recycled => "recycled",
            Self::Cancelled => "cancelled",
        })
    }
}

/// What can be done to a handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Give it an owner, or another one.
    Assign,
    /// Take it.
    Accept,
    /// Contact the subject.
    Touch,
    /// Give it back to the sender.
    Reject,
    /// Send it again after it was given back.
    Resubmit,
    /// Record its outcome.
    Complete,
    /// Send it to an earlier stage or to nurture.
    Recycle,
    /// Withdraw it.
    Cancel,
    /// Say something about it.
    Note,
    /// Judge it.
    Rate,
    /// Let its clocks stand still.
    Pause,
    /// Let them go on.
    Resume,
    /// Ask for another owner.
    RequestRouting,
    /// Record what a source or the clock says.
    Record,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 14] = [
        Self::Assign,
        Self::Accept,
        Self::Touch,
        Self::Reject,
        Self::Resubmit,
        Self::Complete,
        Self::Recycle,
        Self::Cancel,
        Self::Note,
        Self::Rate,
        Self::Pause,
        Self::Resume,
        Self::RequestRouting,
        Self::Record,
    ];

    /// Looks up the stage the verb leads to from `stage`; `None` when the table has no such move.
    pub fn leads(self, stage: Stage) -> Option<Stage> {
        use Stage::{
            Accepted, Assigned, Cancelled, Completed, Engaged, Opened, Recycled, Returned,
        };
        match (self, stage) {
            (Self::Assign, Opened | Assigned | Accepted | Engaged) => Some(Assigned),
            (Self::Accept, Assigned) => Some(Accepted),
            (Self::Touch, Opened) => Some(Opened),
            (Self::Touch, Assigned | Accepted | Engaged) => Some(Engaged),
            (Self::Reject, Assigned | Accepted) => Some(Returned),
            (Self::Resubmit, Returned) => Some(Opened),
            (Self::Complete, open) if open.is_open() && open != Returned => Some(Completed),
            (Self::Recycle, Assigned | Accepted | Engaged) => Some(Recycled),
            (Self::Cancel, open) if open.is_open() => Some(Cancelled),
            (Self::Note | Self::Rate, any) => Some(any),
            (Self::RequestRouting, Opened | Assigned | Accepted | Engaged) => Some(stage),
            (Self::Record | Self::Pause | Self::Resume, open) if open.is_open() => Some(open),
            _ => None,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Assign => "assigned",
            Self::Accept => "accepted",
            Self::Touch => "touched",
            Self::Reject => "rejected",
            Self::Resubmit => "resubmitted",
            Self::Complete => "completed",
            Self::Recycle => "recycled",
            Self::Cancel => "cancelled",
            Self::Note => "noted",
            Self::Rate => "rated",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::RequestRouting => "routed again",
            Self::Record => "changed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract, one line a verb: where it leads from opened, assigned, accepted, engaged,
    /// completed, returned, recycled, cancelled; `-` is refused.
    const CONTRACT: &str = "
        Assign          assigned  assigned  assigned  assigned  -         -         -        -
        Accept          -         accepted  -         -         -         -         -        -
        Touch           opened    engaged   engaged   engaged   -         -         -        -
        Reject          -         returned  returned  -         -         -         -        -
        Resubmit        -         -         -         -         -         opened    -        -
        Complete        completed completed completed completed -         -         -        -
        Recycle         -         recycled  recycled  recycled  -         -         -        -
        Cancel          cancelled cancelled cancelled cancelled -         cancelled -        -
        Note            opened    assigned  accepted  engaged   completed returned  recycled cancelled
        Rate            opened    assigned  accepted  engaged   completed returned  recycled cancelled
        Pause           opened    assigned  accepted  engaged   -         returned  -        -
        Resume          opened    assigned  accepted  engaged   -         returned  -        -
        RequestRouting  opened    assigned  accepted  engaged   -         -         -        -
        Record          opened    assigned  accepted  engaged   -         returned  -        -
    ";

    #[test]
    fn the_stage_table_is_the_contract() {
        let lines: Vec<&str> = CONTRACT.lines().filter(|line| !line.trim().is_empty()).collect();
        assert_eq!(lines.len(), Verb::ALL.len());
        for (verb, line) in Verb::ALL.into_iter().zip(lines) {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words[0], format!("{verb:?}"));
            for (stage, word) in Stage::ALL.into_iter().zip(&words[1..]) {
                let leads = verb.leads(stage).map_or("-".to_owned(), |to| to.to_string());
                assert_eq!(&leads, word, "{verb:?} from {stage}");
            }
        }
    }

    #[test]
    fn no_verb_opens_what_is_closed() {
        for stage in Stage::ALL.into_iter().filter(|stage| !stage.is_open()) {
            for verb in Verb::ALL {
                assert!(verb.leads(stage).is_none_or(|to| to == stage), "{verb:?} from {stage}");
            }
        }
    }
}
