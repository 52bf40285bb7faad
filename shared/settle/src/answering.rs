//! What an answer ends: once the subject replies or books a meeting, nobody of the journey's open
//! handoffs need go on with a sequence of touches.
//!
//! It is one transaction with what the answer does elsewhere: told twice it ends nothing twice, and
//! a sequence that moved meanwhile makes the answer be settled again.

use crate::{Reading, SettleError, Settler};
use domain::{Change, Facts, Handoff, HandoffId, decide::cadence_ended, event::names};
use store::{Stored, Write};

impl Reading<'_> {
    /// Names the way in which the event is an answer of the subject, if it is one.
    pub(crate) fn answer(&self) -> Option<&'static str> {
        // A record that names a meeting which is over says nothing new.
        let ahead = self.event.meeting_at.is_some_and(|meeting| meeting > self.occurred.at);
        let books = ahead && self.event.name != names::MEETING_CANCELLED;
        match self.event.name == names::REPLY {
            true => Some("reply"),
            false => books.then_some("meeting"),
        }
    }

    /// Tells what its being an answer changes of a handoff.
    pub(crate) fn answered(&self, handoff: &Handoff, facts: Facts<'_>) -> Vec<Change> {
        let ended = |how| cadence_ended(handoff, how, self.occurred.at, facts);
        self.answer().map(ended).unwrap_or_default()
    }
}

impl Settler {
    /// Prepares the end of the sequences of the journey's other open handoffs.
    pub(crate) async fn others_answered(
        &self,
        reading: &Reading<'_>,
        handoffs: impl Iterator<Item = &Stored<Handoff>>,
        told: Option<&HandoffId>,
    ) -> Result<Vec<Write>, SettleError> {
        let mut writes = Vec::new();
        for handoff in handoffs.filter(|one| reading.answer().is_some() && Some(&one.id) != told) {
            let pinned = self.configs.version(handoff.config).await?;
            let facts = Facts { active: reading.config, pinned: &pinned.config };
            let changes = reading.answered(handoff, facts);
            if !changes.is_empty() {
                let by = self.by(reading.origin);
                writes.push(Write::change(handoff, changes, by, reading.now, reading.config));
            }
        }
        Ok(writes)
    }
}
