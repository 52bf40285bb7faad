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
    money::Money,
    stage::{Stage, Verb},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One thing that is to be known some time after the trigger, whole: a year later nobody need look
/// up what was meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Milestone {
    /// Its name, such as `renewal`.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// When whoever has the handoff is asked.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// By when it is to be said.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub due_at: DateTime<Utc>,
    /// The outcomes it may have.
    pub outcomes: Vec<String>,
    /// Those that count as success.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub success: Vec<String>,
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

    /// Tells whether it is still to be known and may come to this.
    fn waits_for(&self, outcome: &str) -> bool {
        self.outcome.is_none() && self.outcomes.iter().any(|known| known == outcome)
    }
}

/// Begins the milestones of a handoff that ends well, counted from its trigger; one whose time has
/// come already is asked for at once, with all the time there is for it.
pub(crate) fn begun(
    handoff: &Handoff,
    rules: &[MilestoneRule],
    now: DateTime<Utc>,
) -> Option<Change> {
    let milestone = |rule: &MilestoneRule| {
        let at = (handoff.triggered_at + rule.after.elapsed()).max(now);
        Milestone {
            name: rule.name.clone(),
            label: rule.label.clone(),
            at,
            due_at: at + rule.within.elapsed(),
            outcomes: rule.outcomes.clone(),
            success: rule.success.clone(),
            ..Milestone::default()
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

/// Decides what is due by `now` of a handoff that has ended; `None` when nothing is. Nothing is
/// missed that nobody was asked for: after an outage they have the time they would have had.
pub(crate) fn tick(handoff: &Handoff, facts: Facts<'_>, now: DateTime<Utc>) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    for one in handoff.milestones.iter().filter(|one| one.next().is_some_and(|at| at <= now)) {
        let told = answers(handoff, facts, !one.asked).into_iter().collect();
        changes.push(match one.asked {
            true => {
                let milestone = Milestone { missed: true, ..one.clone() };
                Change::MilestoneMissed { milestone, told }
            }
            false => {
                let due_at = now + (one.due_at - one.at);
                let milestone = Milestone { asked: true, due_at, ..one.clone() };
                Change::MilestoneAsked { milestone, told }
            }
        });
    }
    (!changes.is_empty()).then_some(changes)
}

/// Decides an outcome of a handoff that has ended well.
///
/// # Errors
/// `Nothing` when it is known already; else what can still be said.
pub(crate) fn known(
    handoff: &Handoff,
    (outcome, value): (String, Option<Money>),
    at: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    if let Some(one) = handoff.milestones.iter().find(|one| one.waits_for(&outcome)) {
        let success = one.success.contains(&outcome);
        let milestone = one.name.clone();
        return Ok(vec![Change::MilestoneKnown { milestone, outcome, success, value, at }]);
    }
    if handoff.milestones.iter().any(|one| one.outcome.as_ref() == Some(&outcome)) {
        return Err(Refusal::Nothing);
    }
    let open = handoff.milestones.iter().filter(|one| one.outcome.is_none());
    let choices: Vec<&str> = open.flat_map(|one| &one.outcomes).map(String::as_str).collect();
    match choices.is_empty() {
        true => Err(Refusal::Stage { stage: handoff.stage, verb: Verb::Complete }),
        false => Err(Refusal::NotAwaited { said: outcome, choices: choices.join(", ") }),
    }
}

/// Tells whether a handoff that has ended still waits for this outcome.
pub(crate) fn waits_for(handoff: &Handoff, outcome: &str) -> bool {
    let waits = handoff.milestones.iter().any(|one| one.waits_for(outcome));
    handoff.stage == Stage::Completed && waits
}

/// Finds who is asked, and where they are no longer there or did not say it, their manager.
fn answers(handoff: &Handoff, facts: Facts<'_>, first: bool) -> Option<PersonId> {
    let there = |who: &&PersonId| facts.active.people.get(*who).is_some_and(|it| it.active);
    let owner = handoff.owner.as_ref().filter(|_| first).filter(there);
    owner.or_else(|| facts.active.role(handoff.pool.as_ref(), "manager")).cloned()
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
        let late = done(&ended, Command::Tick, 500).unwrap();
        let due_at = late.next_deadline().map(|(due_at, _)| due_at);
        assert_eq!(due_at, Some(at(530)), "nobody was asked, so nothing is missed yet");
        let missed = done(&asked, Command::Tick, 395).unwrap();
        assert_eq!(missed.next_deadline(), None);
        let late = done(&missed, says("renewed", 400), 400).unwrap();
        assert_eq!(late.milestones[0].outcome.as_deref(), Some("renewed"));
        assert_eq!(late.outcome.as_deref(), Some("activated"), "how it ended stays");
    }

    #[test]
    fn what_is_said_before_it_is_asked_needs_no_asking() {
        let known = done(&activated(), says("not_renewed", 200), 200).unwrap();
        assert_eq!(known.next_deadline(), None);
        assert_eq!(done(&known, says("not_renewed", 201), 201), Err(Refusal::Nothing));
        let other = done(&activated(), says("won", 200), 200).unwrap_err().to_string();
        let said = "This handoff has ended; `won` is not awaited: choose renewed, not_renewed.";
        assert_eq!(other, said);
        let nothing = done(&known, says("renewed", 202), 202).unwrap_err().to_string();
        assert_eq!(nothing, "This handoff is completed: it cannot be completed now.");
    }

    #[test]
    fn what_ends_later_than_its_milestone_is_asked_for_then() {
        let handoff = Handoff { stage: Stage::Engaged, milestones: Vec::new(), ..activated() };
        let late = done(&handoff, says("activated", 400), 400).unwrap();
        let one = &late.milestones[0];
        assert_eq!((one.at, one.due_at), (at(400), at(430)));
    }

    #[test]
    fn what_ended_badly_has_nothing_to_prove() {
        let handoff = Handoff { stage: Stage::Engaged, ..activated() };
        let handoff = Handoff { milestones: Vec::new(), outcome: None, ..handoff };
        let churned = done(&handoff, says("churned", 30), 30).unwrap();
        assert!(churned.milestones.is_empty() && churned.next_deadline().is_none());
    }
}
