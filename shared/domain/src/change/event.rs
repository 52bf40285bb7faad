//! Which changes others hear of on the bus, and under which name.

use super::Change;
use crate::config::Act;

/// Every event others can hear of on the bus.
pub const EVENTS: [&str; 34] = [
    "handoff.opened",
    "handoff.joined",
    "handoff.updated",
    "handoff.assigned",
    "handoff.reassigned",
    "handoff.unrouted",
    "handoff.routing_requested",
    "handoff.accepted",
    "handoff.touched",
    "handoff.breached",
    "handoff.reminded",
    "handoff.escalated",
    "handoff.returned",
    "handoff.resubmitted",
    "handoff.completed",
    "handoff.recycled",
    "handoff.cancelled",
    "handoff.noted",
    "handoff.asked",
    "handoff.answered",
    "handoff.rated",
    "handoff.survey_asked",
    "handoff.survey_answered",
    "handoff.milestone_asked",
    "handoff.milestone_known",
    "handoff.milestone_missed",
    "handoff.involved",
    "handoff.released",
    "handoff.paused",
    "handoff.resumed",
    "handoff.task_missed",
    "handoff.briefed",
    "handoff.clock_moved",
    "handoff.flagged",
];

impl Change {
    /// Names the event it becomes on the bus; `None` for what only the history keeps.
    pub fn event(&self) -> Option<&'static str> {
        Some(match self {
            Self::Opened { .. } => "handoff.opened",
            Self::Joined { .. } | Self::Upgraded { .. } => "handoff.joined",
            Self::Updated { .. } => "handoff.updated",
            Self::Assigned { before: None, .. } => "handoff.assigned",
            Self::Assigned { .. } => "handoff.reassigned",
            Self::Unrouted { again: false, .. } => "handoff.unrouted",
            Self::RoutingRequested { .. } => "handoff.routing_requested",
            Self::Accepted { .. } => "handoff.accepted",
            Self::Touched { .. } => "handoff.touched",
            Self::Breached { .. } => "handoff.breached",
            Self::Stepped { act: Act::Remind, .. } => "handoff.reminded",
            Self::Stepped { act: Act::Tell | Act::Escalate, .. } => "handoff.escalated",
            Self::Returned { .. } => "handoff.returned",
            Self::Resubmitted { .. } => "handoff.resubmitted",
            Self::Completed { .. } => "handoff.completed",
            Self::Recycled { .. } => "handoff.recycled",
            Self::Cancelled { .. } => "handoff.cancelled",
            Self::Noted => "handoff.noted",
            Self::Asked { .. } => "handoff.asked",
            Self::Answered { .. } => "handoff.answered",
            Self::Rated { .. } => "handoff.rated",
            Self::SurveyAsked { .. } => "handoff.survey_asked",
            Self::SurveyAnswered { .. } => "handoff.survey_answered",
            Self::MilestoneAsked { .. } => "handoff.milestone_asked",
            Self::MilestoneKnown { .. } => "handoff.milestone_known",
            Self::MilestoneMissed { .. } => "handoff.milestone_missed",
            Self::Involved { .. } => "handoff.involved",
            Self::Released { .. } => "handoff.released",
            Self::Paused { .. } => "handoff.paused",
            Self::Resumed { .. } => "handoff.resumed",
            Self::TaskMissed { .. } => "handoff.task_missed",
            Self::Briefed { .. } => "handoff.briefed",
            Self::ClockMoved { .. } => "handoff.clock_moved",
            Self::Flagged { .. } => "handoff.flagged",
            Self::SurveyWithdrawn { .. }
            | Self::MilestonesBegun { .. }
            | Self::ReadBack
            | Self::Mentioned { .. }
            | Self::CadenceStarted { .. }
            | Self::CadenceEnded { .. }
            | Self::TaskDone { .. }
            | Self::TaskExcused { .. }
            | Self::Rescheduled { .. }
            | Self::OverlapEnded { .. }
            | Self::Unrouted { .. }
            | Self::Engaged
            | Self::ClockMet { .. }
            | Self::Stepped { .. }
            | Self::StepPassed { .. }
            | Self::MovedJourney { .. } => return None,
        })
    }
}
