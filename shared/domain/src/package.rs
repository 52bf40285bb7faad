//! The package: everything the receiving team needs, value by value, with where each came from and
//! when.
//!
//! A value's time decides, not its arrival: a late, older value never overwrites a newer one, so
//! the package is a function of the set of events. This is one of the two places that hold personal
//! data.

mod bounds;

use crate::{config::FieldRule, event::SourceEvent, subject::Subject};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The field that says where a handoff came from.
const SOURCE: &str = "source";

/// One value of a package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// The value, as sent.
    pub value: serde_json::Value,
    /// Who said it: a source, a person, or an earlier handoff.
    pub by: String,
    /// When it was so.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
}

/// What is passed on with a handoff.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// Who or what it is about.
    pub subject: Subject,
    /// The values, by field.
    #[serde(default)]
    pub values: BTreeMap<String, Value>,
    /// When each part of the subject was so, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subject_at: BTreeMap<String, i64>,
    /// Whether something that was said was too long to be kept whole.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shortened: bool,
}

/// How much of a template a package fills.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// Share of the weights that are there, in percent, rounded down.
    pub percent: u8,
    /// Required fields that are not there.
    pub missing: Vec<String>,
}

impl Package {
    /// Takes what an event says; returns the names of the fields that changed.
    pub fn absorb(&mut self, event: &SourceEvent, by: &str, at: DateTime<Utc>) -> Vec<String> {
        self.learn(&event.subject, |_| at.timestamp_millis());
        let mut said = event.fields.clone();
        let mut say = |name: &str, value: Option<serde_json::Value>| {
            if let Some(value) = value {
                said.entry(name.to_owned()).or_insert(value);
            }
        };
        say("score", event.score.map(Into::into));
        say("amount", event.amount.as_ref().map(|money| money.to_string().into()));
        say("meeting_at", event.meeting_at.map(|at| at.to_rfc3339().into()));
        say("company", event.subject.company.clone().map(Into::into));
        say("country", event.subject.country.clone().map(Into::into));
        say("contact", self.contact().map(Into::into));
        if !self.values.contains_key(SOURCE) {
            say(SOURCE, Some(by.into()));
        }
        self.put(said, by, at)
    }

    /// Takes values by field; empty ones say nothing, older ones lose; returns the names of those
    /// that changed. A value that is told again is as new as its last telling.
    pub fn put(
        &mut self,
        said: BTreeMap<String, serde_json::Value>,
        by: &str,
        at: DateTime<Utc>,
    ) -> Vec<String> {
        let mut changed = Vec::new();
        let mut size = self.size();
        for (name, value) in said.into_iter().filter(|(_, value)| says_something(value)) {
            let name = bounds::name(&name);
            let (value, cut) = bounds::value(value);
            if self.take(&name, Value { value, by: by.to_owned(), at }, &mut size) {
                self.shortened |= cut;
                changed.push(name);
            }
        }
        changed
    }

    /// Takes over what an earlier handoff of the journey knew, unless what is known here is newer.
    pub fn inherit(&mut self, earlier: &Package) {
        let own = self.subject.clone();
        self.learn(&earlier.subject, |part| earlier.subject_at.get(part).copied().unwrap_or(0));
        if own.id.is_some() {
            (self.subject.crm, self.subject.object, self.subject.id) =
                (own.crm, own.object, own.id);
        }
        let mut size = self.size();
        for (name, value) in &earlier.values {
            // Where this handoff came from is its own.
            if name != SOURCE || !self.values.contains_key(SOURCE) {
                self.take(name, value.clone(), &mut size);
            }
        }
    }

    /// Takes one value if it is the newer; of two of one instant the greater stands, whichever came
    /// first. Tells whether what is known changed.
    fn take(&mut self, name: &str, said: Value, size: &mut usize) -> bool {
        let rank = |value: &Value| (value.at, value.value.to_string(), value.by.clone());
        let known = self.values.get(name);
        if known.is_some_and(|known| rank(&said) <= rank(known)) {
            return false;
        }
        let after =
            *size - known.map_or(0, |known| bounds::size(name, known)) + bounds::size(name, &said);
        if after > bounds::PACKAGE_BYTES_MAX {
            self.shortened = true;
            return false;
        }
        *size = after;
        let changed = known.is_none_or(|known| known.value != said.value);
        self.values.insert(name.to_owned(), said);
        changed
    }

    fn size(&self) -> usize {
        self.values.iter().map(|(name, value)| bounds::size(name, value)).sum()
    }

    /// Learns who it is about, part by part, where what is said is newer than what is known.
    fn learn(&mut self, said: &Subject, at_ms: impl Fn(&str) -> i64) {
        let times = &mut self.subject_at;
        let (mut said, mut cut) = (said.clone(), false);
        let parts = [&mut said.name, &mut said.email, &mut said.company, &mut said.country];
        for part in parts.into_iter().flatten() {
            let (kept, shortened) = bounds::part(part);
            (*part, cut) = (kept, cut || shortened);
        }
        self.shortened |= cut;
        self.subject.absorb(&said, |part, known, said| {
            let at = at_ms(part);
            let known_at = times.get(part).copied().unwrap_or(i64::MIN);
            let newer = known.is_none_or(|known| (at, said) > (known_at, known));
            if newer {
                times.insert(part.to_owned(), at);
            }
            newer
        });
    }

    /// Scores the package against a template.
    pub fn completeness(&self, fields: &[FieldRule]) -> Completeness {
        let has = |name: &str| self.values.contains_key(name);
        let total: u32 = fields.iter().map(|field| field.weight).sum();
        let there: u32 =
            fields.iter().filter(|field| has(&field.name)).map(|field| field.weight).sum();
        let percent = (u64::from(there) * 100).checked_div(u64::from(total)).unwrap_or(100);
        Completeness {
            percent: u8::try_from(percent).unwrap_or(100),
            missing: fields
                .iter()
                .filter(|field| field.required && !has(&field.name))
                .map(|field| field.name.clone())
                .collect(),
        }
    }

    /// Says in a few words who it is about.
    pub fn title(&self) -> String {
        let subject = &self.subject;
        match (subject.name.as_deref().or(subject.email.as_deref()), subject.company.as_deref()) {
            (Some(person), Some(company)) => format!("{person}, {company}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => subject
                .all_references()
                .first()
                .map_or("Somebody".to_owned(), |r| format!("{} {}", r.object, r.id)),
        }
    }

    fn contact(&self) -> Option<String> {
        let subject = &self.subject;
        match (&subject.name, &subject.email) {
            (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
            (None, Some(email)) => Some(email.clone()),
            _ => None,
        }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn says_something(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => false,
        serde_json::Value::String(text) => !text.trim().is_empty(),
        serde_json::Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::hours(hour)
    }

    fn field(name: &str, required: bool, weight: u32) -> FieldRule {
        FieldRule { name: name.into(), label: name.into(), required, weight }
    }

    fn said(name: &str, value: &str) -> BTreeMap<String, serde_json::Value> {
        BTreeMap::from([(name.to_owned(), value.into())])
    }

    #[test]
    fn an_older_value_never_overwrites_a_newer_one_in_any_order() {
        let mut in_order = Package::default();
        in_order.put(said("fit", "low"), "a", at(1));
        in_order.put(said("fit", "high"), "a", at(2));
        let mut reversed = Package::default();
        reversed.put(said("fit", "high"), "a", at(2));
        assert!(reversed.put(said("fit", "low"), "a", at(1)).is_empty());
        assert_eq!(in_order, reversed);
        assert_eq!(in_order.values["fit"].value, "high");
    }

    #[test]
    fn what_is_known_is_the_same_in_every_order() {
        let tell = |package: &mut Package, name: &str, fit: &str, hour| {
            let subject = Subject { name: Some(name.into()), ..Subject::default() };
            let fields = said("fit", fit);
            let event = SourceEvent { subject, fields, ..SourceEvent::default() };
            package.absorb(&event, "crm", at(hour));
        };
        let events = [("Dana", "low", 1), ("D. Hall", "high", 2), ("Dana", "low", 3)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut package = Package::default();
            for (name, fit, hour) in order.map(|place: usize| events[place]) {
                tell(&mut package, name, fit, hour);
            }
            assert_eq!(package.values["fit"].value, "low", "{order:?}");
            assert_eq!(package.values["fit"].at, at(3), "{order:?}");
            assert_eq!(package.subject.name.as_deref(), Some("Dana"), "{order:?}");
        }
    }

    #[test]
    fn completeness_weighs_fields_and_names_what_is_missing() {
        let fields = [field("fit", true, 3), field("budget", true, 1), field("note", false, 1)];
        let mut package = Package::default();
        package.put(said("fit", "high"), "a", at(1));
        package.put(said("budget", "  "), "a", at(1));
        let completeness = package.completeness(&fields);
        assert_eq!((completeness.percent, completeness.missing), (60, vec!["budget".to_owned()]));
        assert_eq!(package.completeness(&[]).percent, 100);
    }

    #[test]
    fn a_new_handoff_starts_from_what_the_earlier_one_learned() {
        let mut earlier = Package::default();
        earlier.subject.name = Some("Dana".into());
        earlier.put(said("pain_points", "reporting"), "amara", at(1));
        earlier.put(said("source", "webinar"), "form", at(3));
        let mut later = Package::default();
        later.put(said("pain_points", "cost"), "form", at(2));
        later.put(said("source", "referral"), "form", at(2));
        later.inherit(&earlier);
        assert_eq!(later.values["source"].value, "referral");
        assert_eq!(later.subject.name.as_deref(), Some("Dana"));
        assert_eq!(later.values["pain_points"].value, "cost");
    }
}
