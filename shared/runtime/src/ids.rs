//! The only source of ids and tokens, so that a seeded run writes the same bytes twice.
//!
//! In the cloud and on a laptop they come from the operating system's randomness; in the demo and
//! in tests from a seed. Draw them before any fan-out: the order of the draws shows in the result.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use ulid::Ulid;

/// A source of ids; clones draw from the same one.
#[derive(Clone, Debug)]
pub struct Ids {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Random,
    Seeded(Arc<Mutex<u64>>),
}

impl Ids {
    /// Ids nobody can predict.
    pub fn random() -> Self {
        Self { source: Source::Random }
    }

    /// The same ids for the same seed and order of draws.
    pub fn seeded(seed: u64) -> Self {
        Self { source: Source::Seeded(Arc::new(Mutex::new(seed))) }
    }

    /// Makes a ULID: 26 characters that sort by `now`'s millisecond, 80 bits of them random.
    pub fn ulid(&self, now: DateTime<Utc>) -> String {
        // Before 1970 there is no millisecond to encode; such an id sorts first.
        let timestamp_ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        let mut text = [0; ulid::ULID_LEN];
        Ulid::from_parts(timestamp_ms, self.draw()).array_to_str(&mut text).to_owned()
    }

    /// Makes a token of 32 hexadecimal characters: a client request token, an attempt's id.
    pub fn token(&self) -> String {
        format!("{:032x}", self.draw())
    }

    fn draw(&self) -> u128 {
        match &self.source {
            Source::Random => random(),
            Source::Seeded(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                let high = split_mix(&mut state);
                u128::from(high) << 64 | u128::from(split_mix(&mut state))
            }
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "without randomness two ids could be the same: stop instead"
)]
fn random() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    u128::from_le_bytes(bytes)
}

/// SplitMix64, the generator of Steele, Lea and Flood: small, fast, every seed is a good one.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn split_mix_gives_its_published_numbers() {
        let mut state = 1_234_567;
        let drawn = [split_mix(&mut state), split_mix(&mut state), split_mix(&mut state)];
        assert_eq!(
            drawn,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn the_same_seed_draws_the_same_ids() {
        let (one, other) = (Ids::seeded(7), Ids::seeded(7));
        let now = at("2026-01-05T00:00:00Z");
        assert_eq!((one.ulid(now), one.token()), (other.ulid(now), other.token()));
        assert_ne!(one.token(), Ids::seeded(8).token());
    }

    #[test]
    fn clones_draw_from_one_source() {
        let ids = Ids::seeded(7);
        let first = ids.clone().token();
        assert_ne!(first, ids.token());
    }

    #[test]
    fn a_ulid_carries_its_millisecond_and_sorts_by_it() {
        let ids = Ids::random();
        let (early, late) = (at("2026-01-05T00:00:00.001Z"), at("2026-01-05T00:00:00.002Z"));
        let text = ids.ulid(early);
        assert_eq!(text.len(), 26);
        let parsed = Ulid::from_string(&text).unwrap();
        assert_eq!(parsed.timestamp_ms(), early.timestamp_millis() as u64);
        assert!(text < ids.ulid(late));
        assert_ne!(text, ids.ulid(early));
    }

    #[test]
    fn a_token_is_32_hexadecimal_characters() {
        for ids in [Ids::random(), Ids::seeded(0)] {
            let token = ids.token();
            assert_eq!(token.len(), 32);
            assert!(token.chars().all(|c| c.is_ascii_hexdigit()));
        }
    }
}
