//! The monthly dashboard: rollup rows become the figures a manager steers by.
//!
//! Rates divide like by like, so they come from `cohort`; what went wrong in a month (violations,
//! escalations) is counted when it happened, so that an unfinished month compares with a finished
//! one. What must stay true: everything is integer arithmetic; a percentage is rounded down, so
//! that 100 % means all; without a denominator there is no figure, not a zero.

mod advice;
mod figures;

pub use advice::{action_items, spell_seconds};
pub use figures::{Figures, Numbers, Rows, percent};

use crate::{
    config::{Config, HandoffType, Stop},
    ids::{PersonId, TypeKey},
};
use chrono::{Datelike, Days, Months, NaiveDate};
use figures::{over, ratio};
use serde::Serialize;
use std::{collections::BTreeMap, ops::Range};

/// What is wanted, to compare with what is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Targets {
    /// Share of clocks that end in time, at least.
    pub within_sla_percent: i64,
    /// Average response, at most, of a type that has no response clock.
    pub response_seconds: i64,
    /// Share of the information that is there at the handoff, at least.
    pub completeness_percent: i64,
    /// Share of handoffs that are rejected, at most.
    pub rejected_percent_max: i64,
    /// Average rating in hundredths, at least.
    pub rating_hundredths: i64,
    /// The same, for types that are held to more.
    pub rating_hundredths_by_type: BTreeMap<TypeKey, i64>,
    /// How old a handoff must be before nobody having followed up counts against it.
    pub follow_up_days: u64,
    /// How many feedback sessions are held a month, at least.
    pub sessions: i64,
    /// What handoffs lead to elsewhere.
    pub conversions: Vec<Benchmark>,
}

/// What share of a type's handoffs leads to something, elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Benchmark {
    /// The type.
    #[serde(rename = "type")]
    pub kind: TypeKey,
    /// The counter that says it happened.
    pub counter: String,
    /// What people call it.
    pub label: String,
    /// The share.
    pub percent: i64,
}

impl Default for Targets {
    fn default() -> Self {
        let benchmark = |kind: &str, counter: &str, label: &str, percent| Benchmark {
            kind: kind.into(),
            counter: counter.to_owned(),
            label: label.to_owned(),
            percent,
        };
        Self {
            within_sla_percent: 90,
            response_seconds: 4 * 3600,
            completeness_percent: 85,
            rejected_percent_max: 5,
            rating_hundredths: 420,
            rating_hundredths_by_type: [("closed_won".into(), 450)].into(),
            follow_up_days: 7,
            sessions: 2,
            conversions: vec![
                benchmark("mql", "led_to.meeting_set", "MQL to meeting", 20),
                benchmark("meeting_set", "success", "Meeting to opportunity", 65),
                benchmark("closed_won", "success", "Closed-won to activated", 80),
            ],
        }
    }
}

/// The figures of one handoff type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypeFigures {
    /// The type.
    #[serde(rename = "type")]
    pub kind: TypeKey,
    /// The name people know.
    pub name: String,
    /// This month's figures.
    pub figures: Figures,
    /// The month before.
    pub before: Figures,
    /// The average response that is wanted.
    pub response_target_seconds: i64,
    /// Whether that target counts working time only, while responses count all time.
    pub target_is_working_time: bool,
    /// What its handoffs led to.
    pub conversions: Vec<Conversion>,
}

/// What share of a type's handoffs led to something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conversion {
    /// What people call it.
    pub label: String,
    /// The counter that says it happened.
    pub counter: String,
    /// How many did.
    pub count: i64,
    /// Of how many.
    pub of: i64,
    /// The same, as a share.
    pub percent: Option<i64>,
    /// The share elsewhere.
    pub benchmark_percent: Option<i64>,
}

/// The figures of one rep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepFigures {
    /// The rep.
    pub rep: PersonId,
    /// The name people know.
    pub name: String,
    /// This month's figures; `received` is how many handoffs they got.
    pub figures: Figures,
}

/// One week, Monday to Sunday, that ends in the month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Week {
    /// Its Monday.
    pub from: NaiveDate,
    /// Handoffs that opened.
    pub opened: i64,
    /// Share of their clocks that were met.
    pub within_sla_percent: Option<i64>,
    /// How many more opened than in the week before, in percent; none until the week is over.
    pub change_percent: Option<i64>,
}

/// One month, as a manager reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dashboard {
    /// The month's first day.
    pub month: NaiveDate,
    /// Everything.
    pub total: Figures,
    /// The month before.
    pub before: Figures,
    /// How many more violations than in the month before.
    pub violations_change: i64,
    /// By type, also types nothing happened to.
    pub types: Vec<TypeFigures>,
    /// By rep, those who got any.
    pub reps: Vec<RepFigures>,
    /// Handoffs a rep got on average, in tenths.
    pub handoffs_per_rep_tenths: Option<i64>,
    /// By week.
    pub weeks: Vec<Week>,
    /// Feedback sessions that were held; whoever reads them adds them.
    pub sessions: i64,
    /// Those of the month before.
    pub sessions_before: i64,
    /// What is wanted.
    pub targets: Targets,
}

impl Dashboard {
    /// Makes the dashboard of `day`'s month as it stands `today`, from the rows of that month and
    /// the one before.
    ///
    /// `rows` is by dimension: `all`, `type:…` and `rep:…`; what is not there is empty.
    pub fn of(
        day: NaiveDate,
        today: NaiveDate,
        rows: &BTreeMap<String, Rows>,
        config: &Config,
        targets: Targets,
    ) -> Self {
        let month = month_of(day);
        let earlier = month_of(month.start.pred_opt().unwrap_or(month.start));
        let grown = today - Days::new(targets.follow_up_days);
        let ripe = |days: &Range<NaiveDate>| days.start..days.end.min(grown);
        let nothing = Rows::default();
        let read = |dimension: &str, days: &Range<NaiveDate>| {
            let rows = rows.get(dimension).unwrap_or(&nothing);
            Figures::of(rows, days.clone(), ripe(days))
        };
        let (total, before) = (read("all", &month), read("all", &earlier));
        let mut kinds: BTreeMap<TypeKey, Option<&HandoffType>> =
            config.types.iter().map(|(key, kind)| (key.clone(), Some(kind))).collect();
        for key in rows.keys().filter_map(|dimension| dimension.strip_prefix("type:")) {
            kinds.entry(key.into()).or_default();
        }
        let types = kinds.into_iter().map(|(key, kind)| {
            let dimension = format!("type:{key}");
            let cohort = rows.get(&dimension).map(|rows| over(&rows.cohort, month.clone()));
            let (response_target_seconds, target_is_working_time) =
                response_target(kind).unwrap_or((targets.response_seconds, false));
            TypeFigures {
                name: kind.map_or_else(|| key.to_string(), |kind| kind.name.clone()),
                figures: read(&dimension, &month),
                before: read(&dimension, &earlier),
                response_target_seconds,
                target_is_working_time,
                conversions: conversions(&key, &cohort.unwrap_or_default(), config, &targets),
                kind: key,
            }
        });
        let types = types.collect();
        let reps = reps(rows, config, |dimension| read(dimension, &month));
        let received: i64 = reps.iter().map(|rep| rep.figures.received).sum();
        Self {
            month: month.start,
            violations_change: total.violations - before.violations,
            types,
            handoffs_per_rep_tenths: ratio(received * 10, i64::try_from(reps.len()).unwrap_or(0)),
            reps,
            weeks: weeks(rows.get("all").unwrap_or(&nothing), &month, today),
            total,
            before,
            sessions: 0,
            sessions_before: 0,
            targets,
        }
    }
}

/// Lists what a type's handoffs led to: what has a benchmark first, then every other type they led
/// to.
fn conversions(
    kind: &TypeKey,
    cohort: &Numbers,
    config: &Config,
    targets: &Targets,
) -> Vec<Conversion> {
    let of = cohort.get("opened");
    let conversion = |label: String, counter: String, benchmark_percent| {
        let count = cohort.get(&counter);
        let percent = percent(count, of);
        Conversion { label, counter, count, of, percent, benchmark_percent }
    };
    let known: Vec<_> = targets.conversions.iter().filter(|known| known.kind == *kind).collect();
    let mut list: Vec<_> = known
        .iter()
        .map(|known| conversion(known.label.clone(), known.counter.clone(), Some(known.percent)))
        .collect();
    let name = |key: &str| config.types.get(key).map_or(key.to_owned(), |kind| kind.name.clone());
    let rules = config.types.get(kind).map_or(&[][..], |kind| &kind.milestones);
    list.extend(rules.iter().map(|rule| {
        let counter = format!("milestone_success.{}", rule.name);
        let (count, of) = (cohort.get(&counter), cohort.get(&format!("milestone.{}", rule.name)));
        let (label, percent) = (rule.label.clone(), percent(count, of));
        Conversion { label, counter, count, of, percent, benchmark_percent: None }
    }));
    for (next, _) in cohort.under("led_to.") {
        let counter = format!("led_to.{next}");
        if !known.iter().any(|known| known.counter == counter) {
            list.push(conversion(
                format!("{} to {}", name(kind.as_str()), name(next)),
                counter,
                None,
            ));
        }
    }
    list
}

/// Reads the response a type promises: the first of its clocks that a touch stops, and whether it
/// counts working time.
fn response_target(kind: Option<&HandoffType>) -> Option<(i64, bool)> {
    let clock = kind?.clocks.iter().find(|clock| clock.stop == Stop::Touch)?;
    Some((clock.target.elapsed().num_seconds(), clock.calendar.is_some()))
}

fn reps(
    rows: &BTreeMap<String, Rows>,
    config: &Config,
    read: impl Fn(&str) -> Figures,
) -> Vec<RepFigures> {
    rows.keys()
        .filter_map(|dimension| {
            let rep = PersonId::from(dimension.strip_prefix("rep:")?);
            let figures = read(dimension);
            let name = config.name_of(&rep).to_owned();
            (figures.received > 0).then_some(RepFigures { rep, name, figures })
        })
        .collect()
}

fn weeks(rows: &Rows, month: &Range<NaiveDate>, today: NaiveDate) -> Vec<Week> {
    let week = |sunday: NaiveDate| over(&rows.cohort, sunday - Days::new(6)..sunday + Days::new(1));
    let sundays = month.start.iter_days().take_while(|day| *day < month.end);
    sundays
        .filter(|day| day.weekday() == chrono::Weekday::Sun)
        .map(|sunday| {
            let (numbers, before) = (week(sunday), week(sunday - Days::new(7)));
            let (opened, earlier) = (numbers.get("opened"), before.get("opened"));
            let over = sunday < today && earlier > 0;
            Week {
                from: sunday - Days::new(6),
                opened,
                within_sla_percent: numbers.within_sla_percent(),
                change_percent: over.then(|| (opened - earlier) * 100 / earlier.max(1)),
            }
        })
        .collect()
}

/// Tells the days of a day's month.
fn month_of(day: NaiveDate) -> Range<NaiveDate> {
    let first = day.with_day(1).unwrap_or(day);
    first..first.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests;
