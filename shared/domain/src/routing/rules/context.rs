//! What clauses can ask of a handoff, made as far as they ask.
//!
//! A package may hold hundreds of kilobytes under names that nobody chose; only the fields that
//! some clause refers to become values. Every attribute that is known of is there, empty when
//! unknown, so that a clause can ask.

use super::expression::{Path, References, Root};
use crate::{
    config::{Config, Seen, territories::whole_number},
    handoff::Handoff,
    package::Package,
};
use cel::{Context, Env, Value};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};
use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

/// The language's own functions, the same for every lead.
static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// The attributes of a lead that clauses can ask of though no template has them.
pub(crate) fn attributes() -> impl Iterator<Item = &'static str> + Clone {
    TEXTS.into_iter().chain(["employees"])
}

const TEXTS: [&str; 8] =
    ["company", "country", "industry", "segment", "language", "product", "postal_code", "region"];
/// The attributes of a lead that are whole numbers, whatever was said.
pub(super) const NUMBERS: [&str; 3] = ["score", "employees", "amount_minor"];
const EMAIL_DOMAIN: &str = "email_domain";
/// An account's attributes, and the lead's that they are.
const ACCOUNT: [(&str, &str); 4] = [
    ("name", "company"),
    ("country", "country"),
    ("industry", "industry"),
    ("employees", "employees"),
];

/// The attributes of a lead that are there even when nobody has said them.
pub(super) fn known_texts(config: &Config) -> BTreeSet<String> {
    let fields = config.types.values().flat_map(|kind| kind.fields.iter().map(|field| &field.name));
    let mapped = config.sources.values().flat_map(|source| source.fields.values());
    let own = TEXTS.iter().map(|name| (*name).to_owned());
    fields.chain(mapped).cloned().chain(own).collect()
}

/// What is known of a handoff when clauses are asked.
pub(super) struct Facts<'a> {
    known: &'a BTreeSet<String>,
    handoff: Cow<'a, Handoff>,
    package: &'a Package,
    email_domain: OnceCell<String>,
    territory: BTreeMap<&'a str, &'a str>,
    now: DateTime<Utc>,
}

impl<'a> Facts<'a> {
    /// Gathers what the references need of a handoff.
    pub(super) fn of(
        (config, known): (&'a Config, &'a BTreeSet<String>),
        references: &References,
        (handoff, package): (&'a Handoff, &'a Package),
        now: DateTime<Utc>,
    ) -> Self {
        let territory = territory(config, references, package);
        let (handoff, email_domain) = (Cow::Borrowed(handoff), OnceCell::new());
        Self { known, handoff, package, email_domain, territory, now }
    }

    /// Makes up a handoff with everything that clauses can ask of one.
    pub(super) fn sample(
        config: &'a Config,
        known: &'a BTreeSet<String>,
        package: &'a Package,
    ) -> Self {
        let handoff = Handoff {
            kind: "mql".into(),
            source: "generic".into(),
            from: "marketing".to_owned(),
            to: "sdr".to_owned(),
            ..Handoff::default()
        };
        let territory = config.territories.keys().map(|name| (name.as_str(), "")).collect();
        let (handoff, now) = (Cow::Owned(handoff), DateTime::UNIX_EPOCH);
        let email_domain = OnceCell::from(String::new());
        Self { known, handoff, package, email_domain, territory, now }
    }

    /// Reads the text at a path; nothing where there is none or another kind of value.
    pub(super) fn text(&self, path: &Path) -> Option<&str> {
        let field = path.field.as_str();
        match path.root {
            Root::Lead if field == EMAIL_DOMAIN => Some(self.email_domain()),
            Root::Lead if NUMBERS.contains(&field) => None,
            Root::Lead => match self.package.values.get(field) {
                Some(value) => value.value.as_str(),
                None => self.known.contains(field).then_some(""),
            },
            Root::Handoff => match field {
                "type" => Some(self.handoff.kind.as_str()),
                "source" => Some(self.handoff.source.as_str()),
                "from" => Some(&self.handoff.from),
                "to" => Some(&self.handoff.to),
                "currency" => Some(self.currency()),
                _ => None,
            },
            Root::Territory => self.territory.get(field).copied(),
            Root::Account => None,
        }
    }

    /// Reads the whole number at a path; 0 where nobody has said one.
    pub(super) fn number(&self, path: &Path) -> i64 {
        match (path.root, path.field.as_str()) {
            (Root::Lead, name) => self.lead_number(name),
            (Root::Handoff, "heat") => self.handoff.heat.into(),
            (Root::Handoff, "score") => self.handoff.score.unwrap_or(0),
            (Root::Handoff, "amount_minor") => self.amount_minor(),
            _ => 0,
        }
    }

    fn email_domain(&self) -> &str {
        self.email_domain.get_or_init(|| self.package.subject.email_domain())
    }

    fn currency(&self) -> &str {
        self.handoff.amount.as_ref().map_or("", |money| money.currency.as_str())
    }

    fn amount_minor(&self) -> i64 {
        self.handoff.amount.as_ref().map_or(0, |money| money.minor)
    }

    fn lead_number(&self, name: &str) -> i64 {
        self.package.values.get(name).map_or(0, |value| whole_number(&value.value))
    }

    fn lead(&self, name: &str) -> Option<Json> {
        if name == EMAIL_DOMAIN {
            return Some(self.email_domain().into());
        }
        if NUMBERS.contains(&name) {
            return Some(self.lead_number(name).into());
        }
        match self.package.values.get(name) {
            Some(value) => Some(value.value.clone()),
            None => self.known.contains(name).then(|| "".into()),
        }
    }

    fn lead_fields(&self, references: &References) -> Map<String, Json> {
        let field = |name: &str| Some((name.to_owned(), self.lead(name)?));
        match references.of(Root::Lead) {
            Some(names) => names.filter_map(field).collect(),
            None => {
                let said = self.package.values.keys().map(String::as_str);
                let known = self.known.iter().map(String::as_str);
                said.chain(known).chain(NUMBERS).chain([EMAIL_DOMAIN]).filter_map(field).collect()
            }
        }
    }

    /// Makes the values that the references name.
    pub(super) fn context(&self, references: &References) -> Context<'static, 'static> {
        let mut context = Context::with_env(Arc::clone(&LANGUAGE));
        let handoff = json!({
            "type": self.handoff.kind, "source": self.handoff.source,
            "from": self.handoff.from, "to": self.handoff.to,
            "heat": self.handoff.heat, "score": self.handoff.score.unwrap_or(0),
            "amount_minor": self.amount_minor(), "currency": self.currency(),
        });
        let account = ACCOUNT
            .iter()
            .filter_map(|(name, field)| Some(((*name).to_owned(), self.lead(field)?)));
        let asks_account =
            references.of(Root::Account).is_none_or(|mut fields| fields.next().is_some());
        let account: Map<String, Json> = account.filter(|_| asks_account).collect();
        let territory: Map<String, Json> = self
            .territory
            .iter()
            .map(|(table, territory)| ((*table).to_owned(), (*territory).into()))
            .collect();
        for (name, value) in [
            ("lead", Json::Object(self.lead_fields(references))),
            ("account", Json::Object(account)),
            ("handoff", handoff),
            ("territory", Json::Object(territory)),
        ] {
            let value = cel::to_value(&value).unwrap_or(Value::Null);
            context.add_variable_from_value(name, value);
        }
        context.add_variable_from_value("now", Value::Timestamp(self.now.fixed_offset()));
        context
    }
}

/// Finds the territories that clauses ask for, by table; empty where no row matches.
fn territory<'a>(
    config: &'a Config,
    references: &References,
    package: &Package,
) -> BTreeMap<&'a str, &'a str> {
    let tables: Vec<_> = match references.of(Root::Territory) {
        Some(names) => names.filter_map(|name| config.territories.get_key_value(name)).collect(),
        None => config.territories.iter().collect(),
    };
    if tables.is_empty() {
        return BTreeMap::new();
    }
    let seen = Seen::of(package);
    let territory = |(name, table): (&'a String, &'a crate::config::Territories)| {
        (name.as_str(), table.find(&seen).map_or("", |row| row.territory()))
    };
    tables.into_iter().map(territory).collect()
}
