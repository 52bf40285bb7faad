//! The vendors the courier speaks to, on this machine: strict as their documents, and able to
//! misbehave in every way a network can.
//!
//! Each keeps what it was told, refuses what its real one would refuse and answers in its real one's
//! words. What must stay true: nothing is let pass because the courier happens to send it, and what
//! was wrong fails the test unless the test asked for it ([`Vendors::violations`]). A request is
//! looked at in whatever manner it is answered; it is carried out only where the manner says so.

mod blocks;
mod call;
mod hubspot;
mod issuer;
mod pipedrive;
mod salesforce;
mod server;
mod slack;
mod soql;
mod webhook;

pub use hubspot::HubspotTask;
pub use issuer::CLIENT;
pub use slack::SlackMessage;
pub use webhook::Received;

use base64::{Engine, engine::general_purpose::STANDARD};
use call::{Call, Faults, Reply};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};

/// How a vendor answers. Only [`Manner::Well`], [`Manner::LosesReply`] and [`Manner::Late`] carry
/// out what they were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    #[default]
    Well,
    /// With a status, its own kind of error, and headers.
    Status(u16, Vec<(&'static str, String)>),
    /// With a page for people, and 200.
    Html,
    /// Never.
    Hangs,
    /// With 200, and then a byte now and again.
    Drips,
    /// With ten megabytes.
    Shouts,
    /// That it is elsewhere.
    Redirects,
    /// That it will not, with a code of its own, as it says such a thing: Slack by 200 and
    /// `ok: false`, Salesforce in the answer of a part.
    NotOk(&'static str),
    /// Not at all: it carries out what it was asked, and the connection breaks.
    LosesReply,
    /// Not at all: the connection breaks before anything is done.
    ResetsBefore,
    /// After a time; it carries out at once what it was asked.
    Late(Duration),
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Of whom: `slack`, `slack_webhook`, `hubspot`, `salesforce`, `pipedrive` or `webhook`.
    pub vendor: String,
    /// How.
    pub method: String,
    /// For what, beneath the vendor's address, with the query.
    pub path: String,
    /// Its headers; names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Its body: JSON, the fields of a form, a text, or null where there is none.
    pub body: Value,
}

/// Every vendor, on one port of this machine.
pub struct Vendors {
    url: String,
    desk: Shared,
    listener: JoinHandle<()>,
}

type Shared = Arc<Mutex<Desk>>;
type Chooser = Box<dyn FnMut(&Asked) -> Manner + Send>;
type Now = Box<dyn Fn() -> DateTime<Utc> + Send>;

/// What one request comes to.
enum Plan {
    Answer(Reply, Duration),
    Close,
    Hang,
    Drip,
    Shout,
}

/// What the vendors know, and how they behave.
#[derive(Default)]
struct Desk {
    state: State,
    secrets: BTreeMap<String, Vec<String>>,
    violations: Vec<String>,
    asked: Vec<Asked>,
    counts: BTreeMap<String, u64>,
    all: Manner,
    named: BTreeMap<String, Manner>,
    once: BTreeMap<String, VecDeque<Manner>>,
    by: Option<Chooser>,
    now: Option<Now>,
}

/// What the vendors know.
#[derive(Clone, Default)]
struct State {
    slack: slack::Slack,
    hubspot: hubspot::Hubspot,
    salesforce: salesforce::Salesforce,
    pipedrive: pipedrive::Pipedrive,
    receiver: webhook::Receiver,
    issuer: issuer::Issuer,
}

impl State {
    fn answer(&mut self, call: &Call<'_>, faults: &mut Faults) -> Reply {
        match call.asked.vendor.as_str() {
            "slack" => self.slack.answer(call, faults),
            "slack_webhook" => self.slack.webhook(call, faults),
            "hubspot" => self.hubspot.answer(call, faults),
            "salesforce" => self.salesforce.answer(call, faults),
            "pipedrive" => self.pipedrive.answer(call, faults),
            "webhook" => self.receiver.answer(call, faults),
            "issuer" => self.issuer.answer(call, faults),
            other => {
                faults.must(false, || format!("there is no vendor `{other}`"));
                Reply::text(404, "not found")
            }
        }
    }
}

impl Desk {
    fn take(&mut self, asked: Asked, raw: &[u8]) -> Plan {
        let manner = self.manner(&asked);
        let secrets = self.secrets.get(&asked.vendor).cloned().unwrap_or_default();
        let now = self.now.as_ref().map(|now| now());
        let call = Call { asked: &asked, raw, now, secrets: &secrets };
        let mut faults = Faults::default();
        let reply = match manner {
            Manner::Well | Manner::LosesReply | Manner::Late(_) => {
                self.state.answer(&call, &mut faults)
            }
            // It is looked at all the same: what is wrong is wrong in any weather.
            _ => self.state.clone().answer(&call, &mut faults),
        };
        let Asked { vendor, method, path, .. } = &asked;
        let found = faults.found.iter().map(|fault| format!("{vendor}: {method} {path}: {fault}"));
        self.violations.extend(found);
        let plan = match manner {
            Manner::Well => Plan::Answer(reply, Duration::ZERO),
            Manner::Late(late) => Plan::Answer(reply, late),
            Manner::LosesReply | Manner::ResetsBefore => Plan::Close,
            Manner::Hangs => Plan::Hang,
            Manner::Drips => Plan::Drip,
            Manner::Shouts => Plan::Shout,
            Manner::Html => {
                let page = Reply::text(200, "<!doctype html><title>Sign in</title>");
                Plan::Answer(Reply { media: "text/html", ..page }, Duration::ZERO)
            }
            Manner::Redirects => {
                let headers = vec![("location", "http://127.0.0.1:1/elsewhere".to_owned())];
                Plan::Answer(Reply { headers, ..Reply::text(302, "") }, Duration::ZERO)
            }
            Manner::Status(status, headers) => {
                Plan::Answer(Reply { headers, ..failed(vendor, status) }, Duration::ZERO)
            }
            Manner::NotOk(code) => Plan::Answer(refused(&asked, code), Duration::ZERO),
        };
        *self.counts.entry(vendor.clone()).or_default() += 1;
        self.asked.push(asked);
        plan
    }

    /// Finds how a request is answered: the next of what is set for one, the chooser's word, the
    /// vendor's own manner, everybody's.
    fn manner(&mut self, asked: &Asked) -> Manner {
        if let Some(once) = self.once.get_mut(&asked.vendor).and_then(VecDeque::pop_front) {
            return once;
        }
        if let Some(by) = &mut self.by {
            return by(asked);
        }
        self.named.get(&asked.vendor).unwrap_or(&self.all).clone()
    }
}

/// Says a status as a vendor does.
fn failed(vendor: &str, status: u16) -> Reply {
    let limited = status == 429;
    match vendor {
        "slack" => {
            let code = if limited { "ratelimited" } else { "internal_error" };
            Reply { status, ..slack::refused(code) }
        }
        "hubspot" => {
            let category = match status {
                401 => "INVALID_AUTHENTICATION",
                403 => "MISSING_SCOPES",
                404 => "OBJECT_NOT_FOUND",
                409 => "CONFLICT",
                429 => "RATE_LIMITS",
                400..=499 => "VALIDATION_ERROR",
                _ => "INTERNAL_ERROR",
            };
            hubspot::refused(status, category)
        }
        "salesforce" => {
            let code = match status {
                401 => "INVALID_SESSION_ID",
                403 => "REQUEST_LIMIT_EXCEEDED",
                404 => "NOT_FOUND",
                400..=499 => "JSON_PARSER_ERROR",
                503 => "SERVER_UNAVAILABLE",
                _ => "UNKNOWN_EXCEPTION",
            };
            salesforce::refused(status, code)
        }
        "pipedrive" => {
            pipedrive::refused(status, if limited { "request over limit" } else { "no" })
        }
        "slack_webhook" if limited => Reply::text(status, "rate_limited"),
        _ => Reply::text(status, "no"),
    }
}

/// Says a code as a vendor does.
fn refused(asked: &Asked, code: &str) -> Reply {
    match asked.vendor.as_str() {
        "slack" => slack::refused(code),
        "hubspot" => hubspot::refused(400, code),
        "salesforce" if asked.body["compositeRequest"].is_array() => {
            salesforce::halted(&asked.body, code)
        }
        "salesforce" => salesforce::refused(400, code),
        "pipedrive" => pipedrive::refused(400, code),
        _ => Reply::text(400, code),
    }
}

fn lock(desk: &Shared) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The secret a laptop has for a destination of a kind and a name.
fn sample(vendor: &str, name: &str) -> String {
    let plain = format!("local-{name}-secret");
    match vendor {
        "salesforce" => format!("local:{plain}"),
        "webhook" => format!("whsec_{}", STANDARD.encode(plain)),
        _ => plain,
    }
}

impl Vendors {
    /// Starts them, well, with nothing known; they are served by the caller's runtime.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of this machine");
        let port = listener.local_addr().expect("the port has a number").port();
        let desk = Shared::default();
        let listener = tokio::spawn(server::listen(listener, Arc::clone(&desk)));
        let vendors = Self { url: format!("http://127.0.0.1:{port}"), desk, listener };
        for vendor in ["slack", "hubspot", "salesforce", "pipedrive"] {
            vendors.named(vendor, vendor);
        }
        vendors.named("webhook", "events");
        vendors.named("issuer", "sign-in");
        vendors
    }

    /// Where they are: what `runtime::Outside::at` wants.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Tells them the time, which must not go back: Slack names messages by it, and a receiver of
    /// webhooks takes none that is five minutes off.
    pub fn clock(&self, now: impl Fn() -> DateTime<Utc> + Send + 'static) {
        lock(&self.desk).now = Some(Box::new(now));
    }

    /// Makes a vendor know the sample secret of a destination by that name, and no other.
    pub fn named(&self, vendor: &str, destination: &str) {
        self.accepts(vendor, &[&sample(vendor, destination)]);
    }

    /// Makes a vendor know these secrets and no other: tokens, `id:secret` of Salesforce, keys
    /// `whsec_…` of webhooks.
    pub fn accepts(&self, vendor: &str, secrets: &[&str]) {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        lock(&self.desk).secrets.insert(vendor.to_owned(), secrets);
    }

    /// Sets the manner of all of them, until another is set.
    pub fn all(&self, manner: Manner) {
        let mut desk = lock(&self.desk);
        desk.named.clear();
        desk.all = manner;
    }

    /// Sets the manner of one of them, until another is set.
    pub fn set(&self, vendor: &str, manner: Manner) {
        lock(&self.desk).named.insert(vendor.to_owned(), manner);
    }

    /// Sets the manner of the next request to one of them that none was set for yet.
    pub fn once(&self, vendor: &str, manner: Manner) {
        let mut desk = lock(&self.desk);
        desk.once.entry(vendor.to_owned()).or_default().push_back(manner);
    }

    /// Has the manner of each request chosen; what was set for one by [`Self::once`] comes first.
    /// It must not call the vendors: they wait for its word.
    pub fn by(&self, choose: Box<dyn FnMut(&Asked) -> Manner + Send>) {
        lock(&self.desk).by = Some(choose);
    }

    /// Makes all of them well again, and forgets every manner that was set.
    pub fn recover(&self) {
        let mut desk = lock(&self.desk);
        desk.by = None;
        desk.named.clear();
        desk.once.clear();
        desk.all = Manner::Well;
    }

    /// Takes what was asked since it was last taken.
    pub fn asked(&self) -> Vec<Asked> {
        mem::take(&mut lock(&self.desk).asked)
    }

    /// Counts what a vendor was ever asked.
    pub fn count(&self, vendor: &str) -> u64 {
        lock(&self.desk).counts.get(vendor).copied().unwrap_or_default()
    }

    /// Takes what was wrong with requests, a sentence each.
    pub fn violations(&self) -> Vec<String> {
        mem::take(&mut lock(&self.desk).violations)
    }

    /// Makes a vendor lose a record: it was deleted or merged.
    pub fn lacks(&self, vendor: &str, id: &str) {
        let mut desk = lock(&self.desk);
        let gone = match vendor {
            "hubspot" => &mut desk.state.hubspot.gone,
            "salesforce" => &mut desk.state.salesforce.gone,
            "pipedrive" => &mut desk.state.pipedrive.gone,
            other => panic!("`{other}` has no records"),
        };
        gone.insert(id.to_owned());
    }

    /// Deletes every task a CRM has, as people may.
    pub fn deletes_tasks(&self, vendor: &str) {
        let mut desk = lock(&self.desk);
        match vendor {
            "hubspot" => desk.state.hubspot.tasks.clear(),
            "salesforce" => desk.state.salesforce.tasks.clear(),
            "pipedrive" => desk.state.pipedrive.activities.clear(),
            other => panic!("`{other}` has no tasks"),
        }
    }

    /// Lets somebody sign in at the issuer, who was sent to this address: tells where they are sent
    /// back to.
    pub fn signs_in(&self, address: &str, email: &str) -> String {
        let mut desk = lock(&self.desk);
        let (back, faults) = desk.state.issuer.authorize(address, email);
        desk.violations.extend(faults.found.iter().map(|fault| format!("issuer: {fault}")));
        back
    }

    /// Makes the issuer say something else in its tokens; null makes it say the right thing again.
    pub fn issuer_lies(&self, claim: &str, lie: Value) {
        let lies = &mut lock(&self.desk).state.issuer.lies;
        match lie.is_null() {
            true => drop(lies.remove(claim)),
            false => drop(lies.insert(claim.to_owned(), lie)),
        }
    }

    /// Makes the issuer sign with a key of another name.
    pub fn issuer_turns_its_key(&self) {
        lock(&self.desk).state.issuer.key += 1;
    }

    /// Makes these the only channels and persons Slack knows.
    pub fn slack_knows(&self, ids: &[&str]) {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        lock(&self.desk).state.slack.known = Some(ids);
    }

    /// What the bot said in a conversation, in order: `C…`, or `D…` of a person `U…`.
    pub fn slack_messages(&self, channel: &str) -> Vec<SlackMessage> {
        let desk = lock(&self.desk);
        let here = desk.state.slack.messages.iter().filter(|one| one.channel == channel);
        here.cloned().collect()
    }

    /// Everything the bot said, in order.
    pub fn slack_said(&self) -> Vec<SlackMessage> {
        lock(&self.desk).state.slack.messages.clone()
    }

    /// Deletes a message, as a person may.
    pub fn slack_deletes(&self, channel: &str, ts: &str) {
        let is = |one: &SlackMessage| one.channel == channel && one.ts == ts;
        lock(&self.desk).state.slack.messages.retain(|one| !is(one));
    }

    /// Everything the incoming webhook said, in order.
    pub fn slack_webhook_messages(&self) -> Vec<SlackMessage> {
        lock(&self.desk).state.slack.by_webhook.clone()
    }

    /// HubSpot's tasks, the oldest first.
    pub fn hubspot_tasks(&self) -> Vec<HubspotTask> {
        lock(&self.desk).state.hubspot.tasks.values().cloned().collect()
    }

    /// What was written of a record in HubSpot; nothing where nothing was.
    pub fn hubspot_record(&self, kind: &str, id: &str) -> BTreeMap<String, String> {
        let record = (kind.to_owned(), id.to_owned());
        lock(&self.desk).state.hubspot.records.get(&record).cloned().unwrap_or_default()
    }

    /// Salesforce's tasks by id, the oldest first.
    pub fn salesforce_tasks(&self) -> Vec<(String, Map<String, Value>)> {
        let desk = lock(&self.desk);
        let tasks = desk.state.salesforce.tasks.iter();
        tasks.map(|(id, task)| (id.clone(), task.clone())).collect()
    }

    /// What was written of a record in Salesforce; nothing where nothing was.
    pub fn salesforce_record(&self, kind: &str, id: &str) -> Map<String, Value> {
        let record = (kind.to_owned(), id.to_owned());
        lock(&self.desk).state.salesforce.records.get(&record).cloned().unwrap_or_default()
    }

    /// Ends every session Salesforce gave.
    pub fn salesforce_expires_sessions(&self) {
        lock(&self.desk).state.salesforce.sessions.clear();
    }

    /// Pipedrive's activities whole, the oldest first.
    pub fn pipedrive_activities(&self) -> Vec<Map<String, Value>> {
        lock(&self.desk).state.pipedrive.activities.values().cloned().collect()
    }

    /// What was written of a record in Pipedrive; nothing where nothing was.
    pub fn pipedrive_record(&self, kind: &str, id: &str) -> Map<String, Value> {
        let record = (kind.to_owned(), id.to_owned());
        lock(&self.desk).state.pipedrive.records.get(&record).cloned().unwrap_or_default()
    }

    /// Every webhook that was taken, in order; those that came again are marked.
    pub fn webhooks(&self) -> Vec<Received> {
        lock(&self.desk).state.receiver.received.clone()
    }
}

impl Drop for Vendors {
    fn drop(&mut self) {
        self.listener.abort();
        if std::thread::panicking() {
            return;
        }
        let violations = self.violations();
        assert!(violations.is_empty(), "the vendors would refuse it: {violations:#?}");
    }
}

#[cfg(test)]
mod tests;
