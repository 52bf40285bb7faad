//! What a person asks for: a verb with its fields, read from JSON or from a form in the same way.
//!
//! Reading is strict, because a misspelt field would otherwise do half of what was meant. Words
//! that are counted and stay in history for ever (channels, reasons) must be words; free text is
//! kept apart, where it can be erased.

use crate::{form, moment};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::{PersonId, PoolId, involved::Part, money::Money, package::VALUE_BYTES_MAX};
use serde_json::{Map, Value};
use settle::{
    Verb,
    order::{Ask, Deed},
    said::{self, Values},
};
use std::fmt::Display;

/// How long a free text may be, in characters.
const TEXT_CHARS_MAX: usize = 4_000;

/// How long a word may be, in characters.
const WORD_CHARS_MAX: usize = 40;

/// The reason that is counted when a person gave one in free text.
const IN_OTHER_WORDS: &str = "other";

/// Reads a JSON body; an empty one says nothing.
pub(crate) fn from_json(verb: Verb, body: &[u8], zone: Tz) -> Result<Ask, String> {
    read(verb, Fields::new(object(body)?, zone))
}

/// Reads a JSON object; an empty body is an empty one.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, String> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(said)) => Ok(said),
        Ok(_) => Err("The body must be a JSON object.".to_owned()),
        Err(error) => Err(format!("The body is not JSON: {error}.")),
    }
}

/// Reads a form; fields left empty say nothing, and `package.NAME` is a value of the package.
pub(crate) fn from_form(verb: Verb, pairs: &form::Pairs, zone: Tz) -> Result<Ask, String> {
    let (mut said, mut package) = (Map::new(), Map::new());
    for (name, value) in pairs.iter().filter(|(_, value)| !value.trim().is_empty()) {
        match name.strip_prefix("package.") {
            Some(field) => package.insert(field.to_owned(), value.as_str().into()),
            None => said.insert(name.clone(), value.as_str().into()),
        };
    }
    if !package.is_empty() {
        said.insert("package".to_owned(), package.into());
    }
    if let (Some(Value::String(value)), Some(Value::String(currency))) =
        (said.get("value").cloned(), said.remove("currency"))
    {
        let money = Money::from_decimal(&value, &currency.trim().to_uppercase());
        let money =
            money.ok_or_else(|| format!("`{value}` is no amount: write it like 1234.56."))?;
        said.insert("value".to_owned(), serde_json::to_value(money).unwrap_or_default());
    }
    let chosen = pairs.contains_key("pool") && !said.contains_key("owner");
    if verb == Verb::Reassign && chosen {
        said.entry("pool").or_insert(Value::Null);
    }
    read(verb, Fields::new(said, zone))
}

fn read(verb: Verb, mut fields: Fields) -> Result<Ask, String> {
    let mut note = match verb {
        Verb::Note | Verb::Ask | Verb::Answer => Some(fields.note(verb)?),
        Verb::Touch => fields.long("note")?,
        Verb::Rate => fields.text("comment")?,
        _ => fields.text("note")?,
    };
    let message = match verb {
        Verb::Touch => fields.text("message")?,
        _ => None,
    };
    let deed = match verb {
        Verb::Accept => Deed::Accept,
        Verb::Reject => Deed::Reject(fields.needed("reason")?),
        Verb::Resubmit => Deed::Resubmit(fields.package()?, fields.zone),
        Verb::Supply => Deed::Supply(fields.package()?, fields.zone),
        Verb::Touch => Deed::Touch(fields.word("channel")?, fields.instant("at")?),
        Verb::Note => Deed::Note,
        Verb::Ask => Deed::Ask(fields.text("to")?.map(PersonId)),
        Verb::Answer => Deed::Answer(fields.number("question")?),
        Verb::Pause => Deed::Pause(fields.needed("reason")?, fields.instant("until")?),
        Verb::Resume => Deed::Resume,
        Verb::Involve => Deed::Involve(PersonId(fields.needed("person")?), fields.part()?),
        Verb::Release => Deed::Release(PersonId(fields.needed("person")?)),
        Verb::Survey => Deed::Survey,
        Verb::WithdrawSurvey => Deed::WithdrawSurvey,
        Verb::EndOverlap => Deed::EndOverlap,
        Verb::Reassign => {
            note = fields.text("reason")?.or(note);
            fields.receiver()?
        }
        Verb::Complete => Deed::Complete(fields.needed("outcome")?, fields.money("value")?),
        Verb::Recycle => Deed::Recycle(fields.needed("to")?, fields.needed("reason")?),
        Verb::Cancel => {
            let said = fields.needed("reason")?;
            let counted = if is_word(&said) { said.clone() } else { IN_OTHER_WORDS.to_owned() };
            note = note.or((counted != said).then_some(said));
            Deed::Cancel(counted)
        }
        Verb::Rate => Deed::Rate(fields.score()?, fields.yes_or_no("complete")?),
    };
    fields.nothing_else(format_args!("`{verb}`"))?;
    Ok(Ask { verb, deed, note, message })
}

/// The fields of a request, each taken once.
pub(crate) struct Fields {
    said: Map<String, Value>,
    zone: Tz,
}

impl Fields {
    pub(crate) fn new(said: Map<String, Value>, zone: Tz) -> Self {
        Self { said, zone }
    }

    /// Takes a field; one that is null says nothing.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.said.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a text that may be there.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) if text.chars().count() > TEXT_CHARS_MAX => {
                Err(format!("`{name}` is longer than {TEXT_CHARS_MAX} characters."))
            }
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(_) => Err(format!("`{name}` must be text.")),
        }
    }

    /// Takes a note, which may be as long as a value of a package.
    fn note(&mut self, verb: Verb) -> Result<String, String> {
        self.long("text")?.ok_or_else(|| format!("Say what to {verb}, in `text`."))
    }

    fn number(&mut self, name: &str) -> Result<u32, String> {
        let said = match self.take(name) {
            Some(Value::Number(number)) => number.as_u64().and_then(|n| u32::try_from(n).ok()),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        said.ok_or_else(|| format!("Say `{name}`: its number."))
    }

    /// Takes a text that may be there, and may be as long as a value of a package.
    pub(crate) fn long(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            Some(Value::String(text)) if text.len() > VALUE_BYTES_MAX => {
                Err("The note is longer than 32 KB: say it shorter, or link to it.".to_owned())
            }
            Some(Value::String(text)) if !text.trim().is_empty() => {
                Ok(Some(text.trim().to_owned()))
            }
            None | Some(Value::String(_)) => Ok(None),
            Some(_) => Err(format!("`{name}` must be text.")),
        }
    }

    /// Takes several words.
    pub(crate) fn words(&mut self, name: &str) -> Result<Vec<String>, String> {
        let Some(said) = self.take(name) else { return Ok(Vec::new()) };
        let said = said.as_array().cloned().unwrap_or_else(|| vec![said]);
        let words = said.iter().map(|one| one.as_str().map(|word| word.trim().to_owned()));
        let words = words.collect::<Option<Vec<String>>>();
        words.ok_or_else(|| format!("`{name}` must be a list of words."))
    }

    /// Takes a text that must be there.
    pub(crate) fn needed(&mut self, name: &str) -> Result<String, String> {
        self.text(name)?.ok_or_else(|| format!("Say `{name}`."))
    }

    fn word(&mut self, name: &str) -> Result<String, String> {
        let said = self.needed(name)?.to_lowercase();
        match is_word(&said) {
            true => Ok(said),
            false => Err(format!(
                "`{name}` must be one word of letters, digits and `_`, such as `call`."
            )),
        }
    }

    fn instant(&mut self, name: &str) -> Result<Option<DateTime<Utc>>, String> {
        let Some(said) = self.text(name)? else { return Ok(None) };
        match moment::instant(&said, self.zone) {
            Some(at) => Ok(Some(at)),
            None => Err(format!("`{name}` is no time: write it like 2026-01-05T09:00:00Z.")),
        }
    }

    /// Takes the values of the package.
    pub(crate) fn package(&mut self) -> Result<Values, String> {
        match self.take("package") {
            None => Ok(Values::new()),
            Some(Value::Object(package)) => Ok(package.into_iter().collect()),
            Some(_) => Err("`package` must be an object: fields and their values.".to_owned()),
        }
    }

    /// Takes what somebody is involved as: a receiver, unless it says otherwise.
    fn part(&mut self) -> Result<Part, String> {
        let said = self.text("as")?;
        let part = said.as_deref().map_or(Some(Part::Receiver), Part::of);
        part.ok_or_else(|| "`as` must be `receiver` or `sponsor`.".to_owned())
    }

    fn receiver(&mut self) -> Result<Deed, String> {
        let by_rules = self.said.get("pool").is_some_and(Value::is_null);
        match (self.text("owner")?, self.text("pool")?) {
            (Some(_), Some(_)) => Err("Say `owner` or `pool`, not both.".to_owned()),
            (Some(owner), None) => Ok(Deed::GiveTo(PersonId(owner))),
            (None, Some(pool)) => Ok(Deed::Route(Some(PoolId(pool)))),
            (None, None) if by_rules => Ok(Deed::Route(None)),
            (None, None) => Err("Say who gets it: `owner`, or `pool`; a pool that is null lets \
                                 the rules decide."
                .to_owned()),
        }
    }

    fn money(&mut self, name: &str) -> Result<Option<Money>, String> {
        self.take(name).map(|said| said::money(said, name)).transpose()
    }

    fn score(&mut self) -> Result<u8, String> {
        let said = match self.take("score") {
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        let score = said.and_then(|score| u8::try_from(score).ok());
        score.ok_or_else(|| "Say `score`: a whole number, 1 to 5.".to_owned())
    }

    fn yes_or_no(&mut self, name: &str) -> Result<bool, String> {
        match self.take(name) {
            Some(Value::Bool(said)) => Ok(said),
            Some(Value::String(said)) if matches!(said.as_str(), "yes" | "true") => Ok(true),
            Some(Value::String(said)) if matches!(said.as_str(), "no" | "false") => Ok(false),
            _ => Err(format!("Say `{name}`: true or false.")),
        }
    }

    /// Reads what is so only where it is said.
    pub(crate) fn tick(&mut self, name: &str) -> Result<bool, String> {
        match self.said.contains_key(name) {
            true => self.yes_or_no(name),
            false => Ok(false),
        }
    }

    /// Refuses what is left: a misspelt field would otherwise do half of what was meant.
    pub(crate) fn nothing_else(self, what: impl Display) -> Result<(), String> {
        match self.said.keys().next() {
            None => Ok(()),
            Some(unknown) => {
                let unknown: String = unknown.chars().take(WORD_CHARS_MAX).collect();
                Err(format!("{what} has no field `{unknown}`: it was not done."))
            }
        }
    }
}

/// Tells whether a text is a word that may be counted and kept for ever.
fn is_word(text: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    (1..=WORD_CHARS_MAX).contains(&text.len()) && text.chars().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = Tz::Europe__London;

    fn json(verb: Verb, body: &str) -> Result<Ask, String> {
        from_json(verb, body.as_bytes(), ZONE)
    }

    fn form(verb: Verb, text: &str) -> Result<Ask, String> {
        from_form(verb, &form::read(text), ZONE)
    }

    fn ask(verb: Verb, deed: Deed, note: Option<&str>) -> Result<Ask, String> {
        Ok(Ask { verb, deed, note: note.map(str::to_owned), message: None })
    }

    #[test]
    fn json_and_a_form_ask_for_the_same() {
        let check = |verb, body: &str, pairs: &str| {
            let asked = json(verb, body);
            assert!(asked.is_ok(), "{body}: {asked:?}");
            assert_eq!(asked, form(verb, pairs), "{body}");
        };
        check(Verb::Accept, "", "");
        check(
            Verb::Reject,
            r#"{"reason":"duplicate","note":"see Acme"}"#,
            "reason=duplicate&note=see+Acme",
        );
        check(
            Verb::Resubmit,
            r#"{"package":{"need":"speed"}}"#,
            "package.need=speed&package.budget=+&note=",
        );
        check(
            Verb::Touch,
            r#"{"channel":"Call","at":"2026-07-01T08:00:00Z"}"#,
            "channel=call&at=2026-07-01T09:00",
        );
        check(Verb::Reassign, r#"{"owner":"ben","reason":"ill"}"#, "owner=ben&pool=&reason=ill");
        check(Verb::Reassign, r#"{"pool":null}"#, "owner=&pool=");
        check(
            Verb::Complete,
            r#"{"outcome":"won","value":{"minor":123456,"currency":"EUR"}}"#,
            "outcome=won&value=1234.56&currency=eur",
        );
        check(Verb::Complete, r#"{"outcome":"won"}"#, "outcome=won&value=&currency=EUR");
        check(
            Verb::Rate,
            r#"{"score":4,"complete":false,"comment":"thin"}"#,
            "score=4&complete=no&comment=thin",
        );
    }

    #[test]
    fn free_text_never_becomes_a_reason_that_is_counted() {
        let cancel = |reason: &str| json(Verb::Cancel, &format!(r#"{{"reason":"{reason}"}}"#));
        let of = |reason: &str, note| ask(Verb::Cancel, Deed::Cancel(reason.into()), note);
        assert_eq!(cancel("duplicate"), of("duplicate", None));
        assert_eq!(cancel("Dana asked us to"), of("other", Some("Dana asked us to")));
        assert!(json(Verb::Touch, r#"{"channel":"called Dana"}"#).is_err());
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        let check = |verb, body: &str, part: &str| {
            let refused = json(verb, body).unwrap_err();
            assert!(refused.contains(part), "{body}: {refused}");
        };
        check(Verb::Reject, "{}", "`reason`");
        check(Verb::Reject, r#"{"reason":7}"#, "must be text");
        check(Verb::Note, r#"{"text":"  "}"#, "`text`");
        check(Verb::Touch, r#"{"channel":"call","at":"soon"}"#, "`at` is no time");
        check(Verb::Reassign, "{}", "`owner`");
        check(Verb::Reassign, r#"{"owner":"a","pool":"b"}"#, "not both");
        check(Verb::Complete, r#"{"outcome":"won","value":12}"#, "must be money");
        let odd = r#"{"outcome":"won","value":{"minor":1,"currency":"Dana's money"}}"#;
        check(Verb::Complete, odd, "must be money");
        check(Verb::Rate, r#"{"score":4.5,"complete":true}"#, "1 to 5");
        check(Verb::Accept, r#"{"reson":"x"}"#, "no field `reson`");
        check(Verb::Accept, "[]", "JSON object");
        check(Verb::Accept, "{\"a\":\n oops}", "at line 2 column 2");
        let long = |name: &str, count| format!(r#"{{"{name}":"{}"}}"#, "é".repeat(count));
        check(Verb::Accept, &long("note", TEXT_CHARS_MAX + 1), "longer than 4000");
        check(Verb::Note, &long("text", VALUE_BYTES_MAX), "longer than 32 KB");
        assert!(json(Verb::Note, &long("text", VALUE_BYTES_MAX / 2)).is_ok());
    }
}
