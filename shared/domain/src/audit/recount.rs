//! The numbers, counted again: for each handoff the last word on each fact, and every act.
//!
//! The rollups add up what single commits contribute, and a change that replaces a fact subtracts
//! the old one. Here a history is read as a whole, and what was said last stands. Equal numbers by
//! two ways are worth more than either.

use crate::{
    change::{Change, Response},
    clock::{ClockState, Credit},
    commit::{About, Commit},
    config::Act,
    money::Money,
    rollup::{FIVE_MINUTES_SECONDS, Family, bucket_counter, bucket_of},
};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// A row of numbers: its family, whose numbers it has, and the organisation's day.
type Row = (Family, String, NaiveDate);

/// Counters by name.
type Counters = BTreeMap<String, i64>;

/// The numbers of histories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recount {
    rows: BTreeMap<Row, Counters>,
}

/// A counter that is stored otherwise than it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The counter.
    pub counter: String,
    /// What is stored.
    pub stored: i64,
    /// What the histories say.
    pub counted: i64,
}

impl Recount {
    /// Counts one handoff's whole history, oldest commit first.
    pub fn add(&mut self, history: &[Commit]) {
        let mut reading = Reading { recount: self, last: Last::default() };
        for commit in history.iter().filter(|commit| commit.about.counts()) {
            for change in &commit.changes {
                reading.read(commit, change);
            }
        }
        reading.settle();
        if let (Some(about), Some(respond)) =
            (reading.last.about.take(), reading.last.touched.take())
        {
            reading.responds(Family::Cohort, &about, &respond);
        }
    }

    /// Lists the rows that have numbers.
    pub fn rows(&self) -> impl Iterator<Item = (&Row, &Counters)> {
        self.rows.iter()
    }

    /// Compares a row with what is stored of it; equal counters are left out.
    pub fn differences(
        &self,
        family: Family,
        dimension: &str,
        day: NaiveDate,
        stored: &Counters,
    ) -> Vec<Difference> {
        let nothing = Counters::new();
        let counted = self.rows.get(&(family, dimension.to_owned(), day)).unwrap_or(&nothing);
        let names = counted.keys().chain(stored.keys().filter(|name| !counted.contains_key(*name)));
        let read = |counters: &Counters, name: &String| counters.get(name).copied().unwrap_or(0);
        let difference = |name: &String| Difference {
            counter: name.clone(),
            stored: read(stored, name),
            counted: read(counted, name),
        };
        names.map(difference).filter(|one| one.stored != one.counted).collect()
    }
}

/// What was said last of a handoff, as far as the reading has come.
#[derive(Default)]
struct Last {
    /// How each clock ended, with who answers for it and what the handoff was about.
    clocks: BTreeMap<String, (bool, Credit, About)>,
    /// The tasks that were missed.
    tasks: BTreeMap<String, (Credit, About)>,
    /// The first response.
    touched: Option<Response>,
    /// What the handoff was about when that was told.
    about: Option<About>,
}

struct Reading<'a> {
    recount: &'a mut Recount,
    last: Last,
}

impl Reading<'_> {
    fn read(&mut self, commit: &Commit, change: &Change) {
        let about = &commit.about;
        let who = Credit {
            owner: about.owner.clone().or_else(|| about.owner_before.clone()),
            pool: about.pool.clone(),
            rule: about.rule.clone(),
        };
        let counter = match change {
            Change::Assigned { before: None, .. } => "assigned",
            Change::Assigned { .. } => "reassigned",
            Change::Unrouted { again: false, .. } => "unrouted",
            Change::Accepted { .. } => "accepted",
            Change::Joined { .. } => "joined",
            Change::Resubmitted { .. } => "resubmitted",
            Change::Cancelled { .. } => "cancelled",
            Change::Paused { .. } => "paused",
            Change::TaskDone { .. } => "tasks_done",
            Change::SurveyAsked { .. } => "survey_asked",
            Change::Stepped { act: Act::Remind, .. } => "reminded",
            Change::Stepped { act: Act::Tell, .. } => "told",
            Change::Stepped { act: Act::Escalate, .. } => "escalated",
            _ => return self.weigh((about, &who), commit, change),
        };
        self.act(about, &who, counter, 1);
    }

    /// Counts what has more to it than that it happened.
    fn weigh(&mut self, (about, who): (&About, &Credit), commit: &Commit, change: &Change) {
        match change {
            Change::Opened { handoff } => {
                self.act(about, who, "opened", 1);
                self.act(about, who, "completeness_count", 1);
                self.act(about, who, "completeness_sum", handoff.completeness.into());
                self.money(about, who, "amount_minor", handoff.amount.as_ref());
                let lineage = commit.lineage.iter().filter(|lineage| lineage.first_in_lane);
                for lineage in lineage {
                    self.act(about, who, "first_opened", 1);
                    let previous = lineage.previous.as_ref().filter(|one| one.counts());
                    if let Some(previous) = previous {
                        let answers = Credit {
                            owner: previous.owner.clone().or_else(|| previous.owner_before.clone()),
                            pool: previous.pool.clone(),
                            rule: previous.rule.clone(),
                        };
                        let counter = format!("led_to.{}", about.kind);
                        self.count(Family::Cohort, previous, &answers, &counter, 1);
                    }
                }
            }
            Change::Upgraded { kind, was, .. } => {
                self.act(about, who, "upgraded", 1);
                let day = about.opened_day;
                for (kind, amount) in [(was, -1), (kind, 1)] {
                    let row = (Family::Cohort, format!("type:{kind}"), day);
                    self.put(row, "opened", amount);
                }
                // What the clocks and tasks before came to stays with the type it was.
                self.settle();
            }
            Change::Returned { reason, .. } => {
                self.act(about, who, "rejected", 1);
                self.act(about, who, &format!("rejected.{reason}"), 1);
                self.settle_tasks();
            }
            Change::Recycled { reason, .. } => {
                self.act(about, who, "recycled", 1);
                self.act(about, who, &format!("recycled.{reason}"), 1);
            }
            Change::Completed { outcome, success, value } => {
                self.act(about, who, "completed", 1);
                self.act(about, who, &format!("outcome.{outcome}"), 1);
                self.act(about, who, "success", i64::from(*success));
                self.money(about, who, "value_minor", value.as_ref());
            }
            Change::Rated { score, complete, .. } => {
                self.act(about, who, "rated", 1);
                self.act(about, who, "rating_sum", i64::from(*score));
                self.act(about, who, &format!("rating.{score}"), 1);
                let word = if *complete { "complete_yes" } else { "complete_no" };
                self.act(about, who, word, 1);
            }
            Change::SurveyAnswered { score, .. } => {
                self.act(about, who, "surveyed", 1);
                self.act(about, who, "survey_sum", i64::from(*score));
                self.act(about, who, &format!("survey.{score}"), 1);
            }
            Change::MilestoneKnown { milestone, success, value, .. } => {
                self.money(about, who, &format!("milestone_value.{milestone}"), value.as_ref());
                self.act(about, who, &format!("milestone.{milestone}"), 1);
                let counter = format!("milestone_success.{milestone}");
                self.act(about, who, &counter, i64::from(*success));
            }
            Change::MilestoneMissed { milestone, .. } => {
                self.act(about, who, &format!("milestone_missed.{}", milestone.name), 1);
            }
            Change::Touched { response: Some(response), .. } => self.touch(about, response),
            _ => self.clocks_and_tasks(about, change),
        }
    }

    fn clocks_and_tasks(&mut self, about: &About, change: &Change) {
        match change {
            Change::Breached { clock, credit, .. } => {
                self.count(Family::Happened, about, credit, &format!("breached.{clock}"), 1);
                let word = (false, credit.clone(), about.clone());
                self.last.clocks.insert(clock.clone(), word);
            }
            Change::ClockMet { clock, late: false, credit, .. } => {
                self.withdraw(about, clock);
                self.count(Family::Happened, about, credit, &format!("met.{clock}"), 1);
                self.last.clocks.insert(clock.clone(), (true, credit.clone(), about.clone()));
            }
            Change::ClockMoved { clock, .. } if clock.state == ClockState::Running => {
                self.withdraw(about, &clock.name);
                self.last.clocks.remove(&clock.name);
            }
            Change::TaskMissed { task, credit, .. } => {
                self.count(Family::Happened, about, credit, "tasks_missed", 1);
                self.last.tasks.insert(task.clone(), (credit.clone(), about.clone()));
            }
            Change::TaskExcused { task, .. } => {
                if let Some((credit, _)) = self.last.tasks.remove(task) {
                    self.count(Family::Happened, about, &credit, "tasks_excused", 1);
                }
            }
            Change::CadenceStarted { .. } => self.settle_tasks(),
            _ => {}
        }
    }

    /// Takes note of the first touch; one that was earlier, and told later, takes its place.
    fn touch(&mut self, about: &About, response: &Response) {
        match self.last.touched.replace(response.clone()) {
            None => self.responds(Family::Happened, about, response),
            Some(_) => self.count(Family::Happened, about, &response.credit, "corrected", 1),
        }
        self.last.about = Some(about.clone());
    }

    fn responds(&mut self, family: Family, about: &About, response: &Response) {
        let (who, seconds) = (&response.credit, response.seconds.max(0));
        self.count(family, about, who, "touched", 1);
        self.count(family, about, who, "response_seconds", seconds);
        self.count(family, about, who, &bucket_counter(bucket_of(seconds)), 1);
        let soon = i64::from(seconds <= FIVE_MINUTES_SECONDS);
        self.count(family, about, who, "touched_in_five_minutes", soon);
    }

    /// Counts a breach as taken back, if one was the last word on the clock.
    fn withdraw(&mut self, about: &About, clock: &str) {
        if let Some((false, credit, _)) = self.last.clocks.get(clock).cloned() {
            self.count(Family::Happened, about, &credit, &format!("withdrawn.{clock}"), 1);
        }
    }

    /// Counts how the clocks and the tasks ended.
    fn settle(&mut self) {
        for (clock, (met, credit, about)) in std::mem::take(&mut self.last.clocks) {
            let word = if met { "met" } else { "breached" };
            self.count(Family::Cohort, &about, &credit, &format!("{word}.{clock}"), 1);
        }
        self.settle_tasks();
    }

    fn settle_tasks(&mut self) {
        for (_, (credit, about)) in std::mem::take(&mut self.last.tasks) {
            self.count(Family::Cohort, &about, &credit, "tasks_missed", 1);
        }
    }

    fn money(&mut self, about: &About, who: &Credit, counter: &str, money: Option<&Money>) {
        if let Some(money) = money {
            self.act(about, who, &format!("{counter}.{}", money.currency), money.minor);
        }
    }

    /// Counts an act in both families.
    fn act(&mut self, about: &About, who: &Credit, counter: &str, amount: i64) {
        self.count(Family::Cohort, about, who, counter, amount);
        self.count(Family::Happened, about, who, counter, amount);
    }

    fn count(&mut self, family: Family, about: &About, who: &Credit, counter: &str, amount: i64) {
        let day = if family == Family::Cohort { about.opened_day } else { about.day };
        let sender = about.sender.as_ref().map(|sender| sender.as_str());
        let mut whose = vec![
            "all".to_owned(),
            format!("type:{}", about.kind),
            format!("source:{}", about.source),
            format!("sender:{}", sender.unwrap_or(&about.from)),
        ];
        whose.extend(who.pool.iter().map(|pool| format!("pool:{pool}")));
        whose.extend(who.owner.iter().map(|rep| format!("rep:{rep}")));
        whose.extend(who.rule.iter().map(|rule| format!("rule:{rule}")));
        for dimension in whose {
            self.put((family, dimension, day), counter, amount);
        }
    }

    fn put(&mut self, row: Row, counter: &str, amount: i64) {
        if amount == 0 {
            return;
        }
        let counters = self.recount.rows.entry(row).or_default();
        let sum = counters.entry(counter.to_owned()).or_default();
        *sum += amount;
        if *sum == 0 {
            counters.remove(counter);
        }
    }
}
