//! Lives under storms, each from a seed.
//!
//! `HANDOFF_SEEDS=40` lives forty, `HANDOFF_SEEDS=7..8` the seventh alone: a failure says which.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use tests::simulator::{Befalls, Census, PLAYS, Point, befalling, live, play};

/// The seeds of an ordinary run.
const SEEDS: Range<u64> = 0..20;

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

#[tokio::test]
async fn whatever_the_weather_everything_comes_to_rest_and_is_true() {
    let (mut census, mut handoffs, mut commits) = (Census::default(), 0, 0);
    for number in seeds() {
        let _seed = Seed(number);
        let lived = Box::pin(live(number)).await;
        println!(
            "seed {number}: {} handoffs, {} commits, {}",
            lived.handoffs,
            lived.commits,
            lived.census.requests()
        );
        census.add(&lived.census);
        handoffs += lived.handoffs;
        commits += lived.commits;
    }
    println!("{handoffs} handoffs, {commits} commits, {census}");
}

#[tokio::test]
async fn a_seed_is_a_history() {
    let once = Box::pin(live(3)).await;
    let again = Box::pin(live(3)).await;
    assert_eq!(once, again);
    assert_ne!(once.told, Box::pin(live(4)).await.told);
}

/// Plays every play again with one request spoiled, at the points chosen, in every way there is.
async fn spoil(choose: impl Fn(&[Point]) -> Vec<usize>) -> usize {
    let mut runs = 0;
    let (mut points, mut ways) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    for play_of @ (name, _) in PLAYS {
        let calm = Box::pin(play(play_of, None)).await;
        assert!(!calm.facts.is_empty() && calm.lived.census.faults() == 0, "{name}: {calm:?}");
        let chosen = choose(&calm.points);
        println!(
            "{name}: {} of {} points spoiled, after {runs} runs",
            chosen.len(),
            calm.points.len()
        );
        for number in chosen {
            let point = &calm.points[number];
            for how in befalling(&point.operation) {
                let told = Told { name, number, how };
                let played = Box::pin(play(play_of, Some((number as u64, how)))).await;
                assert_eq!(played.facts, calm.facts, "{point:?}");
                assert_eq!(played.lived.census.faults(), 1, "{point:?} was not reached");
                drop(told);
                runs += 1;
                *ways.entry(format!("{how:?}")).or_default() += 1;
            }
            points.insert(point.clone());
        }
    }
    println!("{runs} runs, {} different points spoiled; in these ways: {ways:?}", points.len());
    runs
}

/// Says which run a failure is of.
struct Told {
    name: &'static str,
    number: usize,
    how: Befalls,
}

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("It was \"{}\", request {}, {:?}.", self.name, self.number, self.how);
        }
    }
}

#[tokio::test]
async fn one_fault_anywhere_changes_nothing_in_the_end() {
    // Each kind of point once over all plays; all of them by `HANDOFF_POINTS=all`.
    let all = std::env::var("HANDOFF_POINTS").is_ok();
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let runs = spoil(|points| {
        let is_new = |point: &Point| all || seen.borrow_mut().insert(point.clone());
        (0..points.len()).filter(|number| is_new(&points[*number])).collect()
    })
    .await;
    assert!(runs > 100, "{runs} runs spoiled hardly anything");
}
