//! Chance that can be repeated: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.

use std::time::Duration;

pub struct Dice(u64);

impl Dice {
    /// Of the same seed, differently for each `whose`.
    pub fn new(seed: u64, whose: u64) -> Self {
        Self(mix(seed) ^ mix(whose.wrapping_add(1)))
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Up to twice that time, so that it is the mean.
    pub fn around(&mut self, time: Duration) -> Duration {
        time.mul_f64(2.0 * (self.roll() >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// Each number to another, so that neighbours are far apart.
pub fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
