//! The organisation's own words of a notice, in place of those that are shipped.
//!
//! They are templates as messages are, and bounded as those are. They know nothing of a lead: a
//! notice goes where its handoff's page does not, so it names the handoff and people of the
//! organisation. What must stay true: nobody goes without a notice for its words; where a template
//! cannot be filled in, the shipped ones stand.

use super::{Said, Writer};
use crate::{
    config::NoticeRule,
    ids::PersonId,
    message::{engine, worded},
};
use minijinja::{UndefinedBehavior, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The longest text of one's own, in characters.
const TEXT_CHARACTERS_MAX: usize = 2_000;

/// Everything words can name; what a notice does not have is empty.
pub(crate) const NAMES: [&str; 20] = [
    "handoff.id",
    "handoff.type",
    "handoff.link",
    "handoff.from",
    "handoff.to",
    "owner.name",
    "owner.first_name",
    "sender.name",
    "sender.first_name",
    "pool.name",
    "organisation.name",
    "shipped.subject",
    "shipped.text",
    "facts.due",
    "facts.met",
    "facts.next",
    "facts.owner",
    "facts.pool",
    "facts.since",
    "facts.why",
];

impl Writer<'_> {
    /// Puts the organisation's own words in place of those of a notice.
    pub(super) fn in_own_words<'s>(&self, said: Said<'s>) -> Said<'s> {
        let Some(rule) = self.config.notices.get(said.kind) else { return said };
        let context = self.context(&said);
        let filled = |template: &Option<String>, shipped: &str| {
            let own = template.as_deref().map(|template| fill(template, &context));
            let own = own.and_then(Result::ok).filter(|own| !own.is_empty());
            own.unwrap_or_else(|| shipped.to_owned())
        };
        let subject = filled(&rule.subject, &said.subject);
        let sentence = filled(&rule.text, &said.sentence);
        Said { subject, sentence, ..said }
    }

    fn context(&self, said: &Said<'_>) -> Value {
        let (about, config) = (&self.commit.about, self.config);
        let desk = config.organisation.public_url.trim_end_matches('/');
        let known = |pairs: &[(&str, &str)]| Value::from_pairs(pairs.iter().copied());
        let person = |id: Option<&PersonId>| {
            let name = id.map(|id| config.name_of(id)).unwrap_or_default();
            let first = name.split_whitespace().next().unwrap_or_default();
            known(&[("name", name), ("first_name", first)])
        };
        let pool = about.pool.as_ref().map(|pool| self.pool(pool)).unwrap_or_default();
        let to = config.types.get(&about.kind).map(|kind| kind.to.as_str()).unwrap_or_default();
        let handoff = self.commit.handoff.as_str();
        let link = format!("{desk}/handoffs/{handoff}");
        let facts = said.facts.iter().map(|(label, value)| (label.to_lowercase(), value.as_str()));
        let all = [
            (
                "handoff",
                known(&[
                    ("id", handoff),
                    ("type", self.kind()),
                    ("link", &link),
                    ("from", &about.from),
                    ("to", to),
                ]),
            ),
            ("owner", person(about.owner.as_ref())),
            ("sender", person(about.sender.as_ref())),
            ("pool", known(&[("name", &pool)])),
            ("organisation", known(&[("name", &config.organisation.name)])),
            ("shipped", known(&[("subject", &said.subject), ("text", &said.sentence)])),
            ("facts", Value::from_pairs(facts)),
        ];
        Value::from_pairs(all)
    }
}

/// Fills a template in: one paragraph, bounded.
fn fill(template: &str, context: &Value) -> Result<String, String> {
    let mut engine = engine();
    engine.set_undefined_behavior(UndefinedBehavior::Chainable);
    let filled = engine.template_from_str(template).and_then(|it| it.render(context));
    let filled = filled.map_err(|error| worded(&error))?;
    let words = filled.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(words.chars().take(TEXT_CHARACTERS_MAX).collect())
}

/// Says what is wrong with words of one's own: a name nothing has, or a template that cannot be
/// filled in.
pub(crate) fn fault(rule: &NoticeRule) -> Option<Fault> {
    let of = |field: &'static str, template: &Option<String>| {
        let template = template.as_deref()?;
        let engine = engine();
        let used = engine.template_from_str(template).map(|it| it.undeclared_variables(true));
        let used: BTreeSet<String> = used.map(|it| it.into_iter().collect()).unwrap_or_default();
        let unknown = used.into_iter().find(|name| !NAMES.contains(&name.as_str()));
        match unknown {
            Some(name) => Some(Fault { field, name: Some(name), why: String::new() }),
            None => fill(template, &example()).err().map(|why| Fault { field, name: None, why }),
        }
    };
    of("subject", &rule.subject).or_else(|| of("text", &rule.text))
}

/// What is wrong with words of one's own.
pub(crate) struct Fault {
    /// Where: `subject` or `text`.
    pub(crate) field: &'static str,
    /// The name that nothing has, if that is it.
    pub(crate) name: Option<String>,
    /// What is wrong otherwise.
    pub(crate) why: String,
}

/// A context in which every name says something.
fn example() -> Value {
    let mut all: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for (of, part) in NAMES.iter().filter_map(|name| name.split_once('.')) {
        all.entry(of).or_default().insert(part, Value::from(part));
    }
    Value::from_pairs(all.into_iter().map(|(of, parts)| (of, Value::from_pairs(parts))))
}
