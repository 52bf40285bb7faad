//! What is said of how a handoff went: what its receiver and the person who was passed on think of
//! it, what it has to prove later, and who is drawn in.

use super::{Said, Writer};
use crate::{change::Change, ids::PersonId, involved::Part, milestone::Milestone, survey};
use std::borrow::Cow;

/// The best rating that somebody hears of at once; better ones stand in the numbers.
const LOW_RATING: u8 = 2;

impl<'a> Writer<'a> {
    /// Says to both managers what the person who was passed on answered.
    pub(super) fn surveyed(&self, score: u8) -> Said<'a> {
        let word = survey::word(score);
        let next = match self.commit.personal.get("note") {
            Some(note) if !note.is_null() => "Follow the link to read what they wrote.",
            _ => "They wrote nothing beside it.",
        };
        Said {
            kind: "surveyed",
            severity: "info",
            to: Cow::Owned(self.both_managers()),
            subject: format!("Survey: {}, {word} ({})", self.kind(), self.present_owner()),
            sentence: format!(
                "{}: asked how well they were passed on, they answered “{word}” ({score} of 5).",
                self.kind()
            ),
            facts: vec![("Owner", self.present_owner()), ("Next", next.to_owned())],
            attached: Vec::new(),
        }
    }

    /// Says to whoever sent it, and to both managers, that its receiver was not content.
    pub(super) fn rated(&self, score: u8, complete: bool) -> Option<Said<'a>> {
        if complete && score > LOW_RATING {
            return None;
        }
        let sender = self.commit.about.sender.clone();
        let mut to: Vec<PersonId> = sender.into_iter().collect();
        to.extend(
            self.both_managers().into_iter().filter(|who| !to.contains(who)).collect::<Vec<_>>(),
        );
        to.retain(|who| !self.is_by(who));
        let what = if complete { "" } else { ", and reports that information was missing" };
        Some(Said {
            kind: "rated",
            severity: "info",
            to: Cow::Owned(to),
            subject: format!("Rated {score} of 5: {} ({})", self.kind(), self.present_owner()),
            sentence: format!("{}: its receiver rated it {score} of 5{what}.", self.kind()),
            facts: vec![
                ("Owner", self.present_owner()),
                ("Next", "Follow the link to read why, and add what was missing.".to_owned()),
            ],
            attached: Vec::new(),
        })
    }

    /// Asks what a milestone came to, or says that nobody said it.
    pub(super) fn milestone(
        &self,
        milestone: &Milestone,
        to: &'a [PersonId],
        missed: bool,
    ) -> Said<'a> {
        let Milestone { label, due_at, outcomes, .. } = milestone;
        let by = self.time(*due_at, to);
        let (subject, sentence) = match missed {
            false => (
                format!("How did it turn out: {}, {label}", self.kind()),
                format!("{}: say by {by} how `{label}` turned out.", self.kind()),
            ),
            true => (
                format!("Nobody said: {}, {label}", self.kind()),
                format!("{}: nobody said by {by} how `{label}` turned out.", self.kind()),
            ),
        };
        let choices = outcomes.join(", ").replace('_', " ");
        let next = format!("Follow the link and choose: {choices}.");
        let facts = vec![("Owner", self.present_owner()), ("Next", next)];
        let severity = if missed { "urgent" } else { "info" };
        let (kind, to, attached) = ("milestone", to.into(), Vec::new());
        Said { kind, severity, to, subject, sentence, facts, attached }
    }

    /// Says to those whom a rule draws in as a handoff opens that they are.
    pub(super) fn drawn_in(&self) -> Vec<Said<'a>> {
        let opened = self.commit.changes.iter().find_map(|change| match change {
            Change::Opened { handoff } => Some(&handoff.involved),
            _ => None,
        });
        let involved = opened.into_iter().flatten();
        involved.filter_map(|one| self.involved(&one.who, one.part, None)).collect()
    }

    /// Says to somebody that they are drawn in, unless they did it themselves.
    pub(super) fn involved(
        &self,
        who: &'a PersonId,
        part: Part,
        by: Option<&PersonId>,
    ) -> Option<Said<'a>> {
        if by == Some(who) {
            return None;
        }
        let as_what = match part {
            Part::Receiver => "You receive it with its owner, who leads it",
            Part::Sponsor => "You are its sponsor, and hear when it goes wrong",
        };
        let by = by.map_or("its type", |by| self.config.name_of(by));
        Some(Said {
            kind: "involved",
            severity: "info",
            to: std::slice::from_ref(who).into(),
            subject: format!("Involved: {} ({})", self.kind(), self.present_owner()),
            sentence: format!("{}: {by} involves you. {as_what}.", self.kind()),
            facts: vec![
                ("Owner", self.present_owner()),
                ("Next", "Follow the link to see everything that is known.".to_owned()),
            ],
            attached: Vec::new(),
        })
    }

    /// Finds who answers for the two sides: for the receiving pool, and for whoever sent it.
    fn both_managers(&self) -> Vec<PersonId> {
        let receiving = self.config.role(self.commit.about.pool.as_ref(), "manager");
        let sending = self.sending_manager();
        let mut managers: Vec<PersonId> = receiving.into_iter().cloned().collect();
        managers.extend(sending.filter(|one| Some(*one) != receiving).cloned());
        managers
    }

    /// Finds who answers for whoever sent it.
    pub(super) fn sending_manager(&self) -> Option<&'a PersonId> {
        let about = &self.commit.about;
        let senders = about.sender.iter().flat_map(|sender| self.config.pools_of(sender));
        let team = |(id, _): (&'a _, &'a crate::config::Pool)| id;
        let of_team = self.config.pools.iter().filter(|(_, pool)| pool.team == about.from);
        let pool = senders.chain(of_team.map(team)).next();
        self.config.role(pool, "manager")
    }
}
