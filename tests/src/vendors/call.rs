//! What a request is to a vendor: its parts, what was found wrong with it, and the answer.
//!
//! A fault is what the vendor's documents forbid, whatever the vendor knows just then. That a record
//! is gone or a channel is unknown is no fault: it is an answer.

use super::Asked;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A request with what is needed to judge it.
pub(super) struct Call<'a> {
    /// The request.
    pub(super) asked: &'a Asked,
    /// Its body, byte for byte.
    pub(super) raw: &'a [u8],
    /// What time it is, where somebody said.
    pub(super) now: Option<DateTime<Utc>>,
    /// The secrets that are good at this vendor.
    pub(super) secrets: &'a [String],
}

impl Call<'_> {
    /// Reads a header by its name in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.asked.headers.get(name).map(String::as_str)
    }

    /// The path without its query.
    pub(super) fn place(&self) -> &str {
        self.asked.path.split('?').next().unwrap_or_default()
    }

    /// The parts of the path.
    pub(super) fn parts(&self) -> Vec<&str> {
        self.place().split('/').filter(|part| !part.is_empty()).collect()
    }

    /// The query, decoded.
    pub(super) fn query(&self) -> BTreeMap<String, String> {
        form(self.asked.path.split_once('?').map_or("", |(_, query)| query))
    }

    /// The media type of the body, without its parameters.
    pub(super) fn media(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The body as an object, where it is JSON and one.
    pub(super) fn object(&self) -> Option<&Map<String, Value>> {
        (self.media() == "application/json").then(|| self.asked.body.as_object()).flatten()
    }

    /// The token after `Bearer`.
    pub(super) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// Tells whether a secret is one of those that are good.
    pub(super) fn is_good(&self, secret: Option<&str>) -> bool {
        secret.is_some_and(|secret| self.secrets.iter().any(|good| good == secret))
    }
}

/// What was found wrong with a request.
#[derive(Default)]
pub(super) struct Faults {
    /// A sentence each.
    pub(super) found: Vec<String>,
}

impl Faults {
    /// Notes what is wrong unless it is as it must be, and tells whether it is.
    pub(super) fn must(&mut self, is: bool, wrong: impl FnOnce() -> String) -> bool {
        if !is {
            self.found.push(wrong());
        }
        is
    }

    /// Tells whether nothing was found.
    pub(super) fn is_clean(&self) -> bool {
        self.found.is_empty()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// The status.
    pub(super) status: u16,
    /// Headers beside the media type and the length.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The media type.
    pub(super) media: &'static str,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// Answers with a JSON document.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let media = "application/json; charset=utf-8";
        Self { status, headers: Vec::new(), media, body: body.to_string().into_bytes() }
    }

    /// Answers with a text.
    pub(super) fn text(status: u16, body: &str) -> Self {
        let media = "text/plain; charset=utf-8";
        Self { status, headers: Vec::new(), media, body: body.as_bytes().to_vec() }
    }
}

/// Reads fields as a form or a query writes them.
pub(super) fn form(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let read = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    });
    read.collect()
}

/// Decodes what is written for a form or a query.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            (plain, _) => {
                bytes.push(*plain);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Tells whether a text is a number of digits only.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Tells whether nothing in a text is read as HTML but its line breaks.
pub(super) fn is_lines(html: &str) -> bool {
    html.split('<').skip(1).all(|after| after.starts_with("br>"))
}

/// Reads an object's fields, none where it is no object.
pub(super) fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_it_is_written() {
        let read = form("a=1%202&b=x+y%27&c&=d&e=%zz");
        let expected = [("a", "1 2"), ("b", "x y'"), ("c", ""), ("", "d"), ("e", "%zz")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read, expected.into());
    }
}
