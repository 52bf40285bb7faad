//! A strict JSON reader that keeps what `serde_json::Value` loses.
//!
//! It is our own because three properties are needed at once: a number stays the text it was sent
//! as (ids of more than 53 or 64 bits, `1.0`), a key that occurs twice is an error wherever it
//! occurs, and a batch splits into its entries' raw bytes, so that one bad entry is quarantined
//! alone. The grammar is RFC 8259's and nothing more. Recursion stops at [`DEEPEST`], so the stack
//! it takes is constant; the number of values is bounded too.

use super::{
    fault::Fault,
    node::{Map, Node},
};

/// The deepest nesting of lists and maps that is read.
pub(super) const DEEPEST: usize = 127;

/// The most values one document may have; a hundred events have two thousand.
pub(super) const MOST_VALUES: usize = 500_000;

/// The most entries a batch may have; HubSpot sends a hundred.
pub(super) const MOST_ENTRIES: usize = 10_000;

/// Parses one document, or one value that stands `levels_above` deep in a document.
pub(super) fn parse(text: &str, levels_above: usize) -> Result<Node, Fault> {
    let mut parser = Parser { text, at: 0, values: 0 };
    let node = parser.value(levels_above)?;
    parser.skip_space();
    if parser.at == text.len() { Ok(node) } else { Err(Fault::Json) }
}

/// Splits a top-level list into its entries' text; `None` when the document is no list.
///
/// Brackets are counted, not matched: an entry that is not JSON shows when it is parsed.
pub(super) fn entries(text: &str) -> Result<Option<Vec<&str>>, Fault> {
    let Some(inside) = text.trim_matches(SPACE).strip_prefix('[') else {
        return Ok(None);
    };
    let (mut entries, mut start, mut level) = (Vec::new(), 0, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => level += 1,
            b']' | b'}' if level > 0 => level -= 1,
            b',' if level == 0 => {
                entries.push(&inside[start..at]);
                start = at + 1;
            }
            b']' if at + 1 == inside.len() => {
                let last = &inside[start..at];
                if !(entries.is_empty() && last.trim_matches(SPACE).is_empty()) {
                    entries.push(last);
                }
                return Ok(Some(entries));
            }
            b']' | b'}' => return Err(Fault::Json),
            _ => {}
        }
        if entries.len() >= MOST_ENTRIES {
            return Err(Fault::Size);
        }
    }
    Err(Fault::Json)
}

const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

struct Parser<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl Parser<'_> {
    fn value(&mut self, level: usize) -> Result<Node, Fault> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(Fault::Size);
        }
        self.skip_space();
        match self.peek() {
            Some(b'{' | b'[') if level >= DEEPEST => Err(Fault::Depth),
            Some(b'{') => self.map(level + 1),
            Some(b'[') => self.list(level + 1),
            Some(b'"') => self.string().map(Node::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Node::Bool(true)),
            Some(b'f') => self.word("false", Node::Bool(false)),
            Some(b'n') => self.word("null", Node::Null),
            _ => Err(Fault::Json),
        }
    }

    fn map(&mut self, level: usize) -> Result<Node, Fault> {
        let mut members = Map::new();
        self.at += 1;
        self.skip_space();
        if self.takes(b'}') {
            return Ok(Node::Map(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(Fault::Json);
            }
            let key = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            let value = self.value(level)?;
            if members.insert(key, value).is_some() {
                return Err(Fault::DuplicateKey);
            }
            self.skip_space();
            if self.takes(b'}') {
                return Ok(Node::Map(members));
            }
            self.expect(b',')?;
        }
    }

    fn list(&mut self, level: usize) -> Result<Node, Fault> {
        let mut items = Vec::new();
        self.at += 1;
        self.skip_space();
        if self.takes(b']') {
            return Ok(Node::List(items));
        }
        loop {
            items.push(self.value(level)?);
            self.skip_space();
            if self.takes(b']') {
                return Ok(Node::List(items));
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let mut unescaped = String::new();
        self.at += 1;
        loop {
            let run = self.at;
            while self.peek().is_some_and(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            unescaped.push_str(&self.text[run..self.at]);
            if self.takes(b'"') {
                return Ok(unescaped);
            }
            self.expect(b'\\')?;
            unescaped.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let byte = self.peek().ok_or(Fault::Json)?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return Err(Fault::Json),
        })
    }

    /// Reads the digits of `\u`, both halves of a surrogate pair; a lone half is no text.
    fn code_point(&mut self) -> Result<char, Fault> {
        let first = self.four_hex_digits()?;
        let code = match first {
            0xd800..=0xdbff => {
                self.expect(b'\\')?;
                self.expect(b'u')?;
                match self.four_hex_digits()? {
                    second @ 0xdc00..=0xdfff => {
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    _ => return Err(Fault::Json),
                }
            }
            _ => first,
        };
        char::from_u32(code).ok_or(Fault::Json)
    }

    fn four_hex_digits(&mut self) -> Result<u32, Fault> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(Fault::Json)?;
        self.at += 4;
        digits.iter().try_fold(0, |code, digit| {
            let digit = char::from(*digit).to_digit(16).ok_or(Fault::Json)?;
            Ok(code * 16 + digit)
        })
    }

    fn number(&mut self) -> Result<Node, Fault> {
        let start = self.at;
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _sign = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        Ok(Node::Number(self.text[start..self.at].to_owned()))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Fault::Json) }
    }

    fn word(&mut self, word: &str, node: Node) -> Result<Node, Fault> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Fault::Json);
        }
        self.at += word.len();
        Ok(node)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn takes(&mut self, byte: u8) -> bool {
        let takes = self.peek() == Some(byte);
        self.at += usize::from(takes);
        takes
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.takes(byte) { Ok(()) } else { Err(Fault::Json) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    fn fault(text: &str) -> Fault {
        parse(text, 0).expect_err(text)
    }

    #[test]
    fn numbers_keep_their_exact_text() {
        for number in ["9007199254740993", "1.0", "-0", "1e400", "18446744073709551616", "0.10"] {
            assert_eq!(parse(number, 0), Ok(Node::Number(number.to_owned())));
        }
        for wrong in ["01", "+1", ".5", "1.", "1e", "0x1", "NaN", "-"] {
            assert_eq!(fault(wrong), Fault::Json);
        }
    }

    #[test]
    fn a_key_twice_is_refused_wherever_it_occurs() {
        for wrong in [
            r#"{"eventId":1,"eventId":2}"#,
            r#"{"a":[{"b":{"c":1,"c":1}}]}"#,
            r#"{"eventId":1,"event\u0049d":2}"#,
        ] {
            assert_eq!(fault(wrong), Fault::DuplicateKey);
        }
        assert!(parse(r#"{"a":{"a":1},"A":2}"#, 0).is_ok());
    }

    #[test]
    fn nesting_is_bounded_whatever_its_size() {
        assert!(parse(&nested(127), 0).is_ok());
        assert!(parse(&nested(126), 1).is_ok());
        assert_eq!(fault(&nested(128)), Fault::Depth);
        assert_eq!(parse(&nested(127), 1), Err(Fault::Depth));
        assert_eq!(fault(&nested(100_000)), Fault::Depth);
        assert_eq!(fault(&"[".repeat(100_000)), Fault::Depth);
        assert_eq!(fault(&"{\"a\":".repeat(100_000)), Fault::Depth);
    }

    #[test]
    fn what_rfc_8259_does_not_allow_is_refused() {
        for wrong in [
            "",
            "{",
            "[1",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "'a'",
            "\"a",
            "\"\n\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\u12\"",
            "nul",
            "1 2",
            "a=1&b=2",
            "{}{}",
        ] {
            assert_eq!(fault(wrong), Fault::Json, "{wrong}");
        }
        let read = parse(r#" {"\ud83d\ude00\n\/":[true,false,null]} "#, 0).unwrap();
        assert_eq!(read.canonical(), "{\"😀\\n/\":[true,false,null]}");
    }

    #[test]
    fn a_list_splits_into_the_bytes_of_its_entries() {
        let text = " [ {\"a\":\"]},\\\"[\"} ,[1,2],3 ] ";
        let expected = vec![" {\"a\":\"]},\\\"[\"} ", "[1,2]", "3 "];
        assert_eq!(entries(text), Ok(Some(expected)));
        assert_eq!(entries(" [ ] "), Ok(Some(vec![])));
        assert_eq!(entries("{}"), Ok(None));
        for wrong in ["[", "[1", "[1]]", "[1] 2", "[}", "[\"a]"] {
            assert_eq!(entries(wrong), Err(Fault::Json), "{wrong}");
        }
        let many = format!("[{}1]", "1,".repeat(MOST_ENTRIES));
        assert_eq!(entries(&many), Err(Fault::Size));
    }

    #[test]
    fn a_document_of_too_many_values_is_refused() {
        let many = format!("[{}1]", "1,".repeat(MOST_VALUES));
        assert_eq!(fault(&many), Fault::Size);
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde_json(text in r#"[\[\]{}",:0-2eE+\-. \\utrflasn]{0,24}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match parse(&text, 0) {
                Ok(_) => prop_assert!(theirs.is_ok_and(|_| true) || text.contains(['e', 'E'])),
                Err(Fault::DuplicateKey) => {}
                Err(_) => prop_assert!(theirs.is_err()),
            }
        }
    }
}
