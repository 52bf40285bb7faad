//! The package: everything the receiving team needs, value by value, with where each came from and
//! when.
//!
//! A value's time decides, not its arrival: a late, older value never overwrites a newer one, so
//! the package is a function of the set of events. This is one of the two places that hold personal
//! data.

mod bounds;

pub use bounds::VALUE_BYTES_MAX;

use crate::{config::FieldRule, event::SourceEvent, stage::Stage, subject::Subject};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

/// The field that says where a handoff came from.
const SOURCE: &str = "source";

/// What it says of a handoff that a person opened, unless they say better.
pub const BY_HAND: &str = "by hand";

/// The field that names the person, as the subject does.
const CONTACT: &str = "contact";

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
    /// The handoff's version that wrote it, so that an older copy never replaces a newer one.
    #[serde(default)]
    pub version: u64,
    /// Whether something that was said was too long to be kept whole.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shortened: bool,
    /// When whom it is about was erased from it.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub erased_at: Option<DateTime<Utc>>,
}

/// What became of what was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The fields whose value changed, in order.
    pub changed: Vec<String>,
    /// The fields of which something newer was known.
    pub overtaken: BTreeSet<String>,
}

/// What became of one value.
enum Taken {
    Changed,
    Known,
    Overtaken,
    NoRoom,
}

/// How much of what a template wants by now a package has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// Share of the weights that are there, in percent, rounded down.
    pub percent: u8,
    /// Required fields that are not there, or not as they should be.
    pub missing: Vec<String>,
}

impl Package {
    /// Takes what an event says.
    pub fn absorb(&mut self, event: &SourceEvent, by: &str, at: DateTime<Utc>) -> Told {
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
        if !self.values.contains_key(SOURCE) {
            let from = if event.opened_by.is_some() { BY_HAND } else { by };
            say(SOURCE, Some(from.into()));
        }
        let mut told = self.put(said, by, at);
        told.changed.extend(self.derive_contact(by).then(|| CONTACT.to_owned()));
        told
    }

    /// Takes values by field; empty ones say nothing, older ones lose. A value that is told again
    /// is as new as its last telling. Where there is not room for all, the shortest are kept.
    pub fn put(
        &mut self,
        said: BTreeMap<String, serde_json::Value>,
        by: &str,
        at: DateTime<Utc>,
    ) -> Told {
        let mut told = Told::default();
        let mut size = self.size();
        let mut fitted = Vec::new();
        for (name, value) in said.into_iter().filter(|(_, value)| says_something(value)) {
            let (value, cut) = bounds::value(value);
            let value = Value { value, by: by.to_owned(), at };
            let name = bounds::name(&name);
            fitted.push((bounds::size(&name, &value), name, value, cut));
        }
        fitted.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        for (_, name, value, cut) in fitted {
            match self.take(&name, value, &mut size) {
                Taken::Changed => {
                    self.shortened |= cut;
                    told.changed.push(name);
                }
                Taken::Overtaken => {
                    told.overtaken.insert(name);
                }
                Taken::Known | Taken::NoRoom => {}
            }
        }
        told.changed.sort();
        told
    }

    /// Writes the contact as the subject now names them, as new as the newest part of that; a
    /// contact that was told later stands.
    fn derive_contact(&mut self, by: &str) -> bool {
        let newest = ["name", "email"].into_iter().filter_map(|part| self.subject_at.get(part));
        let at = newest.max().copied().and_then(DateTime::from_timestamp_millis);
        let (Some(contact), Some(at)) = (self.contact(), at) else { return false };
        let value = serde_json::Value::from(contact);
        let known = self.values.get(CONTACT);
        if known.is_some_and(|known| known.at > at || (known.at == at && known.value == value)) {
            return false;
        }
        let changed = known.is_none_or(|known| known.value != value);
        self.values.insert(CONTACT.to_owned(), Value { value, by: by.to_owned(), at });
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
    /// first.
    fn take(&mut self, name: &str, said: Value, size: &mut usize) -> Taken {
        let rank = |value: &Value| (value.at, value.value.to_string(), value.by.clone());
        let known = self.values.get(name);
        match known.map(|known| rank(&said).cmp(&rank(known))) {
            Some(Ordering::Less) => return Taken::Overtaken,
            Some(Ordering::Equal) => return Taken::Known,
            Some(Ordering::Greater) | None => {}
        }
        let after =
            *size - known.map_or(0, |known| bounds::size(name, known)) + bounds::size(name, &said);
        if after > bounds::PACKAGE_BYTES_MAX {
            self.shortened = true;
            return Taken::NoRoom;
        }
        *size = after;
        let changed = known.is_none_or(|known| known.value != said.value);
        self.values.insert(name.to_owned(), said);
        if changed { Taken::Changed } else { Taken::Known }
    }

    fn size(&self) -> usize {
        self.values.iter().map(|(name, value)| bounds::size(name, value)).sum()
    }

    /// Learns who it is about, part by part, where what is said is newer than what is known.
    fn learn(&mut self, said: &Subject, at_ms: impl Fn(&str) -> i64) {
        let times = &mut self.subject_at;
        let (mut said, mut cut) = (said.clone(), false);
        let parts = [
            &mut said.crm,
            &mut said.id,
            &mut said.name,
            &mut said.email,
            &mut said.company,
            &mut said.country,
        ];
        for part in parts.into_iter().flatten() {
            let (kept, shortened) = bounds::part(part);
            (*part, cut) = (kept, cut || shortened);
        }
        for reference in &mut said.references {
            let (system, id) = (&mut reference.system, &mut reference.id);
            for text in [system, id] {
                let (kept, shortened) = bounds::part(text);
                (*text, cut) = (kept, cut || shortened);
            }
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

    /// Scores the package against what a template wants by a stage, and what is there besides.
    pub fn completeness(&self, fields: &[FieldRule], stage: Stage) -> Completeness {
        let counts = |field: &&FieldRule| field.is_due(stage) || self.answers(field);
        let weigh = |fields: &mut dyn Iterator<Item = &FieldRule>| {
            fields.map(|field| u64::from(field.weight)).sum::<u64>()
        };
        let total = weigh(&mut fields.iter().filter(counts));
        let there = weigh(&mut fields.iter().filter(|field| self.answers(field)));
        let percent = (there * 100).checked_div(total).unwrap_or(100);
        let misses =
            |field: &&FieldRule| field.required && field.is_due(stage) && !self.answers(field);
        Completeness {
            percent: u8::try_from(percent).unwrap_or(100),
            missing: fields.iter().filter(misses).map(|field| field.name.clone()).collect(),
        }
    }

    /// Tells whether a field of a template is answered.
    pub fn answers(&self, field: &FieldRule) -> bool {
        self.values.get(&field.name).is_some_and(|known| field.is_answered_by(&known.value))
    }

    /// Says in a few words who it is about.
    pub fn title(&self) -> String {
        let subject = &self.subject;
        match (subject.name.as_deref().or(subject.email.as_deref()), subject.company.as_deref()) {
            (Some(person), Some(company)) => format!("{person}, {company}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) if self.erased_at.is_some() => "Erased".to_owned(),
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
    use crate::config::FieldType;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::hours(hour)
    }

    fn field(name: &str, required: bool, weight: u32) -> FieldRule {
        FieldRule { name: name.into(), label: name.into(), required, weight, ..Default::default() }
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
        let told = reversed.put(said("fit", "low"), "a", at(1));
        assert!(told.changed.is_empty() && told.overtaken.contains("fit"));
        assert_eq!(in_order, reversed);
        assert_eq!(in_order.values["fit"].value, "high");
    }

    #[test]
    fn what_is_known_is_the_same_in_every_order() {
        let tell = |package: &mut Package, (name, email, fit, hour): (&str, &str, &str, i64)| {
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let subject = Subject { name: text(name), email: text(email), ..Subject::default() };
            let mut fields = said("fit", fit);
            fields.insert("source".to_owned(), "webinar".into());
            let event = SourceEvent { subject, fields, ..SourceEvent::default() };
            package.absorb(&event, &format!("source {hour}"), at(hour));
        };
        let events = [
            ("Dana", "a@b.example", "low", 1),
            ("", "d@b.example", "high", 2),
            ("Dana", "", "low", 3),
        ];
        let of = |order: [usize; 3]| {
            let mut package = Package::default();
            order.into_iter().for_each(|place| tell(&mut package, events[place]));
            for value in package.values.values_mut().filter(|value| value.value == "webinar") {
                value.by.clear();
            }
            package.values.get_mut("contact").into_iter().for_each(|value| value.by.clear());
            package
        };
        let expected = of([0, 1, 2]);
        assert_eq!(expected.values["contact"].value, "Dana <d@b.example>");
        assert_eq!(
            (&expected.values["fit"].value, expected.values["fit"].at),
            (&"low".into(), at(3))
        );
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(of(order), expected, "{order:?}");
        }
    }

    #[test]
    fn where_there_is_not_room_for_all_the_short_values_stay() {
        let mut package = Package::default();
        let mut said: BTreeMap<String, serde_json::Value> =
            (0..20).map(|n| (format!("a{n}"), "v".repeat(30_000).into())).collect();
        said.insert("score".to_owned(), 70.into());
        let told = package.put(said, "crm", at(1));
        assert!(package.shortened && package.values.contains_key("score"));
        assert!((8..20).contains(&told.changed.len()), "{}", told.changed.len());
    }

    #[test]
    fn completeness_weighs_fields_and_names_what_is_missing() {
        let fields = [field("fit", true, 3), field("budget", true, 1), field("note", false, 1)];
        let mut package = Package::default();
        package.put(said("fit", "high"), "a", at(1));
        package.put(said("budget", "  "), "a", at(1));
        let completeness = package.completeness(&fields, Stage::Opened);
        assert_eq!((completeness.percent, completeness.missing), (60, vec!["budget".to_owned()]));
        assert_eq!(package.completeness(&[], Stage::Opened).percent, 100);
    }

    #[test]
    fn what_is_wanted_later_is_not_missed_before_and_counts_where_it_is_there() {
        let outcome = FieldRule { by: Stage::Accepted, ..field("outcome", true, 3) };
        let seats = FieldRule { kind: FieldType::Number, ..field("seats", true, 1) };
        let fields = [field("fit", true, 1), outcome, seats];
        let mut package = Package::default();
        package.put(said("fit", "high"), "a", at(1));
        package.put(said("seats", "many"), "a", at(1));
        let score = |package: &Package, stage| {
            let Completeness { percent, missing } = package.completeness(&fields, stage);
            (percent, missing.join(" "))
        };
        let odd = "many is no number";
        assert_eq!(score(&package, Stage::Assigned), (50, "seats".to_owned()), "{odd}");
        assert_eq!(score(&package, Stage::Accepted), (20, "outcome seats".to_owned()));
        assert_eq!(score(&package, Stage::Returned).0, 50);
        package.put(said("outcome", "faster"), "a", at(2));
        assert_eq!(score(&package, Stage::Opened), (80, "seats".to_owned()));
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
