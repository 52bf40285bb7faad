//! What a page shows of some days' counters, written out by hand.

use super::*;

fn config() -> Config {
    crate::config::load(include_str!("../../../../infra/local/sample/organisation.toml")).unwrap()
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
    let weeks =
        |today| Dashboard::of(date(today), date(today), &rows, &config(), Targets::default()).weeks;
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
