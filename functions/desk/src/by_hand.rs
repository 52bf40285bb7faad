//! Opening a handoff by hand: what a person says becomes an event that opens the type they chose.
//!
//! It is settled exactly as a source's event is, so somebody who is known already keeps their
//! journey, and a second handoff of a lane joins the first. Nothing says more than it must: whom it
//! is about, which type, and whatever the receiving team should know; what is missing shows in the
//! completeness.

use crate::{
    ask::{self, Fields},
    moment,
};
use chrono_tz::Tz;
use domain::{
    Config, PersonId, SourceEvent, TypeKey,
    config::Mode,
    money::Money,
    subject::{ObjectKind, Subject},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the package says of where such a handoff came from, unless the person says better.
const SOURCE: &str = "by hand";

/// What a subject may say.
const SUBJECT: [&str; 7] = ["crm", "object", "id", "name", "email", "company", "country"];

/// Reads a JSON body into the event it stands for; its key is still to be given.
///
/// # Errors
/// A sentence that says what to write instead.
pub(crate) fn event(
    body: &[u8],
    person: &PersonId,
    config: &Config,
) -> Result<SourceEvent, String> {
    let zone = config.organisation.timezone;
    let mut said = Fields::new(ask::object(body)?, zone);
    let opens = kind(&said.needed("type")?, config)?;
    let subject = subject(said.take("subject"))?;
    let mut fields = said.package()?;
    said.nothing_else("Opening a handoff")?;

    let score = fields.get("score").map(score).transpose()?;
    let meeting_at = fields.get("meeting_at").map(|said| instant(said, zone)).transpose()?;
    let amount = amount(&mut fields)?;
    fields.entry("source".to_owned()).or_insert_with(|| SOURCE.into());
    Ok(SourceEvent {
        name: "opened.by_hand".to_owned(),
        subject,
        score,
        amount,
        meeting_at,
        fields,
        opens: Some(opens),
        opened_by: Some(person.clone()),
        ..SourceEvent::default()
    })
}

fn kind(said: &str, config: &Config) -> Result<TypeKey, String> {
    let on = |mode: Mode| mode != Mode::Off;
    match config.types.get_key_value(said) {
        Some((key, kind)) if on(kind.mode) => Ok(key.clone()),
        Some(_) => Err(format!("The type `{said}` is off: nothing opens with it now.")),
        None => {
            let kinds = config.types.iter().filter(|(_, kind)| on(kind.mode));
            let there_are: Vec<&str> = kinds.map(|(key, _)| key.as_str()).collect();
            Err(format!("There is no type `{said}`: choose {}.", there_are.join(", ")))
        }
    }
}

fn subject(said: Option<Value>) -> Result<Subject, String> {
    let whom = "Say whom it is about, in `subject`: an `email`, or the `id` of an `object` \
                (contact, lead, deal or account) of a `crm`.";
    let Some(Value::Object(parts)) = said else { return Err(whom.to_owned()) };
    for (name, value) in &parts {
        if !SUBJECT.contains(&name.as_str()) {
            let name: String = name.chars().take(40).collect();
            let known = SUBJECT.join(", ");
            return Err(format!("`subject` has no field `{name}`: it has {known}."));
        }
        if !matches!(value, Value::String(_) | Value::Null) {
            return Err(format!("`subject.{name}` must be text."));
        }
    }
    let text = |name: &str| {
        let text = parts.get(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let object = text("object").map(|object| of_a_crm(&object)).transpose()?;
    let subject = Subject {
        crm: text("crm"),
        object,
        id: text("id"),
        references: Vec::new(),
        name: text("name"),
        email: text("email"),
        company: text("company"),
        country: text("country"),
    };
    match subject.all_references().is_empty() {
        true => Err(whom.to_owned()),
        false => Ok(subject),
    }
}

fn of_a_crm(object: &str) -> Result<ObjectKind, String> {
    let kinds = [ObjectKind::Contact, ObjectKind::Lead, ObjectKind::Deal, ObjectKind::Account];
    kinds.into_iter().find(|kind| kind.to_string() == object).ok_or_else(|| {
        format!("`subject.object` cannot be `{object}`: choose contact, lead, deal or account.")
    })
}

fn score(said: &Value) -> Result<i64, String> {
    let score = said.as_i64().or_else(|| said.as_str()?.trim().parse().ok());
    score.ok_or_else(|| "`package.score` must be a whole number.".to_owned())
}

fn instant(said: &Value, zone: Tz) -> Result<chrono::DateTime<chrono::Utc>, String> {
    let at = said.as_str().and_then(|said| moment::instant(said, zone));
    at.ok_or_else(|| {
        "`package.meeting_at` is no time: write it like 2026-01-05T09:00:00Z.".to_owned()
    })
}

/// Takes the amount out of the fields where it is money; the package shows money in its own way.
fn amount(fields: &mut BTreeMap<String, Value>) -> Result<Option<Money>, String> {
    let Some(Value::Object(_)) = fields.get("amount") else { return Ok(None) };
    let said = fields.remove("amount").unwrap_or_default();
    ask::money(said, "package.amount").map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;
    use serde_json::json;

    fn read(body: &Value) -> Result<SourceEvent, String> {
        event(body.to_string().as_bytes(), &"amara".into(), &config())
    }

    #[test]
    fn a_person_opens_the_type_they_choose() {
        let event = read(&json!({
            "type": "meeting_set",
            "subject": { "email": "dana@acme.example", "name": "Dana", "company": " " },
            "package": {
                "pain_points": "reporting", "meeting_at": "2026-02-02T10:00:00Z",
                "amount": { "minor": 5_000_000, "currency": "EUR" }, "score": "71",
            },
        }))
        .unwrap();
        assert_eq!(event.opens, Some("meeting_set".into()));
        assert_eq!(event.opened_by, Some("amara".into()));
        assert_eq!((event.score, event.subject.company.as_deref()), (Some(71), None));
        assert_eq!(event.meeting_at, Some("2026-02-02T10:00:00Z".parse().unwrap()));
        assert_eq!(event.amount.map(|money| money.minor), Some(5_000_000));
        assert_eq!(event.fields["source"], SOURCE);
        assert!(!event.fields.contains_key("amount"));
    }

    #[test]
    fn what_cannot_be_opened_is_said() {
        let check = |body: Value, part: &str| {
            let refused = read(&body).unwrap_err();
            assert!(refused.contains(part), "{body}: {refused}");
        };
        let dana = json!({ "email": "dana@acme.example" });
        check(json!({ "subject": dana }), "Say `type`");
        check(json!({ "type": "mqll", "subject": dana }), "choose closed_won, expansion,");
        check(json!({ "type": "mql" }), "Say whom it is about");
        check(json!({ "type": "mql", "subject": { "name": "Dana" } }), "Say whom it is about");
        check(json!({ "type": "mql", "subject": { "mail": "d@a.example" } }), "no field `mail`");
        check(json!({ "type": "mql", "subject": { "id": 7 } }), "`subject.id` must be text");
        let ticket = json!({ "crm": "hubspot", "object": "ticket", "id": "7" });
        check(json!({ "type": "mql", "subject": ticket }), "cannot be `ticket`");
        let with = |package: Value| json!({ "type": "mql", "subject": dana, "package": package });
        check(with(json!([])), "`package` must be an object");
        check(with(json!({ "meeting_at": "soon" })), "is no time");
        check(with(json!({ "score": "hot" })), "whole number");
        check(with(json!({ "amount": { "minor": 1 } })), "`package.amount` must be money");
        check(json!({ "type": "mql", "subject": dana, "ownr": "ben" }), "no field `ownr`");
    }
}
