//! The chronicle: what happened, by the organisation's days, from what was sent and answered.

use super::{
    Script,
    stage::Told,
    tale::{Tale, Tales},
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::{Config, PersonId};
use local::{OutboxEntry, Sent};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What happened in a demo.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// What everything was drawn from.
    pub seed: u64,
    /// When it began.
    pub from: DateTime<Utc>,
    /// When it ended.
    pub until: DateTime<Utc>,
    /// The zone of its days and times.
    pub timezone: Tz,
    /// Day by day.
    pub days: Vec<Day>,
    /// The month's dashboard, as the desk's API gives it.
    pub dashboard: Value,
    /// Handoffs nobody could take, at some time.
    pub unrouted: u64,
    /// Messages and records the system gave up.
    pub dead_letters: usize,
}

/// What happened on one day.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Day {
    /// The day.
    pub day: NaiveDate,
    /// Handoffs that opened, by the name of their type.
    pub opened: BTreeMap<String, u64>,
    /// Bus events, by name.
    pub events: BTreeMap<String, u64>,
    /// Urgent mails, by kind.
    pub alerts: BTreeMap<String, u64>,
    /// What sources were answered: events joined, known already, not ours, or unreadable.
    pub answered: BTreeMap<String, u64>,
    /// What people were refused, by the sentence they read.
    pub refused: BTreeMap<String, u64>,
    /// A handful of handoffs something happened to.
    pub tales: Vec<Tale>,
    /// The digests sent that morning, about the day before.
    pub digests: Vec<Mail>,
}

/// A digest as it was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Mail {
    /// Who it was for.
    pub to: PersonId,
    /// Their name.
    pub name: String,
    /// When it was sent.
    pub at: DateTime<Utc>,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub body: String,
}

impl Account {
    /// Counts the handoffs that opened.
    pub fn handoffs(&self) -> u64 {
        self.days.iter().flat_map(|day| day.opened.values()).sum()
    }
}

/// Writes down what happens.
pub(super) struct Chronicle {
    config: Config,
    script: Script,
    days: BTreeMap<NaiveDate, Day>,
    tales: Tales,
}

impl Chronicle {
    pub(super) fn new(config: Config, script: Script) -> Self {
        Self { tales: Tales::new(&config), config, script, days: BTreeMap::new() }
    }

    /// Takes down a bus event.
    pub(super) fn tell(&mut self, told: &Told) {
        let name = told.kind.trim_start_matches("handoff.").to_owned();
        let kind = self.config.types.get(&told.data.about.kind);
        let kind = kind.map_or(told.data.about.kind.as_str(), |kind| &kind.name).to_owned();
        let day = self.day(told.at);
        if name == "opened" {
            *day.opened.entry(kind).or_default() += 1;
        }
        *day.events.entry(name).or_default() += 1;
        self.tales.tell(told);
    }

    /// Takes down a mail.
    pub(super) fn mail(&mut self, entry: &OutboxEntry) {
        let Sent::Topic { subject, message, attributes, .. } = &entry.sent else { return };
        let kind = first(attributes.get("kind")).unwrap_or("other").to_owned();
        let subject = subject.clone().unwrap_or_default();
        if kind == "digest" {
            let to = PersonId::from(first(attributes.get("to")).unwrap_or_default());
            let name = self.config.name_of(&to).to_owned();
            let (at, body) = (entry.at, message.clone());
            self.day(at).digests.push(Mail { to, name, at, subject, body });
            return;
        }
        *self.day(entry.at).alerts.entry(kind.clone()).or_default() += 1;
        if kind == "withdrawn" {
            self.tales.withdrawn(entry.at, message);
        }
    }

    /// Takes down what a source was answered.
    pub(super) fn answer(&mut self, at: DateTime<Utc>, answer: &Value) {
        let day = self.day(at);
        for what in ["joined", "updated", "duplicates", "ignored", "quarantined", "pending"] {
            let count = match &answer[what] {
                Value::Array(list) => list.len() as u64,
                number => number.as_u64().unwrap_or(0),
            };
            if count > 0 {
                *day.answered.entry(what.to_owned()).or_default() += count;
            }
        }
    }

    /// Takes down what somebody was refused.
    pub(super) fn refused(&mut self, at: DateTime<Utc>, why: &str) {
        *self.day(at).refused.entry(why.to_owned()).or_default() += 1;
    }

    /// Closes the book.
    pub(super) fn close(self, dashboard: Value, dead_letters: usize) -> Account {
        let Self { config, script, mut days, mut tales } = self;
        for (date, day) in &mut days {
            day.tales = tales.of(*date);
        }
        let unrouted = |day: &Day| day.events.get("unrouted").copied().unwrap_or(0);
        Account {
            seed: script.seed,
            from: script.from,
            until: script.until,
            timezone: config.organisation.timezone,
            unrouted: days.values().map(unrouted).sum(),
            days: days.into_values().collect(),
            dashboard,
            dead_letters,
        }
    }

    fn day(&mut self, at: DateTime<Utc>) -> &mut Day {
        let day = self.config.day_of(at);
        self.days.entry(day).or_insert_with(|| Day { day, ..Day::default() })
    }
}

/// Reads a message attribute's first word.
fn first(attribute: Option<&Value>) -> Option<&str> {
    match attribute? {
        Value::Array(words) => words.first()?.as_str(),
        word => word.as_str(),
    }
}
