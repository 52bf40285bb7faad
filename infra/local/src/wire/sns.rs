//! SNS in its query protocol: a form in, XML out. It takes messages, and keeps subscriptions.

mod subscriptions;

use std::collections::BTreeMap;

use axum::response::Response;
use serde_json::{Map, Value};

use super::{Desk, Refusal, respond};
use crate::outbox::Sent;

/// How large a message and its attributes may be together, in bytes.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// A subject has fewer characters than this.
const SUBJECT_CHARACTERS: usize = 100;

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

type Form = BTreeMap<String, String>;

pub(super) fn answer(desk: &Desk, body: &[u8]) -> Response {
    let form = parse_form(body);
    let action = form.get("Action").map_or("", String::as_str);
    let answer = match action {
        "Publish" => publish(desk, &form).map(|id| format!("<MessageId>{id}</MessageId>")),
        action => subscriptions::answer(&desk.ledger, action, &form).unwrap_or_else(|| {
            let message = format!("The local topic knows no action `{action}`.");
            Err(Refusal::new(400, "InvalidAction", message))
        }),
    };
    match answer {
        Ok(result) => respond(
            200,
            "text/xml",
            format!(
                "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result>\
                 <ResponseMetadata><RequestId>local</RequestId></ResponseMetadata>\
                 </{action}Response>"
            ),
        ),
        Err(Refusal { status, code, message }) => {
            let kind = if status < 500 { "Sender" } else { "Receiver" };
            let message = crate::page::escape(&message);
            let text = format!(
                "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{kind}</Type><Code>{code}</Code>\
                 <Message>{message}</Message></Error><RequestId>local</RequestId></ErrorResponse>"
            );
            respond(status, "text/xml", text)
        }
    }
}

fn publish(desk: &Desk, form: &Form) -> Result<String, Refusal> {
    let sent = message(form)?;
    desk.ledger.publish(desk.clock.now(), &sent).map_err(|error| {
        tracing::error!(%error, "a message could not be stored");
        Refusal::new(500, "InternalError", error.to_string())
    })
}

/// Reads a message as SNS would accept it.
fn message(form: &Form) -> Result<Sent, Refusal> {
    let topic = topic(form)?;
    let message = form.get("Message").filter(|text| !text.is_empty());
    let message = message.ok_or_else(|| invalid("Empty message"))?;
    let subject = form.get("Subject");
    if subject.is_some_and(|subject| !is_subject(subject)) {
        return Err(invalid("Subject"));
    }
    let size: usize = form
        .iter()
        .filter(|(name, _)| name.starts_with("MessageAttributes."))
        .map(|(_, value)| value.len())
        .sum();
    if message.len() + size > MESSAGE_BYTES_MAX {
        return Err(invalid("Message too long"));
    }
    Ok(Sent::Topic {
        topic: topic.to_owned(),
        subject: subject.cloned(),
        message: message.clone(),
        attributes: attributes(form)?,
    })
}

fn topic(form: &Form) -> Result<&str, Refusal> {
    let topic = form.get("TopicArn").or_else(|| form.get("TargetArn")).map(String::as_str);
    let topic = topic.filter(|arn| arn.starts_with("arn:aws:sns:") && arn.split(':').count() == 6);
    topic.ok_or_else(|| invalid("TopicArn"))
}

/// ASCII on one line, starting with a letter, a digit or punctuation, under 100 characters.
fn is_subject(subject: &str) -> bool {
    subject.len() < SUBJECT_CHARACTERS
        && subject.starts_with(|first: char| first.is_ascii_graphic())
        && subject.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}

fn attributes(form: &Form) -> Result<Map<String, Value>, Refusal> {
    let mut attributes = Map::new();
    for number in 1.. {
        let field = |name| form.get(&format!("MessageAttributes.entry.{number}.{name}"));
        let Some(name) = field("Name") else { break };
        let kind = field("Value.DataType").map_or("", String::as_str);
        let value = match kind.split('.').next() {
            Some("Binary") => field("Value.BinaryValue"),
            _ => field("Value.StringValue"),
        };
        let value = value.filter(|value| !value.is_empty()).and_then(|text| typed(kind, text));
        let value = value.ok_or_else(|| {
            let message = format!("The message attribute '{name}' has an invalid value or type.");
            Refusal::new(400, "ParameterValueInvalid", message)
        })?;
        attributes.insert(name.clone(), value);
    }
    Ok(attributes)
}

/// An attribute's value by its type, or nothing if it does not fit the type.
fn typed(kind: &str, text: &str) -> Option<Value> {
    match kind {
        "String.Array" => {
            let list: Vec<Value> = serde_json::from_str(text).ok()?;
            let is_flat = list.iter().all(|item| !item.is_object() && !item.is_array());
            is_flat.then_some(Value::Array(list))
        }
        _ if kind == "Number" || kind.starts_with("Number.") => {
            text.parse().ok().map(Value::Number)
        }
        _ if ["String", "Binary"].contains(&kind.split('.').next()?) => Some(Value::from(text)),
        _ => None,
    }
}

fn invalid(what: &str) -> Refusal {
    Refusal::new(400, "InvalidParameter", format!("Invalid parameter: {what}"))
}

/// Reads an `application/x-www-form-urlencoded` body.
fn parse_form(body: &[u8]) -> Form {
    let pairs = body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let at = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
            (decode(&pair[..at]), decode(pair.get(at + 1..).unwrap_or_default()))
        })
        .collect()
}

fn decode(text: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        decoded.push(match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => *first,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "TopicArn=arn:aws:sns:local:000000000000:alerts";

    fn read(form: &str) -> Result<Sent, String> {
        message(&parse_form(form.as_bytes())).map_err(|refusal| refusal.message)
    }

    #[track_caller]
    fn check_refused(form: &str, why: &str) {
        let refused = read(&format!("{TOPIC}&{form}")).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }

    #[test]
    fn a_message_is_read_with_its_subject_and_attributes() {
        let form = format!(
            "{TOPIC}&Message=Line+one%0Aline+two+%C3%A4&Subject=Breached%3A+Ada\
             &MessageAttributes.entry.1.Name=to\
             &MessageAttributes.entry.1.Value.DataType=String.Array\
             &MessageAttributes.entry.1.Value.StringValue=%5B%22ada%22%2C%22bo%22%5D\
             &MessageAttributes.entry.2.Name=kind&MessageAttributes.entry.2.Value.DataType=String\
             &MessageAttributes.entry.2.Value.StringValue=breached"
        );
        let Sent::Topic { subject, message, attributes, .. } = read(&form).unwrap() else {
            panic!("a message")
        };
        assert_eq!(subject.as_deref(), Some("Breached: Ada"));
        assert_eq!(message, "Line one\nline two ä");
        assert_eq!(attributes["to"], serde_json::json!(["ada", "bo"]));
        assert_eq!(attributes["kind"], "breached");
    }

    #[test]
    fn a_subject_is_one_short_line_of_ascii() {
        for subject in ["", "+late", "caf%C3%A9", "two%0Alines", "tab%09", &"x".repeat(100)] {
            check_refused(&format!("Message=m&Subject={subject}"), "Subject");
        }
        assert!(read(&format!("{TOPIC}&Message=m&Subject={}", "x".repeat(99))).is_ok());
    }

    #[test]
    fn a_message_needs_a_topic_a_text_and_a_size_within_bounds() {
        check_refused("Message=", "Empty message");
        check_refused("Subject=alone", "Empty message");
        check_refused(&format!("Message={}", "x".repeat(256 * 1024 + 1)), "too long");
        assert!(read("TopicArn=alerts&Message=m").unwrap_err().contains("TopicArn"));
    }

    #[test]
    fn an_attribute_must_fit_its_type() {
        for (kind, value) in [
            ("String.Array", "ada"),
            ("String.Array", "[[1]]"),
            ("Number", "one"),
            ("String", ""),
            ("Text", "x"),
        ] {
            let entry = "MessageAttributes.entry.1";
            let form = format!(
                "Message=m&{entry}.Name=to&{entry}.Value.DataType={kind}\
                 &{entry}.Value.StringValue={value}"
            );
            check_refused(&form, "'to'");
        }
    }
}
