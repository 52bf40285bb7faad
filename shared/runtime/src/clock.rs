//! The one clock of the workspace: what time it is, and waiting until a time.
//!
//! Everything else takes `now` as an argument. In the cloud the clock is the system's; on a laptop
//! it may start elsewhere and run faster; in the demo and in tests it is virtual and moves only
//! when its [`Hand`] moves it. `tokio::time` is never paused for that: it would take loopback I/O
//! for idleness. Instead a `sleep_until` on a virtual clock *parks* the invocation that called it,
//! and whoever holds the hand runs one invocation at a time until it returns or parks. What must
//! stay true: a sleeper never wakes early, and time never goes back under a hand. An invocation may
//! sleep in several places at once if whatever else it waits for is announced ([`Clock::working`]);
//! without that, it parks as soon as it sleeps anywhere. Where work is announced, one that neither
//! works nor sleeps waits for another, for a lock for example.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
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
    /// How far it is wrong, in milliseconds; clones are wrong together.
    ahead_ms: Arc<AtomicI64>,
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
        Self::of(Source::System)
    }

    /// A clock that shows `start` now and runs `speed` times as fast as the real one.
    pub fn scaled(start: DateTime<Utc>, speed: f64) -> Self {
        let (begun, speed) = (Instant::now(), speed.max(SLOWEST));
        Self::of(Source::Scaled { start, begun, speed })
    }

    /// A virtual clock that shows `start` until its hand moves it.
    pub fn hand(start: DateTime<Utc>) -> (Self, Hand) {
        let (parked, arrivals) = mpsc::unbounded_channel();
        let now = start.trunc_subsecs(3);
        let (sleepers, next_id, working, is_announced) = (BTreeMap::new(), 0, 0, false);
        let bench = Virtual { now, sleepers, next_id, working, is_announced, parked };
        let bench = Arc::new(Mutex::new(bench));
        let clock = Self::of(Source::Virtual(Arc::clone(&bench)));
        (clock, Hand { bench, arrivals })
    }

    fn of(source: Source) -> Self {
        Self { source, ahead_ms: Arc::default() }
    }

    /// Makes another clock of the same time that is wrong by as much as `ahead_ms` says, then and
    /// later: machines' clocks differ, and are set.
    pub fn askew(&self, ahead_ms: Arc<AtomicI64>) -> Self {
        Self { source: self.source.clone(), ahead_ms }
    }

    /// Announces work that no clock knows of, as a request that is being answered, until what this
    /// returns is dropped: whoever holds a virtual clock's hand waits for it.
    pub fn working(&self) -> Working {
        let bench = match &self.source {
            Source::Virtual(bench) => Some(Arc::clone(bench)),
            Source::System | Source::Scaled { .. } => None,
        };
        if let Some(bench) = &bench {
            let mut bench = lock(bench);
            bench.working += 1;
            bench.is_announced = true;
        }
        Working { bench }
    }

    /// Announces such work where others announce theirs: a hand that nobody announces anything to
    /// waits for everything.
    pub fn working_too(&self) -> Option<Working> {
        let is_announced = match &self.source {
            Source::Virtual(bench) => lock(bench).is_announced,
            Source::System | Source::Scaled { .. } => false,
        };
        is_announced.then(|| self.working())
    }

    /// Says what time it is, to the millisecond.
    pub fn now(&self) -> DateTime<Utc> {
        let ahead = TimeDelta::milliseconds(self.ahead_ms.load(Ordering::SeqCst));
        self.true_now() + ahead
    }

    fn true_now(&self) -> DateTime<Utc> {
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
        // It is read to the millisecond, and would never show a part of one.
        let whole = at.trunc_subsecs(3);
        let at = if whole < at { whole + TimeDelta::milliseconds(1) } else { whole };
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
                Source::Virtual(bench) => {
                    let ahead = TimeDelta::milliseconds(self.ahead_ms.load(Ordering::SeqCst));
                    park(bench, at - ahead).await;
                }
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
    /// How much is under way that no clock knows of.
    working: usize,
    /// Whether such work is announced at all.
    is_announced: bool,
    parked: mpsc::UnboundedSender<Sleeper>,
}

/// Stands for work that was announced; dropping it ends the work.
#[derive(Debug)]
pub struct Working {
    bench: Option<Arc<Mutex<Virtual>>>,
}

impl Drop for Working {
    fn drop(&mut self) {
        self.bench.iter().for_each(|bench| lock(bench).working -= 1);
    }
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
    /// It sleeps; wake any of these, at its time, and give it another turn.
    Parked(Vec<Sleeper>),
    /// It waits for another invocation; give it another turn when others had theirs.
    Blocked,
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

    /// Runs an invocation until it returns or parks; `slept` is where it sleeps from turns before.
    ///
    /// An invocation that parked goes on only if it is woken and given another turn.
    pub async fn turn<F: Future + Unpin>(
        &mut self,
        invocation: &mut F,
        slept: Vec<Sleeper>,
    ) -> Turn<F::Output> {
        let (mut asleep, mut is_again) = (slept, false);
        poll_fn(|context| {
            if let Poll::Ready(output) = Pin::new(&mut *invocation).poll(context) {
                return Poll::Ready(Turn::Returned(output));
            }
            while let Poll::Ready(Some(sleeper)) = self.arrivals.poll_recv(context) {
                asleep.push(sleeper);
            }
            let bench = lock(&self.bench);
            asleep.retain(|sleeper| bench.sleepers.contains_key(&sleeper.id));
            match (bench.working, asleep.is_empty()) {
                (0, false) => Poll::Ready(Turn::Parked(std::mem::take(&mut asleep))),
                (0, true) if bench.is_announced && is_again => Poll::Ready(Turn::Blocked),
                (0, true) if bench.is_announced => {
                    // It may have paused of itself, to let others have the thread.
                    is_again = true;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                _ => Poll::Pending,
            }
        })
        .await
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

    async fn parked(hand: &mut Hand, invocation: &mut Invocation) -> Sleeper {
        match hand.turn(invocation, vec![]).await {
            Turn::Parked(places) if places.len() == 1 => places[0],
            other => panic!("it should park in one place: {other:?}"),
        }
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
        let turn = hand.turn(&mut invocation, vec![]).await;
        assert_eq!(turn, Turn::Returned(at("2026-01-05T00:00:00Z")));
    }

    #[tokio::test]
    async fn each_sleeper_is_woken_on_its_own() {
        let (clock, mut hand) = Clock::hand(at("2026-01-05T00:00:00Z"));
        let mut late = sleep_then_read(&clock, "2026-01-05T00:00:20Z");
        let mut early = sleep_then_read(&clock, "2026-01-05T00:00:10Z");
        let late_place = parked(&mut hand, &mut late).await;
        let early_place = parked(&mut hand, &mut early).await;
        assert_eq!(hand.sleepers(), [early_place, late_place]);

        hand.move_to(early_place.at);
        assert!(hand.wake(early_place));
        let returned = Turn::Returned(at("2026-01-05T00:00:10Z"));
        assert_eq!(hand.turn(&mut early, vec![]).await, returned);
        assert_eq!(hand.sleepers(), [late_place]);
        drop(late);
        assert_eq!(hand.sleepers(), [], "a dropped invocation sleeps no more");
        assert!(!hand.wake(late_place));
    }

    #[tokio::test]
    async fn a_part_of_a_millisecond_is_slept_out() {
        let (clock, mut hand) = Clock::hand(at("2026-01-05T00:00:00Z"));
        let mut invocation = sleep_then_read(&clock, "2026-01-05T00:00:10.000000001Z");
        let place = parked(&mut hand, &mut invocation).await;
        hand.move_to(place.at);
        assert!(hand.wake(place));
        let returned = Turn::Returned(at("2026-01-05T00:00:10.001Z"));
        assert_eq!(hand.turn(&mut invocation, vec![]).await, returned);
    }

    #[tokio::test]
    async fn a_sleeper_woken_early_parks_again() {
        let (clock, mut hand) = Clock::hand(at("2026-01-05T00:00:00Z"));
        let mut invocation = sleep_then_read(&clock, "2026-01-05T00:00:10Z");
        let first = parked(&mut hand, &mut invocation).await;
        hand.move_to(at("2026-01-05T00:00:09Z"));
        hand.wake(first);
        let again = parked(&mut hand, &mut invocation).await;
        assert_eq!(again.at, at("2026-01-05T00:00:10Z"));
    }

    #[tokio::test]
    async fn who_sleeps_in_two_places_parks_in_both_once_its_work_is_done() {
        let (clock, mut hand) = Clock::hand(at("2026-01-05T00:00:00Z"));
        let (one, other) = (clock.clone(), clock.clone());
        let mut both: Invocation = Box::pin(async move {
            let worked = async {
                let work = one.working();
                tokio::time::sleep(Duration::from_millis(2)).await;
                drop(work);
                one.sleep_until(at("2026-01-05T00:00:10Z")).await;
            };
            let slept = other.sleep_until(at("2026-01-05T00:00:05Z"));
            tokio::join!(worked, slept);
            other.now()
        });
        let Turn::Parked(places) = hand.turn(&mut both, vec![]).await else { panic!("it sleeps") };
        let at_seconds: Vec<i64> = places.iter().map(|one| one.at.timestamp() % 60).collect();
        assert_eq!(at_seconds, [5, 10]);
        hand.move_to(places[0].at);
        assert!(hand.wake(places[0]));
        let turn = hand.turn(&mut both, places.clone()).await;
        assert_eq!(turn, Turn::Parked(vec![places[1]]), "it still sleeps in the other");
        hand.move_to(places[1].at);
        assert!(hand.wake(places[1]));
        let returned = Turn::Returned(at("2026-01-05T00:00:10Z"));
        assert_eq!(hand.turn(&mut both, places).await, returned);
    }

    #[tokio::test]
    async fn a_clock_that_is_wrong_sleeps_as_long_as_it_says() {
        let (clock, mut hand) = Clock::hand(at("2026-01-05T00:00:00Z"));
        let ahead_ms = Arc::new(AtomicI64::new(60_000));
        let fast = clock.askew(Arc::clone(&ahead_ms));
        assert_eq!(fast.now(), at("2026-01-05T00:01:00Z"));
        let mut invocation = sleep_then_read(&fast, "2026-01-05T00:03:00Z");
        let place = parked(&mut hand, &mut invocation).await;
        assert_eq!(place.at, at("2026-01-05T00:02:00Z"), "two minutes by its own reckoning");
        // It is set back meanwhile, and sleeps on.
        ahead_ms.store(0, Ordering::SeqCst);
        hand.move_to(place.at);
        hand.wake(place);
        let again = parked(&mut hand, &mut invocation).await;
        assert_eq!(again.at, at("2026-01-05T00:03:00Z"));
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
