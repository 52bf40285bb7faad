//! Starting, cranking and inspecting a world.

use crate::{
    engine,
    logs::Logs,
    roles::{self, Listed},
    shape::wrong_with_event,
};
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use desk::Access;
use domain::{Config, Handoff, HandoffId, change::EVENTS};
use http::{Request, Response};
use local::{
    Cloud, Functions, OutboxEntry, Schedule, ScheduledFunction, Sent, Setup,
    assembly::{self, Meters, Wiring},
    handler,
    sample::{ORGANISATION, PUBLIC_URL, Sender},
};
use runtime::{Clock, Environment, Ids};
use serde_json::{Value, json};
use store::Store;

/// What a world starts from.
pub struct Setting {
    /// When its clock starts.
    pub at: DateTime<Utc>,
    /// Its organisation's configuration.
    pub organisation: String,
    /// What its ids are drawn from.
    pub seed: u64,
    /// Which ticks of the sweep come twice, if any.
    pub doubled: Option<fn(DateTime<Utc>) -> bool>,
    /// Which of them are lost, doubled or not.
    pub lost: fn(DateTime<Utc>) -> bool,
    /// Whether the nightly audit runs: where sweeps are lost for days, it would rightly say so.
    pub audited: bool,
    /// How its desk is entered; by picking a person, if nothing is said.
    pub access: Option<Access>,
    /// The endpoint of the engine its table is on; the embedded one if there is none.
    pub engine: Option<String>,
}

impl Default for Setting {
    /// The sample organisation on a Monday morning.
    fn default() -> Self {
        Self {
            at: time("2026-01-05T09:30:00Z"),
            organisation: ORGANISATION.to_owned(),
            seed: 1,
            doubled: None,
            lost: |_| false,
            audited: true,
            access: None,
            engine: engine::wanted(),
        }
    }
}

/// The whole system, cranked by hand.
pub struct World {
    /// The cloud itself.
    pub cloud: Cloud,
    /// The table, to look into.
    pub store: Store,
    /// The configuration in force.
    pub config: Config,
    /// Its clock, for those who stand in for others.
    pub clock: Clock,
    /// Requests as sources make them.
    pub sender: Sender,
    /// What the functions' requests are counted by.
    pub meters: Meters,
    /// What the functions asked AWS for.
    pub asked: Listed,
    pub(crate) drawn: u64,
    read_to: i64,
    logs: Logs,
}

impl World {
    /// Starts a world with the sample organisation on a Monday morning.
    pub async fn start() -> Self {
        Self::of(Setting::default()).await
    }

    /// Starts a world from a setting.
    pub async fn of(setting: Setting) -> Self {
        Self::with(setting, |environment| environment).await
    }

    /// Starts a world whose clients are changed before use: how faults get under the SDK.
    pub async fn with(setting: Setting, change: impl FnOnce(Environment) -> Environment) -> Self {
        let access = setting.access.clone().unwrap_or_else(Access::picker);
        let make = |plain, wiring: &Wiring| assembly::entered(&change(plain), wiring, access);
        Self::made(setting, make).await
    }

    /// Starts a world whose functions are made otherwise than on a laptop.
    pub(crate) async fn made(
        setting: Setting,
        make: impl FnOnce(Environment, &Wiring) -> (Functions, Meters),
    ) -> Self {
        let logs = Logs::listen();
        let (clock, hand) = Clock::hand(setting.at);
        let wiring = Wiring { clock: clock.clone(), ids: Ids::seeded(setting.seed), abreast: 1 };
        let setup = Setup {
            data: None,
            table: assembly::TABLE.to_owned(),
            rules: assembly::rules(),
            clock: clock.clone(),
        };
        let parts = engine::parts(setup, setting.engine.clone());
        let plain = assembly::environment(&parts);
        let store = plain.store();
        let config = assembly::establish(&store, &setting.organisation, &wiring)
            .await
            .expect("the configuration is good");
        engine::keep_expired(&parts, assembly::TABLE).await;
        let (http, asked) = roles::listening(plain.http());
        let (functions, meters) = make(plain.with_http(http), &wiring);
        let mut functions = roles::named(functions, &asked, &clock);
        let Setting { lost, doubled, .. } = setting;
        let sweep = functions.sweep.clone();
        functions.sweep = handler(move |event: EventBridgeEvent<Value>| {
            let is = |which: fn(DateTime<Utc>) -> bool| event.time.is_some_and(which);
            let comes = event.detail["again"].is_null() || doubled.is_some_and(is);
            let runs = comes && !is(lost);
            let run = runs.then(|| sweep(event));
            async move {
                match run {
                    Some(run) => run.await,
                    None => Ok(()),
                }
            }
        });
        let mut schedules = assembly::schedules(&config);
        let runs = |one: &Schedule| setting.audited || one.function != ScheduledFunction::Audit;
        schedules.retain(runs);
        if doubled.is_some() {
            let sweeps = schedules.iter().find(|one| one.function == ScheduledFunction::Sweep);
            let sweeps = sweeps.expect("the sweep has a schedule").clone();
            let (name, input) = (format!("{}-again", sweeps.name), json!({ "again": true }));
            schedules.push(Schedule { name, input, ..sweeps });
        }
        let cloud = Cloud::new(parts, functions, schedules, hand).expect("the cloud starts");
        let sender = Sender::new(PUBLIC_URL);
        Self { cloud, store, config, clock, sender, meters, asked, drawn: 0, read_to: 0, logs }
    }

    /// Reads the world's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.cloud.now()
    }

    /// Sends a request through the gateway.
    pub async fn post(&mut self, request: Request<Bytes>) -> Response<Bytes> {
        self.cloud.post(request).await.expect("the cloud keeps its state")
    }

    /// Lets everything that is under way come to rest.
    pub async fn settle(&mut self) {
        self.cloud.settle().await.expect("the cloud keeps its state");
    }

    /// Lets time pass.
    pub async fn pass(&mut self, time: Duration) {
        let to = self.now() + time;
        self.until(to).await;
    }

    /// Lets time pass until an instant.
    pub async fn until(&mut self, at: DateTime<Utc>) {
        self.cloud.advance(at).await.expect("the cloud keeps its state");
    }

    /// Reads a handoff as it is stored.
    pub async fn handoff(&self, id: &HandoffId) -> Handoff {
        self.store.handoff(id).await.expect("the handoff is there").record
    }

    /// Takes what was sent outside since it was last looked at: topic messages only.
    pub fn read_mail(&mut self) -> Vec<(String, String)> {
        let entries = self.outbox();
        let mail = entries.into_iter().filter_map(|entry| match entry.sent {
            Sent::Topic { subject, message, .. } => Some((subject.unwrap_or_default(), message)),
            Sent::Bus { .. } | Sent::Outside { .. } => None,
        });
        mail.collect()
    }

    /// Lets everything come to rest, and tells who was mailed what since it was last looked at:
    /// subjects, and to whom.
    pub async fn mailed(&mut self) -> Vec<(String, Value)> {
        self.settle().await;
        let sent = self.outbox().into_iter().filter_map(|entry| match entry.sent {
            Sent::Topic { subject, attributes, .. } => {
                Some((subject.unwrap_or_default(), attributes["to"].clone()))
            }
            Sent::Bus { .. } | Sent::Outside { .. } => None,
        });
        sent.collect()
    }

    /// Takes everything that was sent since it was last looked at.
    pub fn outbox(&mut self) -> Vec<OutboxEntry> {
        let ledger = self.cloud.parts().ledger();
        let entries = ledger.outbox_after(self.read_to).expect("the outbox is readable");
        self.read_to = entries.last().map_or(self.read_to, |entry| entry.sequence);
        entries
    }

    /// Reads every line that was logged so far.
    pub fn logged(&self) -> Vec<String> {
        self.logs.lines()
    }

    /// Takes the figures that were said, as `Name value`.
    pub fn figures(&self) -> Vec<(String, f64)> {
        let said = self.logs.take_figures().into_iter();
        said.map(|said| (said.name, said.value)).collect()
    }

    /// Accepts that errors were logged: the test provoked them.
    pub fn expects_errors(&self) {
        assert!(self.logs.take_errors() > 0, "no error was logged");
    }

    /// Accepts that errors may have been logged: the test put faults under the system.
    pub fn allow_errors(&self) {
        self.logs.take_errors();
    }

    /// Draws the next id a source gives a message.
    pub(crate) fn next_message(&mut self) -> String {
        self.drawn += 1;
        format!("msg_{:04}", self.drawn)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let dead = self.cloud.dead_letters().expect("the dead letters are readable");
        assert!(dead.is_empty(), "something was given up: {dead:?}");
        let unread = self.read_mail();
        let subjects: Vec<&String> = unread.iter().map(|(subject, _)| subject).collect();
        assert!(unread.is_empty(), "nobody read: {subjects:?}");
        assert_eq!(self.logs.take_errors(), 0, "errors were logged");
        assert_eq!(self.logs.personal(), [""; 0], "a log says whose address it is");
        let refused = self.asked.refused();
        assert!(refused.is_empty(), "AWS would refuse it: {refused:?}");
        let ledger = self.cloud.parts().ledger();
        for entry in ledger.outbox().expect("the outbox is readable") {
            if let Sent::Bus { detail_type, detail, .. } = entry.sent
                && EVENTS.contains(&detail_type.as_str())
            {
                let wrong = wrong_with_event(&detail);
                assert!(wrong.is_empty(), "{detail} is not as documented: {wrong:?}");
            }
        }
        let waiting = self.cloud.pending().expect("the queue is readable");
        let soon = self.now() + Duration::seconds(2);
        let undelivered: Vec<_> = waiting.iter().filter(|one| one.at < soon).collect();
        assert!(undelivered.is_empty(), "still under way: {undelivered:?}");
    }
}

/// Reads an instant.
pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("an RFC 3339 time")
}
