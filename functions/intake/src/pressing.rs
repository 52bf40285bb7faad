//! A button that was pressed is an order of whoever pressed it, carried out as the desk carries out
//! theirs: decided on what is stored now, under the same permissions, once.
//!
//! A click on a card that is older than what it is of is no error: it is done where it still makes
//! sense, and otherwise answered with a sentence that says who was faster.

use crate::{
    Envelope, Intake,
    connector::{Button, Click},
    settling::Came,
    told::Told,
};
use domain::{Config, PersonId, config::DestinationKind};
use settle::{
    Effect, Order, Verb,
    order::{Ask, Carried, Deed, Done, OrderError, Via},
};
use store::StoreError;

/// How somebody got in touch who pressed a button that does not say it.
const CHANNEL: &str = "unknown";

impl Intake {
    /// Carries out what a button orders, and says what whoever pressed it is told.
    pub(crate) async fn press(&self, envelope: &Envelope, click: &Click) -> (Came, Told) {
        let active = match self.configs.active(self.clock.now()).await {
            Ok(active) => active,
            Err(error) => return later(envelope, &error),
        };
        let config = &active.config;
        let known_by = config.knows_people_by(&envelope.source).unwrap_or_default();
        let Some(person) = config.person_known_as(known_by, &click.user) else {
            tracing::info!(receipt = %envelope.receipt, "somebody nobody knows pressed a button");
            return (Came::To(Effect::Ignored), Told::stranger(known_by, &click.user));
        };
        let order = order(envelope, person, click);
        match self.settler.carry_out(&click.handoff, &order).await {
            Ok(Carried { handoff, done }) => {
                let effect = match done {
                    Done::Now => Effect::Updated(handoff.id),
                    Done::Before => Effect::Duplicate(Some(handoff.id)),
                    Done::Already => Effect::Ignored,
                };
                (Came::To(effect), told_done(config, known_by, person, click))
            }
            // Its key is made of all it says: only who they are, or when it came, is another.
            Err(OrderError::KeyReused) => {
                let effect = Effect::Duplicate(Some(click.handoff.clone()));
                (Came::To(effect), told_done(config, known_by, person, click))
            }
            Err(error) => self.not_done(envelope, click, (person, config), error).await,
        }
    }

    async fn not_done(
        &self,
        envelope: &Envelope,
        click: &Click,
        (person, config): (&PersonId, &Config),
        error: OrderError,
    ) -> (Came, Told) {
        let told = match &error {
            OrderError::Refused(why, handoff) => {
                Told::refused(why, handoff, (person, config), self.clock.now())
            }
            OrderError::Forbidden(_) | OrderError::Stale(_) => Told::not(error.to_string()),
            OrderError::Store(StoreError::Missing { .. }) => Told::gone(),
            OrderError::Store(StoreError::Refused { reason }) => {
                let aside = self.put_refused(envelope, &click.key, reason).await;
                return aside.map_or_else(|| later(envelope, &error), |it| (it, Told::not_taken()));
            }
            _ => return later(envelope, &error),
        };
        tracing::info!(handoff = %click.handoff, receipt = %envelope.receipt, "nothing came of it");
        (Came::To(Effect::Ignored), told)
    }
}

/// Says that it was done: in the message, unless a bot keeps that up to date. Two that write the
/// same message would leave the older one standing, whichever comes last.
fn told_done(config: &Config, known_by: &str, person: &PersonId, click: &Click) -> Told {
    let kind = config.destinations.get(known_by).map(|destination| destination.kind);
    let told = Told::done(&click.button, config.name_of(person));
    if kind == Some(DestinationKind::Slack) { told.quietly() } else { told }
}

fn order(envelope: &Envelope, person: &PersonId, click: &Click) -> Order {
    let (verb, deed) = match &click.button {
        Button::Accept => (Verb::Accept, Deed::Accept),
        // When they pressed it, however late it is put through.
        Button::Touch => (Verb::Touch, Deed::Touch(CHANNEL.to_owned(), Some(envelope.received_at))),
        Button::Reject(reason) => (Verb::Reject, Deed::Reject(reason.clone())),
    };
    let (source, receipt) = (envelope.source.clone(), &envelope.receipt);
    Order {
        person: person.clone(),
        ask: Ask { verb, deed, note: None, message: None },
        via: Via { cause: format!("{source} receipt {receipt}"), source },
        version: None,
        key: Some(click.key.clone()),
    }
}

fn later(envelope: &Envelope, error: &impl std::fmt::Display) -> (Came, Told) {
    tracing::warn!(%error, receipt = %envelope.receipt, "a click is pending");
    (Came::Pending, Told::later())
}
