//! The one clock of the workspace: what time it is, and waiting until a time.
//!
//! Everything else takes `now` as an argument. In the cloud the clock is the system's; on a laptop
//! it may start elsewhere and run faster; in the demo and in tests it is virtual and moves only
//! when its [`Hand`] moves it. `tokio::time` is never paused for that: it would take loopback I/O
//! for idleness. Instead a `sleep_until` on a virtual clock *parks* the invocation that called it,
//! and whoever holds the hand runs one invocation at a time until it returns or parks. What must
//! stay true: a sleeper never wakes early, time never goes back under a hand, and an invocation
//! sleeps in one place at a time (it does not race sleeps against each other).

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::{mpsc, oneshot};

/// The longest real sleep before the clock is read again, so that a suspended machine or a
/// stepped system clock is noticed.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// The slowest a scaled clock runs: a stopped one would never wake its sleepers.
const SLOWEST: f64 = 0.001;

/// A clock that can be read and waited on; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Scaled { start: DateTime<Utc>, begun: Instant, speed: f64 },
    Virtual(Arc<Mutex<Virtual>>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self { source: Source::System }
    }

    /// A clock that shows `start` now and runs `speed` times as fast as the real one.
    pub fn scaled(start: DateTime<Utc>, speed: f64) -> Self {
        let (begun, speed) = (Instant::now(), speed.max(SLOWEST));
        Self { source: Source::Scaled { start, begun, speed } }
    }

    /// A virtual clock that shows `start` until its hand moves it.
    pub fn hand(start: DateTime<Utc>) -> (Self, Hand) {
        let (parked, arrivals) = mpsc::unbounded_channel();
        let now = start.trunc_subsecs(3);
        let bench = Virtual { now, sleepers: BTreeMap::new(), next_id: 0, parked };
        let bench = Arc::new(Mutex::new(bench));
        let clock = Self { source: Source::Virtual(Arc::clone(&bench)) };
        (clock, Hand { bench, arrivals })
    }

    /// Says what time it is, to the millisecond.
    pub fn now(&self) -> DateTime<Utc> {
        let now = match &self.source {
            Source::System => system_now(),
            Source::Scaled { start, begun, speed } => {
                let elapsed_ms = (begun.elapsed().as_secs_f64() * speed * 1_000.0) as i64;
                TimeDelta::try_milliseconds(elapsed_ms)
                    .and_then(|elapsed| start.checked_add_signed(elapsed))
                    .unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
            Source::Virtual(bench) => lock(bench).now,
        };
        now.trunc_subsecs(3)
    }

    /// Whether this is the system's own clock, which the engine's expiry follows.
    pub fn is_system(&self) -> bool {
        matches!(self.source, Source::System)
    }

    /// Waits until this clock shows `at` or later; returns at once if it already does.
    pub async fn sleep_until(&self, at: DateTime<Utc>) {
        loop {
            let Ok(left) = (at - self.now()).to_std() else {
                return;
            };
            if left.is_zero() {
                return;
            }
            match &self.source {
                Source::System => nap(left).await,
                Source::Scaled { speed, .. } => nap(left.div_f64(*speed)).await,
                Source::Virtual(bench) => park(bench, at).await,
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system clock")]
fn system_now() -> DateTime<Utc> {
    Utc::now()
}

async fn nap(left: Duration) {
    tokio::time::sleep(left.clamp(Duration::from_millis(1), LONGEST_NAP)).await;
}

/// What a virtual clock and its hand share.
#[derive(Debug)]
struct Virtual {
    now: DateTime<Utc>,
    sleepers: BTreeMap<u64, (DateTime<Utc>, oneshot::Sender<()>)>,
    next_id: u64,
    parked: mpsc::UnboundedSender<Sleeper>,
}

/// One parked invocation: when it asked to be woken, and which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sleeper {
    /// The time it sleeps until.
    pub at: DateTime<Utc>,
    id: u64,
}

/// How a turn of an invocation ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn<T> {
    /// It returned this.
    Returned(T),
    /// It sleeps until a later time; wake this sleeper and give it another turn.
    Parked(Sleeper),
}

/// What moves a virtual clock; there is one, and whoever holds it decides what happens next.
#[derive(Debug)]
pub struct Hand {
    bench: Arc<Mutex<Virtual>>,
    arrivals: mpsc::UnboundedReceiver<Sleeper>,
}

impl Hand {
    /// Says what time the clock shows.
    pub fn now(&self) -> DateTime<Utc> {
        lock(&self.bench).now
    }

    /// Moves the clock to `at`; a time that has passed leaves it where it is. Wakes nobody.
    pub fn move_to(&self, at: DateTime<Utc>) {
        let mut bench = lock(&self.bench);
        bench.now = bench.now.max(at);
    }

    /// Runs an invocation until it returns or parks.
    ///
    /// An invocation that parked goes on only if it is woken and given another turn.
    pub async fn turn<F: Future + Unpin>(&mut self, invocation: &mut F) -> Turn<F::Output> {
        loop {
            tokio::select! {
                biased;
                output = &mut *invocation => return Turn::Returned(output),
                Some(sleeper) = self.arrivals.recv() => {
                    if lock(&self.bench).sleepers.contains_key(&sleeper.id) {
                        return Turn::Parked(sleeper);
                    }
                }
            }
        }
    }

    /// Wakes exactly this sleeper; false if it gave up waiting in the meantime.
    pub fn wake(&self, sleeper: Sleeper) -> bool {
        let woken = lock(&self.bench).sleepers.remove(&sleeper.id);
        woken.is_some_and(|(_, wake)| wake.send(()).is_ok())
    }

    /// Lists the sleepers in the order in which they are to be woken.
    pub fn sleepers(&self) -> Vec<Sleeper> {
        let bench = lock(&self.bench);
        let mut sleepers: Vec<Sleeper> =
            bench.sleepers.iter().map(|(&id, &(at, _))| Sleeper { at, id }).collect();
        sleepers.sort_unstable();
        sleepers
    }
}

/// Registers a wake-up, tells the hand, and waits for it.
async fn park(bench: &Arc<Mutex<Virtual>>, at: DateTime<Utc>) {
    let (wake, woken) = oneshot::channel();
    let id = {
        let mut bench = lock(bench);
        let id = bench.next_id;
        bench.next_id += 1;
        bench.sleepers.insert(id, (at, wake));
        // Without a hand nobody moves this clock any more; the sleeper then waits to be dropped.
        let _ = bench.parked.send(Sleeper { at, id });
        id
    };
    let _place = Place { bench, id };
    if woken.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Takes a sleeper off the bench when its future is dropped.
struct Place<'a> {
    bench: &'a Arc<Mutex<Virtual>>,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(self.bench).sleepers.remove(&self.id);
    }
}

/// Locks the bench; its state is whole even if a holder panicked.
fn lock(bench: &Mutex<Virtual>) -> MutexGuard<'_, Virtual> {
    bench.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    type Invocation = std::pin::Pin<Box<dyn Future<Output = DateTime<Utc>> + Send>>;

    fn sleep_then_read(clock: &Clock, until: &str) -> Invocation {
        let (clock, until) = (clock.clone(), at(until));
        Box::pin(async move {
            clock.sleep_until(until).await;
            clock.now()
        })
    }

    #[tokio::test]
    async fn a_virtual_clock_stands_still_until_it_is_moved() {
        let (clock, hand) = Clock::hand(at("2026-01-05T00:00:00.123456Z"));
        assert_eq!(clock.now(), at("2026-01-05T00:00:00.123Z"));
        hand.move_to(at("2026-01-05T00:01:00Z"));
        assert_eq!(clock.clone().now(), at("2026-01-05T00:01:00Z"));
        hand.move_to(at("2026-01-04T00:00:00Z"));
        assert_eq!(hand.now(), at("2026-01-05T00:01:00Z"), "time never goes back");
    }

    #[tokio::test]
    async fn a_time_that_has_come_needs_no_sleep() {
        let (clock, mut hand) = Clock::hand(at("2026-01-05T00:00:00Z"));
        let mut invocation = sleep_then_read(&clock, "2026-01-05T00:00:00Z");
        let turn = hand.turn(&mut invocation).await;
        assert_eq!(turn, Turn::Returned(at("2026-01-05T00:00:00Z")));
    }

    #[tokio::test]
    async fn each_sleeper_is_woken_on_its_own() {
        let (clock, mut hand) = Clock::hand(at("2026-01-05T00:00:00Z"));
        let mut late = sleep_then_read(&clock, "2026-01-05T00:00:20Z");
        let mut early = sleep_then_read(&clock, "2026-01-05T00:00:10Z");
        let Turn::Parked(late_place) = hand.turn(&mut late).await else { panic!("should park") };
        let Turn::Parked(early_place) = hand.turn(&mut early).await else { panic!("should park") };
        assert_eq!(hand.sleepers(), [early_place, late_place]);

        hand.move_to(early_place.at);
        assert!(hand.wake(early_place));
        assert_eq!(hand.turn(&mut early).await, Turn::Returned(at("2026-01-05T00:00:10Z")));
        assert_eq!(hand.sleepers(), [late_place]);
        drop(late);
        assert_eq!(hand.sleepers(), [], "a dropped invocation sleeps no more");
        assert!(!hand.wake(late_place));
    }

    #[tokio::test]
    async fn a_sleeper_woken_early_parks_again() {
        let (clock, mut hand) = Clock::hand(at("2026-01-05T00:00:00Z"));
        let mut invocation = sleep_then_read(&clock, "2026-01-05T00:00:10Z");
        let Turn::Parked(first) = hand.turn(&mut invocation).await else { panic!("should park") };
        hand.move_to(at("2026-01-05T00:00:09Z"));
        hand.wake(first);
        let Turn::Parked(again) = hand.turn(&mut invocation).await else { panic!("too early") };
        assert_eq!(again.at, at("2026-01-05T00:00:10Z"));
    }

    #[tokio::test]
    async fn a_scaled_clock_starts_where_it_is_told_and_runs_faster() {
        let clock = Clock::scaled(at("2026-01-05T00:00:00Z"), 1_000.0);
        let begun = Instant::now();
        clock.sleep_until(at("2026-01-05T00:00:30Z")).await;
        assert!(clock.now() >= at("2026-01-05T00:00:30Z"), "never early");
        assert!(begun.elapsed() >= Duration::from_millis(29), "and not at once");
        assert!(!clock.is_system());
    }

    #[tokio::test]
    async fn the_system_clock_is_not_early() {
        let clock = Clock::system();
        let until = clock.now() + TimeDelta::milliseconds(20);
        clock.sleep_until(until).await;
        assert!(clock.now() >= until);
    }
}
