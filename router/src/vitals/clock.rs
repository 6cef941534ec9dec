use std::num::NonZeroU64;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A moment of tokio's clock in one word, to the nanosecond or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(NonZeroU64);

/// Moments are counted from here. A clock that a test has paused may stand before it: the count is signed.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Moment {
    pub(crate) fn now() -> Self {
        let now = tokio::time::Instant::now().into_std();
        let nanoseconds = match now.checked_duration_since(*EPOCH) {
            Some(after) => nanoseconds(after),
            None => -nanoseconds(EPOCH.saturating_duration_since(now)),
        };
        Self(NonZeroU64::MIN | nanoseconds.cast_unsigned())
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().since(self)
    }

    /// Zero if `earlier` is not earlier.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let passed = self.0.get().cast_signed().saturating_sub(earlier.0.get().cast_signed());
        Duration::from_nanos(passed.try_into().unwrap_or(0))
    }

    /// For an atomic, in which zero means that there is none.
    pub(crate) fn to_bits(self) -> u64 {
        self.0.get()
    }

    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(Self)
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    duration.as_nanos().try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn moments_follow_a_clock_that_a_test_has_paused() {
        let begun = Moment::now();
        assert_eq!(begun.elapsed(), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(begun.elapsed().as_secs(), 90);
        assert_eq!(begun.since(Moment::now()), Duration::ZERO);
        assert_eq!(Moment::from_bits(begun.to_bits()), Some(begun));
    }
}
