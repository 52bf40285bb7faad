//! Lives under storms, each from a seed.
//!
//! `HANDOFF_SEEDS=40` lives forty, `HANDOFF_SEEDS=7..8` the seventh alone: a failure says which.

use local::sample::Dice;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io::IsTerminal,
    ops::Range,
    panic::resume_unwind,
    thread,
};
use tests::faults::Fault;
use tests::simulator::{Befalls, Census, PLAYS, Point, Spoiled, befalling, live, play};

/// The seeds of an ordinary run.
const SEEDS: Range<u64> = 0..12;

/// How many lives are lived at once, each in a thread of its own: this test runs longer than all
/// others, and alone in the end.
const ABREAST: u64 = 2;

/// Says which seed a failure is of.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let next = self.0 + 1;
            eprintln!("It was seed {}: HANDOFF_SEEDS={0}..{next} lives it again.", self.0);
        }
    }
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("HANDOFF_SEEDS") else { return SEEDS };
    let number = |text: &str| text.parse().expect("HANDOFF_SEEDS is 40, or 7..8");
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 0..number(&text),
    }
}

/// Lives every `ABREAST`th seed from one on.
#[tokio::main(flavor = "current_thread")]
async fn some(first: u64) -> (Census, usize, usize) {
    let (mut census, mut handoffs, mut commits) = (Census::default(), 0, 0);
    for number in (seeds().start + first..seeds().end).step_by(ABREAST as usize) {
        progress(number - seeds().start, seeds().end - seeds().start);
        let _seed = Seed(number);
        let lived = Box::pin(live(number)).await;
        println!("seed {number}: {} handoffs, {} commits", lived.handoffs, lived.commits);
        census.add(&lived.census);
        handoffs += lived.handoffs;
        commits += lived.commits;
    }
    (census, handoffs, commits)
}

#[test]
fn whatever_the_weather_everything_comes_to_rest_and_is_true() {
    let (mut census, mut handoffs, mut commits) = (Census::default(), 0, 0);
    let lives: Vec<_> = (0..ABREAST).map(|first| thread::spawn(move || some(first))).collect();
    for lived in lives {
        let lived = lived.join().unwrap_or_else(|panic| resume_unwind(panic));
        census.add(&lived.0);
        handoffs += lived.1;
        commits += lived.2;
    }
    let count = seeds().count();
    println!("Lives: {count} seeds, {handoffs} handoffs, {commits} commits, {census}");
    assert!(handoffs > 3 * count && count > 0, "{handoffs} handoffs in {count} lives");
    if count >= SEEDS.count() {
        let befell: Vec<&str> = census.kinds().collect();
        let rarer = RARER.iter().filter(|_| count >= MANY);
        let calm: Vec<_> = WEATHER
            .iter()
            .chain(rarer)
            .filter(|kind| !befell.iter().any(|one| one.contains(**kind)))
            .collect();
        assert!(calm.is_empty(), "these never befell anything: {calm:?}");
    }
}

/// What a storm of some lives does at least once.
const WEATHER: [&str; 13] = [
    "Throttle",
    "Reset",
    "Error(500",
    "Partial",
    "CrashBefore",
    "CrashAfter",
    "Stale",
    "record late",
    "batch cut",
    "batch replayed",
    "message late",
    "message twice",
    "machine cold",
];

/// What a storm of many lives does at least once, and how many those are.
const RARER: [&str; 7] =
    ["LostReply", "ForgottenReply", "Timeout", "Conflict", "Late", "tick", "clock set"];
const MANY: usize = 100;

#[tokio::test]
async fn a_seed_is_a_history() {
    let once = Box::pin(live(71)).await;
    let again = Box::pin(live(71)).await;
    assert_eq!(once, again);
    assert_ne!(once.told, Box::pin(live(70)).await.told);
}

/// How often the SDK tries before it gives up.
const SENDS: u64 = 3;

/// Plays every play again with one request spoiled, as chosen; says how much that was.
async fn spoil(choose: impl Fn(&[Point]) -> Vec<Spoiled>) -> usize {
    let mut runs = 0;
    let (mut points, mut ways) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    for play_of @ (name, _) in PLAYS {
        let calm = Box::pin(play(play_of, &[])).await;
        assert!(!calm.facts.is_empty() && calm.lived.census.faults() == 0, "{name}: {calm:?}");
        let chosen = choose(&calm.points);
        println!("{name}: {} faults at {} points, after {runs}", chosen.len(), calm.points.len());
        for (place, spoiled) in chosen.iter().copied().enumerate() {
            progress(place as u64, chosen.len() as u64);
            let point = &calm.points[spoiled.number as usize];
            let told = Told(name, vec![spoiled]);
            let played = Box::pin(play(play_of, &told.1)).await;
            assert_eq!(played.facts, calm.facts, "{point:?}");
            let faults = played.lived.census.faults();
            assert!((1..=spoiled.times).contains(&faults), "{point:?} was not reached: {faults}");
            drop(told);
            runs += 1;
            *ways.entry(format!("{:?} x{}", spoiled.how, spoiled.times)).or_default() += 1;
            points.insert(point.clone());
        }
    }
    let kinds: BTreeSet<Point> = points.iter().map(kind_of).collect();
    println!("Plays: {runs} runs, {} points of {} kinds spoiled", points.len(), kinds.len());
    println!("in these ways: {ways:?}");
    runs
}

/// Says which run a failure is of.
struct Told(&'static str, Vec<Spoiled>);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("It was \"{}\" with these requests spoiled: {:?}.", self.0, self.1);
        }
    }
}

/// Takes points that are asked for again and again, as by a sweep that waits, for one.
fn kind_of(point: &Point) -> Point {
    Point { before: point.before.min(9), ..point.clone() }
}

/// Of each kind of point one: where something is written in every way, where something is read in
/// one, and each operation in every way there is.
fn covering(seen: &mut Seen, points: &[Point]) -> Vec<Spoiled> {
    let mut chosen = Vec::new();
    for (number, point) in points.iter().enumerate() {
        if !seen.kinds.insert(kind_of(point)) {
            continue;
        }
        let ways = ways(number as u64, point);
        let reads = ["GetItem", "BatchGetItem", "Query"].contains(&point.operation.as_str());
        let next = seen.ways.entry(point.operation.clone()).or_default();
        match reads {
            true => chosen.push(ways[*next % ways.len()]),
            false => chosen.extend(ways),
        }
        *next += 1;
    }
    chosen
}

/// Every way to spoil a request: once each, and refused until the SDK gives up.
fn ways(number: u64, point: &Point) -> Vec<Spoiled> {
    let refused = Befalls::Fault(Fault::Throttle);
    let once = befalling(&point.operation).into_iter().map(|how| (how, 1));
    let all = once.chain([(refused, SENDS)]);
    all.map(|(how, times)| Spoiled { number, how, times }).collect()
}

/// What was spoiled before.
#[derive(Default)]
struct Seen {
    kinds: BTreeSet<Point>,
    ways: BTreeMap<String, usize>,
}

/// Of each kind of point so many of a play, each in every way.
fn most(times: usize, points: &[Point]) -> Vec<Spoiled> {
    let mut counts: BTreeMap<Point, usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    for (number, point) in points.iter().enumerate() {
        let count = counts.entry(kind_of(point)).or_default();
        *count += 1;
        if *count <= times {
            chosen.extend(ways(number as u64, point));
        }
    }
    chosen
}

#[tokio::test]
async fn one_fault_anywhere_changes_nothing_in_the_end() {
    // `HANDOFF_POINTS=3` spoils three points of each kind of each play, in every way.
    let runs = match std::env::var("HANDOFF_POINTS") {
        Ok(times) => {
            let times = times.parse().expect("HANDOFF_POINTS is a number");
            spoil(|points| most(times, points)).await
        }
        Err(_) => {
            let seen = RefCell::new(Seen::default());
            spoil(|points| covering(&mut seen.borrow_mut(), points)).await
        }
    };
    assert!(runs > 150, "{runs} runs spoiled hardly anything");
}

/// The pairs of faults of an ordinary run.
const PAIRS: u64 = 25;

#[tokio::test]
async fn two_faults_anywhere_change_nothing_in_the_end() {
    let pairs = std::env::var("HANDOFF_PAIRS").map_or(PAIRS, |text| text.parse().unwrap());
    let mut calm = Vec::new();
    for play_of in PLAYS {
        calm.push((play_of, Box::pin(play(play_of, &[])).await));
    }
    let mut struck = 0;
    for pair in 0..pairs {
        progress(pair, pairs);
        let mut dice = Dice::new(pair, 11);
        let (play_of, calm) = dice.pick(&calm);
        let mut one = || {
            let number = dice.below(calm.points.len() as u64);
            *dice.pick(&ways(number, &calm.points[number as usize]))
        };
        let told = Told(play_of.0, vec![one(), one()]);
        let played = Box::pin(play(*play_of, &told.1)).await;
        assert_eq!(played.facts, calm.facts, "pair {pair}");
        struck += played.lived.census.faults();
    }
    println!("Pairs: {pairs} plays, {struck} faults");
    assert!(struck >= pairs, "hardly anything was spoiled");
}

/// Shows how far a long run has come, on a terminal.
fn progress(done: u64, of: u64) {
    if std::io::stderr().is_terminal() {
        let full = usize::try_from(done * 40 / of.max(1)).unwrap_or(0);
        eprint!("\r[{}{}] {done}/{of} ", "#".repeat(full), ".".repeat(40 - full));
    }
}
