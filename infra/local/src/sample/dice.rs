//! A small generator of its own, so that one seed always tells the same story.
//!
//! SplitMix64 with a stream number: what people do never depends on how often the traffic drew.

/// Draws numbers; the same seed and stream draw the same ones.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Starts a stream of a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Self { state: stream };
        dice.state = seed ^ dice.draw();
        dice
    }

    /// Draws a number from 0 up to and without `end`; of nothing, 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// Draws a number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low + 1).unwrap_or(1);
        low + i64::try_from(self.below(span)).unwrap_or(0)
    }

    /// Tells whether something happens that happens so many times in a hundred.
    pub fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Picks one of a list that is not empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let end = u64::try_from(list.len()).unwrap_or(1);
        &list[usize::try_from(self.below(end)).unwrap_or(0)]
    }

    /// Picks one of a list that is not empty, by weight.
    pub fn weigh<T: Copy>(&mut self, list: &[(u64, T)]) -> T {
        let mut left = self.below(list.iter().map(|(weight, _)| weight).sum());
        let chosen = list.iter().find(|(weight, _)| {
            let is_here = left < *weight;
            left = left.saturating_sub(*weight);
            is_here
        });
        chosen.unwrap_or(&list[0]).1
    }

    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_draws_the_same_and_another_stream_does_not() {
        let draw = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            [dice.below(1_000), dice.below(1_000), dice.below(1_000)]
        };
        assert_eq!(draw(7, 1), draw(7, 1));
        assert_ne!(draw(7, 1), draw(7, 2));
        assert_ne!(draw(7, 1), draw(8, 1));
    }

    #[test]
    fn weights_are_shares() {
        let mut dice = Dice::new(1, 1);
        let drawn = (0..4_000).filter(|_| dice.weigh(&[(1, false), (3, true)])).count();
        assert!((2_800..3_200).contains(&drawn), "{drawn} of 4000");
        assert!((0..100).all(|_| (3..=5).contains(&dice.between(3, 5))));
    }
}
