//! The stage: the whole system in virtual time, and its front doors.

use crate::{Failure, organisation::Organisation};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::{About, Config, HandoffId, PersonId};
use http::{HeaderValue, Method, Request, Response, Uri};
use local::{
    Cloud, OutboxEntry, Parts, Sent, Setup, assembly,
    assembly::Wiring,
    sample::{self, Parcel, Sender},
};
use runtime::{Clock, Ids};
use serde::Deserialize;
use serde_json::Value;

/// The system, its front doors and its outbox.
pub(super) struct Stage {
    cloud: Cloud,
    sender: Sender,
    read: i64,
}

/// What a bus event says of a handoff.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Told {
    /// The event's name.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// When it happened.
    #[serde(rename = "timestamp")]
    pub(super) at: DateTime<Utc>,
    /// Which handoff.
    pub(super) handoff: HandoffId,
    /// The rest.
    pub(super) data: Data,
}

/// What a bus event carries.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Data {
    /// The handoff's dimensions after it.
    pub(super) about: About,
    /// The change itself.
    pub(super) change: Value,
}

/// What the desk said to somebody who acted.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// It was done.
    Done,
    /// It was not, and this is why.
    Refused(String),
}

impl Stage {
    /// Builds the system of the sample organisation.
    pub(super) async fn set(seed: u64, from: DateTime<Utc>) -> Result<(Self, Config), Failure> {
        let organisation = Organisation::sample(sample::PUBLIC_URL)?;
        let (clock, hand) = Clock::hand(from);
        let parts = Parts::start(Setup {
            data: None,
            table: assembly::TABLE.to_owned(),
            rules: assembly::rules(),
            clock: clock.clone(),
        })?;
        let environment = assembly::environment(&parts);
        let wiring = Wiring { clock, ids: Ids::seeded(seed), abreast: 1 };
        let store = environment.store();
        let config = assembly::establish(&store, &organisation.text, &wiring).await?;
        let functions = assembly::functions(&environment, &wiring);
        let cloud = Cloud::new(parts, functions, assembly::schedules(&config), hand)?;
        let sender = Sender::new(sample::PUBLIC_URL);
        Ok((Self { cloud, sender, read: 0 }, config))
    }

    /// Says what time it is.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.cloud.now()
    }

    /// Lets everything happen that is due by a time.
    pub(super) async fn advance(&mut self, to: DateTime<Utc>) -> Result<(), Failure> {
        Ok(self.cloud.advance(to).await?)
    }

    /// Reads what was sent since this was asked last.
    pub(super) fn news(&mut self) -> Result<Vec<OutboxEntry>, Failure> {
        let entries = self.cloud.parts().ledger().outbox_after(self.read)?;
        self.read = entries.last().map_or(self.read, |entry| entry.sequence);
        Ok(entries)
    }

    /// Counts what the system gave up.
    pub(super) fn given_up(&self) -> Result<usize, Failure> {
        Ok(self.cloud.dead_letters()?.len())
    }

    /// Brings a source's message to its hook; returns the answer, if it is JSON.
    pub(super) async fn tell(&mut self, parcel: &Parcel) -> Result<Value, Failure> {
        let request = parcel.request(&self.sender, self.now());
        let response = self.cloud.post(request).await?;
        read(response, "intake")
    }

    /// Does something to a handoff at the desk.
    pub(super) async fn act(
        &mut self,
        person: &PersonId,
        handoff: &HandoffId,
        verb: &str,
        said: &Value,
    ) -> Result<Answer, Failure> {
        let path = format!("/api/handoffs/{handoff}/{verb}");
        let request = at_desk(Method::POST, &path, person, said.to_string().into());
        let response = self.cloud.post(request).await?;
        let status = response.status();
        if status.is_server_error() || status == 404 {
            return read(response, "desk").map(|_| Answer::Done);
        }
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let detail = body["detail"].as_str().unwrap_or(status.as_str()).to_owned();
        Ok(if status.is_success() { Answer::Done } else { Answer::Refused(detail) })
    }

    /// Reads something at the desk.
    pub(super) async fn look(&mut self, person: &PersonId, path: &str) -> Result<Value, Failure> {
        let request = at_desk(Method::GET, path, person, Bytes::new());
        let response = self.cloud.post(request).await?;
        read(response, "desk")
    }
}

/// Reads what an outbox entry says of a handoff; nothing if it is a mail.
pub(super) fn told(entry: &OutboxEntry) -> Option<Told> {
    match &entry.sent {
        Sent::Bus { detail, .. } => serde_json::from_value(detail.clone()).ok(),
        Sent::Topic { .. } | Sent::Outside { .. } => None,
    }
}

fn read(response: Response<Bytes>, part: &'static str) -> Result<Value, Failure> {
    let status = response.status();
    let body = response.into_body();
    if status.is_success() {
        return Ok(serde_json::from_slice(&body).unwrap_or_default());
    }
    let detail = String::from_utf8_lossy(&body).into_owned();
    Err(Failure::Answer { part, status: status.as_u16(), detail })
}

fn at_desk(method: Method, path: &str, person: &PersonId, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    let headers = request.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("accept", HeaderValue::from_static("application/json"));
    if let Ok(person) = HeaderValue::from_str(person.as_str()) {
        headers.insert("x-handoff-person", person);
    }
    request
}
