//! What commits add up to: change by change, and over whole histories in any order.

use super::*;
use crate::{
    clock::ClockState,
    commit::Lineage,
    decide::{Command, Facts, decide},
    played::{Try, at, commit, config, open, play, played, record, tries},
    stage::Stage,
};
use proptest::prelude::*;

fn credit(owner: &str) -> Credit {
    Credit {
        owner: Some(owner.into()),
        pool: Some("sdr_emea".into()),
        rule: Some("Inbound".into()),
    }
}

/// Writes the deltas of the dimensions that start with `prefix`, one a line, without the year
/// and month.
fn lines(commit: &Commit, prefix: &str) -> Vec<String> {
    contributions(commit)
        .iter()
        .filter(|delta| delta.dimension.starts_with(prefix))
        .map(|delta| {
            let Delta { family, dimension, day, counter, amount } = delta;
            format!("{family} {dimension} {} {counter} {amount:+}", day.format("%d"))
        })
        .collect()
}

fn sums(commits: &[Commit]) -> BTreeMap<(Family, String, NaiveDate, String), i64> {
    let mut sums = BTreeMap::new();
    for delta in commits.iter().flat_map(contributions) {
        let key = (delta.family, delta.dimension, delta.day, delta.counter);
        *sums.entry(key).or_default() += delta.amount;
    }
    sums.retain(|_, amount| *amount != 0);
    sums
}

#[test]
fn a_fact_counts_for_every_dimension_on_both_days() {
    let clock = "respond".to_owned();
    let due_at = at("2026-01-06T08:00:00Z");
    let breach = Change::Breached { clock, due_at, credit: credit("amara") };
    let deltas = contributions(&commit(vec![breach]));
    let dimensions: Vec<_> = deltas.iter().take(7).map(|delta| delta.dimension.as_str()).collect();
    assert_eq!(
        dimensions,
        [
            "all",
            "pool:sdr_emea",
            "rep:amara",
            "rule:Inbound",
            "sender:marketing",
            "source:hubspot",
            "type:mql"
        ]
    );
    assert_eq!(deltas.len(), 14);
    assert!(deltas.iter().all(|d| d.counter == "breached.respond" && d.amount == 1));
    let days: Vec<_> = deltas.iter().map(|d| (d.family, d.day.format("%d").to_string())).collect();
    assert_eq!(days[0], (Family::Cohort, "05".to_owned()));
    assert_eq!(days[13], (Family::Happened, "06".to_owned()));
}

#[test]
fn a_withdrawn_breach_leaves_the_cohort_and_is_counted_as_withdrawn_where_nothing_decreases() {
    let met = Change::ClockMet {
        clock: "respond".into(),
        at: at("2026-01-05T09:00:00Z"),
        late: false,
        credit: credit("amara"),
        was: Some(credit("amara")),
        told: vec!["priya".into()],
    };
    assert_eq!(
        lines(&commit(vec![met]), "rep:"),
        [
            "cohort rep:amara 05 breached.respond -1",
            "cohort rep:amara 05 met.respond +1",
            "happened rep:amara 06 met.respond +1",
            "happened rep:amara 06 withdrawn.respond +1",
        ]
    );
}

#[test]
fn a_clock_stopped_too_late_adds_nothing_to_its_breach() {
    let late = Change::ClockMet {
        clock: "respond".into(),
        at: at("2026-01-06T09:00:00Z"),
        late: true,
        credit: credit("amara"),
        was: None,
        told: Vec::new(),
    };
    assert_eq!(contributions(&commit(vec![late])), []);
}

#[test]
fn an_earlier_touch_replaces_the_response_that_was_counted() {
    let response = |seconds, who| Response { seconds, credit: credit(who) };
    let touched = Change::Touched {
        channel: "call".into(),
        at: at("2026-01-05T10:00:00Z"),
        by: None,
        first: true,
        response: Some(response(300, "ben")),
        was: Some(response(4000, "amara")),
    };
    let commit = commit(vec![touched]);
    assert_eq!(
        lines(&commit, "all"),
        [
            "cohort all 05 response.049 +1",
            "cohort all 05 response.079 -1",
            "cohort all 05 response_seconds -3700",
            "cohort all 05 touched_in_five_minutes +1",
            "happened all 06 corrected +1",
        ]
    );
    assert_eq!(
        lines(&commit, "rep:amara"),
        [
            "cohort rep:amara 05 response.079 -1",
            "cohort rep:amara 05 response_seconds -4000",
            "cohort rep:amara 05 touched -1",
        ]
    );
}

#[test]
fn an_upgrade_moves_the_handoff_to_its_new_type_and_changes_no_other_total() {
    let upgraded = Change::Upgraded {
        kind: "hot_lead".into(),
        was: "mql".into(),
        heat: 2,
        clocks: Vec::new(),
        triggered_at: at("2026-01-05T09:00:00Z"),
    };
    let mut commit = commit(vec![upgraded]);
    commit.about.kind = "hot_lead".into();
    let cohort: Vec<_> =
        lines(&commit, "").into_iter().filter(|line| line.contains(" opened ")).collect();
    assert_eq!(cohort, ["cohort type:hot_lead 05 opened +1", "cohort type:mql 05 opened -1"]);
    assert_eq!(lines(&commit, "all"), ["cohort all 05 upgraded +1", "happened all 06 upgraded +1"]);
}

#[test]
fn an_opening_counts_what_it_brings_and_where_it_came_from() {
    let (mut handoff, _) = open(&config(), "mql");
    handoff.completeness = 70;
    handoff.amount = Some(Money { minor: 500_000, currency: "EUR".into() });
    let mut previous = commit(Vec::new()).about;
    previous.opened_day = NaiveDate::from_ymd_opt(2026, 1, 2).unwrap();
    let mut opening = commit(vec![Change::Opened { handoff: Box::new(handoff) }]);
    opening.about.kind = "meeting_set".into();
    opening.lineage = Some(Lineage { previous: Some(previous), first_in_lane: true });
    assert_eq!(
        lines(&opening, "all")[..6],
        [
            "cohort all 02 led_to.meeting_set +1",
            "cohort all 05 amount_minor.EUR +500000",
            "cohort all 05 completeness_count +1",
            "cohort all 05 completeness_sum +70",
            "cohort all 05 first_opened +1",
            "cohort all 05 opened +1",
        ]
    );
    assert_eq!(lines(&opening, "type:mql"), ["cohort type:mql 02 led_to.meeting_set +1"]);
    assert!(lines(&opening, "rep:ben").contains(&"cohort rep:ben 02 led_to.meeting_set +1".into()));
    opening.lineage.as_mut().unwrap().first_in_lane = false;
    assert!(!lines(&opening, "").iter().any(|line| line.contains("led_to")));
}

#[test]
fn a_rejection_counts_for_whoever_had_it() {
    let returned = Change::Returned { reason: "duplicate".into(), by: "amara".into() };
    let mut commit = commit(vec![returned]);
    commit.about.owner = None;
    assert_eq!(
        lines(&commit, "rep:"),
        [
            "cohort rep:amara 05 rejected +1",
            "cohort rep:amara 05 rejected.duplicate +1",
            "happened rep:amara 06 rejected +1",
            "happened rep:amara 06 rejected.duplicate +1",
        ]
    );
}

#[test]
fn what_is_only_observed_counts_and_what_is_off_does_not() {
    let mut commit = commit(vec![Change::Rated { score: 5, complete: true, stands: true }]);
    commit.about.mode = crate::config::Mode::Observe;
    assert!(lines(&commit, "all").contains(&"happened all 06 rating_sum +5".to_owned()));
    commit.about.mode = crate::config::Mode::Off;
    assert_eq!(contributions(&commit), []);
}

#[test]
fn buckets_join_without_a_gap_and_are_at_most_an_eighth_wide() {
    let mut next = 0;
    for bucket in 0..300 {
        let max = bucket_seconds_max(bucket);
        assert_eq!((bucket_of(next), bucket_of(max)), (bucket, bucket));
        assert!((max - next) * 8 <= max, "{bucket}");
        next = max + 1;
    }
    assert_eq!(bucket_seconds_max(bucket_of(i64::MAX)), i64::MAX);
    assert_eq!((bucket_of(-1), bucket_seconds_max(u32::MAX)), (0, i64::MAX));
}

proptest! {
    #[test]
    fn the_cohort_says_what_the_handoff_says_in_the_end(
        kind in prop::sample::select(vec!["mql", "hot_lead", "meeting_set", "closed_won"]),
        tries in tries(),
    ) {
        let config = config();
        let (handoff, commits) = play(&config, kind, &tries);
        let sums = sums(&commits);
        let day = config.day_of(handoff.opened_at);
        let cohort = |dimension: &str, counter: &str| {
            let key = (Family::Cohort, dimension.to_owned(), day, counter.to_owned());
            sums.get(&key).copied().unwrap_or_default()
        };
        let touched = handoff.first_touch_at;
        prop_assert_eq!(cohort("all", "opened"), 1);
        prop_assert_eq!(cohort(&format!("type:{}", handoff.kind), "opened"), 1);
        prop_assert_eq!(cohort("all", "touched"), i64::from(touched.is_some()));
        let seconds = touched.map_or(0, |at| (at - handoff.triggered_at).num_seconds());
        prop_assert_eq!(cohort("all", "response_seconds"), seconds);
        let completed = handoff.stage == Stage::Completed;
        prop_assert_eq!(cohort("all", "completed"), i64::from(completed));
        // A sequence that was given back or begun anew keeps what it missed.
        let once = !commits.iter().flat_map(|commit| &commit.changes).any(|change| {
            matches!(change, Change::Returned { .. } | Change::Upgraded { .. })
        });
        let missed = handoff.tasks.iter().filter(|task| task.credit.is_some()).count();
        if once {
            prop_assert_eq!(cohort("all", "tasks_missed"), i64::try_from(missed).unwrap());
        }
        for clock in &handoff.clocks {
            let dimension = format!("type:{}", handoff.kind);
            let of = |what: &str| cohort(&dimension, &format!("{what}.{}", clock.name));
            prop_assert_eq!(of("met"), i64::from(clock.state == ClockState::Met));
            prop_assert_eq!(of("breached"), i64::from(clock.state == ClockState::Breached));
        }
        for ((family, dimension, _, counter), sum) in &sums {
            prop_assert!(*sum > 0, "{family} {dimension} {counter} is {sum}");
        }
    }

    #[test]
    fn what_was_missed_is_counted_whether_or_not_a_sweep_saw_it(
        kind in prop::sample::select(vec!["mql", "hot_lead", "closed_won"]),
        tries in tries(),
    ) {
        let config = config();
        let missed = |swept: bool| {
            // In the end a sweep comes, long after.
            let plain = |attempt: &Try| !(9..=13).contains(&attempt.1);
            let tries: Vec<Try> = tries.iter().copied().filter(plain).collect();
            let (handoff, mut commits) = played(&config, kind, &tries, swept);
            let facts = Facts { active: &config, pinned: &config };
            let later = at("2026-12-01T00:00:00Z");
            if let Ok(changes) = decide(&handoff, Command::Tick, facts, later) {
                let after = handoff.clone().after(&changes, later);
                commits.push(record(&config, &after, Some(&handoff), changes, later));
            }
            let counted = |(key, sum): (&(Family, String, NaiveDate, String), &i64)| {
                let (family, dimension, _, counter) = key;
                let counts = counter.starts_with("breached.") || counter == "tasks_missed";
                let is_all = *family == Family::Cohort && dimension == "all";
                (counts && is_all && *sum > 0).then(|| (counter.clone(), *sum))
            };
            sums(&commits).iter().filter_map(counted).collect::<Vec<_>>()
        };
        prop_assert_eq!(missed(true), missed(false));
    }

    #[test]
    fn any_order_of_commits_gives_the_same_rows(
        tries in tries(),
        keys in proptest::collection::vec(any::<u32>(), 40),
    ) {
        let (_, commits) = play(&config(), "mql", &tries);
        let mut shuffled: Vec<_> = commits.iter().cloned().zip(keys).collect();
        shuffled.sort_by_key(|(_, key)| *key);
        let shuffled: Vec<_> = shuffled.into_iter().map(|(commit, _)| commit).collect();
        prop_assert_eq!(sums(&commits), sums(&shuffled));
    }

    #[test]
    fn what_happened_never_decreases(tries in tries()) {
        let (_, commits) = play(&config(), "meeting_set", &tries);
        for delta in commits.iter().flat_map(contributions) {
            prop_assert!(delta.family == Family::Cohort || delta.amount > 0, "{delta:?}");
        }
    }
}
