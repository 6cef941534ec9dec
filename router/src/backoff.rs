use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long to wait before what failed is tried again: the longer the more often it has failed.
///
/// Unless told otherwise 100 ms before the first time, twice as long before each further one, up to 30 seconds, with
/// [jitter](Jitter).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the first time.
    pub first: Duration,
    /// By how much longer before each further one.
    pub factor: u32,
    /// At most.
    pub cap: Duration,
    /// What is taken off by chance.
    pub jitter: Jitter,
}

/// Takes up to a half off a waiting time by chance, so that what failed together is not tried again together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// Nothing.
    Off,
    /// Differently in each run of the program.
    #[default]
    Random,
    /// The same in each run, from this seed.
    Seeded(u64),
}

/// The waiting times of a [`Backoff`], with jitter.
#[derive(Debug)]
pub struct Delays {
    backoff: Backoff,
    chance: Option<Chance>,
}

impl Backoff {
    /// Always the same time, without jitter.
    pub const fn constant(time: Duration) -> Self {
        Self { first: time, factor: 1, cap: time, jitter: Jitter::Off }
    }

    /// From `first` on, twice as long each time, up to `cap`, with jitter.
    pub const fn doubling(first: Duration, cap: Duration) -> Self {
        Self { first, factor: 2, cap, jitter: Jitter::Random }
    }

    /// The same with another jitter.
    pub const fn jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }

    /// Before the `attempt`th time, which counts from 1, without jitter.
    pub fn before(&self, attempt: u32) -> Duration {
        let factor = self.factor.saturating_pow(attempt.saturating_sub(1));
        self.first.checked_mul(factor).unwrap_or(self.cap).min(self.cap)
    }

    /// Its times with jitter.
    pub fn delays(self) -> Delays {
        let chance = match self.jitter {
            Jitter::Off => None,
            Jitter::Random => Some(Chance(RandomState::new().hash_one(0))),
            Jitter::Seeded(seed) => Some(Chance(seed)),
        };
        Delays { backoff: self, chance }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::doubling(Duration::from_millis(100), Duration::from_secs(30))
    }
}

impl Delays {
    /// Before the `attempt`th time, which counts from 1.
    pub fn before(&mut self, attempt: u32) -> Duration {
        let full = self.backoff.before(attempt);
        self.chance.as_mut().map_or(full, |chance| full - chance.up_to(full / 2))
    }
}

/// Steele, Lea and Flood's SplitMix64 (2014): small, and good enough to keep things apart.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        // 2^32 steps are fine enough.
        let share = (self.next() >> 32) as f64 / f64::from(u32::MAX);
        most.mul_f64(share)
    }
}
