//! The fold: what each change makes of a handoff.
//!
//! It decides nothing: whoever wrote the change did. So folding a history again, years later and by
//! another version of this software, gives what was stored.

use super::{Flag, Handoff, Rating};
use crate::{
    beside::{Task, TaskState},
    change::Change,
    clock::{Clock, ClockState, Credit},
    commit::Commit,
    involved::Involved,
    milestone::Milestone,
    stage::Stage,
    survey::Survey,
};
use chrono::{DateTime, Utc};

impl Handoff {
    /// Folds commits, an opening first, to the handoff they left; nothing where none opens it.
    pub fn of<'a>(commits: impl Iterator<Item = &'a Commit>) -> Option<Self> {
        commits.fold(None, |handoff, commit| {
            let before = handoff.or_else(|| match commit.changes.first() {
                Some(Change::Opened { handoff }) => Some((**handoff).clone()),
                _ => None,
            });
            before.map(|before: Self| before.after(&commit.changes, commit.at))
        })
    }

    /// Folds one commit's changes: the state after it.
    pub fn after(mut self, changes: &[Change], at: DateTime<Utc>) -> Self {
        for change in changes {
            self.apply(change, at);
        }
        self.version += 1;
        self
    }

    /// Folds one change committed at `at`.
    pub fn apply(&mut self, change: &Change, at: DateTime<Utc>) {
        match change {
            Change::Opened { handoff } => {
                *self = (**handoff).clone();
                self.version = 0;
            }
            Change::Updated { score, amount, meeting_at, completeness } => {
                self.score = score.or(self.score);
                self.amount = amount.clone().or(self.amount.take());
                self.meeting_at = meeting_at.or(self.meeting_at);
                self.completeness = *completeness;
            }
            Change::Upgraded { kind, heat, clocks, triggered_at, .. } => {
                (self.kind, self.heat) = (kind.clone(), *heat);
                self.triggered_at = *triggered_at;
                self.clocks = clocks.clone();
                // An answer from before asks nothing of what came after it.
                self.answered_at =
                    self.answered_at.filter(|answered_at| answered_at >= triggered_at);
            }
            Change::ClockMoved { clock, .. } => self.put_clock(clock.clone()),
            Change::Assigned { owner, pool, rule, turn, clocks, .. } => {
                self.owner = Some(owner.clone());
                self.pool = Some(pool.clone());
                self.rule.clone_from(rule);
                self.turn = *turn;
                for clock in clocks {
                    self.put_clock(clock.clone());
                }
                (self.assigned_at, self.accepted_at) = (Some(at), None);
                if let Some(brief) = self.brief.as_mut().filter(|_| self.meeting_at > Some(at)) {
                    brief.sent = false;
                }
                self.routing = None;
                self.stage = Stage::Assigned;
                // Who has it is not involved besides.
                self.involved.retain(|one| one.who != *owner);
            }
            Change::Unrouted { routing, .. } => self.routing = Some(routing.clone()),
            Change::RoutingRequested { routing, had } => {
                self.routing = Some(routing.clone());
                if let Some(had) = had.as_ref().filter(|had| !self.had.contains(had)) {
                    self.had.push(had.clone());
                }
            }
            Change::Accepted { at, .. } => {
                self.accepted_at = Some(*at);
                self.stage = Stage::Accepted;
                self.routing = None;
            }
            Change::Touched { at, response: Some(response), .. } => {
                self.first_touch_at = Some(*at);
                self.response_credit = Some(response.credit.clone());
            }
            Change::Engaged => {
                self.stage = Stage::Engaged;
                self.routing = None;
            }
            Change::ClockMet { clock, at, late, credit, .. } => {
                self.stop_clock(clock, *at, *late, credit.clone());
            }
            Change::Breached { clock, due_at, credit, .. } => {
                if let Some(clock) = self.clock_mut(clock) {
                    clock.state = ClockState::Breached;
                    clock.breached_at = Some(*due_at);
                    clock.credit = Some(credit.clone());
                    clock.steps.retain(|step| step.act != crate::config::Act::Breach);
                }
            }
            Change::Stepped { clock, n, to, .. } => {
                if let Some(clock) = self.clock_mut(clock) {
                    clock.steps.retain(|step| step.n != *n);
                    if clock.state == ClockState::Breached {
                        let told = &mut clock.told;
                        told.extend(
                            to.iter()
                                .filter(|who| !told.contains(who))
                                .cloned()
                                .collect::<Vec<_>>(),
                        );
                    }
                }
            }
            Change::StepPassed { clock, n, .. } => {
                if let Some(clock) = self.clock_mut(clock) {
                    clock.steps.retain(|step| step.n != *n);
                }
            }
            Change::Returned { .. } => {
                (self.owner, self.assigned_at, self.accepted_at) = (None, None, None);
                self.turn = None;
                self.stage = Stage::Returned;
                self.routing = None;
                // Whoever takes it next begins anew.
                self.tasks.clear();
            }
            Change::Resubmitted { routing } => {
                self.stage = Stage::Opened;
                self.routing = Some(routing.clone());
            }
            Change::Completed { outcome, .. } => self.close(Stage::Completed, Some(outcome), at),
            Change::Recycled { to, .. } => self.close(Stage::Recycled, Some(to), at),
            Change::Cancelled { .. } => self.close(Stage::Cancelled, None, at),
            Change::ReadBack => {
                self.flags.remove(&Flag::ReadBack);
            }
            Change::Flagged { flag } => {
                self.flags.insert(*flag);
            }
            Change::MovedJourney { journey, claim } => {
                self.journey = journey.clone();
                self.claim.clone_from(claim);
            }
            Change::Paused { pause } => self.pauses.push(pause.clone()),
            Change::Resumed { at, clocks, tasks, .. } => {
                if let Some(pause) = self.pauses.last_mut() {
                    pause.ended_at = Some(*at);
                }
                for clock in clocks {
                    self.put_clock(clock.clone());
                }
                self.tasks.clone_from(tasks);
            }
            Change::CadenceStarted { tasks } => self.tasks.clone_from(tasks),
            Change::CadenceEnded { at, .. } => {
                self.answered_at = Some(*at);
                self.end_tasks();
            }
            Change::TaskDone { task, .. } => {
                if let Some(task) = self.task_mut(task) {
                    task.state = TaskState::Done;
                }
            }
            Change::TaskExcused { task, .. } => {
                if let Some(task) = self.task_mut(task) {
                    task.credit = None;
                    if task.state == TaskState::Missed {
                        task.state = TaskState::Ended;
                    }
                }
            }
            Change::TaskMissed { task, credit, .. } => {
                if let Some(task) = self.task_mut(task) {
                    (task.state, task.credit) = (TaskState::Missed, Some(credit.clone()));
                }
            }
            Change::Rescheduled { brief, overlap } => {
                self.brief = *brief;
                self.overlap.clone_from(overlap);
            }
            Change::Briefed { .. } => {
                if let Some(brief) = &mut self.brief {
                    brief.sent = true;
                }
            }
            Change::OverlapEnded { .. } => self.overlap = None,
            Change::Asked { question } => {
                self.asked = question.n;
                self.questions.push(question.clone());
            }
            Change::Answered { question, .. } => self.questions.retain(|open| open.n != *question),
            Change::Rated { score, complete, stands: true } => {
                self.rating = Some(Rating { score: *score, complete: *complete });
            }
            Change::SurveyAsked { n, until } => {
                let (n, until) = (*n, *until);
                self.survey = Some(Survey { n, until, score: None, withdrawn: false });
            }
            Change::SurveyWithdrawn { .. } | Change::SurveyAnswered { .. } => self.surveyed(change),
            Change::MilestonesBegun { milestones } => self.milestones.clone_from(milestones),
            Change::MilestoneAsked { milestone, .. }
            | Change::MilestoneMissed { milestone, .. } => {
                self.put_milestone(&milestone.name, |one| one.clone_from(milestone));
            }
            Change::MilestoneKnown { milestone, outcome, .. } => {
                self.put_milestone(milestone, |one| one.outcome = Some(outcome.clone()));
            }
            Change::Involved { who, part, .. } => {
                self.involved.retain(|one| one.who != *who);
                self.involved.push(Involved { who: who.clone(), part: *part });
            }
            Change::Released { who, .. } => self.involved.retain(|one| one.who != *who),
            Change::Joined { .. }
            | Change::Touched { .. }
            | Change::Noted
            | Change::Rated { .. }
            | Change::Mentioned { .. } => {}
        }
    }

    fn surveyed(&mut self, change: &Change) {
        let Some(survey) = &mut self.survey else { return };
        match change {
            Change::SurveyAnswered { n, score } if survey.n == *n => survey.score = Some(*score),
            Change::SurveyWithdrawn { n, .. } if survey.n == *n => survey.withdrawn = true,
            _ => {}
        }
    }

    fn put_milestone(&mut self, name: &str, put: impl Fn(&mut Milestone)) {
        self.milestones.iter_mut().filter(|one| one.name == name).for_each(put);
    }

    fn clock_mut(&mut self, name: &str) -> Option<&mut Clock> {
        self.clocks.iter_mut().find(|clock| clock.name == name)
    }

    fn put_clock(&mut self, clock: Clock) {
        match self.clock_mut(&clock.name) {
            Some(known) => *known = clock,
            None => self.clocks.push(clock),
        }
    }

    fn task_mut(&mut self, name: &str) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.name == name)
    }

    fn end_tasks(&mut self) {
        for task in self.tasks.iter_mut().filter(|task| task.state == TaskState::Open) {
            task.state = TaskState::Ended;
        }
    }

    fn stop_clock(&mut self, name: &str, at: DateTime<Utc>, late: bool, credit: Credit) {
        let Some(clock) = self.clock_mut(name) else { return };
        clock.met_at = Some(at);
        clock.steps.clear();
        if !late {
            clock.state = ClockState::Met;
            clock.breached_at = None;
            clock.told.clear();
        }
        clock.credit.get_or_insert(credit);
    }

    fn close(&mut self, stage: Stage, outcome: Option<&String>, at: DateTime<Utc>) {
        self.stage = stage;
        self.closed_at = Some(at);
        self.outcome = outcome.cloned().or(self.outcome.take());
        (self.routing, self.overlap) = (None, None);
        self.end_tasks();
        for pause in self.pauses.iter_mut().filter(|pause| pause.ended_at.is_none()) {
            pause.ended_at = Some(at);
        }
        for clock in self.clocks.iter_mut().filter(|clock| clock.is_ticking()) {
            clock.steps.clear();
            if clock.state == ClockState::Running {
                clock.state = ClockState::Closed;
            }
        }
    }
}
