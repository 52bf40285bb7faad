//! Milestones: what a handoff that went well still has to prove later, such as the renewal after
//! twelve months. Each has a clock of its own that goes on after the handoff has ended.
//!
//! At its time whoever has the handoff is asked how it went; what nobody says in time is missed,
//! and their manager hears of it. Said later it counts all the same, beside the miss: that it was
//! said late is also true.

use crate::{
    change::Change,
    config::MilestoneRule,
    decide::{Facts, Refusal},
    handoff::{Handoff, Why},
    ids::PersonId,
    stage::Stage,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One thing that is to be known some time after the trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// Its name, such as `renewal`.
    pub name: String,
    /// When whoever has the handoff is asked.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// By when it is to be said.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub due_at: DateTime<Utc>,
    /// Whether they were asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
    /// Whether nobody said it in time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missed: bool,
    /// What it came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

impl Milestone {
    /// Finds when something next happens by itself.
    fn next(&self) -> Option<DateTime<Utc>> {
        let open = self.outcome.is_none() && !self.missed;
        open.then_some(if self.asked { self.due_at } else { self.at })
    }
}

/// Begins the milestones of a handoff that ends well, counted from its trigger.
pub(crate) fn begun(handoff: &Handoff, rules: &[MilestoneRule]) -> Option<Change> {
    let milestone = |rule: &MilestoneRule| {
        let at = handoff.triggered_at + rule.after.elapsed();
        let due_at = at + rule.within.elapsed();
        Milestone {
            name: rule.name.clone(),
            at,
            due_at,
            asked: false,
            missed: false,
            outcome: None,
        }
    };
    let milestones: Vec<_> = rules.iter().map(milestone).collect();
    (!milestones.is_empty()).then_some(Change::MilestonesBegun { milestones })
}

/// Finds when a handoff that has ended is next looked at.
pub(crate) fn next(handoff: &Handoff) -> Option<(DateTime<Utc>, Why)> {
    let times = handoff.milestones.iter();
    let times = times.filter_map(|one| Some((one.next()?, Why::Milestone(one.name.clone()))));
    times.min_by_key(|(at, _)| *at)
}

/// Decides what is due by `now` of a handoff that has ended; `None` when nothing is.
pub(crate) fn tick(handoff: &Handoff, facts: Facts<'_>, now: DateTime<Utc>) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    for one in handoff.milestones.iter().filter(|one| one.next().is_some_and(|at| at <= now)) {
        let name = one.name.clone();
        changes.push(match one.due_at <= now {
            true => Change::MilestoneMissed {
                milestone: name,
                due_at: one.due_at,
                told: answers(handoff, facts, false).into_iter().collect(),
            },
            false => Change::MilestoneAsked {
                milestone: name,
                due_at: one.due_at,
                told: answers(handoff, facts, true).into_iter().collect(),
            },
        });
    }
    (!changes.is_empty()).then_some(changes)
}

/// Decides an outcome of a handoff that has ended well.
///
/// # Errors
/// `NotListed` when no milestone that is still to be known has it.
pub(crate) fn known(
    handoff: &Handoff,
    outcome: &str,
    at: DateTime<Utc>,
    facts: Facts<'_>,
) -> Result<Vec<Change>, Refusal> {
    let rules = rules(handoff, facts);
    let waits = |rule: &&MilestoneRule| {
        handoff.milestones.iter().any(|one| one.name == rule.name && one.outcome.is_none())
    };
    let open = || rules.iter().filter(waits);
    if let Some(rule) = open().find(|rule| rule.outcomes.iter().any(|known| known == outcome)) {
        let success = rule.success.iter().any(|known| known == outcome);
        let (milestone, outcome) = (rule.name.clone(), outcome.to_owned());
        return Ok(vec![Change::MilestoneKnown { milestone, outcome, success, at }]);
    }
    let same = handoff.milestones.iter().any(|one| one.outcome.as_deref() == Some(outcome));
    if same {
        return Err(Refusal::Nothing);
    }
    let choices: Vec<&str> = open().flat_map(|rule| &rule.outcomes).map(String::as_str).collect();
    let what = "outcomes that are still to be known";
    Err(Refusal::NotListed { said: outcome.to_owned(), what, choices: choices.join(", ") })
}

/// Tells whether a handoff that has ended still waits for this outcome.
pub(crate) fn waits_for(handoff: &Handoff, rules: &[MilestoneRule], outcome: &str) -> bool {
    let has = |name: &str| {
        let rule = rules.iter().find(|rule| rule.name == name);
        rule.is_some_and(|rule| rule.outcomes.iter().any(|known| known == outcome))
    };
    let mut open = handoff.milestones.iter().filter(|one| one.outcome.is_none());
    handoff.stage == Stage::Completed && open.any(|one| has(&one.name))
}

/// Finds who is asked, and where they are no longer there or did not say it, their manager.
fn answers(handoff: &Handoff, facts: Facts<'_>, first: bool) -> Option<PersonId> {
    let there = |who: &&PersonId| facts.active.people.get(*who).is_some_and(|it| it.active);
    let owner = handoff.owner.as_ref().filter(|_| first).filter(there);
    owner.or_else(|| facts.active.role(handoff.pool.as_ref(), "manager")).cloned()
}

fn rules<'a>(handoff: &Handoff, facts: Facts<'a>) -> &'a [MilestoneRule] {
    facts.kind(handoff).map_or(&[], |kind| kind.milestones.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, config, decide};
    use chrono::Duration;

    const SAMPLE: &str = include_str!("../../../infra/local/sample/organisation.toml");

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::days(day)
    }

    fn done(handoff: &Handoff, command: Command, day: i64) -> Result<Handoff, Refusal> {
        let config = config::load(SAMPLE).unwrap();
        let facts = Facts { active: &config, pinned: &config };
        let changes = decide(handoff, command, facts, at(day))?;
        Ok(handoff.clone().after(&changes, at(day)))
    }

    fn says(outcome: &str, day: i64) -> Command {
        Command::Complete { outcome: outcome.to_owned(), value: None, at: at(day) }
    }

    fn activated() -> Handoff {
        let handoff = Handoff {
            kind: "closed_won".into(),
            stage: Stage::Engaged,
            owner: Some("ingrid".into()),
            pool: Some("cs".into()),
            triggered_at: at(0),
            ..Handoff::default()
        };
        done(&handoff, says("activated", 60), 60).unwrap()
    }

    #[test]
    fn a_renewal_is_asked_for_after_twelve_months_and_missed_a_month_later() {
        let ended = activated();
        assert_eq!(ended.next_deadline(), Some((at(365), Why::Milestone("renewal".to_owned()))));
        assert_eq!(done(&ended, Command::Tick, 364), Err(Refusal::Nothing), "never early");
        let config = config::load(SAMPLE).unwrap();
        let facts = Facts { active: &config, pinned: &config };
        let told = |handoff: &Handoff, day| match &tick(handoff, facts, at(day)).unwrap()[..] {
            [Change::MilestoneAsked { told, .. } | Change::MilestoneMissed { told, .. }] => {
                told[0].to_string()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(told(&ended, 365), "ingrid");
        let asked = done(&ended, Command::Tick, 365).unwrap();
        assert_eq!(asked.next_deadline().map(|(due_at, _)| due_at), Some(at(395)));
        assert_eq!(told(&asked, 395), "priya");
        let missed = done(&asked, Command::Tick, 395).unwrap();
        assert_eq!(missed.next_deadline(), None);
        let late = done(&missed, says("retained", 400), 400).unwrap();
        assert_eq!(late.milestones[0].outcome.as_deref(), Some("retained"));
        assert_eq!(late.outcome.as_deref(), Some("activated"), "how it ended stays");
    }

    #[test]
    fn what_is_said_before_it_is_asked_needs_no_asking() {
        let known = done(&activated(), says("churned", 200), 200).unwrap();
        assert_eq!(known.next_deadline(), None);
        assert_eq!(done(&known, says("churned", 201), 201), Err(Refusal::Nothing));
        let other = done(&activated(), says("won", 200), 200).unwrap_err().to_string();
        assert!(other.ends_with("still to be known: choose retained, churned."), "{other}");
    }

    #[test]
    fn what_ended_badly_has_nothing_to_prove() {
        let handoff = Handoff { stage: Stage::Engaged, ..activated() };
        let handoff = Handoff { milestones: Vec::new(), outcome: None, ..handoff };
        let churned = done(&handoff, says("churned", 30), 30).unwrap();
        assert!(churned.milestones.is_empty() && churned.next_deadline().is_none());
    }
}
