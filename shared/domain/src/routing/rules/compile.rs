//! Compiling an expression that somebody wrote, however long it is.
//!
//! The language's parser, our walks over what it made and its evaluation recurse along chains:
//! `a + a + …` a few thousand times ends the process, which nothing can catch. So what is longer
//! than any clause a person writes is refused before it is parsed. Texts and numbers do not chain,
//! so a list of a thousand countries is none too long.

use cel::Program;

/// The most words and signs an expression may have, texts, numbers and commas not counted. At
/// 1.3 KB of stack each, a thousand take two thirds of the smallest stack there is.
const PARTS_MAX: usize = 1_000;

/// The most bytes an expression may have; the parser points at columns only so far to the right.
const BYTES_MAX: usize = 32 * 1024;

/// How much of an expression is quoted when something is wrong with it, in characters.
const QUOTED_MAX: usize = 200;

/// Compiles an expression, or says why not: part of a sentence.
pub(super) fn compile(text: &str) -> Result<Program, String> {
    if text.len() > BYTES_MAX || parts(text) > PARTS_MAX {
        return Err(
            "it is too long: split it, or make a list or a territory table of it".to_owned()
        );
    }
    Program::compile(text).map_err(|error| error.to_string().replace('\n', " "))
}

/// Quotes the beginning of an expression.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Counts the words and signs of an expression: at least as many as it chains or nests.
fn parts(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut parts, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let end = match byte {
            b'\'' | b'"' => text_end(bytes, at),
            // A comment, to the end of its line.
            b'/' if rest.starts_with(b"//") => Some(
                rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end),
            ),
            _ => None,
        };
        if let Some(end) = end {
            at = end;
            continue;
        }
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        let length = bytes[at..].iter().take_while(|byte| is_word(byte)).count();
        let counts = !byte.is_ascii_digit() && !byte.is_ascii_whitespace() && *byte != b',';
        parts += usize::from(counts);
        at += length.max(1);
    }
    parts
}

/// What may follow a backslash in a text.
const ESCAPED: &[u8] = b"abfnrtvxXuU0123?`'\"\\";

/// Finds where a text in quotes ends; one that does not end is no text.
fn text_end(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let is_long = bytes[start..].starts_with(&[quote; 3]);
    let is_raw = start > 0 && matches!(bytes[start - 1], b'r' | b'R');
    let width = if is_long { 3 } else { 1 };
    let mut at = start + width;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if !is_raw => {
                // What the language does not know ends the text where it stands.
                bytes.get(at + 1).filter(|escaped| ESCAPED.contains(escaped))?;
                at += 1;
            }
            b'\n' | b'\r' if !is_long => return None,
            _ if bytes[at..].starts_with(&[quote; 3][..width]) => return Some(at + width),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_signs_are_counted_and_texts_are_not() {
        for (text, expected) in [
            ("", 0),
            ("lead.country in ['GB', 'IE']", 6),
            ("1+1+1", 2),
            ("'a.b.c' == \"d+e\"", 2),
            ("'it\\'s.one' '''a.'b'.c''' r'a\\'.b", 3),
            ("'never.ends", 4),
            ("'a\n.b", 4),
            ("1 // '''\n + 1", 1),
            ("a // b.c", 1),
            ("'\\q' + 1", 5),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn a_long_list_compiles_and_a_long_chain_does_not() {
        let list = format!("lead.country in [{}]", vec!["'GB.UK'"; 3_000].join(", "));
        assert!(compile(&list).is_ok());
        let chain = |links: usize| format!("1{}", " + 1".repeat(links));
        assert!(compile(&chain(PARTS_MAX)).is_ok());
        let refused = compile(&chain(PARTS_MAX + 1)).err().unwrap();
        assert!(refused.starts_with("it is too long: split it"), "{refused}");
        assert!(compile(&"{1:".repeat(BYTES_MAX)).is_err(), "an error far to the right");
    }

    /// On a stack of two megabytes, as a test's thread has it: more would end the process.
    #[test]
    fn what_compiles_never_ends_the_process() {
        let chains = ["1+", "a.", "a[0]+", "-1-", "1 in ", "!a==", "(", "[", "{1:", "f(", "a?a:"];
        for chain in chains {
            for links in [PARTS_MAX / 4, PARTS_MAX / 2, PARTS_MAX, 10 * PARTS_MAX] {
                let links = chain.repeat(links);
                for text in [
                    links.clone(),
                    format!("{links}1"),
                    format!("1 // '''\n + {links}1\n// '''"),
                    format!("1 + '\\q' {links}1"),
                ] {
                    if let Ok(program) = compile(&text) {
                        drop(program.execute(&cel::Context::default()));
                        drop(program.references());
                    }
                }
            }
        }
    }
}
