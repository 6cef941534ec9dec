use std::collections::VecDeque;
use std::time::Duration;

use edri_router::{Backoff, Delays};
use tokio::time::Instant;

use super::policy::Budget;

/// How many restarts there have been lately, and when the next is due. Without a clock: time is handed in.
#[derive(Debug)]
pub(super) struct Restarts {
    budget: Budget,
    delays: Delays,
    /// Those within the period, oldest first: never more than the budget has.
    recent: VecDeque<Instant>,
}

/// A restart that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Which it is in its period, from 1.
    pub(super) attempt: u32,
    /// How long to wait for it.
    pub(super) delay: Duration,
}

impl Restarts {
    pub(super) fn new(budget: Budget, backoff: Backoff) -> Self {
        Self { budget, delays: backoff.delays(), recent: VecDeque::new() }
    }

    /// One more; `None` if the budget is spent.
    pub(super) fn next(&mut self, now: Instant) -> Option<Due> {
        while self.recent.front().is_some_and(|first| now.duration_since(*first) >= self.budget.within) {
            self.recent.pop_front();
        }
        let before = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if before >= self.budget.restarts {
            return None;
        }
        self.recent.push_back(now);
        let attempt = before + 1;
        Some(Due { attempt, delay: self.delays.before(attempt) })
    }
}

#[cfg(test)]
mod tests {
    use edri_router::Jitter;
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn without_jitter() -> Backoff {
        Backoff::default().jitter(Jitter::Off)
    }

    #[tokio::test(start_paused = true)]
    async fn five_restarts_in_a_minute_are_allowed_each_later_than_the_one_before() {
        let mut restarts = Restarts::new(Budget::default(), without_jitter());
        let now = Instant::now();
        let delays: Vec<_> = (0..5).map(|_| restarts.next(now).unwrap().delay.as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1_600]);
        assert_eq!(restarts.next(now + seconds(59)), None);
        let due = restarts.next(now + seconds(60)).unwrap();
        assert_eq!((due.attempt, due.delay.as_millis()), (1, 100), "the period slides");
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_ends_at_its_cap() {
        let backoff = Backoff { cap: seconds(1), ..without_jitter() };
        let mut restarts = Restarts::new(Budget { restarts: 100, within: seconds(60) }, backoff);
        let now = Instant::now();
        let last = (0..100).map(|_| restarts.next(now).unwrap().delay).last();
        assert_eq!(last, Some(seconds(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_seed_gives_the_same_jitter() {
        let delays = |seed| {
            let mut restarts =
                Restarts::new(Budget::default(), Backoff::default().jitter(Jitter::Seeded(seed)));
            let now = Instant::now();
            std::iter::from_fn(|| restarts.next(now)).map(|due| due.delay).collect::<Vec<_>>()
        };
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
    }

    proptest! {
        #[test]
        fn no_period_ever_has_more_restarts_than_the_budget(
            budget in 0..8_u32,
            within in 1..100_u64,
            falls in prop::collection::vec(0..50_u64, 0..60),
            seed: u64,
        ) {
            let backoff = Backoff::default().jitter(Jitter::Seeded(seed));
            let mut restarts = Restarts::new(Budget { restarts: budget, within: seconds(within) }, backoff);
            let mut now = Instant::now();
            let mut allowed = Vec::new();
            for pause in falls {
                now += seconds(pause);
                let in_period = allowed.iter().filter(|past| now - **past < seconds(within)).count() as u32;
                let due = restarts.next(now);
                prop_assert_eq!(due.is_some(), in_period < budget);
                if let Some(Due { attempt, delay }) = due {
                    prop_assert_eq!(attempt, in_period + 1);
                    let full = backoff.before(attempt);
                    prop_assert!(full / 2 <= delay && delay <= full);
                    allowed.push(now);
                }
            }
        }
    }
}
