//! Messages people send at a handoff: warm introductions, first words, welcomes. The organisation
//! writes them as templates; what is known fills them in.
//!
//! The template language is minijinja's, without its loaders, functions of the environment or
//! anything that reaches outside: a template sees what is passed to it and nothing else, and what
//! runs too long ends. What is not known shows as a mark where it would stand, and is false where
//! it is asked for, so that a template can do without it. A name that nothing has is an error, and
//! `handoff check` finds it.

use crate::{
    config::{Config, FieldRule, FieldType, MessageRule},
    handoff::Handoff,
    ids::PersonId,
    package::Package,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use minijinja::{
    Environment, ErrorKind, UndefinedBehavior, Value,
    value::{Enumerator, Object, ObjectRepr},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// How much a template may do, in the engine's instructions: some thousand times what a message
/// takes, and no memory to speak of.
const FUEL: u64 = 100_000;

/// The longest message, in bytes.
const TEXT_BYTES_MAX: usize = 32 * 1024;

/// What a message is filled in with.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The handoff.
    pub handoff: &'a Handoff,
    /// Its package.
    pub package: &'a Package,
    /// The template of its type.
    pub template: &'a [FieldRule],
    /// The configuration in force.
    pub config: &'a Config,
    /// The zone times are written in.
    pub zone: Tz,
    /// The link of its survey, while that can be answered.
    pub survey_link: Option<&'a str>,
}

/// A message that is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Its subject line.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// What it names and nobody has said, by label.
    pub missing: Vec<String>,
}

/// Fills a message in.
///
/// # Errors
/// Part of a sentence that says what is wrong with the template.
pub fn fill(rule: &MessageRule, known: Known<'_>) -> Result<Filled, String> {
    let missed = Missed::default();
    let context = context(rule, known, &missed);
    let mut filled = [String::new(), String::new()];
    for (place, source) in filled.iter_mut().zip([&rule.subject, &rule.text]) {
        let engine = engine();
        let rendered = engine.template_from_str(source).and_then(|it| it.render(context.clone()));
        *place = rendered.map_err(|error| worded(&error))?;
        if place.len() > TEXT_BYTES_MAX {
            return Err("it becomes longer than 32 KB".to_owned());
        }
    }
    let [subject, text] = filled.map(|text| text.trim().to_owned());
    let missing = missed.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Filled { subject, text, missing })
}

/// Lists the fields of all types a message is for.
fn fields_of<'a>(rule: &'a MessageRule, config: &'a Config) -> impl Iterator<Item = &'a FieldRule> {
    let kinds = rule.types.iter().filter_map(|kind| config.types.get(kind));
    kinds.flat_map(|kind| &kind.fields)
}

/// Lists the names a message uses that nothing has.
pub(crate) fn unknown_names(rule: &MessageRule, config: &Config) -> Vec<String> {
    let known = names(rule, config);
    let used = [&rule.subject, &rule.text].into_iter().flat_map(|source| {
        let engine = engine();
        let names = engine.template_from_str(source).map(|it| it.undeclared_variables(true));
        names.unwrap_or_default()
    });
    let used: BTreeSet<String> = used.collect();
    used.into_iter().filter(|name| !known.contains(name)).collect()
}

/// Lists everything a message can name.
pub(crate) fn names(rule: &MessageRule, config: &Config) -> BTreeSet<String> {
    let person = |who: &str| ["name", "first_name", "email"].map(|part| format!("{who}.{part}"));
    let plain = [
        "lead.name",
        "lead.first_name",
        "lead.email",
        "lead.company",
        "lead.country",
        "handoff.type",
        "handoff.meeting_at",
        "handoff.link",
        "organisation.name",
        "survey.link",
    ];
    let fields = fields_of(rule, config).map(|field| format!("fields.{}", field.name));
    let plain = plain.iter().map(|name| (*name).to_owned());
    plain.chain(person("owner")).chain(person("sender")).chain(fields).collect()
}

pub(crate) fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    // A message is text: what it says is made harmless where it is shown.
    engine.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    engine
}

pub(crate) fn worded(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!(" in its line {line}")).unwrap_or_default();
    match error.kind() {
        ErrorKind::OutOfFuel => "it does too much, or never ends".to_owned(),
        ErrorKind::UndefinedError => format!("it names something that is not there{line}"),
        _ => {
            let detail = error.detail().unwrap_or("it cannot be read").trim_end_matches('.');
            format!("{detail}{line}")
        }
    }
}

/// What a message named and nobody has said.
type Missed = Arc<Mutex<BTreeSet<String>>>;

fn context(rule: &MessageRule, known: Known<'_>, missed: &Missed) -> Value {
    let text = |said: Option<&str>, label: &str| match said.map(str::trim) {
        Some(said) if !said.is_empty() => Value::from(inline(said)),
        _ => absent(label, missed),
    };
    let Known { handoff, package, config, .. } = known;
    let subject = &package.subject;
    let first = |name: Option<&str>| {
        name.and_then(|name| name.split_whitespace().next()).map(str::to_owned)
    };
    let lead = [
        ("name", text(subject.name.as_deref(), "their name")),
        ("first_name", text(first(subject.name.as_deref()).as_deref(), "their name")),
        ("email", text(subject.email.as_deref(), "their email")),
        ("company", text(subject.company.as_deref(), "their company")),
        ("country", text(subject.country.as_deref(), "their country")),
    ];
    let person = |who: Option<&PersonId>, label: &str| {
        let known = who.and_then(|who| config.people.get(who));
        let name = known.map(|person| person.name.as_str());
        let email = known.map(|person| person.email.as_str());
        map([
            ("name", text(name, label)),
            ("first_name", text(first(name).as_deref(), label)),
            ("email", text(email, label)),
        ])
    };
    let kind = config.types.get(&handoff.kind).map_or(handoff.kind.as_str(), |kind| &kind.name);
    let desk = config.organisation.public_url.trim_end_matches('/');
    let meeting = handoff.meeting_at.map(|at| written(at, known.zone));
    let about = [
        ("type", Value::from(kind)),
        ("meeting_at", text(meeting.as_deref(), "the meeting's time")),
        ("link", Value::from(format!("{desk}/handoffs/{}", handoff.id))),
    ];
    let organisation = [("name", Value::from(config.organisation.name.as_str()))];
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    // What another of its types asks for may be known here too, and else can be done without.
    for field in known.template.iter().chain(fields_of(rule, config)) {
        let said = package.values.get(&field.name).map(|known| &known.value);
        let said = said.filter(|said| field.is_answered_by(said));
        let value = said.map_or_else(
            || absent(&field.label, missed),
            |said| value_of(said, field.kind, known.zone),
        );
        fields.entry(field.name.clone()).or_insert(value);
    }
    let survey = [("link", text(known.survey_link, "the survey's link"))];
    map([
        ("survey", map(survey)),
        ("lead", map(lead)),
        ("handoff", map(about)),
        ("organisation", map(organisation)),
        ("owner", person(handoff.owner.as_ref(), "its owner")),
        ("sender", person(handoff.sender.as_ref(), "its sender")),
        ("fields", Value::from_object(fields)),
    ])
}

fn map<const N: usize>(pairs: [(&'static str, Value); N]) -> Value {
    Value::from_object(BTreeMap::from(pairs))
}

fn value_of(said: &serde_json::Value, kind: FieldType, zone: Tz) -> Value {
    let text = |one: &serde_json::Value| match one {
        serde_json::Value::String(text) => inline(text),
        serde_json::Value::Bool(true) => "yes".to_owned(),
        serde_json::Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    };
    match said {
        serde_json::Value::Array(list) => Value::from_object(List(list.iter().map(text).collect())),
        serde_json::Value::String(one) if kind == FieldType::List => {
            Value::from_object(List(one.lines().map(inline).collect()))
        }
        serde_json::Value::String(at) if kind == FieldType::Time => Value::from(
            crate::local::instant(at, zone).map_or_else(|| inline(at), |at| written(at, zone)),
        ),
        other => Value::from(text(other)),
    }
}

fn written(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%A %-d %B %Y, %H:%M %Z").to_string()
}

/// Leaves out what would turn or hide the text around it; lines stay lines.
fn inline(text: &str) -> String {
    let hides = |c: char| c.is_control() && c != '\n';
    text.chars().filter(|c| !hides(*c) && !crate::digest::text::turns(*c)).collect()
}

fn absent(label: &str, missed: &Missed) -> Value {
    Value::from_object(Absent { label: label.to_owned(), missed: Arc::clone(missed) })
}

/// Something nobody has said: a mark where it is written, false where it is asked for, nothing to
/// go through.
#[derive(Debug)]
struct Absent {
    label: String,
    missed: Missed,
}

impl Object for Absent {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(Vec::new())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.insert(self.label.clone());
        write!(f, "[missing: {}]", self.label)
    }
}

/// Several things: one after another where they are written, each by itself in a loop.
#[derive(Debug)]
struct List(Vec<String>);

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let place = usize::try_from(i64::try_from(key.clone()).ok()?).ok()?;
        self.0.get(place).map(|one| Value::from(one.as_str()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Side};
    use serde_json::json;

    const SAMPLE: &str = include_str!("../../../infra/local/sample/organisation.toml");

    fn filled(text: &str) -> Result<Filled, String> {
        let config = config::load(SAMPLE).unwrap();
        let handoff = Handoff {
            id: "h1".into(),
            kind: "meeting_set".into(),
            sender: Some("amara".into()),
            owner: Some("elena".into()),
            meeting_at: Some("2026-02-03T15:00:00Z".parse().unwrap()),
            ..Handoff::default()
        };
        let mut package = Package::default();
        package.subject.name = Some("Dana \u{202e}Reyes".to_owned());
        let said = json!({
            "pain_points": ["slow reports", "cost"], "budget": "30 000", "decision_date": "Q2",
        });
        let said = serde_json::from_value(said).unwrap();
        package.put(said, "amara", DateTime::UNIX_EPOCH);
        let rule = MessageRule {
            name: "A message".to_owned(),
            types: vec!["meeting_set".into()],
            by: Side::Owner,
            channel: "email".to_owned(),
            subject: "To {{ lead.first_name }}".to_owned(),
            text: text.to_owned(),
        };
        let template = &config.types["meeting_set"].fields;
        let zone = Tz::Europe__London;
        let (handoff, package, config) = (&handoff, &package, &config);
        fill(&rule, Known { handoff, package, template, config, zone, survey_link: None })
    }

    fn check(text: &str, expected: &str, missing: &[&str]) {
        let filled = filled(text).unwrap();
        assert_eq!((filled.text.as_str(), filled.subject.as_str()), (expected, "To Dana"));
        assert_eq!(filled.missing, missing, "{text}");
    }

    #[test]
    fn what_is_known_stands_where_it_is_named() {
        check(
            "{{ lead.name }}, {{ sender.first_name }} and {{ owner.name }} of {{ organisation.name }}",
            "Dana Reyes, Amara and Elena Rossi of Northwind Analytics",
            &[],
        );
        check("{{ handoff.meeting_at }}", "Tuesday 3 February 2026, 15:00 GMT", &[]);
        check("{{ fields.pain_points }}", "slow reports, cost", &[]);
        check(
            "{% for one in fields.pain_points %}- {{ one }}\n{% endfor %}",
            "- slow reports\n- cost",
            &[],
        );
        check("{{ fields.pain_points[0] | upper }}", "SLOW REPORTS", &[]);
    }

    #[test]
    fn what_nobody_said_is_marked_and_can_be_done_without() {
        check(
            "By {{ fields.decision_date }} at {{ lead.company }}",
            "By [missing: Target decision date] at [missing: their company]",
            &["Target decision date", "their company"],
        );
        check(
            "{% if fields.need %}You need {{ fields.need }}.{% else %}Hello.{% endif %}",
            "Hello.",
            &[],
        );
        check("{% for one in fields.stakeholders %}- {{ one }}{% endfor %}", "", &[]);
    }

    #[test]
    fn a_template_reads_and_does_only_what_it_may() {
        let refused = |text: &str| filled(text).unwrap_err();
        for text in ["{{ secrets }}", "{{ fields.nothing }}", "{{ lead.password }}"] {
            assert!(refused(text).starts_with("it names something that is not there"), "{text}");
        }
        for text in [
            "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
            "{{ 'x' * 90000000 }}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        ] {
            let said = refused(text);
            assert!(!said.is_empty(), "{text}: {said}");
        }
        for text in ["{% include 'x' %}", "{% import 'x' as y %}", "{{ lead.name", "{% for %}"] {
            assert!(filled(text).is_err(), "{text}");
        }
    }
}
