//! How a commit becomes numbers.
//!
//! Every counter is a sum of what single commits contribute, so order, batches and redelivery are
//! the consumer's concern alone. What must stay true: **a recount of all commits equals the stored
//! rows**, whatever order they came in. A contribution therefore looks at nothing but its commit;
//! where a change replaces what was counted before, it carries the old fact whole (`was`), and
//! `cohort` subtracts it.
//!
//! Two families. `cohort` counts on the day the handoff opened, so that rates divide like by like;
//! `happened` counts on the day of recording and never decreases: a breach taken back is a
//! `withdrawn.<clock>` there. Every fact counts for all, for its type, source and sender, and for
//! the pool, rep and rule that answer for it: a clock and a response keep those of their first end,
//! everything else those of the commit.
//!
//! Counters of handoffs, at most one each: `opened`, `first_opened` (first in its lane), `touched`
//! with `response_seconds`, `response.<bucket>` and `touched_in_five_minutes`, `met.<clock>`,
//! `breached.<clock>`, `completed`, `success`, `outcome.<outcome>`, `recycled`, `cancelled`,
//! `led_to.<type>`, `completeness_count` and `completeness_sum` (percent at opening),
//! `amount_minor.<currency>` (at opening), `value_minor.<currency>` (at completion). Counters of
//! acts, as many as there were: `assigned` (to somebody while nobody had it: again after a
//! rejection), `reassigned`, `accepted`, `reminded`, `told`, `escalated`, `unrouted`, `rejected`,
//! `resubmitted`, `joined`, `upgraded`, `paused`, `tasks_done`, `tasks_missed`, `rated` with
//! `rating_sum`, `rating.<n>`, `complete_yes` and `complete_no`, `survey_asked`, `surveyed` with
//! `survey_sum` and `survey.<n>`, `milestone.<milestone>` (known), `milestone_success.<milestone>`,
//! `milestone_missed.<milestone>` and `milestone_value.<milestone>.<currency>`. `rejected` and
//! `recycled` also count by reason (`rejected.<reason>`). Only `happened` has `withdrawn.<clock>`,
//! `tasks_excused` (done in time, or not needed, as was told later) and `corrected` (a response
//! whose earlier touch came in later); only `cohort` has `led_to`.

use crate::{
    change::{Change, Response},
    clock::Credit,
    commit::{About, Commit},
    config::Act,
    handoff::Handoff,
    ids::TypeKey,
    money::Money,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The longest response that counts as within five minutes.
pub const FIVE_MINUTES_SECONDS: i64 = 300;

/// By which day a number is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// The day the handoff opened.
    Cohort,
    /// The day the fact was recorded.
    Happened,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cohort => "cohort",
            Self::Happened => "happened",
        })
    }
}

/// What one commit adds to one counter of one rollup row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Delta {
    /// By which day it counts.
    pub family: Family,
    /// Whose number it is: `all`, `type:mql`, `source:hubspot`, `sender:marketing`,
    /// `pool:sdr_emea`, `rep:amara`, `rule:Inbound, Americas`.
    pub dimension: String,
    /// The organisation's day.
    pub day: NaiveDate,
    /// The counter's name.
    pub counter: String,
    /// What is added; never zero.
    pub amount: i64,
}

/// Tells what a commit adds to the rollups: sorted, one entry a counter, none of them zero.
///
/// The same commit always gives the same deltas, and deltas only add up: folding all commits in any
/// order, in any batches, gives the rows that are stored.
pub fn contributions(commit: &Commit) -> Vec<Delta> {
    if !commit.about.counts() {
        return Vec::new();
    }
    let mut tally = Tally { about: &commit.about, sums: BTreeMap::new() };
    for change in &commit.changes {
        tally.count(change);
        if let Change::Opened { handoff } = change {
            tally.count_opening(commit, handoff);
        }
    }
    let sums = tally.sums.into_iter().filter(|(_, amount)| *amount != 0);
    sums.map(|((family, dimension, day, counter), amount)| Delta {
        family,
        dimension,
        day,
        counter,
        amount,
    })
    .collect()
}

/// Finds the bucket of a response: seconds below 8 each have one, and above every octave has eight,
/// so that a bucket is at most an eighth of its value wide.
///
/// Buckets are fixed for ever, so that those of different days, pools and years add up.
pub fn bucket_of(seconds: i64) -> u32 {
    let seconds = seconds.max(0).unsigned_abs();
    let Some(octave) = seconds.checked_ilog2().filter(|octave| *octave >= 3) else {
        return u32::try_from(seconds).unwrap_or_default();
    };
    let eighth = (seconds >> (octave - 3)) & 7;
    (octave - 2) * 8 + u32::try_from(eighth).unwrap_or_default()
}

/// Tells the longest response a bucket holds, in seconds.
pub fn bucket_seconds_max(bucket: u32) -> i64 {
    match bucket {
        0..8 => i64::from(bucket),
        8..487 => ((9 + i64::from(bucket % 8)) << (bucket / 8 - 1)) - 1,
        _ => i64::MAX,
    }
}

/// Names a bucket's counter, so that counters sort as their buckets do.
pub fn bucket_counter(bucket: u32) -> String {
    format!("response.{bucket:03}")
}

/// One commit's sums, by rollup row and counter.
struct Tally<'a> {
    about: &'a About,
    sums: BTreeMap<(Family, String, NaiveDate, String), i64>,
}

impl Tally<'_> {
    /// Counts what a change says; who answers for it is the commit's owner, pool and rule unless
    /// the change has a credit.
    fn count(&mut self, change: &Change) {
        let who = answering(self.about);
        match change {
            Change::Assigned { before: None, .. } => self.both(&who, "assigned", 1),
            Change::Assigned { .. } => self.both(&who, "reassigned", 1),
            Change::Unrouted { again: false, .. } => self.both(&who, "unrouted", 1),
            Change::Accepted { .. } => self.both(&who, "accepted", 1),
            Change::Joined { .. } => self.both(&who, "joined", 1),
            Change::Upgraded { kind, was, .. } => self.upgrade(&who, kind, was),
            Change::Resubmitted { .. } => self.both(&who, "resubmitted", 1),
            Change::Cancelled { .. } => self.both(&who, "cancelled", 1),
            Change::Returned { reason, .. } => self.with_detail(&who, "rejected", reason),
            Change::Recycled { reason, .. } => self.with_detail(&who, "recycled", reason),
            Change::Completed { outcome, success, value } => {
                self.both(&who, "completed", 1);
                self.both(&who, &format!("outcome.{outcome}"), 1);
                self.both(&who, "success", i64::from(*success));
                self.money(&who, "value_minor", value.as_ref());
            }
            Change::Rated { score, complete, .. } => self.rate(&who, *score, *complete),
            Change::SurveyAsked { .. } => self.both(&who, "survey_asked", 1),
            Change::SurveyAnswered { score, .. } => {
                self.both(&who, "surveyed", 1);
                self.both(&who, "survey_sum", i64::from(*score));
                self.both(&who, &format!("survey.{score}"), 1);
            }
            Change::MilestoneKnown { milestone, success, value, .. } => {
                self.money(&who, &format!("milestone_value.{milestone}"), value.as_ref());
                self.both(&who, &format!("milestone.{milestone}"), 1);
                self.both(&who, &format!("milestone_success.{milestone}"), i64::from(*success));
            }
            Change::MilestoneMissed { milestone, .. } => {
                self.both(&who, &format!("milestone_missed.{}", milestone.name), 1);
            }
            Change::Stepped { act, .. } => match act {
                Act::Remind => self.both(&who, "reminded", 1),
                Act::Tell => self.both(&who, "told", 1),
                Act::Escalate => self.both(&who, "escalated", 1),
                // The owner's change and the breach are changes of their own.
                Act::Reassign | Act::Breach => {}
            },
            Change::Touched { response: Some(response), was, .. } => {
                self.respond(response, was.as_ref());
            }
            Change::Breached { clock, credit, .. } => {
                self.both(credit, &format!("breached.{clock}"), 1);
            }
            Change::ClockMet { clock, late: false, credit, was, .. } => {
                self.both(credit, &format!("met.{clock}"), 1);
                self.withdraw(clock, was.as_ref());
            }
            Change::ClockMoved { clock, was, .. } => self.withdraw(&clock.name, was.as_ref()),
            Change::Paused { .. } => self.both(&who, "paused", 1),
            Change::TaskMissed { credit, .. } => self.both(credit, "tasks_missed", 1),
            Change::TaskDone { .. } => self.both(&who, "tasks_done", 1),
            Change::TaskExcused { was, .. } => {
                self.count_in(Family::Cohort, was, "tasks_missed", -1);
                self.count_in(Family::Happened, was, "tasks_excused", 1);
            }
            // Late, a clock was counted as breached already; the rest is history without a number.
            Change::ClockMet { .. }
            | Change::Touched { .. }
            | Change::Unrouted { .. }
            | Change::Opened { .. }
            | Change::Updated { .. }
            | Change::RoutingRequested { .. }
            | Change::Engaged
            | Change::StepPassed { .. }
            | Change::Noted
            | Change::Asked { .. }
            | Change::Answered { .. }
            | Change::Mentioned { .. }
            | Change::SurveyWithdrawn { .. }
            | Change::MilestonesBegun { .. }
            | Change::ReadBack
            | Change::MilestoneAsked { .. }
            | Change::Involved { .. }
            | Change::Released { .. }
            | Change::Resumed { .. }
            | Change::CadenceStarted { .. }
            | Change::CadenceEnded { .. }
            | Change::Rescheduled { .. }
            | Change::Briefed { .. }
            | Change::OverlapEnded { .. }
            | Change::Flagged { .. }
            | Change::MovedJourney { .. } => {}
        }
    }

    fn count_opening(&mut self, commit: &Commit, handoff: &Handoff) {
        let who = answering(self.about);
        self.both(&who, "opened", 1);
        self.both(&who, "completeness_count", 1);
        self.both(&who, "completeness_sum", i64::from(handoff.completeness));
        self.money(&who, "amount_minor", handoff.amount.as_ref());
        let Some(lineage) = commit.lineage.as_ref().filter(|lineage| lineage.first_in_lane) else {
            return;
        };
        self.both(&who, "first_opened", 1);
        if let Some(previous) = lineage.previous.as_ref().filter(|previous| previous.counts()) {
            let counter = format!("led_to.{}", self.about.kind);
            for dimension in dimensions(previous, &answering(previous)) {
                self.add(Family::Cohort, dimension, previous.opened_day, &counter, 1);
            }
        }
    }

    /// Moves the handoff to the type it now is; what was counted on the way stays with the type it
    /// then was.
    fn upgrade(&mut self, who: &Credit, kind: &TypeKey, was: &TypeKey) {
        self.both(who, "upgraded", 1);
        let day = self.about.opened_day;
        self.add(Family::Cohort, format!("type:{was}"), day, "opened", -1);
        self.add(Family::Cohort, format!("type:{kind}"), day, "opened", 1);
    }

    fn rate(&mut self, who: &Credit, score: u8, complete: bool) {
        self.both(who, "rated", 1);
        self.both(who, "rating_sum", i64::from(score));
        self.both(who, &format!("rating.{score}"), 1);
        self.both(who, if complete { "complete_yes" } else { "complete_no" }, 1);
    }

    /// Counts a first response; one that turns out to be earlier than the one counted takes its
    /// place.
    fn respond(&mut self, response: &Response, was: Option<&Response>) {
        self.response(Family::Cohort, response, 1);
        match was {
            Some(old) => {
                self.response(Family::Cohort, old, -1);
                self.count_in(Family::Happened, &response.credit, "corrected", 1);
            }
            None => self.response(Family::Happened, response, 1),
        }
    }

    fn response(&mut self, family: Family, response: &Response, sign: i64) {
        let (who, seconds) = (&response.credit, response.seconds.max(0));
        self.count_in(family, who, "touched", sign);
        self.count_in(family, who, "response_seconds", sign * seconds);
        self.count_in(family, who, &bucket_counter(bucket_of(seconds)), sign);
        if seconds <= FIVE_MINUTES_SECONDS {
            self.count_in(family, who, "touched_in_five_minutes", sign);
        }
    }

    /// Takes back a breach that was counted.
    fn withdraw(&mut self, clock: &str, was: Option<&Credit>) {
        if let Some(was) = was {
            self.count_in(Family::Cohort, was, &format!("breached.{clock}"), -1);
            self.count_in(Family::Happened, was, &format!("withdrawn.{clock}"), 1);
        }
    }

    fn with_detail(&mut self, who: &Credit, counter: &str, detail: &str) {
        self.both(who, counter, 1);
        self.both(who, &format!("{counter}.{detail}"), 1);
    }

    fn money(&mut self, who: &Credit, counter: &str, money: Option<&Money>) {
        if let Some(money) = money {
            self.both(who, &format!("{counter}.{}", money.currency), money.minor);
        }
    }

    fn both(&mut self, who: &Credit, counter: &str, amount: i64) {
        self.count_in(Family::Cohort, who, counter, amount);
        self.count_in(Family::Happened, who, counter, amount);
    }

    fn count_in(&mut self, family: Family, who: &Credit, counter: &str, amount: i64) {
        let day = match family {
            Family::Cohort => self.about.opened_day,
            Family::Happened => self.about.day,
        };
        for dimension in dimensions(self.about, who) {
            self.add(family, dimension, day, counter, amount);
        }
    }

    fn add(
        &mut self,
        family: Family,
        dimension: String,
        day: NaiveDate,
        counter: &str,
        amount: i64,
    ) {
        *self.sums.entry((family, dimension, day, counter.to_owned())).or_default() += amount;
    }
}

/// Reads who answers for what a commit says, if no credit says otherwise; a rejection leaves no
/// owner, so whoever had it.
fn answering(about: &About) -> Credit {
    Credit {
        owner: about.owner.as_ref().or(about.owner_before.as_ref()).cloned(),
        pool: about.pool.clone(),
        rule: about.rule.clone(),
    }
}

/// Lists whose numbers a fact counts in. The sender is a person, or the transferring team when no
/// person sent it.
fn dimensions(about: &About, who: &Credit) -> Vec<String> {
    let sender = about.sender.as_ref().map_or(about.from.as_str(), |sender| sender.as_str());
    let mut names = vec![
        "all".to_owned(),
        format!("type:{}", about.kind),
        format!("source:{}", about.source),
        format!("sender:{sender}"),
    ];
    names.extend(who.pool.as_ref().map(|pool| format!("pool:{pool}")));
    names.extend(who.owner.as_ref().map(|rep| format!("rep:{rep}")));
    names.extend(who.rule.as_ref().map(|rule| format!("rule:{rule}")));
    names
}

#[cfg(test)]
mod tests;
