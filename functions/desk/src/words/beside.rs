//! The sentences of what goes on beside a handoff's clocks and after its end: pauses, the sequence of
//! touches, who stands by, surveys and milestones.

use super::{Words, spoken};
use domain::{Change, beside::Task, milestone::Milestone, survey::word};

impl Words<'_> {
    pub(super) fn surveyed(&self, change: &Change) -> String {
        match change {
            Change::SurveyAsked { until, .. } => {
                format!("A survey link was made, good until {}.", self.time(*until))
            }
            Change::SurveyWithdrawn { by, .. } => {
                format!("{} took the survey link back.", self.person(by))
            }
            Change::SurveyAnswered { score, .. } => {
                format!("Asked how they were passed on, they answered “{}”.", word(*score))
            }
            _ => String::new(),
        }
    }

    pub(super) fn milestone(&self, change: &Change) -> String {
        match change {
            Change::MilestonesBegun { milestones } => {
                let each =
                    |one: &Milestone| format!("{} is asked for {}.", one.label, self.time(one.at));
                milestones.iter().map(each).collect::<Vec<_>>().join(" ")
            }
            Change::MilestoneAsked { milestone, told } => format!(
                "{} was asked how {} turned out, to be said by {}.",
                self.people(told),
                milestone.label,
                self.time(milestone.due_at)
            ),
            Change::MilestoneKnown { milestone, outcome, value, at, .. } => {
                let worth = value.as_ref().map(|value| format!(", worth {value}"));
                let (name, outcome) = (spoken(milestone), spoken(outcome));
                format!("{name}: {outcome}{} ({}).", worth.unwrap_or_default(), self.time(*at))
            }
            Change::MilestoneMissed { milestone, .. } => {
                format!("Nobody said in time how {} turned out.", milestone.label)
            }
            _ => String::new(),
        }
    }

    pub(super) fn waited(&self, change: &Change) -> String {
        match change {
            Change::Paused { pause } => format!(
                "{} let its clocks stand still until {} at most: {}.",
                self.person(&pause.by),
                self.time(pause.until),
                spoken(&pause.reason)
            ),
            Change::Resumed { at, by, clocks, .. } => {
                let who = by.as_ref().map_or("The pause was over".to_owned(), |by| {
                    format!("{} ended the pause", self.person(by))
                });
                let mut said = format!("{who} ({}).", self.time(*at));
                for clock in clocks {
                    said += &format!(" Clock {} is due {}.", clock.name, self.time(clock.due_at));
                }
                said
            }
            _ => String::new(),
        }
    }

    pub(super) fn cadence(&self, change: &Change) -> String {
        match change {
            Change::CadenceStarted { tasks } => {
                let each =
                    |task: &Task| format!("{} by {}", spoken(&task.name), self.time(task.due_at));
                let list: Vec<String> = tasks.iter().map(each).collect();
                format!("To do now: {}.", list.join("; "))
            }
            Change::CadenceEnded { reason, .. } => {
                let why = match reason.as_str() {
                    "reply" => "they replied",
                    "meeting" => "a meeting was booked",
                    other => other,
                };
                format!("The rest of the sequence need not be done: {why}.")
            }
            Change::TaskDone { task, late, .. } => {
                let late = if *late { ", late" } else { "" };
                format!("Done{late}: {}.", spoken(task))
            }
            Change::TaskExcused { task, .. } => {
                format!("Not missed after all: {}. The record came in late.", spoken(task))
            }
            Change::TaskMissed { task, due_at, .. } => {
                format!("Not done: {}, which was due {}.", spoken(task), self.time(*due_at))
            }
            _ => String::new(),
        }
    }

    pub(super) fn beside(&self, change: &Change) -> String {
        match change {
            Change::Rescheduled { brief, overlap } => {
                let mail = brief.filter(|brief| !brief.sent).map(|brief| {
                    format!("Everything known goes to its owner {}.", self.time(brief.at))
                });
                let stays = overlap.as_ref().and_then(|overlap| {
                    let until = self.time(overlap.until.filter(|_| overlap.to_meeting)?);
                    Some(format!(
                        "{} stays beside its owner until {until}.",
                        self.person(&overlap.who)
                    ))
                });
                let said: Vec<String> = mail.into_iter().chain(stays).collect();
                match said.is_empty() {
                    true => "What goes by the meeting is over.".to_owned(),
                    false => said.join(" "),
                }
            }
            Change::Briefed { to, meeting_at } => {
                let meeting = meeting_at.map(|at| format!(" {}", self.time(at)));
                let meeting = meeting.unwrap_or_default();
                format!("{} was sent everything known for the meeting{meeting}.", self.person(to))
            }
            Change::OverlapEnded { who, by } => match by {
                Some(by) => format!(
                    "{} ended the time {} stood beside its owner.",
                    self.person(by),
                    self.person(who)
                ),
                None => format!("{} stands beside its owner no longer.", self.person(who)),
            },
            _ => String::new(),
        }
    }
}
