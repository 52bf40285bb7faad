//! Lateness: how late deadlines are met over many clocks while a hundredth of the sweeps is lost.
//!
//! The real sweep over the real store, with a tick a minute: each sweep waits through its horizon of
//! two minutes, so that neighbours overlap as they do in the cloud. Time moves only between
//! requests, so what is measured is what schedule, overlap and lost ticks cost, without what a
//! network adds. `HANDOFF_CLOCKS` asks for more clocks than the ordinary run has.

use crate::{
    store::{fresh, lead, put},
    sweep::numbers,
};
use chrono::{DateTime, Duration, Utc};
use domain::{
    Change, Config, Handoff, HandoffId,
    decide::{Targets, start_clocks},
};
use local::{assembly, sample::ORGANISATION};
use runtime::{
    Clock, Configs, Ids,
    clock::{Hand, Sleeper, Turn},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
};
use store::{Meter, Store};
use sweep::{Report, Sweep, SweepError};

/// The clocks of an ordinary run.
const CLOCKS: usize = 1_000;

/// How many deadlines a minute has, until they fill a day.
const A_MINUTE: usize = 4;

const DAY_MINUTES: usize = 24 * 60;

/// How many deadlines a sweep meets at once where several are due, as the function has it.
const ABREAST: usize = 16;

/// Of the ticks, one in so many is lost.
const LOST_IN: u64 = 100;

/// This tick and the next are lost, whatever the draw says: what one lost tick alone never costs.
const LOST_TWICE: i64 = 60;

/// Draws a number: SplitMix64's, so that a run is the same each time.
fn drawn(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn is_lost(tick: i64) -> bool {
    (LOST_TWICE..LOST_TWICE + 2).contains(&tick) || drawn(tick as u64).is_multiple_of(LOST_IN)
}

/// Draws as many deadlines over a span, no two in one millisecond.
fn deadlines(count: usize, from: DateTime<Utc>, minutes: usize) -> Vec<DateTime<Utc>> {
    let mut taken = BTreeSet::new();
    let span_ms = minutes as u64 * 60_000;
    let mut seed = 1 << 32;
    while taken.len() < count {
        taken.insert(drawn(seed) % span_ms);
        seed += 1;
    }
    let mut all: Vec<DateTime<Utc>> =
        taken.into_iter().map(|ms| from + Duration::milliseconds(ms as i64)).collect();
    all.sort_by_key(|at| drawn(at.timestamp_millis() as u64));
    all
}

/// A handoff whose one clock is due at an instant, and then tells the manager.
fn due(number: usize, at: DateTime<Utc>, config: &Config) -> Handoff {
    let kind = &config.types["hot_lead"];
    let triggered_at = at - Duration::minutes(5);
    let mut clocks = start_clocks(kind, config, None, (triggered_at, None), &Targets::new());
    for clock in &mut clocks {
        clock.steps.retain(|step| step.at == at);
    }
    let owner = Some("amara".into());
    let id = format!("lead-{number}");
    Handoff { triggered_at, clocks, owner, routing: None, ..lead(&id) }
}

type Invocation = Pin<Box<dyn Future<Output = Result<Report, SweepError>>>>;

/// The sweep on its schedule, cranked by hand.
struct Scheduled {
    sweep: Sweep,
    hand: Hand,
    asleep: BTreeMap<Sleeper, Invocation>,
    ticks: usize,
    lost: usize,
}

impl Scheduled {
    /// Runs every tick of so many minutes from `start`, and every sweep to its end.
    async fn run(&mut self, start: DateTime<Utc>, minutes: i64) {
        let mut tick = 0;
        loop {
            let at = (tick < minutes).then(|| start + Duration::minutes(tick));
            let sleeper = self.asleep.keys().next().copied();
            if let Some(sleeper) = sleeper.filter(|sleeper| at.is_none_or(|at| sleeper.at <= at)) {
                self.hand.move_to(sleeper.at);
                self.hand.wake(sleeper);
                let invocation = self.asleep.remove(&sleeper).unwrap();
                self.turn(invocation).await;
            } else if let Some(at) = at {
                self.hand.move_to(at);
                self.tick(tick, at).await;
                tick += 1;
            } else {
                return;
            }
        }
    }

    async fn tick(&mut self, number: i64, at: DateTime<Utc>) {
        self.ticks += 1;
        if is_lost(number) {
            self.lost += 1;
            return;
        }
        let sweep = self.sweep.clone();
        self.turn(Box::pin(async move { sweep.handle(at).await })).await;
    }

    async fn turn(&mut self, mut invocation: Invocation) {
        match self.hand.turn(&mut invocation, Vec::new()).await {
            // A sweep sleeps in one place.
            Turn::Parked(places) => drop(self.asleep.insert(places[0], invocation)),
            Turn::Blocked => panic!("a sweep waits for nobody"),
            Turn::Returned(swept) => drop(swept.unwrap()),
        }
    }
}

/// Reads how late a handoff's deadline was met, in milliseconds; fails where it was not met once.
async fn lateness_ms(store: &Store, id: &HandoffId) -> i64 {
    let (mut breaches, mut told) = (Vec::new(), 0);
    for commit in store.history(id).await.unwrap() {
        for change in &commit.changes {
            match change {
                Change::Breached { due_at, .. } => {
                    breaches.push((commit.at - due_at).num_milliseconds());
                }
                Change::Stepped { .. } => told += 1,
                _ => {}
            }
        }
    }
    assert_eq!((breaches.len(), told), (1, 1), "{id}: {breaches:?}");
    breaches[0]
}

/// Tells what the schedule cost and how late everything was; fails where it was early or too late.
fn judge(mut late_ms: Vec<i64>, meter: &Meter, scheduled: &Scheduled) {
    late_ms.sort_unstable();
    let count = late_ms.len();
    let at = |permille: usize| late_ms[(count * permille / 1_000).min(count - 1)];
    let to_the_second = late_ms.iter().filter(|late| **late <= 1_000).count();
    let share = to_the_second as f64 / count as f64 * 100.0;
    let used = meter.read();
    println!(
        "{count} clocks, {} ticks of which {} were lost: late by p50 {} p90 {} p99 {} p99.9 {} \
         max {} ms; {share:.2} % within a second",
        scheduled.ticks,
        scheduled.lost,
        at(500),
        at(900),
        at(990),
        at(999),
        late_ms[count - 1],
    );
    println!("it took {used:?}");
    assert!(late_ms[0] >= 0, "early by {} ms", -late_ms[0]);
    assert!(late_ms[count - 1] <= 61_000, "late by {} ms", late_ms[count - 1]);
    assert!(to_the_second * 100 >= count * 98, "{to_the_second} of {count} within a second");
}

#[tokio::test]
async fn with_a_hundredth_of_the_sweeps_lost_deadlines_are_met_once_and_nearly_all_to_the_second() {
    let count = numbers("HANDOFF_CLOCKS").map_or(CLOCKS, |numbers| numbers[0]);
    let minutes = count.div_ceil(A_MINUTE).min(DAY_MINUTES);
    let start: DateTime<Utc> = "2026-01-05T09:30:00Z".parse().unwrap();
    let (store, parts) = fresh().await;
    let (clock, hand) = Clock::hand(start);
    let wiring = assembly::Wiring { clock: clock.clone(), ids: Ids::seeded(1), abreast: 1 };
    let config = assembly::establish(&store, ORGANISATION, &wiring).await.unwrap();
    let begun = std::time::Instant::now();
    let first = start + Duration::minutes(1);
    for (number, at) in deadlines(count, first, minutes).into_iter().enumerate() {
        put(&store, &due(number, at, &config)).await;
    }
    let opened_in = begun.elapsed();
    let environment = assembly::environment(&parts);
    let sweeping = environment.store();
    let meter = sweeping.meter().clone();
    let plans = Configs::new(sweeping.clone());
    let sweep = Sweep::new(sweeping, plans, clock, Ids::seeded(2), environment.bus(), ABREAST);
    let mut scheduled = Scheduled { sweep, hand, asleep: BTreeMap::new(), ticks: 0, lost: 0 };
    scheduled.run(start, minutes as i64 + 3).await;
    let swept_in = begun.elapsed() - opened_in;
    println!("opened in {opened_in:.1?}, swept in {swept_in:.1?}");
    let mut late_ms = Vec::with_capacity(count);
    for number in 0..count {
        late_ms.push(lateness_ms(&store, &format!("lead-{number}").into()).await);
    }
    judge(late_ms, &meter, &scheduled);
}
