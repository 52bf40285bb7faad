//! What was said and written elsewhere: of one handoff, and what waits or did not arrive of all of
//! them, by destination. Whoever answers for the organisation can have it sent again.
//!
//! What arrived is shown with its handoff only: it is the many, and nobody has to do anything about
//! it. What a destination waits for and what was given up is listed for all.

use crate::{Desk, access::Visitor, ask::Fields, fault::Fault, moment};
use domain::{AttemptId, Config, config::DestinationKind, delivery::MAIL};
use http::{Response, StatusCode};
use runtime::web;
use serde_json::{Value, json};
use settle::may;
use store::{Delivery, DeliveryState, DestinationRow, Mute, StoreError};

/// How many deliveries of a destination are listed of each kind.
const LISTED: i32 = 50;

/// How many are sent again at once.
const REDRIVEN_MAX: i32 = 500;

/// How a destination fares, and what of it did not arrive.
pub(crate) struct Fares {
    /// Its name, or whose mail it is.
    pub(crate) name: String,
    /// What it understands; nothing of mail.
    pub(crate) kind: Option<DestinationKind>,
    /// What is known of it.
    pub(crate) row: DestinationRow,
    /// What waits for it, most urgent first.
    pub(crate) waiting: Vec<Delivery>,
    /// What did not arrive and does not wait, newest first.
    pub(crate) undelivered: Vec<Delivery>,
}

impl Desk {
    /// Answers what waits and what did not arrive.
    pub(crate) async fn api_outbox(&self) -> Result<Response<bytes::Bytes>, Fault> {
        let active = self.configs.active(self.clock.now()).await?;
        let fares = self.outbox(&active.config).await?;
        let mute = self.store.mute(self.clock.now()).await?;
        let destinations: Vec<Value> = fares.iter().map(document).collect();
        let answer = json!({ "muted": mute.as_ref().map(muted), "destinations": destinations });
        Ok(web::json(StatusCode::OK, &answer))
    }

    /// Has deliveries sent again.
    pub(crate) async fn api_redrive(
        &self,
        visitor: &Visitor,
        body: &[u8],
    ) -> Result<Response<bytes::Bytes>, Fault> {
        let said = crate::ask::object(body).map_err(Fault::Malformed)?;
        let active = self.configs.active(self.clock.now()).await?;
        let mut fields = Fields::new(said, active.config.organisation.timezone);
        let destination = fields.text("destination").map_err(Fault::Malformed)?;
        let one = fields.text("delivery").map_err(Fault::Malformed)?;
        fields.nothing_else("Sending again").map_err(Fault::Malformed)?;
        let destination = destination.ok_or_else(|| {
            Fault::Malformed("Say which `destination`, and perhaps one `delivery`.".to_owned())
        })?;
        let sent = self.redrive(visitor, &destination, one.as_deref(), &active.config).await?;
        Ok(web::json(StatusCode::OK, &json!({ "redriven": sent })))
    }

    /// Has what did not arrive at a destination sent again: one delivery by its name, or all of
    /// them. Tells how many.
    pub(crate) async fn redrive(
        &self,
        visitor: &Visitor,
        destination: &str,
        one: Option<&str>,
        config: &Config,
    ) -> Result<usize, Fault> {
        may::may_run_it(visitor.actor()?, config)?;
        if destination != MAIL && !config.destinations.contains_key(destination) {
            let names: Vec<&str> = config.destinations.keys().map(String::as_str).collect();
            return Err(Fault::NotFound(format!(
                "There is no destination of that name: there are {}, and {MAIL}.",
                names.join(", ")
            )));
        }
        let now = self.clock.now();
        let mut sent = 0;
        for delivery in self.store.undelivered(destination, REDRIVEN_MAX).await? {
            // What is only observed is not for sending.
            let asked = one.is_none_or(|one| one == delivery.name());
            if !asked || delivery.state == DeliveryState::Observed {
                continue;
            }
            let attempt = AttemptId(self.ids.ulid(now));
            match self.store.redrive_delivery(&delivery, attempt, now).await {
                Ok(()) => sent += 1,
                // It moved meanwhile: somebody else sees to it.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match (sent, one) {
            (0, Some(_)) => Err(Fault::Conflict(
                "It is not among what did not arrive any more: reload the page.".to_owned(),
            )),
            _ => Ok(sent),
        }
    }

    /// Reads how every destination fares.
    pub(crate) async fn outbox(&self, config: &Config) -> Result<Vec<Fares>, StoreError> {
        let named = config.destinations.iter().map(|(name, it)| (name.clone(), Some(it.kind)));
        let mail = config.people.keys().map(|person| (format!("{MAIL}#{person}"), None));
        let lanes: Vec<(String, Option<DestinationKind>)> = named.chain(mail).collect();
        let names: Vec<String> = lanes.iter().map(|(name, _)| name.clone()).collect();
        let mut rows = self.store.destinations(&names).await?;
        let mut all = Vec::new();
        for (name, kind) in lanes {
            let Some(row) = rows.remove(&name) else { continue };
            // Whose mail nobody waits for is not asked about.
            let waiting = match (kind, row.due_at) {
                (None, None) => continue,
                _ => self.store.waiting(&name, LISTED).await?,
            };
            let undelivered = match kind {
                Some(_) => self.store.undelivered(&name, LISTED).await?,
                None => Vec::new(),
            };
            all.push(Fares { name, kind, row, waiting, undelivered });
        }
        let undelivered = self.store.undelivered(MAIL, LISTED).await?;
        if !undelivered.is_empty() {
            let row = DestinationRow { name: MAIL.to_owned(), ..DestinationRow::default() };
            let (name, waiting) = (MAIL.to_owned(), Vec::new());
            all.push(Fares { name, kind: None, row, waiting, undelivered });
        }
        Ok(all)
    }
}

fn document(fares: &Fares) -> Value {
    let deliveries = |all: &[Delivery]| all.iter().map(shown).collect::<Vec<_>>();
    json!({
        "destination": fares.name,
        "kind": fares.kind,
        "failing": fares.row.failing,
        "left_alone_until": fares.row.shut_until.map(moment::iso),
        "reason": fares.row.reason,
        "next_at": fares.row.due_at.map(moment::iso),
        "waiting": deliveries(&fares.waiting),
        "undelivered": deliveries(&fares.undelivered),
    })
}

/// Shows a delivery.
pub(crate) fn shown(delivery: &Delivery) -> Value {
    json!({
        "name": delivery.name(),
        "handoff": delivery.handoff,
        "version": delivery.version,
        "destination": delivery.destination,
        "what": delivery.what,
        "to": delivery.to,
        "state": delivery.state,
        "tries": delivery.tries,
        "since": moment::iso(delivery.since),
        "at": moment::iso(delivery.at),
        "next_at": delivery.until.map(moment::iso),
        "answer": delivery.answer,
    })
}

fn muted(mute: &Mute) -> Value {
    json!({ "since": moment::iso(mute.since), "until": mute.until.map(moment::iso) })
}

/// Names what a delivery is, for people.
pub(crate) fn spoken(delivery: &Delivery) -> String {
    let what = delivery.what.trim_start_matches("handoff.").replace('_', " ");
    match delivery.what.as_str() {
        "card" => "Card".to_owned(),
        "record" => "Record: owner, task, status".to_owned(),
        event if event.starts_with("handoff.") => format!("Event: {what}"),
        _ => format!("Notice: {what}"),
    }
}

/// Names how a delivery stands: a word, an icon, a class.
pub(crate) fn state(delivery: &Delivery) -> (&'static str, &'static str, &'static str) {
    match delivery.state {
        DeliveryState::Sending => ("being sent", "◔", "soon"),
        DeliveryState::Waiting => ("waits", "◔", "soon"),
        DeliveryState::Sent => ("arrived", "✓", "met"),
        DeliveryState::Outdated => ("not needed any more", "–", "closed"),
        DeliveryState::Failed => ("given up", "✗", "missed"),
        DeliveryState::Muted => ("silenced", "–", "closed"),
        DeliveryState::Observed => ("only observed: would have been sent", "–", "closed"),
    }
}
