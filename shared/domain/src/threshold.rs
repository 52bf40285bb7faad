//! What a handoff that opens with less than its type asks for has to wait for.
//!
//! Nothing is lost by it: one that is held goes to a receiver when what was missing is there, when
//! its time is over, or when a person says so; its clocks run meanwhile, because whoever asked is
//! waiting. One that goes back stands in its sender's queue, and one without a sender has nowhere
//! to go back to and is given out.

use crate::{
    config::{Below, HandoffType},
    handoff::{Flag, Handoff, Routing},
    stage::Stage,
};
use chrono::{DateTime, Utc};

/// Why one that is held has no owner.
const HELD: &str = "its package is incomplete";

/// Applies a type's threshold to a handoff that opens.
pub(crate) fn at_opening(handoff: &mut Handoff, kind: &HandoffType, now: DateTime<Utc>) {
    let Some(threshold) = kind.threshold.filter(|it| handoff.completeness < it.percent) else {
        return;
    };
    handoff.flags.insert(Flag::Incomplete);
    match threshold.act {
        Below::Return if handoff.sender.is_some() => {
            (handoff.stage, handoff.routing) = (Stage::Returned, None);
        }
        Below::Hold => {
            if let Some(routing) = &mut handoff.routing {
                routing.reason = HELD.to_owned();
                (routing.retry_at, routing.held) = (now + threshold.span.elapsed(), true);
            }
        }
        Below::Open | Below::Return => {}
    }
}

/// Tells whether a handoff that is held has what its type asks for.
pub(crate) fn is_met(handoff: &Handoff, kind: Option<&HandoffType>, completeness: u8) -> bool {
    let wanted = kind.and_then(|kind| kind.threshold).map_or(0, |threshold| threshold.percent);
    handoff.routing.as_ref().is_some_and(|routing| routing.held) && completeness >= wanted
}

impl Routing {
    /// Tells whether nobody is to be given it yet.
    pub fn waits(&self, now: DateTime<Utc>) -> bool {
        self.held && now < self.retry_at
    }
}
