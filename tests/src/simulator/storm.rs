//! The storm: what befalls each request, delivery and machine, drawn from a seed or named.

use super::Census;
use crate::{faults::Fault, vendors::Manner};
use chrono::TimeDelta;
use local::{Fate, ScheduledFunction, sample::Dice};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

/// What befalls a request beyond its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Befalls {
    /// What the service or the network does to it.
    Fault(Fault),
    /// The process dies before it is carried out.
    CrashBefore,
    /// The process dies when it has been carried out.
    CrashAfter,
    /// Nobody answers in time, and it is carried out later all the same.
    Late,
    /// It is answered with what was so when the same was asked before.
    Stale,
}

/// An internal error of a service.
const BROKEN: Fault = Fault::Error(500, "InternalServerError");

/// Lists what can befall a request, by its operation.
pub fn befalling(operation: &str) -> Vec<Befalls> {
    use Befalls::{CrashAfter, CrashBefore, Late, Stale};
    let plain = [Fault::Throttle, Fault::Reset, BROKEN].map(Befalls::Fault);
    let crashes = [CrashBefore, CrashAfter];
    let (lost, part) = (Befalls::Fault(Fault::LostReply), Befalls::Fault(Fault::Partial));
    let own: &[Befalls] = match operation {
        "TransactWriteItems" => &[
            lost,
            Befalls::Fault(Fault::ForgottenReply),
            Befalls::Fault(Fault::Conflict),
            Befalls::Fault(Fault::Timeout),
            Late,
        ],
        "PutItem" | "UpdateItem" | "DeleteItem" => &[lost, Befalls::Fault(Fault::Timeout), Late],
        "Publish" => &[lost],
        "PutEvents" => &[lost, part],
        "BatchGetItem" => &[part],
        "Query" => &[Stale],
        _ => &[],
    };
    [&plain[..], &crashes, own].concat()
}

/// How bad it is, in thousandths unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rage {
    /// Requests that are spoiled.
    pub requests: u64,
    /// The longest a request takes, in milliseconds.
    pub latency_ms: u64,
    /// Ticks that are lost, doubled or late.
    pub ticks: u64,
    /// Deliveries that are late, cut, replayed or come again.
    pub deliveries: u64,
    /// Invocations that find a machine started anew.
    pub cold: u64,
    /// How far a machine's clock may be wrong, in milliseconds.
    pub skew_ms: i64,
    /// Requests of sources that come late or twice.
    pub sources: u64,
    /// Requests to vendors that end otherwise than well.
    pub vendors: u64,
}

impl Rage {
    /// Draws how bad it is: some seeds are all about one thing, some about everything a little.
    fn drawn(dice: &mut Dice) -> Self {
        Self {
            requests: *dice.pick(&[0, 5, 15, 40, 80]),
            latency_ms: *dice.pick(&[0, 5, 40, 400]),
            ticks: *dice.pick(&[0, 0, 100, 300]),
            deliveries: *dice.pick(&[0, 20, 100, 300]),
            cold: *dice.pick(&[0, 50, 300]),
            skew_ms: *dice.pick(&[0, 0, 2_000, 240_000]),
            sources: *dice.pick(&[0, 100, 300]),
            vendors: 0,
        }
    }
}

/// The storm; clones are one.
#[derive(Clone)]
pub struct Storm(Arc<Mutex<State>>);

struct State {
    dice: Dice,
    rage: Rage,
    /// The only requests that are spoiled, by their numbers, how, and how often in a row.
    only: Option<BTreeMap<u64, (Befalls, u64)>>,
    /// What befalls the next so many requests of an operation too: the SDK tries three times.
    burst: Option<(String, Befalls, u64)>,
    asked: u64,
    /// The invocations so far: which function, and how often it has asked for something.
    invocations: Vec<(&'static str, u64)>,
    /// Which of them runs.
    running: usize,
    points: Vec<Point>,
    /// How wrong each machine's clock is.
    skews: Vec<Arc<AtomicI64>>,
    /// Whether the process that runs is to die where it stands.
    is_dying: bool,
    census: Census,
    /// What vendors do is drawn apart: they may be asked more often than is told here.
    trade: Dice,
}

impl State {
    /// What befell the request before befalls this one too, if it is of the same operation.
    fn goes_on(&mut self, operation: &str) -> Option<Befalls> {
        let (of, how, left) = self.burst.as_mut().filter(|(of, ..)| of == operation)?;
        let (how, again) = (*how, left.checked_sub(1).filter(|left| *left > 0));
        self.burst = again.map(|left| (std::mem::take(of), how, left));
        Some(how)
    }

    /// What befalls a request, and perhaps those that follow: one that dies is not tried again.
    fn begins(&mut self, number: u64, operation: &str) -> Option<Befalls> {
        let (how, times) = match &self.only {
            Some(only) => only.get(&number).copied()?,
            None => {
                let chance = self.rage.requests;
                if chance == 0 || self.dice.below(1_000) >= chance {
                    return None;
                }
                let how = *self.dice.pick(&befalling(operation));
                let is_long = matches!(how, Befalls::Fault(_)) && self.dice.below(3) == 0;
                (how, if is_long { 3 + self.dice.below(3) } else { 1 })
            }
        };
        self.burst = (times > 1).then(|| (operation.to_owned(), how, times - 1));
        Some(how)
    }
}

/// A request that is spoiled, and those after it that ask for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoiled {
    /// Which, in the order in which they are made.
    pub number: u64,
    /// How.
    pub how: Befalls,
    /// How often in a row.
    pub times: u64,
}

/// A place in a run where something is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Who asks.
    pub function: &'static str,
    /// For what.
    pub operation: String,
    /// How often it had asked before, in that invocation.
    pub before: u64,
}

impl fmt::Debug for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storm({:?})", self.lock().rage)
    }
}

impl Storm {
    /// Brews a storm of a seed.
    pub fn seeded(seed: u64) -> Self {
        let (mut dice, mut trade) = (Dice::new(seed, 17), Dice::new(seed, 29));
        let vendors = *trade.pick(&[0, 50, 200, 500]);
        let rage = Rage { vendors, ..Rage::drawn(&mut dice) };
        Self::of((dice, trade), rage, None)
    }

    /// Spoils some requests of a run that is calm otherwise.
    pub fn spoiling(requests: &[Spoiled]) -> Self {
        let only = requests.iter().map(|one| (one.number, (one.how, one.times)));
        let dice = (Dice::new(0, 17), Dice::new(0, 29));
        Self::of(dice, Rage::default(), Some(only.collect()))
    }

    fn of(
        (dice, trade): (Dice, Dice),
        rage: Rage,
        only: Option<BTreeMap<u64, (Befalls, u64)>>,
    ) -> Self {
        let (asked, burst, census) = (0, None, Census::default());
        let (invocations, running) = (vec![("", 0)], 0);
        let (points, skews, is_dying) = (Vec::new(), Vec::new(), false);
        let state = State {
            dice,
            rage,
            only,
            burst,
            asked,
            invocations,
            running,
            points,
            skews,
            is_dying,
            census,
            trade,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how bad it is.
    pub fn rage(&self) -> Rage {
        self.lock().rage
    }

    /// Ends: from now on nothing befalls anything.
    pub fn abates(&self) {
        let mut state = self.lock();
        let latency_ms = state.rage.latency_ms.min(40);
        state.rage = Rage { latency_ms, ..Rage::default() };
        (state.only, state.burst) = (None, None);
        state.skews.iter().for_each(|skew| skew.store(0, Ordering::SeqCst));
    }

    /// Says what was asked for and what befell it.
    pub fn census(&self) -> Census {
        self.lock().census.clone()
    }

    /// Lists the places where something was asked for, in order.
    pub fn points(&self) -> Vec<Point> {
        self.lock().points.clone()
    }

    /// Is told that an invocation begins; gives its number.
    pub(super) fn lands(&self, function: &'static str) -> usize {
        self.sets_a_clock();
        let mut state = self.lock();
        state.invocations.push((function, 0));
        state.invocations.len() - 1
    }

    /// Is told that an invocation goes on: what is asked for from now on is its.
    pub(super) fn runs(&self, invocation: usize) {
        self.lock().running = invocation;
    }

    /// Decides what befalls a request.
    pub(super) fn befalls(&self, operation: &str) -> Befalls {
        let mut state = self.lock();
        let number = state.asked;
        state.asked += 1;
        let running = state.running;
        let (function, before) = state.invocations[running];
        state.invocations[running].1 += 1;
        state.points.push(Point { function, operation: operation.to_owned(), before });
        state.census.asked(operation);
        let how = state.goes_on(operation).or_else(|| state.begins(number, operation));
        if let Some(how) = how {
            state.census.befell(&format!("{operation} {how:?}"));
        }
        how.unwrap_or(Befalls::Fault(Fault::None))
    }

    /// Kills the process whose request this is.
    pub(super) fn kills(&self) {
        self.lock().is_dying = true;
    }

    /// Tells, once, whether the process that just ran is to die.
    pub(super) fn has_killed(&self) -> bool {
        std::mem::take(&mut self.lock().is_dying)
    }

    /// Decides how long something of a request takes.
    pub(super) fn latency(&self) -> Option<TimeDelta> {
        let mut state = self.lock();
        let most = state.rage.latency_ms;
        let ms = (most > 0).then(|| state.dice.below(most + 1))?;
        Some(TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(0)))
    }

    /// Decides whether a machine is started anew before it is used again.
    pub(super) fn is_cold(&self) -> bool {
        let chance = self.lock().rage.cold;
        self.strikes(chance, "machine cold")
    }

    /// Decides which of so many machines is used.
    pub(super) fn machine(&self, of: usize) -> usize {
        let mut state = self.lock();
        match state.rage == Rage::default() {
            true => 0,
            false => usize::try_from(state.dice.below(of as u64)).unwrap_or(0),
        }
    }

    /// Makes a machine's clock as wrong as it is; every clock is set when the storm is over.
    pub(super) fn skew(&self) -> Arc<AtomicI64> {
        let mut state = self.lock();
        let most = state.rage.skew_ms;
        let skew_ms = if most == 0 { 0 } else { state.dice.between(-most, most) };
        let skew = Arc::new(AtomicI64::new(skew_ms));
        state.skews.push(Arc::clone(&skew));
        skew
    }

    /// Decides whether a clock is set anew, forward or back.
    fn sets_a_clock(&self) {
        let chance = self.lock().rage.skew_ms.min(20).unsigned_abs();
        if self.strikes(chance, "clock set") {
            let mut state = self.lock();
            let most = state.rage.skew_ms;
            let machines = state.skews.len() as u64;
            let which = usize::try_from(state.dice.below(machines)).unwrap_or(0);
            let skew_ms = state.dice.between(-most, most);
            state.skews[which].store(skew_ms, Ordering::SeqCst);
        }
    }

    /// Decides whether a source's request comes late, and whether twice; seconds each.
    pub(super) fn source(&self) -> (Option<i64>, Option<i64>) {
        let chance = self.lock().rage.sources;
        let one = |what: &str, to: i64| {
            self.strikes(chance, what).then(|| self.lock().dice.between(1, to))
        };
        (one("source late", 900), one("source twice", 1_800))
    }

    /// Decides how a vendor answers.
    pub(super) fn vendor(&self, vendor: &str) -> Manner {
        let mut state = self.lock();
        let chance = state.rage.vendors;
        if chance == 0 || state.trade.below(1_000) >= chance {
            return Manner::Well;
        }
        let limited = |seconds: &str| vec![("retry-after", seconds.to_owned())];
        let manners = [
            Manner::Status(500, vec![]),
            Manner::Status(503, limited("5")),
            Manner::Status(429, limited("20")),
            Manner::LosesReply,
            Manner::ResetsBefore,
            Manner::Shouts,
            Manner::Html,
        ];
        // A page is an answer too, to whoever looks at its status only.
        let most = if vendor == "webhook" { manners.len() - 1 } else { manners.len() };
        let manner = state.trade.pick(&manners[..most]).clone();
        state.census.befell(&format!("{vendor} {manner:?}"));
        manner
    }

    fn strikes(&self, chance: u64, what: &str) -> bool {
        let mut state = self.lock();
        let strikes = chance > 0 && state.dice.below(1_000) < chance;
        if strikes {
            state.census.befell(what);
        }
        strikes
    }

    fn seconds(&self, low: i64, high: i64) -> TimeDelta {
        TimeDelta::seconds(self.lock().dice.between(low, high))
    }
}

/// Deliveries ask the storm.
impl Fate for Storm {
    fn ticks(&mut self, function: ScheduledFunction) -> Vec<TimeDelta> {
        let on_time = vec![TimeDelta::zero()];
        let chance = self.lock().rage.ticks;
        // What runs once a day is late or doubled, and not lost: a night without it is no fault.
        let is_sweep = function == ScheduledFunction::Sweep;
        if !self.strikes(chance, "tick") {
            return on_time;
        }
        match self.lock().dice.below(if is_sweep { 4 } else { 2 }) {
            0 => vec![TimeDelta::zero(), TimeDelta::milliseconds(700)],
            1 => vec![TimeDelta::zero(), TimeDelta::seconds(45)],
            2 => vec![TimeDelta::seconds(200)],
            _ => vec![],
        }
    }

    fn record_delay(&mut self, _: &str) -> TimeDelta {
        let chance = self.lock().rage.deliveries;
        match self.strikes(chance, "record late") {
            true => self.seconds(1, 20),
            false => TimeDelta::zero(),
        }
    }

    fn batch(&mut self, _: &str, most: usize) -> usize {
        let chance = self.lock().rage.deliveries;
        match self.strikes(chance, "batch cut") {
            true => 1 + self.machine(3),
            false => most,
        }
    }

    fn replay(&mut self, _: &str) -> i64 {
        let chance = self.lock().rage.deliveries / 2;
        match self.strikes(chance, "batch replayed") {
            true => self.lock().dice.between(1, 300),
            false => 0,
        }
    }

    fn put_off(&mut self, _: &str) -> Option<TimeDelta> {
        let chance = self.lock().rage.deliveries;
        self.strikes(chance, "message late").then(|| self.seconds(1, 90))
    }

    fn again(&mut self, _: &str) -> bool {
        let chance = self.lock().rage.deliveries;
        self.strikes(chance, "message twice")
    }
}
