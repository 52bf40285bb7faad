//! The page of what waits and what did not arrive, by destination, and what was said of one handoff.

use super::{Frame, Reader, html, see, shown::Moment};
use crate::{
    Desk,
    access::Visitor,
    fault::Fault,
    form,
    outbox::{Fares, spoken, state},
};
use askama::Template;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use settle::may;
use store::Delivery;

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage {
    frame: Frame,
    message: Option<String>,
    muted: Option<String>,
    runs: bool,
    destinations: Vec<Destination>,
}

struct Destination {
    name: String,
    kind: String,
    fares: String,
    well: bool,
    next: Option<Moment>,
    waiting: Vec<DeliveryLine>,
    undelivered: Vec<DeliveryLine>,
}

/// A delivery, as a page shows it.
pub(crate) struct DeliveryLine {
    pub(crate) name: String,
    pub(crate) handoff: String,
    pub(crate) what: String,
    pub(crate) to: String,
    pub(crate) word: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) class: &'static str,
    pub(crate) tries: u32,
    pub(crate) at: Moment,
    pub(crate) next: Option<Moment>,
    pub(crate) answer: String,
}

impl Desk {
    /// Answers the page of what waits and what did not arrive.
    pub(crate) async fn page_outbox(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        self.outbox_page(request, visitor, (StatusCode::OK, None)).await
    }

    /// Has deliveries sent again by a form of that page.
    pub(crate) async fn page_redrive(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let pairs = form::read(&String::from_utf8_lossy(request.body()));
        let active = self.configs.active(self.clock.now()).await?;
        let destination = pairs.get("destination").map(String::as_str).unwrap_or_default();
        let one = pairs.get("delivery").map(String::as_str).filter(|one| !one.is_empty());
        match self.redrive(visitor, destination, one, &active.config).await {
            Ok(_) => Ok(see("/outbox")),
            Err(fault) if fault.status().is_client_error() => {
                let refused = (fault.status(), Some(fault.to_string()));
                self.outbox_page(request, visitor, refused).await
            }
            Err(fault) => Err(fault),
        }
    }

    async fn outbox_page(
        &self,
        request: &Request<Bytes>,
        visitor: &Visitor,
        (status, message): (StatusCode, Option<String>),
    ) -> Result<Response<Bytes>, Fault> {
        let active = self.configs.active(self.clock.now()).await?;
        let reader = Reader::new(&active.config, visitor, self.clock.now());
        let fares = self.outbox(reader.config).await?;
        let mute = self.store.mute(reader.now).await?;
        let muted = mute.map(|mute| match mute.until {
            Some(until) => format!(
                "Everything is silenced until {}. Clocks and numbers go on.",
                Moment::of(until, reader.zone).text
            ),
            None => "Everything is silenced until somebody ends it. Clocks and numbers go on."
                .to_owned(),
        });
        let runs =
            reader.person.is_some_and(|person| may::may_run_it(person, reader.config).is_ok());
        let page = OutboxPage {
            frame: reader.frame("Outbox", request),
            message,
            muted,
            runs,
            destinations: fares.iter().map(|fares| destination(fares, &reader)).collect(),
        };
        html(status, &page)
    }
}

fn destination(fares: &Fares, reader: &Reader<'_>) -> Destination {
    let shut = fares.row.shut_until.filter(|until| reader.now < *until);
    let reason = fares.row.reason.clone().unwrap_or_default();
    let said = match (shut, fares.row.failing) {
        (Some(until), _) => {
            format!("It is left alone until {}. {reason}", Moment::of(until, reader.zone).text)
        }
        (None, 0) => "It takes what it is sent.".to_owned(),
        (None, 1) => format!("The last try failed. {reason}"),
        (None, failing) => format!("The last {failing} tries failed. {reason}"),
    };
    let lines = |all: &[Delivery]| all.iter().map(|one| line(one, reader)).collect();
    Destination {
        name: fares.name.clone(),
        kind: fares.kind.map_or("mail", |kind| kind.word()).replace('_', " "),
        fares: said,
        well: shut.is_none() && fares.row.failing == 0,
        next: fares.row.due_at.map(|at| Moment::of(at, reader.zone)),
        waiting: lines(&fares.waiting),
        undelivered: lines(&fares.undelivered),
    }
}

/// Shows a delivery as a line.
pub(crate) fn line(delivery: &Delivery, reader: &Reader<'_>) -> DeliveryLine {
    let (word, icon, class) = state(delivery);
    let person = delivery.to.as_ref().map(|to| reader.config.name_of(to).to_owned());
    let channel = || {
        let (_, channel) = delivery.part.rsplit_once("channel:")?;
        Some(channel.to_owned())
    };
    DeliveryLine {
        name: delivery.name(),
        handoff: delivery.handoff.to_string(),
        what: spoken(delivery),
        to: person.or_else(channel).unwrap_or_else(|| delivery.destination.clone()),
        word,
        icon,
        class,
        tries: delivery.tries,
        at: Moment::of(delivery.at, reader.zone),
        next: delivery.until.filter(|_| !delivery.is_over()).map(|at| Moment::of(at, reader.zone)),
        answer: delivery.answer.clone().unwrap_or_default(),
    }
}
