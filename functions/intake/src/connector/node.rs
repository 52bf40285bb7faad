//! A JSON value that keeps what `serde_json::Value` loses, and its two ways out.
//!
//! Numbers are the text they were sent as, so that an id is never rounded. Canonical text is what
//! fingerprints are made of; package values are what a handoff keeps.

use std::collections::BTreeMap;

/// Values of a package nest no deeper as structure: a table's maps hold 32 levels. Deeper ones are
/// kept as text.
const DEEPEST_KEPT: usize = 16;

/// A JSON value, exactly as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as its text.
    Number(String),
    /// A string, unescaped.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object.
    Map(Map),
}

/// An object's members.
pub(super) type Map = BTreeMap<String, Node>;

impl Node {
    /// Reads the members of an object.
    pub(super) fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(members) => Some(members),
            _ => None,
        }
    }

    /// Reads a string.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Reads an id: a number or a string, as its exact text, never empty.
    pub(super) fn as_id(&self) -> Option<&str> {
        match self {
            Self::Number(text) | Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Reads what is neither a list, an object nor null, as text.
    pub(super) fn as_scalar(&self) -> Option<&str> {
        match self {
            Self::Number(text) | Self::Text(text) => Some(text),
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Writes the value so that equal contents give equal text: keys sorted, no space, numbers as
    /// sent.
    pub(super) fn canonical(&self) -> String {
        let mut text = String::new();
        self.write_canonical(&mut text);
        text
    }

    fn write_canonical(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => write_quoted(text, out),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_canonical(out);
                }
                out.push(']');
            }
            Self::Map(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_quoted(key, out);
                    out.push(':');
                    value.write_canonical(out);
                }
                out.push('}');
            }
        }
    }

    /// Gives the value to a package: a number that would change, and what nests too deeply, as its
    /// text.
    pub(super) fn to_value(&self) -> serde_json::Value {
        self.value_at(0)
    }

    fn value_at(&self, level: usize) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(text) => exact_number(text),
            Self::Text(text) => text.as_str().into(),
            Self::List(_) | Self::Map(_) if level >= DEEPEST_KEPT => self.canonical().into(),
            Self::List(items) => items.iter().map(|item| item.value_at(level + 1)).collect(),
            Self::Map(members) => members
                .iter()
                .map(|(key, value)| (key.clone(), value.value_at(level + 1)))
                .collect(),
        }
    }
}

fn exact_number(text: &str) -> serde_json::Value {
    let number = text.parse::<serde_json::Number>().ok();
    match number.filter(|number| number.to_string() == text) {
        Some(number) => number.into(),
        None => text.into(),
    }
}

fn write_quoted(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::{super::json::parse, *};
    use proptest::prelude::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn a_package_value_never_changes_and_never_nests_too_deeply() {
        let value = |text| parse(text, 0).unwrap().to_value().to_string();
        assert_eq!(value("9007199254740993"), "9007199254740993");
        assert_eq!(value("1.0"), "1.0");
        assert_eq!(value("18446744073709551616"), "\"18446744073709551616\"");
        assert_eq!(value("1e2"), "\"1e2\"");
        let deep = parse(&nested(33), 0).unwrap().to_value().to_string();
        assert_eq!(deep, format!("{}\"{}\"{}", "[".repeat(16), nested(17), "]".repeat(16)));
    }

    proptest! {
        #[test]
        fn canonical_text_reads_back_the_same(text in r#"\PC{0,20}"#, id in any::<u128>()) {
            let list = Node::List(vec![Node::Number(id.to_string())]);
            let node = Node::Map(Map::from([(text, list)]));
            prop_assert_eq!(parse(&node.canonical(), 0), Ok(node));
        }
    }
}
