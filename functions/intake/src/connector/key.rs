//! Digests: duplicate keys and fingerprints.
//!
//! Each part is hashed with its length, so that no choice of parts can be mistaken for another: ids
//! are the sender's text and may contain any separator.

use sha2::{Digest, Sha256};

/// Hashes parts, in order; an absent part differs from an empty one.
pub(super) fn digest(parts: &[Option<&str>]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        match part {
            None => hash.update([0]),
            Some(text) => {
                hash.update([1]);
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text.as_bytes());
            }
        }
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lists_of_parts_share_a_digest() {
        let lists: [&[Option<&str>]; 8] = [
            &[],
            &[None],
            &[Some("")],
            &[Some("ab")],
            &[Some("a"), Some("b")],
            &[Some("a#b")],
            &[Some("\u{e9}")],
            &[Some("e\u{301}")],
        ];
        let digests: std::collections::BTreeSet<_> = lists.iter().map(|l| digest(l)).collect();
        assert_eq!(digests.len(), lists.len());
    }
}
