//! Things in quarantine, put through again one by one.
//!
//! Each goes the way it would have gone: a receipt through intake, a commit through the relay or
//! into the numbers. Nothing is taken out before its effect is stored, and every effect is known
//! again when it comes twice, so this may die anywhere and be run again. What must stay true: **what
//! still cannot be used stays**, and hides nothing else.

use chrono::{DateTime, Duration, Utc};
use domain::ReceiptId;
use intake::{Intake, Settled};
use metrics::Metrics;
use relay::{Relay, RelayError};
use runtime::{Clock, Configs, Environment, Ids, Outside, Secrets, bus::BusError};
use serde::Serialize;
use settle::SettleError;
use std::collections::BTreeMap;
use store::{Aside, AsideKey, Store, StoreError};

/// How many events of one receipt are settled at once.
const ABREAST: usize = 10;

/// How long one receipt may take; whoever redrives has more time than a sender.
const PATIENCE: Duration = Duration::minutes(10);

/// Which things are put through.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Put aside from then on; from the beginning without it.
    pub since: Option<DateTime<Utc>>,
    /// Put aside before; to the end without it.
    pub until: Option<DateTime<Utc>>,
    /// Put aside by this function only.
    pub by: Option<String>,
    /// These receipts only, in quarantine or not; without any, whatever is in quarantine.
    pub receipts: Vec<ReceiptId>,
}

/// One thing, with everything of it that is in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Thing {
    /// `receipt` or `commit`.
    pub kind: String,
    /// The receipt's id, or the commit as `handoff:version`.
    pub what: String,
    /// Who put it aside; nobody where it was only asked for.
    pub by: Option<String>,
    /// Since when it is there.
    pub at: Option<DateTime<Utc>>,
    /// Why, and how many entries of it for that reason.
    pub reasons: BTreeMap<String, usize>,
    #[serde(skip)]
    places: Vec<AsideKey>,
}

/// What came of a thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Came {
    /// How far it went.
    #[serde(rename = "came")]
    pub how: How,
    /// In words.
    pub said: String,
}

/// How far a thing went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Nothing of it is left.
    Through,
    /// Some of its entries are left.
    Partly,
    /// It is as it was.
    Left,
}

/// Why nothing more can be put through now.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Stopped(String);

/// Puts things through again.
pub struct Redriver {
    store: Store,
    intake: Intake,
    relay: Relay,
    metrics: Metrics,
}

impl Redriver {
    /// Makes the functions it puts things through, of their own parts.
    pub fn new(environment: &Environment, secrets: Secrets, (clock, ids): (Clock, Ids)) -> Self {
        let store = environment.store();
        let configs = Configs::new(store.clone());
        let timed = (clock.clone(), ids.clone());
        let outward = (environment.bus(), environment.topic());
        // Nobody waits any more to be told.
        let told = (secrets, Outside::cloud());
        Self {
            intake: Intake::new(store.clone(), configs.clone(), told, timed, ABREAST),
            relay: Relay::new(store.clone(), configs, outward, clock.clone()),
            metrics: Metrics::new(store.clone(), clock, ids),
            store,
        }
    }

    /// Lists what is wanted, oldest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn things(&self, wanted: &Wanted) -> Result<Vec<Thing>, StoreError> {
        let is_wanted = |one: &Aside| match wanted.receipts.is_empty() {
            true => wanted.by.as_ref().is_none_or(|by| one.row.by == *by),
            false => wanted.receipts.iter().any(|id| one.row.what == id.as_str()),
        };
        let mut things: Vec<Thing> = Vec::new();
        let mut place_of: BTreeMap<[String; 3], usize> = BTreeMap::new();
        let mut rows = self.store.aside(wanted.since, wanted.until).await?;
        rows.retain(is_wanted);
        for Aside { key, row } in rows {
            let name = [row.kind.clone(), row.by.clone(), row.what.clone()];
            let place = *place_of.entry(name).or_insert(things.len());
            if place == things.len() {
                things.push(Thing {
                    by: Some(row.by),
                    at: Some(row.at),
                    ..Thing::named(row.kind, row.what)
                });
            }
            things[place].places.push(key);
            *things[place].reasons.entry(row.reason).or_default() += 1;
        }
        for id in &wanted.receipts {
            if things.iter().all(|thing| thing.what != id.as_str()) {
                things.push(Thing::named("receipt".to_owned(), id.to_string()));
            }
        }
        Ok(things)
    }

    /// Puts one thing through; what went through is in quarantine no longer.
    ///
    /// # Errors
    /// When others would fail as well: the table, the bus or the configuration is not there.
    pub async fn put_through(&self, thing: &Thing) -> Result<Came, Stopped> {
        match thing.way() {
            Way::Intake => self.settle(thing).await,
            Way::Relay => match self.relay.tell_again(&thing.what).await {
                Ok(()) => {
                    self.release(&thing.places).await?;
                    Ok(through("told again"))
                }
                Err(RelayError::Store(error)) => unusable(error),
                Err(
                    error @ RelayError::Bus(BusError::Unavailable(_))
                    | error @ RelayError::Config(_),
                ) => Err(Stopped(error.to_string())),
                Err(error) => Ok(left(error.to_string())),
            },
            Way::Metrics => match self.metrics.count_again(&thing.what, &thing.places).await {
                Ok(()) => Ok(through("counted")),
                Err(error) => unusable(error),
            },
            Way::Unknown => Ok(left(UNKNOWN)),
        }
    }

    /// Tells what would come of a thing, as far as that can be read; writes nothing.
    ///
    /// # Errors
    /// When the table or the configuration is not there.
    pub async fn look(&self, thing: &Thing) -> Result<Came, Stopped> {
        match thing.way() {
            Way::Intake => {
                match self.intake.look_again(&ReceiptId::from(thing.what.as_str())).await {
                    Ok(Some(aside)) => Ok(thing.without(&aside, "can be read now".to_owned()).0),
                    Ok(None) => Ok(left(NO_SOURCE)),
                    Err(error) => unsettled(error),
                }
            }
            Way::Relay | Way::Metrics => match self.store.commit_named(&thing.what).await {
                Ok(_) => Ok(through("can be read now")),
                Err(error) => unusable(error),
            },
            Way::Unknown => Ok(left(UNKNOWN)),
        }
    }

    async fn settle(&self, thing: &Thing) -> Result<Came, Stopped> {
        let settled = match self.intake.again(&ReceiptId::from(thing.what.as_str()), PATIENCE).await
        {
            Ok(Some(settled)) => settled,
            Ok(None) => return Ok(left(NO_SOURCE)),
            Err(error) => return unsettled(error),
        };
        if settled.pending > 0 {
            let said = "some of its events could not be settled now: the sweep hands them back, and \
                        then redrive again";
            return Ok(left(said));
        }
        let (came, out) = thing.without(&settled.aside, effects(&settled));
        self.release(&out).await?;
        Ok(came)
    }

    async fn release(&self, places: &[AsideKey]) -> Result<(), Stopped> {
        for place in places {
            self.store.release(place).await.map_err(|error| Stopped(error.to_string()))?;
        }
        Ok(())
    }
}

/// Which function a thing goes through.
enum Way {
    Intake,
    Relay,
    Metrics,
    Unknown,
}

const NO_SOURCE: &str = "its source is not in the configuration any more";
const UNKNOWN: &str = "this version does not know what it is: upgrade first";

impl Thing {
    fn named(kind: String, what: String) -> Self {
        Self { kind, what, by: None, at: None, reasons: BTreeMap::new(), places: Vec::new() }
    }

    /// Counts the entries of it that are in quarantine.
    pub fn entries(&self) -> usize {
        self.places.len()
    }

    /// Tells whether it goes out to the bus and the topic.
    pub fn goes_out(&self) -> bool {
        matches!(self.way(), Way::Relay)
    }

    fn way(&self) -> Way {
        match (self.kind.as_str(), self.by.as_deref()) {
            ("receipt", _) => Way::Intake,
            ("commit", Some("relay")) => Way::Relay,
            ("commit", Some("metrics")) => Way::Metrics,
            _ => Way::Unknown,
        }
    }

    /// Tells what comes of a receipt of which this is put aside now, and which places it is out of.
    fn without(&self, aside: &BTreeMap<AsideKey, String>, said: String) -> (Came, Vec<AsideKey>) {
        let out: Vec<AsideKey> =
            self.places.iter().filter(|place| !aside.contains_key(place)).cloned().collect();
        let how = match (aside.is_empty(), out.is_empty()) {
            (true, _) => How::Through,
            (false, false) => How::Partly,
            (false, true) => How::Left,
        };
        let mut still: Vec<&str> = aside.values().map(String::as_str).collect();
        still.sort_unstable();
        still.dedup();
        let said = match how {
            How::Through => said,
            How::Partly | How::Left => format!("{said}; not usable still: {}", still.join(", ")),
        };
        (Came { how, said }, out)
    }
}

fn through(said: &str) -> Came {
    Came { how: How::Through, said: said.to_owned() }
}

fn left(said: impl Into<String>) -> Came {
    Came { how: How::Left, said: said.into() }
}

/// Leaves what alone is at fault, and stops where all others would fail too.
fn unusable(error: StoreError) -> Result<Came, Stopped> {
    match error {
        StoreError::Unavailable { .. } | StoreError::Barred { .. } => {
            Err(Stopped(error.to_string()))
        }
        error => Ok(left(error.to_string())),
    }
}

fn unsettled(error: SettleError) -> Result<Came, Stopped> {
    match error {
        SettleError::Store(error) => unusable(error),
        SettleError::Config(error) => Err(Stopped(error.to_string())),
        error => Ok(left(error.to_string())),
    }
}

/// Says what a receipt's events came to.
fn effects(settled: &Settled) -> String {
    let counts = [
        (settled.opened.len(), "opened"),
        (settled.joined.len(), "joined"),
        (settled.updated.len(), "updated"),
        (settled.duplicates, "settled before"),
        (settled.ignored, "not ours"),
    ];
    let said: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if said.is_empty() { "nothing of it has an effect".to_owned() } else { said.join(", ") }
}
