//! What sources say, in this system's own closed vocabulary.
//!
//! A connector turns authentic bytes into these; nothing downstream knows which vendor spoke. Every
//! event is a fact with the time it occurred: state is decided by that time, never by when it
//! arrived.

use crate::{
    ids::{HandoffId, PersonId, TypeKey},
    money::Money,
    subject::Subject,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The names with a meaning of their own; every other name can only be a type's trigger.
pub mod names {
    /// A person's or company's score was computed.
    pub const LEAD_SCORED: &str = "lead.scored";
    /// A meeting moved to another time.
    pub const MEETING_MOVED: &str = "meeting.moved";
    /// A meeting will not take place.
    pub const MEETING_CANCELLED: &str = "meeting.cancelled";
    /// Somebody contacted the subject.
    pub const TOUCH: &str = "touch";
    /// The subject answered.
    pub const REPLY: &str = "reply";
    /// The handoff's purpose was reached or missed.
    pub const OUTCOME: &str = "outcome";
    /// A property changed that triggers nothing: it updates what is known.
    pub const UPDATED: &str = "updated";

    /// Every name the generic hook publishes.
    pub const ALL: [&str; 14] = [
        LEAD_SCORED,
        "lead.qualified",
        "demo.requested",
        "trial.started",
        "meeting.booked",
        MEETING_MOVED,
        MEETING_CANCELLED,
        "territory.changed",
        "contract.signed",
        "usage.threshold",
        TOUCH,
        REPLY,
        OUTCOME,
        UPDATED,
    ];
}

/// One thing a source says happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceEvent {
    /// The connector's duplicate key, opaque text; hashed before it becomes a table key.
    pub key: String,
    /// Hash of what the event says, so that one key with two contents is seen as a conflict.
    pub fingerprint: String,
    /// What happened, such as `lead.scored`.
    pub name: String,
    /// When it happened according to the source; `None` when the source does not say.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Who or what it is about.
    pub subject: Subject,
    /// The score now.
    pub score: Option<i64>,
    /// The score before, if the source knows it.
    pub previous_score: Option<i64>,
    /// The deal's amount.
    pub amount: Option<Money>,
    /// When the meeting is.
    pub meeting_at: Option<DateTime<Utc>>,
    /// The address of the person who owns it in the CRM, or who made the touch.
    pub owner_email: Option<String>,
    /// How the subject was contacted: email, phone, meeting.
    pub channel: Option<String>,
    /// The outcome's name.
    pub outcome: Option<String>,
    /// Everything else, by template field or, unmapped, by the source's own name.
    pub fields: BTreeMap<String, serde_json::Value>,
    /// Whether the source sent only an id and a property, so that the rest is still to be read
    /// back.
    pub thin: bool,
    /// The handoff it is about, where that is known; none lets its journey decide.
    pub about: Option<HandoffId>,
    /// Whether it is what was read back of one that came thin.
    pub read_back: bool,
    /// Whether it came from an import: its clock starts now, not when the record was made.
    pub import: bool,
    /// Whether whoever sent it says that it is a test.
    pub test: bool,
    /// The type it opens because a person chose it; none lets the triggers decide.
    pub opens: Option<TypeKey>,
    /// Who opens it by hand, and so is its sender.
    pub opened_by: Option<PersonId>,
}

/// How far a source's clock may run ahead before its time is not believed, in seconds.
pub const FUTURE_TOLERANCE_SECONDS: i64 = 300;

/// How old an occurrence may be before its time is not believed for a clock, in days.
pub const PAST_TOLERANCE_DAYS: i64 = 30;

/// When an event counts as having occurred, and whether the source's own time was disbelieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The instant clocks count from.
    pub at: DateTime<Utc>,
    /// Whether the source's time was missing sense (1970, 2099), so that receipt time stands in.
    pub suspect: bool,
}

impl SourceEvent {
    /// Decides when the event occurred: the source's time if it is sane, else `received_at`,
    /// flagged.
    pub fn occurrence(&self, received_at: DateTime<Utc>) -> Occurrence {
        let Some(at) = self.occurred_at else {
            return Occurrence { at: received_at, suspect: false };
        };
        let ahead = (at - received_at).num_seconds();
        if ahead > FUTURE_TOLERANCE_SECONDS || -ahead > PAST_TOLERANCE_DAYS * 86_400 {
            return Occurrence { at: received_at, suspect: true };
        }
        Occurrence { at: at.min(received_at), suspect: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;

    #[test]
    fn an_unbelievable_time_gives_way_to_the_receipts() {
        let received: DateTime<Utc> = "2026-01-05T09:00:00Z".parse().unwrap();
        let occurred = |at| {
            SourceEvent { occurred_at: Some(at), ..SourceEvent::default() }.occurrence(received)
        };
        assert!(occurred(DateTime::UNIX_EPOCH).suspect);
        assert!(occurred(received + Duration::days(20_000)).suspect);
        let recent = received - Duration::hours(3);
        assert_eq!(occurred(recent), Occurrence { at: recent, suspect: false });
        let slightly_ahead = occurred(received + Duration::seconds(30));
        assert_eq!(slightly_ahead, Occurrence { at: received, suspect: false });
    }
}
