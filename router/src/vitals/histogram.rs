use std::time::Duration;

use super::numbers::Times;

/// How often times of each length were measured, in 1.1 kB: eight buckets to each doubling, from 64 nanoseconds to
/// 73 minutes. A quantile is told up to 12.5 % too long, the longest time exactly.
#[derive(Clone)]
pub(crate) struct Histogram {
    buckets: [u32; BUCKETS],
    count: u64,
    longest: Duration,
}

/// Times are counted in units of 2^6 nanoseconds.
const UNIT: u32 = 6;
/// 2^3 buckets to a doubling.
const STEPS: u32 = 3;
/// 2^36 units are 73 minutes.
const DOUBLINGS: u32 = 36;
const BUCKETS: usize = ((DOUBLINGS - STEPS + 1) << STEPS) as usize;

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { buckets: [0; BUCKETS], count: 0, longest: Duration::ZERO }
    }

    pub(crate) fn record(&mut self, time: Duration) {
        let bucket = &mut self.buckets[bucket(time)];
        *bucket = bucket.saturating_add(1);
        self.count += 1;
        self.longest = self.longest.max(time);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket = bucket.saturating_add(*more);
        }
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
    }

    pub(crate) fn times(&self) -> Times {
        Times { count: self.count, p50: self.quantile(50), p99: self.quantile(99), max: self.longest }
    }

    /// The time that so many per cent do not exceed.
    fn quantile(&self, per_cent: u64) -> Duration {
        let rank = (self.count * per_cent).div_ceil(100);
        let mut seen = 0;
        for (index, &times) in self.buckets.iter().enumerate() {
            seen += u64::from(times);
            if seen >= rank && seen > 0 {
                return end(index).min(self.longest);
            }
        }
        self.longest
    }
}

fn bucket(time: Duration) -> usize {
    let units = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX) >> UNIT;
    let Some(doubling) = units.checked_ilog2().filter(|doubling| *doubling >= STEPS) else {
        return units as usize;
    };
    let step = (units >> (doubling - STEPS)) as usize & ((1 << STEPS) - 1);
    let index = (((doubling - STEPS + 1) as usize) << STEPS) + step;
    index.min(BUCKETS - 1)
}

/// The first time that is beyond the bucket.
fn end(index: usize) -> Duration {
    let (doubling, step) = (index >> STEPS, (index & ((1 << STEPS) - 1)) as u64);
    let units = match doubling {
        0 => step + 1,
        _ => (step + 1 + (1 << STEPS)) << (doubling - 1),
    };
    Duration::from_nanos(units << UNIT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantiles_are_at_most_an_eighth_too_long(
            mut nanoseconds in prop::collection::vec(prop_oneof![0..5_000_u64, 0..4_000_000_000_000_u64], 1..300),
        ) {
            let mut histogram = Histogram::new();
            for &time in &nanoseconds {
                histogram.record(Duration::from_nanos(time));
            }
            nanoseconds.sort_unstable();
            let times = histogram.times();
            prop_assert_eq!(times.count, nanoseconds.len() as u64);
            prop_assert_eq!(times.max, Duration::from_nanos(nanoseconds[nanoseconds.len() - 1]));
            for (told, per_cent) in [(times.p50, 50), (times.p99, 99)] {
                let rank = (nanoseconds.len() * per_cent).div_ceil(100);
                let exact = nanoseconds[rank - 1];
                let told = told.as_nanos() as u64;
                prop_assert!(told >= exact, "{} told as {}", exact, told);
                prop_assert!(told <= exact + exact / 8 + 64, "{} told as {}", exact, told);
            }
        }
    }

    #[test]
    fn a_time_beyond_all_buckets_is_counted_in_the_last() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::from_secs(100_000));
        histogram.record(Duration::MAX);
        assert_eq!(histogram.times().max, Duration::MAX);
        assert_eq!(histogram.buckets[BUCKETS - 1], 2);
    }

    #[test]
    fn what_was_never_measured_is_all_zero() {
        assert_eq!(Histogram::new().times(), Times::default());
    }

    #[test]
    fn one_of_two_adds_up() {
        let (mut one, mut other) = (Histogram::new(), Histogram::new());
        one.record(Duration::from_millis(1));
        other.record(Duration::from_millis(9));
        one.add(&other);
        assert_eq!((one.times().count, one.times().max), (2, Duration::from_millis(9)));
    }
}
