//! How does chance stay repeatable? One small generator, whose whole state is a seed that is
//! printed.

/// A sequence of numbers that look random and follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The sequence of one case of a run: independent of how many cases came before.
    #[must_use]
    pub fn of_case(seed: u64, index: u64) -> Self {
        let mut run = Random::new(seed);
        let mut case = Random::new(run.next() ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Random(case.next())
    }

    /// The next number.
    #[expect(
        clippy::should_implement_trait,
        reason = "an endless sequence of numbers needs no adaptors"
    )]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 {
            return 0;
        }
        (self.next() % bound as u64) as usize
    }

    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Whether something happens that happens `percent` times of a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }

    /// One of several words; "" if there is none.
    pub fn word<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        self.pick(choices).copied().unwrap_or("")
    }

    /// One of several names; "" if there is none.
    pub fn name(&mut self, choices: &[String]) -> String {
        self.pick(choices).cloned().unwrap_or_default()
    }

    /// Up to `count` different ones of several, in random order.
    pub fn sample<T: Clone>(&mut self, choices: &[T], count: usize) -> Vec<T> {
        let mut rest = choices.to_vec();
        let mut sample = Vec::new();
        while sample.len() < count && !rest.is_empty() {
            sample.push(rest.swap_remove(self.below(rest.len())));
        }
        sample
    }
}
