//! A package as a person says it, read field by field by its type's template.
//!
//! Reading is strict: they are here to be asked again. Each field that cannot be read says so by
//! itself, so that a form shows every problem at once, beside what was typed. A form shows what is
//! known already, and what comes back as it was shown is nothing new.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::{
    Package,
    config::{FieldRule, FieldType},
    local::instant,
    money::Money,
    package::VALUE_BYTES_MAX,
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// How much of a name nobody knows is quoted, in characters.
const QUOTED_CHARS_MAX: usize = 40;

/// Values by field, as they came.
pub type Values = BTreeMap<String, Value>;

/// What a package says that a handoff knows too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The score.
    pub score: Option<i64>,
    /// The amount.
    pub amount: Option<Money>,
    /// When the meeting is.
    pub meeting_at: Option<DateTime<Utc>>,
}

/// Fields that cannot be read: a sentence for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrong(pub BTreeMap<String, String>);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentences: Vec<&str> = self.0.values().map(String::as_str).collect();
        f.write_str(&sentences.join(" "))
    }
}

/// Reads the values a person gave; those that say nothing are left out.
pub fn read(template: &[FieldRule], said: Values, zone: Tz) -> Result<(Values, Facts), Wrong> {
    let (mut values, mut wrong) = (Values::new(), Wrong::default());
    for (name, value) in said {
        let field = template.iter().find(|field| field.name == name);
        let label = field.map_or_else(|| quoted(&name), |field| field.label.clone());
        if value.to_string().len() > VALUE_BYTES_MAX {
            let long = format!("`{label}` is longer than 32 KB: say it shorter, or link to it.");
            wrong.0.insert(name, long);
            continue;
        }
        let read = match field {
            Some(field) => field.read(&value, zone),
            None => Ok(Some(value).filter(says_something)),
        };
        match read {
            Ok(Some(value)) => {
                values.insert(name, value);
            }
            Ok(None) => {}
            Err(sentence) => {
                wrong.0.insert(name, sentence);
            }
        }
    }
    let facts = facts(&mut values, zone, &mut wrong);
    if wrong.0.is_empty() { Ok((values, facts)) } else { Err(wrong) }
}

/// Leaves out what is said as it is known.
pub fn news(said: Values, package: &Package, template: &[FieldRule], zone: Tz) -> Values {
    let is_news = |name: &String, value: &Value| {
        let field = template.iter().find(|field| field.name == *name);
        let Some(known) = package.values.get(name) else {
            // A box that nobody ever ticked says nothing.
            return field.is_none_or(|field| field.kind != FieldType::Tick || value != "no");
        };
        let shown = typed(&known.value, field.map_or(FieldType::Text, |field| field.kind), zone);
        let same = value.as_str().is_some_and(|text| text.replace("\r\n", "\n").trim() == shown);
        !same && *value != known.value
    };
    said.into_iter().filter(|(name, value)| is_news(name, value)).collect()
}

/// Writes a value as a person would type it.
pub fn typed(value: &Value, kind: FieldType, zone: Tz) -> String {
    match value {
        Value::String(text) => match instant(text, zone) {
            Some(at) if kind == FieldType::Time => {
                at.with_timezone(&zone).format("%Y-%m-%dT%H:%M").to_string()
            }
            _ => text.trim().to_owned(),
        },
        Value::Array(list) => {
            let lines: Vec<String> = list.iter().map(|one| typed(one, kind, zone)).collect();
            lines.join("\n")
        }
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

/// Reads the facts among values, whatever the template makes of them, and writes them as the
/// package shows them.
fn facts(values: &mut Values, zone: Tz, wrong: &mut Wrong) -> Facts {
    let mut facts = Facts::default();
    let mut refuse = |name: &str, sentence: &str| {
        wrong.0.entry(name.to_owned()).or_insert_with(|| sentence.to_owned());
    };
    if let Some(said) = values.get_mut("score") {
        facts.score = said.as_i64().or_else(|| said.as_str()?.trim().parse().ok());
        match facts.score {
            Some(score) => *said = score.into(),
            None => refuse("score", "`package.score` must be a whole number."),
        }
    }
    if let Some(said) = values.get_mut("meeting_at") {
        facts.meeting_at = said.as_str().and_then(|said| instant(said, zone));
        match facts.meeting_at {
            Some(at) => *said = at.to_rfc3339().into(),
            None => refuse(
                "meeting_at",
                "`package.meeting_at` is no time: write it like 2026-01-05T09:00:00Z.",
            ),
        }
    }
    if let Some(said) = values.get_mut("amount") {
        facts.amount = amount(said);
        match &facts.amount {
            Some(amount) => *said = amount.to_string().into(),
            None => refuse("amount", &not_money("package.amount")),
        }
    }
    facts
}

/// Reads money, as the package shows it or as the contract writes it.
fn amount(said: &Value) -> Option<Money> {
    match said.as_str().and_then(|said| said.rsplit_once(' ')) {
        Some((number, currency)) => {
            let number: String = number.split(' ').collect();
            Money::from_decimal(&number, &currency.to_uppercase())
        }
        None => money(said.clone(), "amount").ok(),
    }
}

/// Reads money, as the contract writes it.
pub fn money(said: Value, name: &str) -> Result<Money, String> {
    let money = serde_json::from_value::<Money>(said).ok();
    let is_code = |code: &str| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
    money.filter(|money| is_code(&money.currency)).ok_or_else(|| not_money(name))
}

fn not_money(name: &str) -> String {
    format!("`{name}` must be money: {{\"minor\": 123456, \"currency\": \"EUR\"}}.")
}

fn says_something(value: &Value) -> bool {
    !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty())
}

fn quoted(name: &str) -> String {
    let name: String = name.chars().take(QUOTED_CHARS_MAX).collect();
    format!("package.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, config};
    use serde_json::json;

    const ZONE: Tz = Tz::Europe__Berlin;

    fn values(said: Value) -> Values {
        serde_json::from_value(said).unwrap()
    }

    #[test]
    fn every_field_that_cannot_be_read_is_said_at_once() {
        let (config, kind) = (config(), "meeting_set");
        let template = &config.types[kind].fields;
        let said = json!({
            "decision_date": "03/02/2026", "walkthrough": "my video", "budget": "30 000",
            "meeting_at": "soon", "need": "x".repeat(33_000), "ours": "kept", "note": " ",
        });
        let Wrong(wrong) = read(template, values(said), ZONE).unwrap_err();
        let fields: Vec<&str> = wrong.keys().map(String::as_str).collect();
        assert_eq!(fields, ["decision_date", "meeting_at", "need", "walkthrough"]);
        assert!(wrong["need"].starts_with("`Need` is longer than 32 KB"), "{wrong:?}");
        assert!(wrong["walkthrough"].contains("must be a web address"), "{wrong:?}");
        let said = json!({
            "meeting_at": "2026-02-03T15:00", "amount": "1200 eur", "pain_points": "a\nb",
            "ours": { "kept": true }, "sdr_attends": "Yes", "company_verified": "on",
        });
        let (read, facts) = read(template, values(said), ZONE).unwrap();
        assert_eq!(facts.meeting_at, Some(at("2026-02-03T14:00:00Z")));
        assert_eq!(facts.amount.map(|money| money.minor), Some(120_000));
        assert_eq!(read["pain_points"], json!(["a", "b"]));
        assert_eq!(read["ours"], json!({ "kept": true }));
        assert_eq!(
            (&read["sdr_attends"], &read["company_verified"]),
            (&json!("yes"), &json!(true))
        );
    }

    #[test]
    fn what_comes_back_as_it_was_shown_is_nothing_new() {
        let (config, mut package) = (config(), Package::default());
        let template = &config.types["meeting_set"].fields;
        let known = json!({
            "amount": "$12k", "pain_points": ["a", "b"], "company_verified": true,
            "meeting_at": "2026-02-03T14:00:00+00:00", "budget": "30 000", "size": 7,
        });
        package.put(values(known), "crm", at("2026-01-05T09:00:00Z"));
        let shown: Values = package
            .values
            .iter()
            .map(|(name, known)| {
                let field = template.iter().find(|field| field.name == *name);
                let kind = field.map_or(FieldType::Text, |field| field.kind);
                (name.clone(), typed(&known.value, kind, ZONE).into())
            })
            .collect();
        assert_eq!(shown["meeting_at"], "2026-02-03T15:00");
        assert_eq!(news(shown.clone(), &package, template, ZONE), Values::new());
        let changed = [("budget", "40 000"), ("company_verified", "no")];
        let changed: Values = changed.map(|(name, value)| (name.to_owned(), value.into())).into();
        let never = Values::from([("prep_call".to_owned(), "no".into())]);
        assert_eq!(news(never, &package, template, ZONE), Values::new(), "nobody ticked it");
        let said = shown.into_iter().chain(changed.clone()).collect();
        assert_eq!(news(said, &package, template, ZONE), changed);
    }
}
