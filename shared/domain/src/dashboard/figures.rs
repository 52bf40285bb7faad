//! Figures: what a manager reads off summed rollup rows.
//!
//! All integer arithmetic. A percentage is rounded down, so that 100 % means all, and without a
//! denominator there is no figure.

use crate::rollup;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Range};

/// Counters by name: one rollup row, or a sum of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Numbers(pub BTreeMap<String, i64>);

impl Numbers {
    /// Sums rows.
    pub fn sum<'a>(rows: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for (counter, amount) in rows.into_iter().flat_map(|row| &row.0) {
            sum.add(counter, *amount);
        }
        sum
    }

    /// Adds to a counter.
    pub fn add(&mut self, counter: &str, amount: i64) {
        *self.0.entry(counter.to_owned()).or_default() += amount;
    }

    /// Reads a counter; one that was never touched is 0.
    pub fn get(&self, counter: &str) -> i64 {
        self.0.get(counter).copied().unwrap_or_default()
    }

    /// Lists the counters below a prefix such as `met.`, without it.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, i64)> {
        let matching = self.0.range(prefix.to_owned()..);
        matching.map_while(move |(name, amount)| Some((name.strip_prefix(prefix)?, *amount)))
    }

    /// Adds up the counters below a prefix.
    pub fn total(&self, prefix: &str) -> i64 {
        self.under(prefix).map(|(_, amount)| amount).sum()
    }

    /// Tells the average response in seconds, rounded down.
    pub fn average_response_seconds(&self) -> Option<i64> {
        let touched = self.get("touched");
        (touched > 0).then(|| self.get("response_seconds") / touched)
    }

    /// Tells within how many seconds that share of the responses came, by the longest of its
    /// bucket.
    pub fn response_seconds_within(&self, share_percent: i64) -> Option<i64> {
        let all = self.total("response.");
        let mut so_far = 0;
        let mut buckets = self.under("response.");
        let (bucket, _) = buckets.find(|(_, count)| {
            so_far += count;
            all > 0 && so_far * 100 >= all * share_percent
        })?;
        bucket.parse().ok().map(rollup::bucket_seconds_max)
    }

    /// Tells the share of the clocks that ended in time.
    pub fn within_sla_percent(&self) -> Option<i64> {
        percent(self.total("met."), self.total("met.") + self.total("breached."))
    }
}

/// The rollup rows of one dimension, by day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// By the day the handoff opened.
    pub cohort: BTreeMap<NaiveDate, Numbers>,
    /// By the day the fact was recorded.
    pub happened: BTreeMap<NaiveDate, Numbers>,
}

/// The figures of one dimension over some days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Handoffs that opened.
    pub opened: i64,
    /// Of those, the first of their lane.
    pub first_opened: i64,
    /// Times somebody got one.
    pub received: i64,
    /// Handoffs that were followed up.
    pub touched: i64,
    /// Clocks that were met.
    pub met: i64,
    /// Clocks that were missed, and still count as missed.
    pub breached: i64,
    /// Share of clocks met.
    pub within_sla_percent: Option<i64>,
    /// Average time to the first touch.
    pub average_response_seconds: Option<i64>,
    /// Half of the first touches came within.
    pub p50_response_seconds: Option<i64>,
    /// Nine in ten first touches came within.
    pub p90_response_seconds: Option<i64>,
    /// Share of first touches that came within five minutes.
    pub five_minute_percent: Option<i64>,
    /// Breaches recorded in these days, whenever their handoff opened.
    pub violations: i64,
    /// Breaches taken back in these days.
    pub withdrawn: i64,
    /// Escalations in these days.
    pub escalations: i64,
    /// Average share of the information that was there at the handoff.
    pub completeness_percent: Option<i64>,
    /// Rejections.
    pub rejected: i64,
    /// Rejections, as a share of the handoffs.
    pub rejected_percent: Option<i64>,
    /// Why they were rejected.
    pub rejected_for: BTreeMap<String, i64>,
    /// Handoffs that were recycled.
    pub recycled: i64,
    /// Handoffs with an outcome.
    pub completed: i64,
    /// Of those, successes.
    pub success: i64,
    /// Ratings given.
    pub rated: i64,
    /// Average rating, in hundredths.
    pub rating_hundredths: Option<i64>,
    /// Share of ratings that are four or five of five.
    pub well_rated_percent: Option<i64>,
    /// Surveys that were answered by those who were passed on.
    pub surveyed: i64,
    /// Their average, in hundredths.
    pub survey_hundredths: Option<i64>,
    /// Share of them that say “very good” or “excellent”.
    pub survey_well_percent: Option<i64>,
    /// Reports that the information was incomplete.
    pub incomplete_reports: i64,
    /// Handoffs old enough to have been followed up.
    pub due_for_follow_up: i64,
    /// Of those, the ones nobody followed up.
    pub never_followed_up: i64,
    /// The same, as a share.
    pub never_followed_up_percent: Option<i64>,
    /// What the handoffs were worth when they opened, in minor units by currency.
    pub amount_minor: BTreeMap<String, i64>,
}

impl Figures {
    /// Reads the figures of some days off a dimension's rows; handoffs opened on `ripe` days are
    /// old enough to have been followed up.
    pub fn of(rows: &Rows, days: Range<NaiveDate>, ripe: Range<NaiveDate>) -> Self {
        let cohort = over(&rows.cohort, days.clone());
        let happened = over(&rows.happened, days);
        let old = over(&rows.cohort, ripe);
        let (opened, rated) = (cohort.get("opened"), cohort.get("rated"));
        let well_rated = cohort.get("rating.4") + cohort.get("rating.5");
        let surveyed = cohort.get("surveyed");
        let went_well = cohort.get("survey.4") + cohort.get("survey.5");
        let never = old.get("opened") - old.get("touched");
        let by_name = |prefix: &'static str| {
            cohort.under(prefix).map(|(name, amount)| (name.to_owned(), amount)).collect()
        };
        Self {
            opened,
            first_opened: cohort.get("first_opened"),
            received: cohort.get("assigned") + cohort.get("reassigned"),
            touched: cohort.get("touched"),
            met: cohort.total("met."),
            breached: cohort.total("breached."),
            within_sla_percent: cohort.within_sla_percent(),
            average_response_seconds: cohort.average_response_seconds(),
            p50_response_seconds: cohort.response_seconds_within(50),
            p90_response_seconds: cohort.response_seconds_within(90),
            five_minute_percent: percent(
                cohort.get("touched_in_five_minutes"),
                cohort.get("touched"),
            ),
            violations: happened.total("breached."),
            withdrawn: happened.total("withdrawn."),
            escalations: happened.get("escalated"),
            completeness_percent: ratio(
                cohort.get("completeness_sum"),
                cohort.get("completeness_count"),
            ),
            rejected: cohort.get("rejected"),
            rejected_percent: percent(cohort.get("rejected"), opened),
            rejected_for: by_name("rejected."),
            recycled: cohort.get("recycled"),
            completed: cohort.get("completed"),
            success: cohort.get("success"),
            rated,
            rating_hundredths: ratio(cohort.get("rating_sum") * 100, rated),
            well_rated_percent: percent(well_rated, rated),
            surveyed,
            survey_hundredths: ratio(cohort.get("survey_sum") * 100, surveyed),
            survey_well_percent: percent(went_well, surveyed),
            incomplete_reports: cohort.get("complete_no"),
            due_for_follow_up: old.get("opened"),
            never_followed_up: never,
            never_followed_up_percent: percent(never, old.get("opened")),
            amount_minor: by_name("amount_minor."),
        }
    }
}

/// Sums the rows of some days; an empty range has none.
pub(super) fn over(rows: &BTreeMap<NaiveDate, Numbers>, days: Range<NaiveDate>) -> Numbers {
    Numbers::sum(rows.iter().filter(|(day, _)| days.contains(day)).map(|(_, row)| row))
}

/// Tells a share in percent, rounded down; none of nothing.
pub fn percent(part: i64, whole: i64) -> Option<i64> {
    ratio(part.saturating_mul(100), whole)
}

pub(super) fn ratio(part: i64, whole: i64) -> Option<i64> {
    (whole > 0).then(|| part.div_euclid(whole))
}
