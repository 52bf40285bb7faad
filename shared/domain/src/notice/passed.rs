//! What is said as a handoff passes from one to another: to who has it now, to who had it, and to
//! whoever sent it when it comes back.

use super::{Said, Writer};
use crate::{change::Change, ids::PersonId};
use std::borrow::Cow;

impl<'a> Writer<'a> {
    /// Says to its new owner that it is theirs; who took it themselves knows.
    pub(super) fn assigned(&self, owner: &'a PersonId) -> Option<Said<'a>> {
        if self.is_by(owner) {
            return None;
        }
        Some(Said {
            kind: "assigned",
            severity: "info",
            to: std::slice::from_ref(owner).into(),
            subject: format!("Yours: {}", self.kind()),
            sentence: format!("{}: it is yours now, and its clock runs.", self.kind()),
            facts: vec![
                ("Owner", self.present_owner()),
                ("Next", "Follow the link, read what is known, and accept it.".to_owned()),
            ],
            attached: Vec::new(),
        })
    }

    /// Says to who had it that another has it now, unless they gave it away themselves.
    pub(super) fn gone(&self) -> Option<Said<'a>> {
        let assigned = self.commit.changes.iter().find_map(|change| match change {
            Change::Assigned { before: Some(before), .. } => Some(before),
            _ => None,
        });
        let before = assigned.filter(|before| !self.is_by(before))?;
        Some(Said {
            kind: "gone",
            severity: "info",
            to: std::slice::from_ref(before).into(),
            subject: format!("Not yours any more: {} ({})", self.kind(), self.present_owner()),
            sentence: format!("{}: it went to somebody else.", self.kind()),
            facts: vec![
                ("Owner", self.present_owner()),
                ("Next", "Nothing to do: tell its owner what you know.".to_owned()),
            ],
            attached: Vec::new(),
        })
    }

    /// Says to whoever sent it, else to who answers for the sending team, that it came back.
    pub(super) fn returned(&self, reason: &str, by: &PersonId) -> Said<'a> {
        let sender = self.commit.about.sender.clone().filter(|sender| !self.is_by(sender));
        let to = sender.or_else(|| self.sending_manager().cloned());
        let reason = reason.replace('_', " ");
        let name = self.config.name_of(by);
        Said {
            kind: "returned",
            severity: "info",
            to: Cow::Owned(to.into_iter().collect()),
            subject: format!("Returned: {}, {reason}", self.kind()),
            sentence: format!("{}: {name} gave it back: {reason}.", self.kind()),
            facts: vec![(
                "Next",
                "Follow the link, mend it and send it again, or withdraw it.".to_owned(),
            )],
            attached: Vec::new(),
        }
    }
}
