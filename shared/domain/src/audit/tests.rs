//! That what is true passes, and that each kind of untruth is found.

use super::*;
use crate::{
    Handoff,
    change::Change,
    commit::Commit,
    played::{at, config, play, tries},
    rollup::{Family, contributions},
};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Rows of numbers as they are stored: counters by family, dimension and day.
type Rows = BTreeMap<(Family, String, NaiveDate), BTreeMap<String, i64>>;

fn stored(commits: &[Commit]) -> Rows {
    let mut rows = Rows::new();
    for delta in commits.iter().flat_map(contributions) {
        let counters = rows.entry((delta.family, delta.dimension, delta.day)).or_default();
        *counters.entry(delta.counter).or_default() += delta.amount;
    }
    rows
}

fn differences(recount: &Recount, rows: &Rows) -> Vec<Difference> {
    let keys = rows.keys().chain(recount.rows().map(|(row, _)| row));
    let nothing = BTreeMap::new();
    keys.flat_map(|key| {
        let (family, dimension, day) = key;
        recount.differences(*family, dimension, *day, rows.get(key).unwrap_or(&nothing))
    })
    .collect()
}

fn codes(handoff: &Handoff, commits: &[Commit], now: DateTime<Utc>) -> Vec<&'static str> {
    let mut codes: Vec<_> = audit(handoff, commits, now).into_iter().map(|one| one.code).collect();
    codes.dedup();
    codes
}

proptest! {
    #[test]
    fn whatever_the_decisions_make_passes_and_is_counted_the_same(
        kind in prop::sample::select(vec!["mql", "hot_lead", "meeting_set", "closed_won"]),
        tries in tries(),
    ) {
        let (handoff, commits) = play(&config(), kind, &tries);
        // The play sweeps once before each try, so that something may be due for long.
        let mut findings = audit(&handoff, &commits, commits.last().unwrap().at);
        findings.retain(|finding| finding.code != "overdue");
        prop_assert_eq!(findings, []);
        let mut recount = Recount::default();
        recount.add(&commits);
        prop_assert_eq!(differences(&recount, &stored(&commits)), []);
    }
}

/// A hot lead that was missed by Amara, and then answered by Ben.
fn missed() -> (Handoff, Vec<Commit>, DateTime<Utc>) {
    let (handoff, commits) = play(&config(), "hot_lead", &[(1, 0, 0), (10, 18, 0), (1, 3, 0)]);
    let now = commits.last().unwrap().at;
    assert!(
        commits.iter().flat_map(|it| &it.changes).any(|it| matches!(it, Change::Breached { .. }))
    );
    (handoff, commits, now)
}

#[test]
fn a_state_that_is_not_what_its_history_says_is_found() {
    let (handoff, commits, now) = missed();
    assert_eq!(codes(&handoff, &commits, now), [] as [&str; 0]);
    let other = Handoff { completeness: 99, ..handoff.clone() };
    let found = audit(&other, &commits, now);
    assert_eq!(found[0].code, "state-differs");
    assert!(found[0].said.contains("completeness"), "{}", found[0].said);
    let mut gap = commits.clone();
    gap.remove(1);
    assert_eq!(codes(&handoff, &gap, now)[0], "missing-commit");
    assert_eq!(codes(&handoff, &commits[..commits.len() - 1], now)[0], "missing-commit");
}

#[test]
fn an_owner_who_comes_from_nowhere_is_found() {
    let (handoff, mut commits, now) = missed();
    commits[1].about.owner = Some("carla".into());
    assert!(codes(&handoff, &commits, now).contains(&"owner-chain"));
}

#[test]
fn a_step_before_its_time_and_one_taken_twice_are_found() {
    let (handoff, commits, now) = missed();
    let is_step = |change: &Change| matches!(change, Change::Breached { .. });
    let place = commits.iter().position(|it| it.changes.iter().any(is_step)).unwrap();
    let mut early = commits.clone();
    early[place].at -= Duration::minutes(30);
    assert!(codes(&handoff, &early, now).contains(&"early-step"));
    let mut twice = commits;
    let again = twice[place].changes.iter().find(|it| is_step(it)).unwrap().clone();
    twice[place].changes.push(again);
    assert!(codes(&handoff, &twice, now).contains(&"step-twice"));
}

#[test]
fn what_is_due_and_what_nobody_asks_for_is_found() {
    let (handoff, commits) = play(&config(), "hot_lead", &[(1, 0, 0)]);
    let due = at("2026-01-05T09:04:00Z");
    let late = due + Duration::minutes(OVERDUE_MINUTES);
    assert_eq!(codes(&handoff, &commits, late), [] as [&str; 0]);
    assert_eq!(codes(&handoff, &commits, late + Duration::seconds(1)), ["overdue"]);
    let (mut alone, commits) = play(&config(), "hot_lead", &[]);
    alone.routing = None;
    let found = codes(&alone, &commits, at("2026-01-05T09:00:00Z"));
    assert_eq!(found, ["state-differs", "forgotten"]);
}

#[test]
fn a_breach_that_a_touch_takes_back_is_found() {
    let (handoff, commits, now) = missed();
    let touched = handoff.clocks[0].breached_at.map(|at| at - Duration::minutes(1));
    let wronged = Handoff { first_touch_at: touched, ..handoff };
    assert!(codes(&wronged, &commits, now).contains(&"wrong-breach"));
}

#[test]
fn a_number_that_nobody_can_recount_is_found_by_its_name() {
    let (_, commits, _) = missed();
    let mut recount = Recount::default();
    recount.add(&commits);
    let mut rows = stored(&commits);
    let row = (Family::Cohort, "all".to_owned(), commits[0].about.opened_day);
    *rows.get_mut(&row).unwrap().entry("breached.respond".to_owned()).or_default() += 1;
    rows.get_mut(&row).unwrap().insert("made_up".to_owned(), 3);
    let found = differences(&recount, &rows);
    let said: Vec<_> =
        found.iter().map(|it| (it.counter.as_str(), it.stored, it.counted)).collect();
    assert!(said.contains(&("breached.respond", 2, 1)), "{said:?}");
    assert!(said.contains(&("made_up", 3, 0)), "{said:?}");
}

#[test]
fn the_mail_says_what_was_found_in_72_columns() {
    let one = |number: usize| Finding {
        code: "open-count",
        about: format!("rep{number}"),
        said: "12 handoffs are theirs, and 13 are counted, which takes a second line.".to_owned(),
    };
    let findings: Vec<Finding> = (0..25).map(one).collect();
    let (to, mail) = mail(&findings, &config());
    let to: Vec<_> = to.iter().map(|person| person.as_str()).collect();
    assert_eq!(to, ["grace", "priya"]);
    assert_eq!(mail.subject, "Audit: 25 things are stored that are not so - Northwind Analytics");
    assert!(mail.body.starts_with("http://127.0.0.1:8787/dashboard\n"), "{}", mail.body);
    assert!(mail.body.contains("- and 5 more\n"), "{}", mail.body);
    assert!(mail.body.lines().all(|line| line.chars().count() <= 72), "{}", mail.body);
}
