//! Erasing a person: what counts as their address, wherever it stands in a text.

use std::{fmt, ops::Range};

/// What stands where an address was.
const ERASED: &str = "[erased]";

/// An email address somebody is known by, normalised as references are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no email address: say one such as dana@acme.example")]
pub struct NoAddress(String);

impl Address {
    /// Reads an address as somebody types it.
    ///
    /// # Errors
    /// When it is none: so short a text might be found in everything.
    pub fn read(typed: &str) -> Result<Self, NoAddress> {
        let normal = typed.trim().to_lowercase();
        let is_part = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
        match normal.split_once('@') {
            Some((local, domain)) if is_part(local) && is_part(domain) && domain.len() > 2 => {
                Ok(Self(normal))
            }
            _ => Err(NoAddress(typed.to_owned())),
        }
    }

    /// Tells whether a text is this address and nothing else.
    pub fn is(&self, text: &str) -> bool {
        text.trim().to_lowercase() == self.0
    }

    /// Tells whether a text has this address in it, also as forms and JSON encode it.
    pub fn is_in(&self, text: &str) -> bool {
        let plain = text.to_lowercase();
        let decoded = || plain.replace("%40", "@").replace("\\u0040", "@").replace("%2b", "+");
        self.place_in(&plain, 0).is_some() || self.place_in(&decoded(), 0).is_some()
    }

    /// Takes this address out of a text; none where it is not in it.
    pub fn out_of(&self, text: &str) -> Option<String> {
        // Bytes of ASCII letters alone change, so places in one are places in the other.
        let lower = text.to_ascii_lowercase();
        let (mut without, mut from) = (String::new(), 0);
        while let Some(place) = self.place_in(&lower, from) {
            without += &text[from..place.start];
            without += ERASED;
            from = place.end;
        }
        (from > 0).then(|| without + &text[from..])
    }

    /// Finds it from a place on, not as a part of a longer address.
    fn place_in(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let mut from = from;
        loop {
            let start = from + text.get(from..)?.find(&self.0)?;
            let place = start..start + self.0.len();
            let before = text[..start].chars().next_back();
            let mut after = text[place.end..].chars();
            let goes_on = match after.next() {
                Some('.') => after.next().is_some_and(char::is_alphanumeric),
                Some(next) => next.is_alphanumeric() || next == '-',
                None => false,
            };
            let begins_before =
                before.is_some_and(|it| it.is_alphanumeric() || "._%+-".contains(it));
            if !goes_on && !begins_before {
                return Some(place);
            }
            from = place.end;
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dana() -> Address {
        Address::read(" Dana@Acme.example ").unwrap()
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for wrong in ["", "dana", "@acme.example", "dana@", "dana reyes@acme.example", "a@b"] {
            let said = Address::read(wrong).unwrap_err().to_string();
            assert!(said.ends_with("say one such as dana@acme.example"), "{said}");
        }
    }

    #[test]
    fn an_address_is_found_whole_and_not_in_a_longer_one() {
        for text in [
            "dana@acme.example",
            "<DANA@ACME.EXAMPLE>",
            "Ask dana@acme.example. Or not.",
            "email=dana%40acme.example&x=1",
            r#"{"email":"dana\u0040acme.example"}"#,
            "jordana@acme.example, dana@acme.example",
        ] {
            assert!(dana().is_in(text), "{text}");
        }
        for text in ["jordana@acme.example", "dana@acme.example.org", "x.dana@acme.example", "dana"]
        {
            assert!(!dana().is_in(text), "{text}");
            assert_eq!(dana().out_of(text), None);
        }
    }

    #[test]
    fn what_stands_around_it_stays_as_it_is() {
        let said = "ÀÉ Dana@acme.example und jordana@acme.example; dana@acme.example.";
        let without = "ÀÉ [erased] und jordana@acme.example; [erased].";
        assert_eq!(dana().out_of(said).unwrap(), without);
    }
}
