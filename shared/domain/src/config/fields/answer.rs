//! What is an answer to a field: what a person wrote, read strictly, and what a source said, as it
//! came.

use super::{FieldRule, FieldType};
use crate::{local, money::Money};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::Value;

/// How many things a list may hold.
const LIST_MAX: usize = 100;

/// How long a web address may be, in bytes.
const LINK_BYTES_MAX: usize = 2_000;

/// Words for yes and for no.
const YES: [&str; 6] = ["yes", "true", "on", "done", "1", "x"];
const NO: [&str; 4] = ["no", "false", "off", "0"];

impl FieldRule {
    /// Reads what a person wrote, as the package keeps it; nothing for what says nothing. Local
    /// times are in `zone`.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn read(&self, said: &Value, zone: Tz) -> Result<Option<Value>, String> {
        let said = match said {
            Value::Null => return Ok(None),
            Value::String(text) if text.trim().is_empty() => return Ok(None),
            Value::String(text) => &Value::from(text.trim()),
            other => other,
        };
        let read = match self.kind {
            FieldType::Text => text(said).map(Value::from),
            FieldType::Number => number(said),
            FieldType::Money => money(said).map(|money| money.to_string().into()),
            FieldType::Date => day(said).map(|day| day.to_string().into()),
            FieldType::Time => instant(said, zone).map(|at| at.to_rfc3339().into()),
            FieldType::Person => person(said),
            FieldType::List => list(said),
            FieldType::Link => link(said).map(Value::from),
            FieldType::Choice => self.choice(said).map(Value::from),
            FieldType::Tick => tick(said).map(Value::from),
        };
        read.map(Some).ok_or_else(|| format!("`{}` {}", self.label, self.wanted()))
    }

    /// Tells whether what is in the package answers the field, whoever said it.
    pub fn is_answered_by(&self, known: &Value) -> bool {
        let written = known.as_str().map(str::trim);
        match self.kind {
            FieldType::Text | FieldType::Person => !known.is_null(),
            FieldType::Number => known.is_number() || written.is_some_and(holds_a_number),
            FieldType::Money => match known {
                Value::Object(_) => money(known).is_some(),
                other => other.is_number() || written.is_some_and(holds_a_number),
            },
            FieldType::Date | FieldType::Time => {
                let ms = || written?.parse::<i64>().ok();
                day(known).is_some()
                    || instant(known, Tz::UTC).is_some()
                    || known.is_i64()
                    || ms().is_some()
            }
            FieldType::List => match known {
                Value::Array(list) => !list.is_empty(),
                other => !other.is_null(),
            },
            FieldType::Link => link(known).is_some(),
            FieldType::Choice => self.choice(known).is_some(),
            FieldType::Tick => tick(known) == Some(true),
        }
    }

    /// Says what the field wants, as the end of a sentence.
    fn wanted(&self) -> String {
        match self.kind {
            FieldType::Text => "must be text.".to_owned(),
            FieldType::Number => {
                "must be a number by itself, without a sign or a unit: write 1200 or 12.5.".into()
            }
            FieldType::Money => {
                "must be an amount and its currency in three letters: write 1200.50 EUR.".into()
            }
            FieldType::Date => "must be a day with the year first: write 2026-02-03, because \
                                03/02/2026 is read in two ways."
                .to_owned(),
            FieldType::Time => "must be a day and a time: write 2026-02-03T15:00, or add a zone \
                                as in 2026-02-03T15:00:00+01:00."
                .to_owned(),
            FieldType::Person => {
                "must be somebody: write Dana Reyes, or Dana Reyes <dana@acme.example>.".to_owned()
            }
            FieldType::List => format!("must be one thing a line, at most {LIST_MAX}."),
            FieldType::Link => {
                "must be a web address: write it whole, such as https://video.example/abc."
                    .to_owned()
            }
            FieldType::Choice => format!("must be one of these: {}.", self.choices.join(", ")),
            FieldType::Tick => "must be yes or no.".to_owned(),
        }
    }

    /// Finds the choice a word means: letter case, spaces, `-` and `_` make no difference.
    fn choice(&self, said: &Value) -> Option<&str> {
        let plain = |text: &str| text.trim().to_lowercase().replace(['_', '-'], " ");
        let said = plain(said.as_str()?);
        self.choices.iter().find(|choice| plain(choice) == said).map(String::as_str)
    }
}

fn text(said: &Value) -> Option<String> {
    match said {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn number(said: &Value) -> Option<Value> {
    let text = text(said)?;
    let bare: String = text.split(' ').collect();
    let is_plain = bare.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if !is_plain {
        return None;
    }
    let whole = bare.parse::<i64>().ok().map(Value::from);
    whole.or_else(|| bare.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from))
}

/// Reads `1200.50 EUR`, `EUR 1 200.50`, or money as the API writes it.
fn money(said: &Value) -> Option<Money> {
    let is_code = |code: &str| code.len() == 3 && code.bytes().all(|b| b.is_ascii_alphabetic());
    if said.is_object() {
        let money = serde_json::from_value::<Money>(said.clone()).ok();
        return money.filter(|money| is_code(&money.currency));
    }
    let text = said.as_str()?.trim();
    let (number, code) = match text.rsplit_once(' ') {
        Some((number, code)) if is_code(code) => (number, code),
        _ => match text.split_once(' ') {
            Some((code, number)) if is_code(code) => (number, code),
            _ => return None,
        },
    };
    let number: String = number.split(' ').collect();
    Money::from_decimal(&number, &code.to_uppercase())
}

fn day(said: &Value) -> Option<NaiveDate> {
    local::day(said.as_str()?.trim())
}

fn instant(said: &Value, zone: Tz) -> Option<DateTime<Utc>> {
    let text = said.as_str()?.trim();
    local::instant(text, zone).filter(|_| local::day(text).is_none())
}

/// Reads somebody: a text, or what an API says of them.
fn person(said: &Value) -> Option<Value> {
    let text = said.as_str()?;
    let address = text.split_once('<').map(|(_, rest)| rest);
    let is_whole = address.is_none_or(|rest| {
        let inside = rest.trim_end().strip_suffix('>');
        inside.is_some_and(|address| {
            address.split_once('@').is_some_and(|(who, at)| !who.is_empty() && at.contains('.'))
        })
    });
    let is_name = text.chars().any(char::is_alphabetic);
    (is_name && is_whole).then(|| text.into())
}

fn list(said: &Value) -> Option<Value> {
    let items: Vec<String> = match said {
        Value::String(text) => text.lines().map(|line| line.trim().to_owned()).collect(),
        Value::Array(list) => list.iter().map(text).collect::<Option<_>>()?,
        Value::Number(number) => vec![number.to_string()],
        _ => return None,
    };
    let items: Vec<String> = items.into_iter().filter(|item| !item.is_empty()).collect();
    (1..=LIST_MAX).contains(&items.len()).then(|| items.into())
}

fn link(said: &Value) -> Option<String> {
    let text = said.as_str()?.trim();
    let (scheme, rest) = text.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let odd = |c: char| c.is_whitespace() || c.is_control() || "\"<>`\\".contains(c);
    let is_one = !host.is_empty() && !host.contains('@') && !text.contains(odd);
    (is_web && is_one && text.len() <= LINK_BYTES_MAX).then(|| text.to_owned())
}

fn tick(said: &Value) -> Option<bool> {
    let word = match said {
        Value::Bool(done) => return Some(*done),
        Value::Number(number) => number.to_string(),
        other => other.as_str()?.trim().to_lowercase(),
    };
    match (YES.contains(&word.as_str()), NO.contains(&word.as_str())) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Tells whether there is a number in what a source wrote, whatever stands around it.
fn holds_a_number(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(kind: FieldType) -> FieldRule {
        let choices = vec!["discovery".to_owned(), "technical_review".to_owned()];
        FieldRule { label: "Budget".to_owned(), kind, choices, ..FieldRule::default() }
    }

    fn reads(kind: FieldType, said: Value, expected: Value) {
        let read = field(kind).read(&said, Tz::Europe__Berlin);
        assert_eq!(read, Ok(Some(expected)), "{said}");
        assert!(field(kind).is_answered_by(&read.unwrap().unwrap()), "{said} answers");
    }

    fn refuses(kind: FieldType, said: Value, part: &str) {
        let refused = field(kind).read(&said, Tz::UTC).unwrap_err();
        let whole = refused.starts_with("`Budget` ") && refused.ends_with('.');
        assert!(whole && refused.contains(part), "{said}: {refused}");
    }

    #[test]
    fn what_a_person_writes_is_read_as_the_field_wants_it() {
        reads(FieldType::Text, json!(" two words "), json!("two words"));
        reads(FieldType::Number, json!("1 200"), json!(1200));
        reads(FieldType::Number, json!("-12.5"), json!(-12.5));
        reads(FieldType::Money, json!("12 000.5 eur"), json!("12 000.50 EUR"));
        reads(FieldType::Money, json!("USD 99"), json!("99.00 USD"));
        reads(FieldType::Money, json!({ "minor": 5, "currency": "GBP" }), json!("0.05 GBP"));
        reads(FieldType::Date, json!("2026-02-03"), json!("2026-02-03"));
        reads(FieldType::Time, json!("2026-02-03T15:00"), json!("2026-02-03T14:00:00+00:00"));
        reads(
            FieldType::Person,
            json!("Zoë 李 <z@acme.example>"),
            json!("Zoë 李 <z@acme.example>"),
        );
        reads(FieldType::List, json!("cost\r\n\n speed "), json!(["cost", "speed"]));
        reads(FieldType::List, json!(["cost", 7]), json!(["cost", "7"]));
        reads(FieldType::Link, json!("https://a.example/b?c"), json!("https://a.example/b?c"));
        reads(FieldType::Choice, json!("Technical review"), json!("technical_review"));
        reads(FieldType::Tick, json!("on"), json!(true));
    }

    #[test]
    fn what_it_cannot_be_is_a_sentence_that_says_what_to_write() {
        refuses(FieldType::Number, json!("€1200"), "write 1200");
        refuses(FieldType::Number, json!("1,200"), "without a sign or a unit");
        refuses(FieldType::Money, json!("€1,200"), "write 1200.50 EUR");
        refuses(FieldType::Money, json!("1.200,50 EUR"), "three letters");
        refuses(FieldType::Date, json!("03/02/2026"), "read in two ways");
        refuses(FieldType::Date, json!("2026-02-30"), "the year first");
        refuses(FieldType::Time, json!("2026-02-03"), "a day and a time");
        refuses(FieldType::Person, json!("Dana <dana>"), "must be somebody");
        refuses(FieldType::Person, json!("1234"), "must be somebody");
        refuses(FieldType::List, json!({ "a": 1 }), "one thing a line");
        refuses(FieldType::List, json!(vec!["x"; 101]), "at most 100");
        refuses(FieldType::Link, json!("javascript://x.example/%0aalert(1)"), "web address");
        refuses(FieldType::Link, json!("https://me:pw@a.example"), "web address");
        refuses(FieldType::Choice, json!("demo"), "discovery, technical_review");
        refuses(FieldType::Tick, json!("perhaps"), "yes or no");
        refuses(FieldType::Text, json!([1]), "must be text");
    }

    #[test]
    fn what_says_nothing_is_nothing() {
        for kind in [FieldType::Text, FieldType::Money, FieldType::Choice, FieldType::List] {
            assert_eq!(field(kind).read(&json!("  "), Tz::UTC), Ok(None));
            assert_eq!(field(kind).read(&Value::Null, Tz::UTC), Ok(None));
        }
    }

    #[test]
    fn what_a_source_says_answers_only_if_it_can_be_one() {
        let answers = |kind, said: Value| field(kind).is_answered_by(&said);
        assert!(answers(FieldType::Money, json!("$12k")) && answers(FieldType::Money, json!(12)));
        assert!(!answers(FieldType::Money, json!("n/a")));
        assert!(answers(FieldType::Date, json!("1769180400000")));
        assert!(answers(FieldType::Date, json!("2026-01-23T15:00:00Z")));
        assert!(!answers(FieldType::Date, json!("soon")));
        assert!(!answers(FieldType::Tick, json!(false)) && answers(FieldType::Tick, json!("Yes")));
        assert!(!answers(FieldType::Choice, json!("other")));
        assert!(!answers(FieldType::Number, json!("n/a")));
    }
}
