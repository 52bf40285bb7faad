//! One handoff: its history against its state, and both against the clock.

use super::Finding;
use crate::{
    change::Change, clock::ClockState, commit::Commit, config::Stop, handoff::Handoff,
    ids::PersonId, stage::Stage,
};
use chrono::{DateTime, Duration, Utc};
use serde_json::Value;
use std::collections::BTreeSet;

/// How long something may be due before nobody can have seen to it: five sweeps.
pub const OVERDUE_MINUTES: i64 = 5;

/// Lists what is wrong with a handoff and its history, oldest commit first.
pub fn audit(state: &Handoff, history: &[Commit], now: DateTime<Utc>) -> Vec<Finding> {
    let mut course = Course { state, findings: Vec::new() };
    course.versions(history);
    course.fold(history);
    course.owners(history);
    course.steps(history);
    course.touches();
    course.now(now);
    course.findings
}

struct Course<'a> {
    state: &'a Handoff,
    findings: Vec<Finding>,
}

impl Course<'_> {
    fn find(&mut self, code: &'static str, said: String) {
        self.findings.push(Finding::of(code, &self.state.id, said));
    }

    /// One commit a version, the first an opening, and no other.
    fn versions(&mut self, history: &[Commit]) {
        for (version, commit) in (1_u64..).zip(history) {
            if commit.version != version {
                let said = format!("Version {version} of its history is missing.");
                return self.find("missing-commit", said);
            }
            let opens = commit.changes.iter().any(|it| matches!(it, Change::Opened { .. }));
            if opens != (version == 1) {
                let said = format!("Version {version} of its history is no place for an opening.");
                self.find("misplaced-opening", said);
            }
        }
        let last = history.last().map_or(0, |commit| commit.version);
        if last != self.state.version {
            let stored = self.state.version;
            let said = format!("It is stored as version {stored}, and its history ends at {last}.");
            self.find("missing-commit", said);
        }
    }

    /// The state is what its history makes of it.
    fn fold(&mut self, history: &[Commit]) {
        let folded = history
            .iter()
            .fold(Handoff::default(), |handoff, commit| handoff.after(&commit.changes, commit.at));
        let differing = differing(&folded, self.state);
        if !differing.is_empty() {
            let said = format!(
                "What is stored is not what its history says: {} differs.",
                differing.join(", ")
            );
            self.find("state-differs", said);
        }
    }

    /// Each owner follows the one before, and a commit says whose it was and is.
    fn owners(&mut self, history: &[Commit]) {
        let mut owner: Option<PersonId> = None;
        for commit in history {
            if commit.about.owner_before != owner {
                let said = format!(
                    "Version {} says it was {}'s before, and it was {}'s.",
                    commit.version,
                    name(commit.about.owner_before.as_ref()),
                    name(owner.as_ref()),
                );
                self.find("owner-chain", said);
            }
            for change in &commit.changes {
                match change {
                    Change::Opened { handoff } => owner.clone_from(&handoff.owner),
                    Change::Assigned { owner: next, before, .. } => {
                        if *before != owner {
                            let said = format!(
                                "Version {} takes it from {}, and {} had it.",
                                commit.version,
                                name(before.as_ref()),
                                name(owner.as_ref()),
                            );
                            self.find("owner-chain", said);
                        }
                        owner = Some(next.clone());
                    }
                    Change::Returned { .. } => owner = None,
                    _ => {}
                }
            }
            if commit.about.owner != owner {
                let said = format!(
                    "Version {} says it is {}'s, and it is {}'s.",
                    commit.version,
                    name(commit.about.owner.as_ref()),
                    name(owner.as_ref()),
                );
                self.find("owner-chain", said);
            }
        }
        if self.state.owner != owner {
            let (stored, told) = (name(self.state.owner.as_ref()), name(owner.as_ref()));
            let said = format!("It is stored as {stored}'s, and its history says {told}.");
            self.find("owner-chain", said);
        }
    }

    /// No step before its time, and none twice for one deadline.
    fn steps(&mut self, history: &[Commit]) {
        let mut taken = BTreeSet::new();
        for commit in history {
            for change in &commit.changes {
                let (clock, step, due_at) = match change {
                    Change::Stepped { clock, n, due_at, .. } => (clock, Some(*n), *due_at),
                    Change::Breached { clock, due_at, .. } => (clock, None, *due_at),
                    Change::Upgraded { .. } | Change::ClockMoved { .. } => {
                        // Another deadline has steps of its own.
                        taken.clear();
                        continue;
                    }
                    _ => continue,
                };
                let what = step.map_or("the breach".to_owned(), |n| format!("step {n}"));
                if commit.at < due_at {
                    let early = (due_at - commit.at).num_milliseconds();
                    let said = format!("{what} of clock {clock} was {early} ms early.");
                    self.find("early-step", said);
                }
                if !taken.insert((clock.clone(), step, due_at)) {
                    let said = format!("{what} of clock {clock} was taken twice.");
                    self.find("step-twice", said);
                }
            }
        }
    }

    /// No breach stands that a touch in time takes back.
    fn touches(&mut self) {
        let Some(touched_at) = self.state.first_touch_at else { return };
        let wronged: Vec<String> = self
            .state
            .clocks
            .iter()
            .filter(|clock| clock.stop == Stop::Touch && clock.state == ClockState::Breached)
            .filter(|clock| clock.breached_at.is_some_and(|due_at| touched_at <= due_at))
            .map(|clock| clock.name.clone())
            .collect();
        for clock in wronged {
            let said = format!("Clock {clock} counts as missed, and was touched in time.");
            self.find("wrong-breach", said);
        }
    }

    /// Nothing is overdue, and whoever waits for an owner is asked for.
    fn now(&mut self, now: DateTime<Utc>) {
        let state = self.state;
        if let Some((due_at, why)) = state.next_deadline() {
            let late = now - due_at;
            if late > Duration::minutes(OVERDUE_MINUTES) {
                let minutes = late.num_minutes();
                let said =
                    format!("It has been due for {minutes} minutes, and nobody came: {why:?}.");
                self.find("overdue", said);
            }
        }
        let waits = state.stage.is_open() && state.stage != Stage::Returned;
        if waits && state.owner.is_none() && state.routing.is_none() {
            self.find("forgotten", "Nobody has it, and nobody is asked for.".to_owned());
        }
        let runs = |state: ClockState| state == ClockState::Running;
        if !state.stage.is_open() && state.clocks.iter().any(|clock| runs(clock.state)) {
            self.find("clock-after-end", "It has ended, and a clock runs on.".to_owned());
        }
    }
}

fn name(owner: Option<&PersonId>) -> &str {
    owner.map_or("nobody", PersonId::as_str)
}

/// Lists the fields in which two states differ.
fn differing(one: &Handoff, other: &Handoff) -> Vec<String> {
    let fields = |handoff: &Handoff| match serde_json::to_value(handoff) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (one, other) = (fields(one), fields(other));
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}
