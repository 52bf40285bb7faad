//! Connectors: authentic bytes of a vendor become events in this system's vocabulary.
//!
//! A connector answers two questions, in this order: is this really the source (on the raw bytes,
//! before anything is parsed), and what does it say. Both are pure functions of the request, the
//! source's configuration, its secrets and the time, so that a stored receipt reads the same on
//! every redrive. Reading never fails as a whole: what cannot be read is an item of its own with a
//! stable reason, because an authentic message is kept and answered 200, never refused.

mod fault;
mod form;
mod generic;
mod hubspot;
mod inflate;
mod json;
mod key;
mod mapping;
mod node;
mod pipedrive;
mod salesforce;
mod signature;
mod slack;
#[cfg(test)]
mod tests;
mod xml;

use chrono::{DateTime, Utc};
use domain::{
    HandoffId, SourceEvent, SourceKey,
    config::{Source, SourceKind},
};
use http::HeaderMap;
use serde_json::Value;
use std::fmt;

/// A request as the gateway received it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, upper case.
    pub method: &'a str,
    /// The configured public address with the raw path and query, exactly as received.
    pub url: &'a str,
    /// The token in the path, for sources that cannot sign.
    pub token: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, as received: still compressed if it came so.
    pub body: &'a [u8],
    /// When it was received.
    pub now: DateTime<Utc>,
}

/// The request does not prove who sent it; why is not said, since only a forger would gain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The request does not prove that it comes from this source: check its secret.")]
pub struct NotAuthentic;

/// What a request says, one item an entry of its batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The items: HubSpot's in the order they are to be applied, others' in the order sent.
    pub items: Vec<Item>,
    /// What its sender waits for besides.
    pub wants: Option<Wants>,
}

/// One entry of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Something that happened.
    Event(Box<SourceEvent>),
    /// A button that somebody pressed.
    Click(Box<Click>),
    /// Readable, but nothing this source is configured to tell: another portal, our own echo,
    /// another object.
    Ignored,
    /// Authentic, but not to be understood: for the quarantine.
    Unreadable(Unreadable),
}

/// What could not be read, and why.
#[derive(Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// A stable code: `empty`, `utf8`, `json`, `form`, `dup-key`, `depth`, `size`, `shape`,
    /// `field:<path>`, `xml`, `dtd`, `inflate`.
    pub reason: String,
    /// The bytes concerned: the whole body as received, or the one entry of its batch; none of
    /// Slack's, among which a way back stands.
    pub part: Vec<u8>,
}

impl fmt::Debug for Unreadable {
    /// Writes the reason and a length: bodies are personal data and stay out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unreadable({}, {} bytes)", self.reason, self.part.len())
    }
}

/// A button that somebody pressed on the card of a handoff: their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Click {
    /// What makes the same click that comes twice one: a digest of all it says.
    pub key: String,
    /// Who pressed it, as the vendor knows them.
    pub user: String,
    /// The handoff the card is of.
    pub handoff: HandoffId,
    /// What they ordered.
    pub button: Button,
}

/// A button of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Button {
    /// They take it.
    Accept,
    /// They got in touch.
    Touch,
    /// They give it back, for a reason.
    Reject(String),
}

/// What a sender waits for besides its answer; it is good for minutes, and kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Its own word back, as proof that somebody is there.
    Challenge(String),
    /// What came of a click, said to whoever pressed it.
    Word(Back),
}

/// The way back to whoever pressed a button.
#[derive(Clone, PartialEq, Eq)]
pub struct Back {
    /// Where it is said. Whoever has it can speak there: it is not shown by anything.
    pub address: String,
    /// The blocks of the message the button stands in; none where they were not sent.
    pub blocks: Vec<Value>,
}

impl fmt::Debug for Back {
    /// Writes how many blocks there are, and neither the address nor what they say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Back({} blocks)", self.blocks.len())
    }
}

/// What a sender wants to hear when its request is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The receipt, as JSON.
    Json,
    /// [`soap_ack`]: anything else makes Salesforce send the whole batch again.
    SoapAck,
    /// Nothing: what Slack is answered, it shows.
    Empty,
}

/// Proves that a request comes from its source, trying every active secret in constant time.
pub fn authenticate(
    source: &Source,
    request: &Request<'_>,
    secrets: &[String],
) -> Result<(), NotAuthentic> {
    // An empty secret would make an empty token authentic.
    let secrets: Vec<&str> =
        secrets.iter().map(String::as_str).filter(|secret| !secret.is_empty()).collect();
    match source.kind {
        SourceKind::Generic => signature::standard_webhooks(request, &secrets),
        SourceKind::Hubspot => signature::hubspot(request, &secrets),
        SourceKind::Salesforce => {
            signature::path_token(request, &secrets)?;
            salesforce::sender_may_speak(source, request.headers, request.body)
        }
        SourceKind::Pipedrive => signature::basic(request, &secrets),
        SourceKind::Slack => signature::slack(request, &secrets),
    }
}

/// Reads what an authentic request says.
pub fn read(key: &SourceKey, source: &Source, headers: &HeaderMap, body: &[u8]) -> Reading {
    let plain = |items| Reading { items, wants: None };
    let reading = inflate::text(headers, body).and_then(|text| match source.kind {
        SourceKind::Generic => generic::read(source, headers, &text).map(plain),
        SourceKind::Hubspot => hubspot::read(key, source, &text).map(plain),
        SourceKind::Salesforce => salesforce::read(source, &text).map(plain),
        SourceKind::Pipedrive => pipedrive::read(source, &text).map(plain),
        SourceKind::Slack => slack::read(source, &text),
    });
    // Only the receipt has bytes among which a way back stands.
    let part = if source.kind == SourceKind::Slack { &[] } else { body };
    reading.unwrap_or_else(|fault| plain(vec![Item::unreadable(&fault, part)]))
}

/// Tells what the source wants to hear.
pub fn reply(source: &Source) -> Reply {
    match source.kind {
        SourceKind::Generic | SourceKind::Hubspot | SourceKind::Pipedrive => Reply::Json,
        SourceKind::Salesforce => Reply::SoapAck,
        SourceKind::Slack => Reply::Empty,
    }
}

/// Writes the answer that stops Salesforce from sending again; its content type is `text/xml`.
pub fn soap_ack() -> &'static str {
    concat!(
        r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">"#,
        r#"<soapenv:Body><notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound">"#,
        "<Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>",
    )
}

impl Item {
    fn event(event: SourceEvent) -> Self {
        Self::Event(Box::new(event))
    }

    fn unreadable(fault: &fault::Fault, part: &[u8]) -> Self {
        Self::Unreadable(Unreadable { reason: fault.code(), part: part.to_vec() })
    }
}
