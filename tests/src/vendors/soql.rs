//! The one query that is asked of Salesforce, read as SOQL reads it.
//!
//! `LIKE` takes `%` for any text and `_` for any character unless a backslash stands before them,
//! compares without regard to case, and takes brackets as they are. A quote that is left open is
//! `MALFORMED_QUERY`, and so is what is written otherwise than the one query.

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The field that says whose task it is: `WhoId` or `WhatId`.
    pub(super) by: String,
    /// Whose.
    pub(super) id: String,
    /// What its subject is like.
    pub(super) like: Vec<Part>,
    /// How many are wanted.
    pub(super) limit: usize,
}

/// One part of what a text is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// This character.
    Is(char),
    /// Any character.
    One,
    /// Any text.
    Any,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// A text in quotes, its escapes still in it.
    Text(String),
    Equals,
}

/// Reads a query; why not, where it cannot be read.
pub(super) fn read(text: &str) -> Result<Query, String> {
    let tokens = tokens(text)?;
    let mut rest = tokens.as_slice();
    let mut word = |expected: &str| match rest {
        [Token::Word(word), after @ ..] if expected.is_empty() || same(word, expected) => {
            rest = after;
            Ok(word.clone())
        }
        _ => Err(format!("`{expected}` was expected in {text}")),
    };
    for expected in ["SELECT", "Id", "FROM", "Task", "WHERE"] {
        word(expected)?;
    }
    let by = word("")?;
    let [Token::Equals, Token::Text(id), after @ ..] = rest else {
        return Err(format!("`{by}` is compared with nothing in {text}"));
    };
    let id = plain(id)?;
    let [and, subject, like, Token::Text(pattern), limit, Token::Word(count)] = after else {
        return Err(format!("it is another query than is known here: {text}"));
    };
    let words = [(and, "AND"), (subject, "Subject"), (like, "LIKE"), (limit, "LIMIT")];
    for (token, expected) in words {
        if !matches!(token, Token::Word(word) if same(word, expected)) {
            return Err(format!("`{expected}` was expected in {text}"));
        }
    }
    let limit = count.parse().map_err(|_| format!("LIMIT {count} is none"))?;
    Ok(Query { by, id, like: parts(pattern)?, limit })
}

fn same(word: &str, expected: &str) -> bool {
    word.eq_ignore_ascii_case(expected)
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            space if space.is_whitespace() => {}
            '=' => tokens.push(Token::Equals),
            '\'' => {
                let mut inside = String::new();
                loop {
                    match rest.next() {
                        None => return Err(format!("a quote is left open in {text}")),
                        Some('\'') => break,
                        Some('\\') => {
                            inside.push('\\');
                            inside.extend(rest.next());
                        }
                        Some(other) => inside.push(other),
                    }
                }
                tokens.push(Token::Text(inside));
            }
            letter if letter.is_ascii_alphanumeric() => {
                let mut word = String::from(letter);
                while let Some(more) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    word.push(more);
                }
                tokens.push(Token::Word(word));
            }
            other => return Err(format!("`{other}` is out of place in {text}")),
        }
    }
    Ok(tokens)
}

/// Reads a text with its escapes.
fn plain(text: &str) -> Result<String, String> {
    let parts = parts_of(text, false)?;
    let read = parts.into_iter().map(|part| match part {
        Part::Is(character) => character,
        Part::One => '_',
        Part::Any => '%',
    });
    Ok(read.collect())
}

/// Reads what a text is like.
fn parts(text: &str) -> Result<Vec<Part>, String> {
    parts_of(text, true)
}

fn parts_of(text: &str, is_like: bool) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        parts.push(match next {
            '%' if is_like => Part::Any,
            '_' if is_like => Part::One,
            '\\' => match rest.next() {
                Some(same @ ('\'' | '"' | '\\')) => Part::Is(same),
                Some(wild @ ('_' | '%')) if is_like => Part::Is(wild),
                Some('n' | 'N') => Part::Is('\n'),
                Some('r' | 'R') => Part::Is('\r'),
                Some('t' | 'T') => Part::Is('\t'),
                other => return Err(format!("`\\{other:?}` is no escape")),
            },
            other => Part::Is(other),
        });
    }
    Ok(parts)
}

/// Tells whether a text is like that.
pub(super) fn is_like(text: &str, parts: &[Part]) -> bool {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    // Where in the text one may be, having read so many of the parts.
    let mut at: Vec<bool> = std::iter::once(true).chain(text.iter().map(|_| false)).collect();
    for part in parts {
        let mut next = vec![false; at.len()];
        for (index, _) in at.iter().enumerate().filter(|(_, is)| **is) {
            match part {
                Part::Any => next.iter_mut().skip(index).for_each(|one| *one = true),
                Part::One if index < text.len() => next[index + 1] = true,
                Part::Is(c) if text.get(index).is_some_and(|it| c.to_lowercase().eq([*it])) => {
                    next[index + 1] = true;
                }
                Part::One | Part::Is(_) => {}
            }
        }
        at = next;
    }
    at.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(is_like(text, &parts(pattern).unwrap()), expected, "{pattern} {text}");
    }

    #[test]
    fn a_pattern_is_read_as_soql_reads_it() {
        check("%[01JD]", "Call Dana [01JD]", true);
        check("%[01jd]", "Call Dana [01JD]", true);
        check("%[01JD]", "Call Dana [01JD] again", false);
        check("%[0_JD]", "Call [0xJD]", true);
        check("%[0\\_JD]", "Call [0xJD]", false);
        check("%[0\\_JD]", "Call [0_JD]", true);
        check("", "", true);
        check("_", "", false);
        check("%%a%", "banana", true);
    }

    #[test]
    fn the_one_query_is_read_and_no_other() {
        let asked = "SELECT Id FROM Task WHERE WhoId = '00Q' AND Subject LIKE '%[a\\'b]' LIMIT 1";
        let query = read(asked).unwrap();
        assert_eq!((query.by.as_str(), query.id.as_str(), query.limit), ("WhoId", "00Q", 1));
        for wrong in [
            "SELECT Id FROM Task WHERE WhoId = '00Q AND Subject LIKE '%[a]' LIMIT 1",
            "SELECT Id FROM Task WHERE WhoId = '0' OR Subject LIKE '%' LIMIT 1",
            "SELECT Id FROM Task WHERE WhoId = '0' AND Subject LIKE '\\q' LIMIT 1",
            "SELECT Id FROM Lead WHERE WhoId = '0' AND Subject LIKE '%' LIMIT 1",
            "",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
