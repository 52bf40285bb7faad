//! One try: what is wanted, as the destination's kind says it.

use crate::{
    Courier,
    context::Context,
    verdict::{Verdict, left_alone},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use domain::{
    config::{Destination, DestinationKind},
    delivery::{Wanted, What},
};
use http::{HeaderMap, Method, StatusCode};
use runtime::{
    Answer, Ask,
    outside::OutsideError,
    secrets::{SecretError, Wanted as WantedSecret},
};
use serde_json::Value;
use std::time::Duration;
use store::Delivery;

/// How long somebody has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A destination with what is needed to speak to it.
pub(crate) struct Line<'a> {
    /// Its name in the configuration.
    pub(crate) name: &'a str,
    /// What the configuration says of it.
    pub(crate) destination: &'a Destination,
    /// Its address.
    pub(crate) base: String,
    /// Its secrets that are good, the current one first.
    pub(crate) secrets: Vec<String>,
}

impl Line<'_> {
    /// The secret that is used.
    pub(crate) fn secret(&self) -> &str {
        self.secrets.first().map_or("", String::as_str)
    }
}

impl Courier {
    /// Tries once.
    pub(crate) async fn send(
        &self,
        context: &Context,
        wanted: &Wanted,
        claimed: &Delivery,
    ) -> Verdict {
        let Some(destination) = context.destination(&wanted.destination) else {
            return Verdict::never("The configuration has no such destination any more.");
        };
        let line = match self.line(&wanted.destination, destination).await {
            Ok(line) => line,
            Err(SecretError::Sample(what)) => {
                return Verdict::must_act(format!(
                    "{what} still has the sample secret: name one of your own in the configuration."
                ));
            }
            Err(error) => return Verdict::must_act(format!("Its secret cannot be had: {error}.")),
        };
        match (&wanted.what, destination.kind) {
            (What::Card(conversation), DestinationKind::Slack) => {
                self.slack_card(context, &line, conversation, claimed).await
            }
            (What::Notice(conversation, notice), DestinationKind::Slack) => {
                self.slack_notice(context, &line, (conversation, notice), claimed).await
            }
            (What::Notice(_, notice), DestinationKind::SlackWebhook) => {
                self.slack_post(context, &line, notice).await
            }
            (What::Event(event), DestinationKind::Webhook) => {
                self.webhook(context, &line, event).await
            }
            (What::Record, DestinationKind::Hubspot) => self.hubspot(context, &line, claimed).await,
            (What::Record, DestinationKind::Salesforce) => {
                self.salesforce(context, &line, claimed).await
            }
            (What::Record, DestinationKind::Pipedrive) => {
                self.pipedrive(context, &line, claimed).await
            }
            _ => Verdict::never("The destination is of another kind now, and takes no such thing."),
        }
    }

    async fn line<'a>(
        &self,
        name: &'a str,
        destination: &'a Destination,
    ) -> Result<Line<'a>, SecretError> {
        let plain = format!("local-{name}-secret");
        let sample = match destination.kind {
            DestinationKind::SlackWebhook => "local".to_owned(),
            DestinationKind::Salesforce => format!("local:{plain}"),
            DestinationKind::Webhook => format!("whsec_{}", STANDARD.encode(plain)),
            _ => plain,
        };
        let what = format!("destination `{name}`");
        let wanted = WantedSecret { what, name: &destination.secret, sample };
        let secrets = self.secrets.named(&wanted, self.clock.now()).await?;
        // Whoever pastes a secret pastes a line's end with it.
        let secrets: Vec<String> = secrets.iter().map(|one| one.trim().to_owned()).collect();
        let vendor = match destination.kind {
            DestinationKind::Slack => "https://slack.com/api",
            DestinationKind::Hubspot => "https://api.hubapi.com",
            // The address of an incoming webhook is its secret.
            DestinationKind::SlackWebhook => secrets.first().map_or("", String::as_str),
            _ => "",
        };
        let base = destination.url.as_deref().unwrap_or(vendor);
        // A webhook's address is its receiver's, to the letter; below others paths are put.
        let base = match destination.kind {
            DestinationKind::Webhook | DestinationKind::SlackWebhook => base,
            _ => base.trim_end_matches('/'),
        };
        let base = self.outside.address(base, destination.kind.word());
        Ok(Line { name, destination, base, secrets })
    }

    /// Sends a JSON document to an address and reads what comes back.
    pub(crate) async fn exchange(
        &self,
        method: Method,
        address: String,
        headers: Vec<(&'static str, String)>,
        body: Option<&Value>,
    ) -> Result<Answer, OutsideError> {
        let body = body.map(|body| {
            ("application/json; charset=utf-8", Bytes::from(body.to_string().into_bytes()))
        });
        self.ask(Ask { method, address, headers, body }).await
    }

    /// The same, with what follows from silence, and for how long it asks to be left alone.
    pub(crate) async fn answered(
        &self,
        method: Method,
        address: String,
        headers: Vec<(&'static str, String)>,
        body: Option<&Value>,
    ) -> Result<(Answer, Option<chrono::Duration>), Verdict> {
        let answer = self.exchange(method, address, headers, body).await;
        let answer = answer.map_err(|error| Verdict::of_silence(&error))?;
        let after = left_alone(&answer.headers, self.clock.now());
        Ok((answer, after))
    }

    /// Sends a request of which only the status matters.
    pub(crate) async fn hand_over(
        &self,
        ask: Ask,
    ) -> Result<(StatusCode, HeaderMap), OutsideError> {
        let _work = self.clock.working_too();
        self.outside.hand_over(ask, PATIENCE).await
    }

    /// Sends a request and reads what comes back. No clock knows of this work, so it is announced.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Answer, OutsideError> {
        let _work = self.clock.working_too();
        self.outside.send(ask, PATIENCE).await
    }
}

/// Writes a text as one value of a query or a form.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(byte.into());
            }
            other => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                encoded.push('%');
                for half in [other >> 4, other & 15] {
                    encoded.push(DIGITS[usize::from(half)].into());
                }
            }
        }
    }
    encoded
}
