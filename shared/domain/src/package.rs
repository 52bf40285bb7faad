//! The package: everything the receiving team needs, value by value, with where each came from and
//! when.
//!
//! A value's time decides, not its arrival: a late, older value never overwrites a newer one, so
//! the package is a function of the set of events. This is one of the two places that hold personal
//! data.

use crate::{config::FieldRule, event::SourceEvent, subject::Subject};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
        self.subject.absorb(&event.subject);
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
        if !self.values.contains_key("source") {
            say("source", Some(by.into()));
        }
        self.put(said, by, at)
    }

    /// Takes values by field; empty ones say nothing, older ones lose; returns the names of those
    /// that changed.
    pub fn put(
        &mut self,
        said: BTreeMap<String, serde_json::Value>,
        by: &str,
        at: DateTime<Utc>,
    ) -> Vec<String> {
        let mut changed = Vec::new();
        for (name, value) in said.into_iter().filter(|(_, value)| says_something(value)) {
            let known = self.values.get(&name);
            let newer = known.is_none_or(|known| {
                at > known.at || (at == known.at && value.to_string() > known.value.to_string())
            });
            if newer && known.is_none_or(|known| known.value != value) {
                self.values.insert(name.clone(), Value { value, by: by.to_owned(), at });
                changed.push(name);
            }
        }
        changed
    }

    /// Takes over what an earlier handoff of the journey knew; its own values stay.
    pub fn inherit(&mut self, earlier: &Package) {
        let own = self.subject.clone();
        self.subject = earlier.subject.clone();
        self.subject.absorb(&own);
        if own.id.is_some() {
            (self.subject.crm, self.subject.object, self.subject.id) =
                (own.crm, own.object, own.id);
        }
        for (name, value) in &earlier.values {
            self.values.entry(name.clone()).or_insert_with(|| value.clone());
        }
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
        let mut later = Package::default();
        later.put(said("pain_points", "cost"), "form", at(2));
        later.inherit(&earlier);
        assert_eq!(later.subject.name.as_deref(), Some("Dana"));
        assert_eq!(later.values["pain_points"].value, "cost");
    }
}
