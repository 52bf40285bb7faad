//! The fleet: several machines run the functions, each with caches and a clock of its own.
//!
//! An invocation lands on any of them. A machine whose invocation dies is gone, with all it had in
//! memory, and another starts cold in its place; so two that read the configuration at different
//! times are alive together, and one may be minutes ahead of the other.

use super::Storm;
use futures::FutureExt;
use local::{
    Functions, Handler, HttpHandler,
    assembly::{self, Meters, Wiring},
};
use runtime::Environment;
use std::{
    future::poll_fn,
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

/// How many machines are alive at a time.
const MACHINES: usize = 3;

/// The machines; clones are the same ones.
#[derive(Clone)]
pub struct Fleet {
    environment: Environment,
    wiring: Wiring,
    storm: Storm,
    machines: Arc<Mutex<Vec<Functions>>>,
}

impl Fleet {
    /// Starts the machines, and says by what the first one's requests are counted.
    pub fn start(environment: Environment, wiring: Wiring, storm: Storm) -> (Self, Meters) {
        let clock = wiring.clock.askew(storm.skew());
        let (first, meters) = assembly::metered(&environment, &Wiring { clock, ..wiring.clone() });
        let fleet = Self { environment, wiring, storm, machines: Arc::default() };
        let more = (1..MACHINES).map(|_| fleet.machine());
        let machines = std::iter::once(first).chain(more).collect();
        *fleet.lock() = machines;
        (fleet, meters)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Functions>> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a machine, cold, with a clock that is as wrong as the storm has it.
    fn machine(&self) -> Functions {
        let clock = self.wiring.clock.askew(self.storm.skew());
        assembly::functions(&self.environment, &Wiring { clock, ..self.wiring.clone() })
    }

    /// Sends an invocation to one of the machines.
    fn land(&self, name: &'static str) -> (Landed, Functions) {
        let invocation = self.storm.lands(name);
        let number = self.storm.machine(MACHINES);
        if self.storm.is_cold() {
            self.replace(number);
        }
        (Landed { invocation, number }, self.lock()[number].clone())
    }

    fn replace(&self, number: usize) {
        let fresh = self.machine();
        self.lock()[number] = fresh;
    }

    /// Makes functions of the fleet, as the cloud invokes them.
    pub fn functions(&self) -> Functions {
        Functions {
            intake: self.door("intake", |functions| &functions.intake),
            desk: self.door("desk", |functions| &functions.desk),
            intake_queue: self.function("intake_queue", |functions| &functions.intake_queue),
            router: self.function("router", |functions| &functions.router),
            courier: self.function("courier", |functions| &functions.courier),
            relay: self.function("relay", |functions| &functions.relay),
            metrics: self.function("metrics", |functions| &functions.metrics),
            sweep: self.function("sweep", |functions| &functions.sweep),
            digest: self.function("digest", |functions| &functions.digest),
            audit: self.function("audit", |functions| &functions.audit),
        }
    }

    fn function<In: Send + 'static, Out: Send + 'static>(
        &self,
        name: &'static str,
        which: fn(&Functions) -> &Handler<In, Out>,
    ) -> Handler<In, Out> {
        let fleet = self.clone();
        Arc::new(move |event| {
            let (landed, functions) = fleet.land(name);
            let call = which(&functions)(event);
            fleet.clone().watched(landed, call).boxed()
        })
    }

    fn door(&self, name: &'static str, which: fn(&Functions) -> &HttpHandler) -> HttpHandler {
        let fleet = self.clone();
        Arc::new(move |request| {
            let (landed, functions) = fleet.land(name);
            let call = which(&functions)(request);
            fleet.clone().watched(landed, call).boxed()
        })
    }

    /// Watches an invocation: when it dies, it is dropped where it stands, and its machine is gone
    /// with it. Whoever invoked it hears only that it failed.
    async fn watched<T>(self, landed: Landed, call: impl Future<Output = T>) -> T {
        let mut call = Box::pin(call);
        let lived = poll_fn(|context| {
            self.storm.runs(landed.invocation);
            match call.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                // One invocation runs at a time: who was killed just now is this one.
                Poll::Pending if self.storm.has_killed() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        if let Some(answer) = lived.await {
            return answer;
        }
        drop(call);
        self.replace(landed.number);
        // Nobody logs this: a dead process says nothing.
        resume_unwind(Box::new(Death))
    }
}

/// Where an invocation runs.
#[derive(Clone, Copy)]
struct Landed {
    /// Its number.
    invocation: usize,
    /// The machine's.
    number: usize,
}

/// What the cloud finds where a process died.
struct Death;
