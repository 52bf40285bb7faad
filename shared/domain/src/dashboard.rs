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
mod tests {
    use super::*;

    fn config() -> Config {
        crate::config::load(include_str!("../../../infra/local/sample/organisation.toml")).unwrap()
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Reads rows written as `dimension family day counter amount`, one a line.
    fn rows(text: &str) -> BTreeMap<String, Rows> {
        let mut rows: BTreeMap<String, Rows> = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<_> = line.split_whitespace().collect();
            let [dimension, family, day, counter, amount] = words[..] else { panic!("{line}") };
            let rows = rows.entry(dimension.to_owned()).or_default();
            let days = match family {
                "cohort" => &mut rows.cohort,
                _ => &mut rows.happened,
            };
            days.entry(date(day)).or_default().add(counter, amount.parse().unwrap());
        }
        rows
    }

    fn january(text: &str) -> Dashboard {
        let today = date("2026-02-03");
        Dashboard::of(date("2026-01-31"), today, &rows(text), &config(), Targets::default())
    }

    #[test]
    fn a_month_sums_its_days_and_compares_with_the_month_before() {
        let dashboard = january(
            "all cohort   2025-12-31 opened 99
             all happened 2025-12-31 breached.respond 2
             all cohort   2026-01-01 opened 6
             all cohort   2026-01-01 met.respond 7
             all cohort   2026-01-31 opened 4
             all cohort   2026-01-31 met.prepare 2
             all cohort   2026-01-31 breached.respond 1
             all cohort   2026-01-31 rejected 1
             all cohort   2026-01-31 rejected.duplicate 1
             all happened 2026-01-31 breached.respond 5
             all happened 2026-01-31 withdrawn.respond 1
             all happened 2026-01-31 escalated 3
             all cohort   2026-02-01 opened 50",
        );
        let total = &dashboard.total;
        assert_eq!(
            (dashboard.month, total.opened, dashboard.before.opened),
            (date("2026-01-01"), 10, 99)
        );
        assert_eq!((total.met, total.breached, total.within_sla_percent), (9, 1, Some(90)));
        assert_eq!((total.violations, total.withdrawn, total.escalations), (5, 1, 3));
        assert_eq!(dashboard.violations_change, 3);
        assert_eq!((total.rejected, total.rejected_percent), (1, Some(10)));
        assert_eq!(total.rejected_for, BTreeMap::from([("duplicate".to_owned(), 1)]));
    }

    #[test]
    fn without_a_denominator_there_is_no_percentage() {
        let dashboard = january("");
        let total = &dashboard.total;
        assert_eq!(total.within_sla_percent, None);
        assert_eq!(total.average_response_seconds, None);
        assert_eq!(total.p90_response_seconds, None);
        assert_eq!(total.never_followed_up_percent, None);
        assert_eq!(dashboard.handoffs_per_rep_tenths, None);
        assert_eq!(dashboard.types.len(), 6);
        assert_eq!(action_items(&dashboard, &config()), Vec::<String>::new());
    }

    #[test]
    fn a_percentage_is_rounded_down_so_that_a_hundred_means_all() {
        assert_eq!(percent(999, 1000), Some(99));
        assert_eq!(percent(1000, 1000), Some(100));
        assert_eq!(percent(1, 0), None);
    }

    #[test]
    fn percentiles_merge_over_days_and_tell_the_longest_of_their_bucket() {
        let mut text = String::new();
        for seconds in 1..=100 {
            let counter = crate::rollup::bucket_counter(crate::rollup::bucket_of(seconds));
            let day = 1 + seconds % 28;
            text += &format!("all cohort 2026-01-{day:02} {counter} 1\n");
            text += &format!("all cohort 2026-01-{day:02} touched 1\n");
            text += &format!("all cohort 2026-01-{day:02} response_seconds {seconds}\n");
        }
        let total = january(&text).total;
        assert_eq!(total.p50_response_seconds, Some(51));
        assert_eq!(total.p90_response_seconds, Some(95));
        assert_eq!(total.average_response_seconds, Some(50));
    }

    #[test]
    fn only_handoffs_of_some_age_count_as_never_followed_up() {
        let text = "all cohort 2026-01-26 opened 10
                    all cohort 2026-01-26 touched 7
                    all cohort 2026-01-27 opened 100";
        let total = january(text).total;
        assert_eq!((total.due_for_follow_up, total.never_followed_up), (10, 3));
        assert_eq!(total.never_followed_up_percent, Some(30));
    }

    #[test]
    fn weeks_belong_to_the_month_they_end_in_and_are_compared_when_they_are_over() {
        let rows = rows(
            "all cohort 2025-12-22 opened 4
             all cohort 2025-12-29 opened 3
             all cohort 2026-01-04 opened 3
             all cohort 2026-01-05 opened 3
             all cohort 2026-01-12 opened 1",
        );
        let weeks = |today| {
            Dashboard::of(date(today), date(today), &rows, &config(), Targets::default()).weeks
        };
        let read: Vec<_> = weeks("2026-01-14")
            .into_iter()
            .map(|week| (week.from.to_string(), week.opened, week.change_percent))
            .collect();
        assert_eq!(
            read,
            [
                ("2025-12-29".to_owned(), 6, Some(50)),
                ("2026-01-05".to_owned(), 3, Some(-50)),
                ("2026-01-12".to_owned(), 1, None),
                ("2026-01-19".to_owned(), 0, None),
            ]
        );
    }

    #[test]
    fn reps_and_conversions_are_read_off_their_dimensions() {
        let dashboard = january(
            "rep:amara cohort 2026-01-05 assigned 7
             rep:amara cohort 2026-01-05 reassigned 1
             rep:ben cohort 2026-01-05 assigned 3
             rep:carla cohort 2026-01-05 rejected 1
             type:mql cohort 2026-01-05 opened 40
             type:mql cohort 2026-01-05 led_to.meeting_set 5
             type:mql cohort 2026-01-05 led_to.closed_won 1
             type:webinar cohort 2026-01-05 opened 2",
        );
        let reps: Vec<_> =
            dashboard.reps.iter().map(|rep| (rep.name.as_str(), rep.figures.received)).collect();
        assert_eq!(reps, [("Amara Okafor", 8), ("Ben Whitlock", 3)]);
        assert_eq!(dashboard.handoffs_per_rep_tenths, Some(55));
        let mql = dashboard.types.iter().find(|kind| kind.kind.as_str() == "mql").unwrap();
        let conversions: Vec<_> = mql
            .conversions
            .iter()
            .map(|it| (it.label.as_str(), it.count, it.percent, it.benchmark_percent))
            .collect();
        assert_eq!(
            conversions,
            [("MQL to meeting", 5, Some(12), Some(20)), ("MQL to Closed-won", 1, Some(2), None)]
        );
        assert_eq!(dashboard.types[6].name, "webinar");
    }

    #[test]
    fn what_misses_its_target_becomes_a_sentence_with_its_counts() {
        let dashboard = january(
            "type:mql cohort 2026-01-05 opened 40
             type:mql cohort 2026-01-05 touched 10
             type:mql cohort 2026-01-05 response_seconds 223200
             type:mql cohort 2026-01-05 met.respond 30
             type:mql cohort 2026-01-05 breached.respond 8
             type:mql cohort 2026-01-05 led_to.meeting_set 5
             type:mql cohort 2026-01-05 completeness_sum 2920
             type:mql cohort 2026-01-05 completeness_count 40
             type:mql cohort 2026-01-05 rejected 3
             type:mql cohort 2026-01-05 rated 2
             type:mql cohort 2026-01-05 rating_sum 8
             all cohort 2026-01-05 opened 40
             all cohort 2026-01-05 touched 10
             all happened 2025-12-05 breached.respond 6
             all happened 2026-01-05 breached.respond 8",
        );
        let items = action_items(&dashboard, &config());
        assert_eq!(
            items,
            [
                "MQL responses average 6.2 h against a target of 4 h of working time: see who \
                 is on shift when they arrive, and whether sdr has room for them.",
                "MQL met 78 % of its deadlines against a target of 90 %: 8 of 38 were missed; go \
                 through them with sdr.",
                "MQL handoffs are only 73 % complete against a target of 85 %: schedule a session \
                 of marketing and sdr on what must be passed on.",
                "3 of 40 MQL handoffs (7 %) were rejected, more than 5 %: read the reasons with \
                 marketing and agree on the criteria.",
                "MQL handoffs are rated 4.00 of 5 against a target of 4.20 (2 ratings): compare \
                 the best with the worst in the next session of marketing and sdr.",
                "MQL to meeting stands at 12 % against a benchmark of 20 % (5 of 40): compare \
                 those that were answered in time with those that were not.",
                "30 of 40 handoffs (75 %) were never followed up in 7 days or more: give each an \
                 owner who calls, or close it with a reason.",
                "SLA violations rose by 2 to 8: look at the weeks and pools where they gather.",
            ]
        );
    }

    #[test]
    fn nights_do_not_break_a_working_time_target_that_is_met() {
        let dashboard = january(
            "type:mql cohort 2026-01-05 opened 2
             type:mql cohort 2026-01-05 touched 1
             type:mql cohort 2026-01-05 response_seconds 60000
             type:mql cohort 2026-01-05 met.respond 1",
        );
        assert_eq!(action_items(&dashboard, &config()), Vec::<String>::new());
    }

    #[test]
    fn a_dashboard_is_stable_json_of_integers() {
        let text = serde_json::to_string(&january("all cohort 2026-01-05 opened 1").total).unwrap();
        assert!(text.starts_with(r#"{"opened":1,"first_opened":0,"#), "{text}");
        assert!(text.contains(r#""within_sla_percent":null"#), "{text}");
        assert!(!text.contains('.'), "{text}");
    }

    #[test]
    fn lengths_of_time_are_rounded_up_so_that_they_never_flatter() {
        let spelt = [59, 300, 301, 14_400, 14_401, 172_800, 216_001].map(spell_seconds);
        assert_eq!(spelt, ["59 s", "5 min", "5.1 min", "4 h", "4.1 h", "2 days", "2.6 days"]);
    }
}
