//! What somebody means to do with a handoff, and when.

use chrono::{DateTime, Utc};
use domain::{HandoffId, PersonId};

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Take it.
    Accept,
    /// Record a touch.
    Touch(&'static str),
    /// The dialer records a touch that was earlier.
    Sync(DateTime<Utc>, &'static str),
    /// Give it back, for a reason.
    Reject(String),
    /// Send it again, with what was missing.
    Resubmit(Option<String>),
    /// Withdraw it.
    Cancel,
    /// Book a meeting, which ends an inbound handoff well.
    Book(DateTime<Utc>),
    /// The meeting moves.
    MoveMeeting(DateTime<Utc>),
    /// The meeting is called off.
    CallOff,
    /// Record the outcome.
    Complete(&'static str),
    /// Send it back: where to, and why.
    Recycle(String, String),
    /// Judge it.
    Rate(u8, bool),
}

/// Somebody's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Intent {
    /// Who.
    pub(super) person: PersonId,
    /// What to.
    pub(super) handoff: HandoffId,
    /// Which time the handoff was given to somebody; the plan is void after the next.
    pub(super) turn: u32,
    /// What.
    pub(super) deed: Deed,
}
