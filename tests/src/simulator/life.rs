//! A life of a seed: a storm over the traffic, then calm, then everything must have come to rest.

mod rest;
mod trade;

use super::{
    Census, Facts, Fleet, Limbo, Storm, Watch, gated,
    traffic::{Deed, organisation, traffic},
};
use crate::{Setting, Vendors, World};
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use domain::{Config, ReceiptId, config};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use local::{Ticket, sample::Dice};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How long after the last fault everything must be at rest: what was under way comes within four
/// minutes, and two sweeps follow.
const REST: i64 = 240 + 120;

/// How often a source sends what nobody acknowledged.
const SENDS: u32 = 40;

/// What came of a life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lived {
    /// How many handoffs there were.
    pub handoffs: usize,
    /// How many commits.
    pub commits: usize,
    /// How many requests of sources were acknowledged.
    pub acknowledged: usize,
    /// How many rows changed.
    pub changes: i64,
    /// How much was asked for, and what befell it.
    pub census: Census,
    /// The history as a number: the same for the same seed.
    pub told: u64,
}

/// Lives the life of a seed, and checks it from the first step to the last.
///
/// # Panics
/// When something is not as it must be.
pub async fn live(seed: u64) -> Lived {
    let organisation = organisation(&mut Dice::new(seed, 5));
    let mut life = Life::begin(seed, &organisation, Storm::seeded(seed)).await;
    life.plans(traffic(seed));
    life.goes_on().await;
    life.comes_to_rest().await;
    life.has_room().await;
    life.is_true().await;
    life.ends().await
}

/// What a life has planned.
#[derive(Clone, Debug)]
enum Planned {
    /// Something is done.
    Deed(Deed),
    /// Something is asked, for the so manieth time.
    Ask(Asked, u32),
}

/// A message of a source: sent until somebody acknowledges it.
#[derive(Clone, Debug)]
struct Message {
    id: String,
    body: Bytes,
    /// Whose only message it is.
    solo: Option<String>,
}

/// What is asked of the system: sent again while nobody answers.
#[derive(Clone, Debug)]
enum Asked {
    /// By a source.
    Source(Message),
    /// By a person.
    Person(Order),
}

/// What a person asks for.
#[derive(Clone, Debug)]
struct Order {
    by: String,
    path: String,
    body: Value,
    /// What makes sending it twice the same as once.
    key: Option<String>,
}

/// A life under way.
pub(super) struct Life {
    pub(super) world: World,
    vendors: Vendors,
    pub(super) watch: Watch,
    storm: Storm,
    limbo: Limbo,
    dice: Dice,
    begun: DateTime<Utc>,
    plans: BTreeMap<(DateTime<Utc>, u64), Planned>,
    planned: u64,
    /// Requests that are not answered yet, with how often each was sent.
    asked: BTreeMap<Ticket, (Asked, u32)>,
    acknowledged: usize,
    solos: BTreeSet<String>,
    configs: Vec<Config>,
}

impl Life {
    /// Begins a life under a storm.
    pub(super) async fn begin(seed: u64, organisation: &str, storm: Storm) -> Self {
        // What the SDK draws for its pauses is drawn on this thread.
        fastrand::seed(seed);
        let dice = Dice::new(seed, 7);
        let first = config::load(organisation).unwrap_or_else(|all| panic!("{all:?}"));
        let organisation = organisation.to_owned();
        let setting = Setting { organisation, seed, ..Setting::default() };
        let (skew_ms, weather) = (storm.rage().skew_ms, storm.clone());
        let mut limbo = Limbo::default();
        let vendors = trade::vendors(&storm).await;
        let mut world = World::made(setting, |environment, wiring| {
            let clock = wiring.clock.clone();
            let (http, late) = gated(environment.http(), clock.clone(), storm.clone());
            limbo = late;
            let environment = environment.with_http(http).with_pauses(clock);
            let environment = environment.with_vendors(&vendors.url());
            let (fleet, meters) = Fleet::start(environment, wiring.clone(), storm.clone());
            (fleet.functions(), meters)
        })
        .await;
        world.cloud.meet_with(weather);
        let clock = world.clock.clone();
        vendors.clock(move || clock.now());
        let begun = world.now();
        let mut life = Self {
            world,
            vendors,
            watch: Watch::new(skew_ms),
            storm,
            limbo,
            dice,
            begun,
            plans: BTreeMap::new(),
            planned: 0,
            asked: BTreeMap::new(),
            acknowledged: 0,
            solos: BTreeSet::new(),
            configs: vec![first],
        };
        life.watch.learns(&life.configs[0]);
        life.look();
        life
    }

    /// Plans what is done, and how long after the beginning.
    pub(super) fn plans(&mut self, deeds: Vec<(Duration, Deed)>) {
        for (after, deed) in deeds {
            self.plan(after, Planned::Deed(deed));
        }
    }

    fn plan(&mut self, after: Duration, what: Planned) {
        self.planned += 1;
        self.plans.insert((self.begun + after, self.planned), what);
    }

    fn plan_in(&mut self, seconds: i64, what: Planned) {
        self.plan(self.world.now() - self.begun + Duration::seconds(seconds), what);
    }

    fn look(&mut self) {
        let now = self.world.now();
        self.watch.look(self.world.cloud.parts(), now);
    }

    /// Goes on until nothing is planned and everything is answered.
    pub(super) async fn goes_on(&mut self) {
        while let Some(&(at, number)) = self.plans.keys().next() {
            // What happens on the way may plan something sooner.
            if self.steps(at).await {
                continue;
            }
            self.world.until(at).await;
            match self.plans.remove(&(at, number)) {
                Some(Planned::Deed(deed)) => self.does(deed).await,
                Some(Planned::Ask(asked, sends)) => self.ask(asked, sends),
                None => {}
            }
            if self.plans.is_empty() {
                let soon = self.world.now() + Duration::seconds(90);
                self.until(soon).await;
            }
        }
        assert!(self.asked.is_empty(), "never answered: {:?}", self.asked.values());
    }

    /// Lets time pass, and looks after each step.
    async fn until(&mut self, at: DateTime<Utc>) {
        while self.steps(at).await {}
        self.world.until(at).await;
    }

    /// Lets the next thing happen, if it is due, and looks at what came of it.
    async fn steps(&mut self, until: DateTime<Utc>) -> bool {
        if !self.world.cloud.step(until).await.expect("the cloud keeps its state") {
            return false;
        }
        self.look();
        if !self.limbo.is_empty() && self.dice.happens(5) {
            self.limbo.arrive().await;
            self.look();
        }
        self.hear().await;
        true
    }

    /// Hears what was answered.
    async fn hear(&mut self) {
        let asked: Vec<Ticket> = self.asked.keys().copied().collect();
        for ticket in asked {
            let Some(answer) = self.world.cloud.answer(ticket) else { continue };
            let Some((asked, sends)) = self.asked.remove(&ticket) else { continue };
            let status = answer.status().as_u16();
            if status == 503 {
                assert!(sends < SENDS, "never acknowledged: {asked:?}");
                let pause = [5, 30, 60, 300][sends.min(3) as usize];
                self.plan_in(pause, Planned::Ask(asked, sends + 1));
                continue;
            }
            match asked {
                Asked::Source(message) => self.is_kept(message, &answer).await,
                Asked::Person(..) => {
                    let said = String::from_utf8_lossy(answer.body()).into_owned();
                    let fits = status == 200 || (400..500).contains(&status);
                    assert!(fits, "{status}: {said}");
                }
            }
        }
    }

    /// I1: what is acknowledged is kept, byte for byte.
    async fn is_kept(&mut self, message: Message, answer: &Response<Bytes>) {
        assert_eq!(answer.status(), 200, "{:?} is authentic: {answer:?}", message.id);
        let said: Value = serde_json::from_slice(answer.body()).expect("a JSON answer");
        let receipt = ReceiptId::from(said["receipt"].as_str().unwrap_or_default());
        let kept = self.world.store.receipt(&receipt).await.expect("what is acknowledged is kept");
        assert_eq!(kept.body, message.body, "I1: {receipt} is kept otherwise than it was sent");
        self.acknowledged += 1;
        self.solos.extend(message.solo);
    }

    /// Asks for something now; a source signs it now.
    fn ask(&mut self, asked: Asked, sends: u32) {
        let now = self.world.now();
        let request = match &asked {
            Asked::Source(message) => {
                self.world.sender.generic_raw(&message.id, now, message.body.clone())
            }
            Asked::Person(order) => posted(order),
        };
        let ticket = self.world.cloud.post_at(now, request);
        self.asked.insert(ticket, (asked, sends));
    }

    async fn does(&mut self, deed: Deed) {
        match deed {
            Deed::Tell { id, kind, data } => self.tells(id, kind, data),
            Deed::Garble { id } => {
                let body = Bytes::from_static(b"{\"type\": \"demo.requested\", \"data\": ");
                self.comes(Message { id, body, solo: None });
            }
            Deed::Act { draw, verb, body } => self.acts(draw, verb, &body),
            Deed::Manage { path, mut body } => {
                for name in ["from", "to"] {
                    if let Some(minutes) = body[name].as_i64() {
                        let at = self.world.now() + Duration::minutes(minutes);
                        body[name] = at.to_rfc3339().into();
                    }
                }
                self.posts("grace", &path, &body);
            }
            Deed::Push { organisation } => self.pushes(&organisation).await,
        }
    }

    fn tells(&mut self, id: String, kind: &str, mut data: Value) {
        let now = self.world.now();
        if let Some(seconds) = data["meeting_at"].as_i64() {
            data["meeting_at"] = (now + Duration::seconds(seconds)).to_rfc3339().into();
        }
        let who = data["subject"]["id"].as_str().unwrap_or_default().to_owned();
        let solo = Some(who).filter(|who| who.starts_with("solo"));
        let body = json!({ "type": kind, "timestamp": now.to_rfc3339(), "data": data });
        self.comes(Message { id, body: body.to_string().into(), solo });
    }

    /// Lets a message come: now or late, and perhaps twice.
    fn comes(&mut self, message: Message) {
        let (late, twice) = self.storm.source();
        if let Some(seconds) = twice {
            self.plan_in(seconds, Planned::Ask(Asked::Source(message.clone()), 0));
        }
        match late {
            Some(seconds) => self.plan_in(seconds, Planned::Ask(Asked::Source(message), 0)),
            None => self.ask(Asked::Source(message), 0),
        }
    }

    fn acts(&mut self, draw: u64, verb: &str, body: &Value) {
        let all: Vec<_> = self.watch.model().list().collect();
        let Some(count) = u64::try_from(all.len()).ok().filter(|count| *count > 0) else { return };
        let (id, owner, _) = all[usize::try_from(draw % count).unwrap_or(0)];
        // Now and then it is somebody who has not got it, or has it no longer.
        let owner = owner.map_or("grace", |owner| owner.as_str());
        let by = if draw % 11 == 3 { "ben" } else { owner }.to_owned();
        let path = format!("/api/handoffs/{id}/{verb}");
        // A third have a key, and half of those are sent again.
        let key = (draw % 3 == 1).then(|| format!("{draw}"));
        let order = Order { by, path, body: body.clone(), key };
        if order.key.is_some() && draw.is_multiple_of(2) {
            let seconds = i64::try_from(draw % 120).unwrap_or(0);
            self.plan_in(seconds, Planned::Ask(Asked::Person(order.clone()), 0));
        }
        self.ask(Asked::Person(order), 0);
    }

    fn posts(&mut self, by: &str, path: &str, body: &Value) {
        let (by, path) = (by.to_owned(), path.to_owned());
        self.ask(Asked::Person(Order { by, path, body: body.clone(), key: None }), 0);
    }

    async fn pushes(&mut self, organisation: &str) {
        let before = u64::try_from(self.configs.len()).ok();
        let (now, attempt) = (self.world.now(), format!("push-{before:?}").as_str().into());
        let push = self.world.store.push_config(organisation, before, &attempt, now).await;
        push.expect("nobody else pushes");
        let config = config::load(organisation).unwrap_or_else(|all| panic!("{all:?}"));
        self.watch.learns(&config);
        self.configs.push(config);
        self.look();
    }

    /// Says what came of it.
    pub(super) async fn ends(mut self) -> Lived {
        // What is about to go on is let go on.
        for _ in 0..300 {
            let soon = self.world.now() + Duration::seconds(3);
            let pending = self.world.cloud.pending().expect("the cloud keeps its state");
            if pending.iter().all(|one| one.at > soon) {
                break;
            }
            self.until(soon).await;
        }
        self.world.allow_errors();
        self.world.outbox();
        Lived {
            handoffs: self.watch.model().len(),
            commits: self.watch.commits().count(),
            acknowledged: self.acknowledged,
            changes: self.watch.changes(),
            census: self.storm.census(),
            told: self.watch.told(),
        }
    }

    /// What every handoff comes to, in the order in which they opened.
    pub(super) fn facts(&self) -> Vec<Facts> {
        let mut all: Vec<_> = self.watch.handoffs().collect();
        all.sort_by_key(|handoff| (handoff.triggered_at, handoff.kind.clone()));
        all.iter().map(|handoff| self.watch.model().facts(&handoff.id)).collect()
    }
}

/// A request of somebody at the desk.
fn posted(Order { by, path, body, key }: &Order) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(body.to_string()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().expect("a path");
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert("content-type", json);
    let by = HeaderValue::from_str(by).expect("a name");
    request.headers_mut().insert("x-handoff-person", by);
    let key = key.as_ref().and_then(|key| HeaderValue::from_str(key).ok());
    request.headers_mut().extend(key.map(|key| (HeaderName::from_static("idempotency-key"), key)));
    request
}
