//! Pairs as browsers send them: query strings and posted forms, read and written.

use std::collections::BTreeMap;

/// Pairs by name; of a name that comes twice the last counts.
pub(crate) type Pairs = BTreeMap<String, String>;

/// Reads `a=1&b=two+words%21`; what is no UTF-8 becomes replacement characters.
pub(crate) fn read(text: &str) -> Pairs {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let split = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    };
    pairs.map(split).collect()
}

/// Writes pairs as a query, without those that are empty.
pub(crate) fn write<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let said = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> =
        said.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// Writes text so that it stands for itself in a query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(&byte) = bytes.get(place) {
        let pair = text.get(place + 1..place + 3);
        let hex = pair.filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (byte, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(value)) => {
                decoded.push(value);
                place += 2;
            }
            (b'+', _) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        place += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, value: &str) {
        assert_eq!(read(text).get(name).map(String::as_str), Some(value), "{text}");
    }

    #[test]
    fn a_form_says_what_its_fields_say() {
        check("a=1&b=two+words%21", "b", "two words!");
        check("note=%C3%A9t%C3%A9&x", "note", "été");
        check("x&y=2", "x", "");
        check("a=b=c", "a", "b=c");
        check("a=1&a=2", "a", "2");
    }

    #[test]
    fn broken_escapes_stand_for_themselves() {
        check("a=100%", "a", "100%");
        check("a=%zz%4", "a", "%zz%4");
        check("a=%+1", "a", "% 1");
        check("a=%ff", "a", "\u{fffd}");
        check("a=%é", "a", "%é");
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let hostile = "\"><script>&=+% \u{202e}é";
        let query = write([("q", hostile), ("empty", ""), ("type", "mql")]);
        assert!(query.is_ascii() && !query.contains(['<', '"', ' ']), "{query}");
        let again = read(&query);
        assert_eq!((again["q"].as_str(), again["type"].as_str(), again.len()), (hostile, "mql", 2));
    }
}
