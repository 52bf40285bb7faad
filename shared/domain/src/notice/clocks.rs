//! What is said about a clock: that its deadline comes close, was missed, or was not missed after all.

use super::{Said, Writer, ahead::Rungs};
use crate::{config::Act, ids::PersonId};
use chrono::{DateTime, Utc};

impl<'a> Writer<'a> {
    fn about(
        &self,
        rungs: &Rungs<'_>,
        due: DateTime<Utc>,
        to: &[PersonId],
    ) -> Vec<(&'static str, String)> {
        vec![("Due", self.time(due, to)), ("Owner", self.present_owner()), ("Next", rungs.next())]
    }

    pub(super) fn reminder(
        &self,
        rungs: Rungs<'a>,
        due: DateTime<Utc>,
        to: &'a [PersonId],
    ) -> Said<'a> {
        let name = rungs.clock;
        let facts = self.about(&rungs, due, to);
        Said {
            kind: "reminded",
            severity: "info",
            to: to.into(),
            subject: format!("Reminder: {}, {name} ({})", self.kind(), self.present_owner()),
            sentence: match rungs.share_used() {
                Some(share) => {
                    format!("{}: {share} % of the time for `{name}` is used.", self.kind())
                }
                None => format!("{}: the deadline of `{name}` comes close.", self.kind()),
            },
            facts,
            attached: Vec::new(),
        }
    }

    pub(super) fn missed(
        &self,
        rungs: Rungs<'a>,
        act: Act,
        due: DateTime<Utc>,
        to: &'a [PersonId],
    ) -> Said<'a> {
        let name = rungs.clock;
        let facts = self.about(&rungs, due, to);
        let (kind, word) = match act {
            Act::Escalate => ("escalated", "Escalated"),
            _ => ("breached", "Missed"),
        };
        Said {
            kind,
            severity: "urgent",
            to: to.into(),
            subject: format!("{word}: {}, {name} ({})", self.kind(), self.present_owner()),
            sentence: format!(
                "{}: the deadline of `{name}` was missed{}. {}",
                self.kind(),
                rungs.since(),
                rungs.lacking()
            ),
            facts,
            attached: Vec::new(),
        }
    }

    pub(super) fn withdrawn(
        &self,
        clock: &str,
        to: &'a [PersonId],
        sentence: String,
        (label, at): (&'static str, DateTime<Utc>),
        owner: String,
    ) -> Said<'a> {
        let next = "Nothing to do: the breach is taken out of the numbers.".to_owned();
        Said {
            kind: "withdrawn",
            severity: "info",
            to: to.into(),
            subject: format!("Withdrawn: {}, {clock} was not missed ({owner})", self.kind()),
            sentence,
            facts: vec![(label, self.time(at, to)), ("Owner", owner), ("Next", next)],
            attached: Vec::new(),
        }
    }
}
