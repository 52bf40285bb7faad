//! Forms, read strictly: what cannot be decoded is said to be so, since whoever posts here is a
//! program.

use super::fault::Fault;

/// Reads `a=1&b=two+words%21` in the order given; a part without `=` is a name that says nothing.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let pairs = text.trim().split('&').filter(|pair| !pair.is_empty());
    let read = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(name)?, decoded(value)?))
    };
    pairs.map(read).collect()
}

fn decoded(text: &str) -> Result<String, Fault> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit(), digit());
                let byte = high.zip(low).map(|(high, low)| high * 16 + low);
                byte.and_then(|byte| u8::try_from(byte).ok()).ok_or(Fault::Form)?
            }
            plain => plain,
        });
    }
    String::from_utf8(decoded).map_err(|_| Fault::Utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[(&str, &str)], Fault>) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let expected = expected.map(|pairs| pairs.iter().map(owned).collect::<Vec<_>>());
        assert_eq!(pairs(text), expected, "{text}");
    }

    #[test]
    fn plus_is_a_space_and_an_escape_its_byte() {
        check("a=1&b=two+words%21", Ok(&[("a", "1"), ("b", "two words!")]));
        check("a=%2B%25&caf%c3%A9=%F0%9F%98%80", Ok(&[("a", "+%"), ("café", "😀")]));
        check("&&a&b=&c=d=e\n", Ok(&[("a", ""), ("b", ""), ("c", "d=e")]));
        check("a=1&a=2", Ok(&[("a", "1"), ("a", "2")]));
    }

    #[test]
    fn what_cannot_be_decoded_is_no_form() {
        for broken in ["a=100%", "a=%4", "a=%zz", "%=1", "a=%+1", "a=%é0"] {
            check(broken, Err(Fault::Form));
        }
        check("a=%ff", Err(Fault::Utf8));
        check("a=%C0%AF", Err(Fault::Utf8));
    }
}
