//! Opening a handoff by hand: what a person says becomes an event that opens the type they chose.
//!
//! It is settled exactly as a source's event is, so somebody who is known already keeps their
//! journey, and a second handoff of a lane joins the first. Nothing says more than it must: whom it
//! is about, which type, and whatever the receiving team should know; what is missing shows in the
//! completeness.

use crate::{
    ask::{self, Fields},
    fault::Fault,
    form,
};
use chrono_tz::Tz;
use domain::{
    Config, PersonId, SourceEvent, TypeKey,
    config::{FieldType, Mode},
    subject::{ObjectKind, Subject},
};
use serde_json::{Map, Value};
use settle::said::{self, Facts};

/// What a subject may say.
const SUBJECT: [&str; 7] = ["crm", "object", "id", "name", "email", "company", "country"];

/// Reads a JSON body into the event it stands for; its key is still to be given.
///
/// # Errors
/// `Malformed` or `Fields`, with what to write instead.
pub(crate) fn event(body: &[u8], person: &PersonId, config: &Config) -> Result<SourceEvent, Fault> {
    let said = ask::object(body).map_err(Fault::Malformed)?;
    read(said, person, config, config.organisation.timezone)
}

/// Reads a form into the event it stands for: `subject.NAME` and `package.NAME` are what they say.
///
/// # Errors
/// `Malformed` or `Fields`, with what to write instead.
pub(crate) fn from_form(
    pairs: &form::Pairs,
    person: &PersonId,
    config: &Config,
    zone: Tz,
) -> Result<SourceEvent, Fault> {
    let of = |part: &str| -> Map<String, Value> {
        let pairs = pairs.iter().filter(|(_, value)| !value.trim().is_empty());
        let pairs = pairs.filter_map(|(name, value)| Some((name.strip_prefix(part)?, value)));
        pairs.map(|(name, value)| (name.to_owned(), value.as_str().into())).collect()
    };
    let kind = pairs.get("type").cloned().unwrap_or_default();
    let said = [
        ("type", Value::from(kind)),
        ("test", pairs.contains_key("test").into()),
        ("subject", of("subject.").into()),
        ("package", of("package.").into()),
    ];
    let said = said.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    read(said, person, config, zone)
}

fn read(
    said: Map<String, Value>,
    person: &PersonId,
    config: &Config,
    zone: Tz,
) -> Result<SourceEvent, Fault> {
    let mut said = Fields::new(said, zone);
    let opens = said.needed("type").and_then(|said| kind(&said, config));
    let opens = opens.map_err(Fault::Malformed)?;
    let subject = subject(said.take("subject")).map_err(Fault::Malformed)?;
    let test = said.tick("test").map_err(Fault::Malformed)?;
    let package = said.package().map_err(Fault::Malformed)?;
    said.nothing_else("Opening a handoff").map_err(Fault::Malformed)?;

    let template = &config.types[&opens].fields;
    let (mut fields, facts) = said::read(template, package, zone).map_err(Fault::Fields)?;
    // A box that is not ticked says nothing yet.
    let ticks = |name: &String| {
        template.iter().any(|field| field.name == *name && field.kind == FieldType::Tick)
    };
    fields.retain(|name, value| *value != Value::Bool(false) || !ticks(name));
    let Facts { score, amount, meeting_at } = facts;
    Ok(SourceEvent {
        name: "opened.by_hand".to_owned(),
        subject,
        score,
        amount,
        meeting_at,
        fields,
        test,
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
    if text("id").is_some() != object.is_some() {
        let both = "Say `subject.id` and `subject.object` together: 7 is nobody, contact 7 is.";
        return Err(both.to_owned());
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;
    use serde_json::json;

    fn said(body: &Value) -> Result<SourceEvent, Fault> {
        event(body.to_string().as_bytes(), &"amara".into(), &config())
    }

    #[test]
    fn a_person_opens_the_type_they_choose() {
        let event = said(&json!({
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
        assert_eq!(event.fields["amount"], "50 000.00 EUR");
    }

    #[test]
    fn a_form_says_the_same_as_a_body() {
        let pairs = "type=meeting_set&subject.email=dana%40acme.example&subject.name=Dana\
                     &package.pain_points=cost%0D%0Aspeed&package.meeting_at=2026-02-02T10:00\
                     &package.budget=+&package.prep_call=no&nonce=x";
        let by_form = from_form(&form::read(pairs), &"amara".into(), &config(), Tz::Europe__London);
        let body = json!({
            "type": "meeting_set",
            "subject": { "email": "dana@acme.example", "name": "Dana" },
            "package": { "pain_points": ["cost", "speed"], "meeting_at": "2026-02-02T10:00:00Z" },
        });
        assert_eq!(by_form.unwrap(), said(&body).unwrap());
    }

    #[test]
    fn what_cannot_be_opened_is_said() {
        let check = |body: Value, part: &str| {
            let refused = said(&body).unwrap_err().to_string();
            assert!(refused.contains(part), "{body}: {refused}");
        };
        let dana = json!({ "email": "dana@acme.example" });
        check(json!({ "subject": dana }), "Say `type`");
        check(json!({ "type": "mqll", "subject": dana }), "choose closed_won, expansion,");
        check(json!({ "type": "mql" }), "Say whom it is about");
        check(json!({ "type": "mql", "subject": { "name": "Dana" } }), "Say whom it is about");
        check(json!({ "type": "mql", "subject": { "mail": "d@a.example" } }), "no field `mail`");
        check(json!({ "type": "mql", "subject": { "id": "7" } }), "together");
        check(json!({ "type": "mql", "subject": { "id": 7 } }), "`subject.id` must be text");
        let ticket = json!({ "crm": "hubspot", "object": "ticket", "id": "7" });
        check(json!({ "type": "mql", "subject": ticket }), "cannot be `ticket`");
        let with = |package: Value| json!({ "type": "mql", "subject": dana, "package": package });
        check(with(json!([])), "`package` must be an object");
        check(with(json!({ "meeting_at": "soon" })), "is no time");
        check(with(json!({ "score": "hot" })), "`Lead score` must be a number");
        check(with(json!({ "amount": { "minor": 1 } })), "`package.amount` must be money");
        check(with(json!({ "amount": 40_000 })), "`package.amount` must be money");
        check(with(json!({ "need": "x".repeat(40_000) })), "`package.need` is longer than 32 KB");
        check(json!({ "type": "mql", "subject": dana, "ownr": "ben" }), "no field `ownr`");
    }
}
