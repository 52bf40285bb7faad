//! What commits add up to: change by change, and over whole histories in any order.

use super::*;
use crate::{
    Config,
    clock::ClockState,
    commit::{Actor, Lineage},
    decide::{Command, Facts, Targets, decide, start_clocks},
    ids::*,
    routing::Trace,
    stage::Stage,
};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

fn config() -> Config {
    crate::config::load(include_str!("../../../../infra/local/sample/organisation.toml")).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn credit(owner: &str) -> Credit {
    Credit {
        owner: Some(owner.into()),
        pool: Some("sdr_emea".into()),
        rule: Some("Inbound".into()),
    }
}

/// A commit of 6 January about a handoff of the day before.
fn commit(changes: Vec<Change>) -> Commit {
    let day = |day| NaiveDate::from_ymd_opt(2026, 1, day).unwrap();
    Commit {
        handoff: "H1".into(),
        version: 3,
        at: at("2026-01-06T09:00:00Z"),
        actor: Actor::Sweep,
        cause: "schedule".into(),
        attempt: "A1".into(),
        changes,
        about: About {
            kind: "mql".into(),
            opened_day: day(5),
            day: day(6),
            pool: Some("sdr_emea".into()),
            owner_before: Some("amara".into()),
            owner: Some("ben".into()),
            beside: None,
            from: "marketing".into(),
            sender: None,
            source: "hubspot".into(),
            rule: Some("Inbound".into()),
            amount: None,
            mode: Mode::Live,
        },
        lineage: None,
        personal: BTreeMap::new(),
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
    let mut commit = commit(vec![Change::Rated { score: 5, complete: true }]);
    commit.about.mode = Mode::Observe;
    assert!(lines(&commit, "all").contains(&"happened all 06 rating_sum +5".to_owned()));
    commit.about.mode = Mode::Off;
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

/// Opens a handoff of a type at 09:00 on Monday 5 January; meetings are two days later.
fn open(config: &Config, kind: &str) -> (Handoff, Commit) {
    let now = at("2026-01-05T09:00:00Z");
    let known = &config.types[&TypeKey::from(kind)];
    let meeting_at = (kind == "meeting_set").then(|| now + TimeDelta::days(2));
    let mut handoff = Handoff {
        id: "H1".into(),
        version: 0,
        kind: kind.into(),
        lane: known.lane.clone(),
        claim: "J1".into(),
        journey: "J1".into(),
        stage: Stage::Opened,
        mode: Mode::Live,
        config: 1,
        source: "hubspot".into(),
        from: known.from.clone(),
        to: known.to.clone(),
        heat: known.heat,
        score: None,
        completeness: 60,
        triggered_at: now,
        opened_at: now,
        meeting_at,
        clocks: start_clocks(known, config, None, (now, meeting_at), &Targets::new()),
        sender: Some("carla".into()),
        ..Handoff::default()
    };
    crate::beside::begin(&mut handoff, known, config);
    let changes = vec![Change::Opened { handoff: Box::new(handoff.clone()) }];
    let opened = record(config, &handoff, None, changes, now);
    (handoff.after(&opened.changes.clone(), now), opened)
}

fn record(
    config: &Config,
    after: &Handoff,
    before: Option<&Handoff>,
    changes: Vec<Change>,
    now: DateTime<Utc>,
) -> Commit {
    let about = About::of(after, before, now, |at| config.day_of(at));
    Commit { at: now, version: after.version, about, changes, ..commit(Vec::new()) }
}

/// One thing that is tried: after how many minutes, what, and how many minutes back a touch is
/// dated.
type Try = (i64, u8, i64);

fn command(
    config: &Config,
    handoff: &Handoff,
    (_, what, back): Try,
    now: DateTime<Utc>,
) -> Command {
    let owner = handoff.owner.clone().unwrap_or_default();
    let assign = |rep: &str| Command::Assign {
        owner: rep.into(),
        pool: config.pools_of(&rep.into()).next().unwrap().clone(),
        rule: Some("Inbound".into()),
        trace: Box::new(Trace::default()),
    };
    let kind = &config.types[&handoff.kind];
    match what {
        0 => assign("amara"),
        1 => assign("carla"),
        2 => Command::Accept { by: owner },
        3 | 4 => {
            Command::Touch { channel: "call".into(), at: now - TimeDelta::minutes(back), by: None }
        }
        5 => Command::Reject { by: owner, reason: kind.reject_reasons[0].clone() },
        6 => Command::Resubmit,
        7 => Command::Complete { outcome: kind.outcomes[0].clone(), value: None, at: now },
        8 => Command::Rate { score: 4, complete: back > 60 },
        9 => Command::Join { kind: "hot_lead".into(), at: now, targets: Targets::new() },
        10 => Command::Update {
            score: None,
            amount: None,
            meeting_at: (handoff.kind.as_str() == "meeting_set")
                .then(|| now + TimeDelta::minutes(back * 20)),
            completeness: 80,
            targets: Targets::new(),
        },
        11 => Command::Reply { at: now - TimeDelta::minutes(back / 4) },
        12 => {
            let reason = kind.pause_reasons.first().cloned().unwrap_or_default();
            Command::Pause { by: owner, reason, until: Some(now + TimeDelta::minutes(back + 1)) }
        }
        13 => Command::Resume { by: owner },
        14 => Command::EndOverlap { by: owner },
        _ => Command::Tick,
    }
}

/// Plays tries against the real decisions, ticking before each.
fn play(config: &Config, kind: &str, tries: &[Try]) -> (Handoff, Vec<Commit>) {
    played(config, kind, tries, true)
}

/// Plays tries, with a sweep before each or with none at all.
fn played(config: &Config, kind: &str, tries: &[Try], swept: bool) -> (Handoff, Vec<Commit>) {
    let (mut handoff, opened) = open(config, kind);
    let (mut commits, mut now) = (vec![opened], at("2026-01-05T09:00:00Z"));
    let facts = Facts { active: config, pinned: config };
    for attempt in tries {
        now += TimeDelta::minutes(attempt.0);
        let ticks = ticks_until(config, &handoff, now);
        assert!(ticks < TICKS_MAX, "{:?} is due for ever", handoff.next_deadline());
        let acts = [Command::Tick, command(config, &handoff, *attempt, now)];
        for command in acts.into_iter().skip(usize::from(!swept)) {
            let Ok(changes) = decide(&handoff, command, facts, now) else { continue };
            let after = handoff.clone().after(&changes, now);
            commits.push(record(config, &after, Some(&handoff), changes, now));
            handoff = after;
        }
    }
    (handoff, commits)
}

/// How often a handoff can be due at one instant: each clock's steps, its tasks and the rest once.
const TICKS_MAX: usize = 20;

/// Counts the ticks until nothing is due any more: a deadline that no tick takes is due for ever.
fn ticks_until(config: &Config, handoff: &Handoff, now: DateTime<Utc>) -> usize {
    let (mut handoff, facts) = (handoff.clone(), Facts { active: config, pinned: config });
    let due = |handoff: &Handoff| handoff.next_deadline().is_some_and(|(at, _)| at <= now);
    let ticks = (0..TICKS_MAX).take_while(|_| {
        let is_due = due(&handoff);
        if let Ok(changes) = decide(&handoff, Command::Tick, facts, now) {
            handoff = handoff.clone().after(&changes, now);
        }
        is_due
    });
    ticks.count()
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    proptest::collection::vec((1..200_i64, 0..19_u8, 0..500_i64), 0..20)
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
