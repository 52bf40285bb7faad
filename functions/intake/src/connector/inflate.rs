//! From received bytes to text: decompressed, without byte order mark, proven UTF-8.
//!
//! Signatures cover the bytes as received, so this happens only after authentication (but for
//! Salesforce, whose organisation stands in the body). Inflating stops at a fixed size: a bomb
//! costs five megabytes and no more.

use super::fault::Fault;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, header::CONTENT_ENCODING};
use std::{borrow::Cow, io::Read};

/// The most a compressed body may inflate to, in bytes: above what any sender sends uncompressed.
pub(super) const MOST_INFLATED_BYTES: u64 = 5_000_000;

/// Reads a body as text.
pub(super) fn text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Cow<'a, str>, Fault> {
    let bytes = match is_gzip(headers)? {
        true if !body.is_empty() => Cow::Owned(inflate(body)?),
        _ => Cow::Borrowed(body),
    };
    let text = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(without_mark(utf8(bytes)?)),
        Cow::Owned(bytes) => Cow::Owned(without_mark(utf8(&bytes)?).to_owned()),
    };
    if text.trim().is_empty() { Err(Fault::Empty) } else { Ok(text) }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Fault> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(encoding) = encodings.next() else {
        return Ok(false);
    };
    let encoding = encoding.to_str().map_err(|_| Fault::Inflate)?.trim().to_ascii_lowercase();
    match (encoding.as_str(), encodings.next()) {
        ("" | "identity", None) => Ok(false),
        ("gzip" | "x-gzip", None) => Ok(true),
        _ => Err(Fault::Inflate),
    }
}

fn inflate(body: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut inflated = Vec::new();
    let mut reader = MultiGzDecoder::new(body).take(MOST_INFLATED_BYTES + 1);
    reader.read_to_end(&mut inflated).map_err(|_| Fault::Inflate)?;
    if inflated.len() as u64 > MOST_INFLATED_BYTES { Err(Fault::Inflate) } else { Ok(inflated) }
}

fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| Fault::Utf8)
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn check(encoding: &'static str, body: &[u8]) -> Result<String, Fault> {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, encoding.parse().unwrap())]);
        text(&headers, body).map(Cow::into_owned)
    }

    #[test]
    fn gzip_is_inflated_and_its_mark_removed() {
        assert_eq!(check("GZIP", &gzip("\u{feff}{}".as_bytes())), Ok("{}".to_owned()));
        assert_eq!(check("identity", b"{}"), Ok("{}".to_owned()));
    }

    #[test]
    fn a_bomb_stops_at_the_cap() {
        let fits = vec![b' '; MOST_INFLATED_BYTES as usize - 1];
        assert!(check("gzip", &gzip(&[&fits[..], b"x"].concat())).is_ok());
        assert_eq!(check("gzip", &gzip(&[&fits[..], b"xx"].concat())), Err(Fault::Inflate));
        let bomb = gzip(&vec![0; 1_000_000]).repeat(1_000);
        assert_eq!(check("gzip", &bomb), Err(Fault::Inflate));
    }

    #[test]
    fn unknown_or_broken_compression_is_a_fault() {
        assert_eq!(check("br", b"{}"), Err(Fault::Inflate));
        assert_eq!(check("gzip, gzip", b"{}"), Err(Fault::Inflate));
        assert_eq!(check("gzip", b"{}"), Err(Fault::Inflate));
        let whole = gzip(b"{\"a\":1}");
        assert_eq!(check("gzip", &whole[..whole.len() - 3]), Err(Fault::Inflate));
    }

    #[test]
    fn emptiness_and_other_encodings_have_their_own_codes() {
        for empty in [&b""[..], b" \n", b"\xef\xbb\xbf"] {
            assert_eq!(text(&HeaderMap::new(), empty), Err(Fault::Empty));
        }
        assert_eq!(check("gzip", b""), Err(Fault::Empty));
        let utf16 = [b'\xff', b'\xfe', b'{', 0, b'}', 0];
        for wrong in [&utf16[..], b"{\"a\":\"\xe9\"}", b"\"\xff\"", b"\"\xc0\xaf\""] {
            assert_eq!(text(&HeaderMap::new(), wrong), Err(Fault::Utf8), "{wrong:?}");
        }
    }
}
