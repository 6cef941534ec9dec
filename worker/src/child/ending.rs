use std::time::Duration;

use tokio::time::Instant;

/// How a child is made to end: it is asked, asked again, and then killed. Without a clock: time is handed in.
///
/// First its standard input is closed, which ends most workers. A quarter of the grace later its group gets `SIGTERM`,
/// and when the grace is over, `SIGKILL`.
#[derive(Debug)]
pub(crate) struct Ending {
    begun: Instant,
    grace: Duration,
    next: Option<Ask>,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    CloseInput,
    Terminate,
    Kill,
}

impl Ending {
    pub(crate) fn new(now: Instant, grace: Duration) -> Self {
        Self { begun: now, grace, next: Some(Ask::CloseInput) }
    }

    /// For a child that does not wait for its input to end: it is asked by `SIGTERM` at once.
    pub(crate) fn of_one_at_work(now: Instant, grace: Duration) -> Self {
        Self {
            begun: now - Self::before(Ask::Terminate, grace).min(grace),
            grace,
            next: Some(Ask::Terminate),
        }
    }

    /// When the next step is due; none after the last.
    pub(crate) fn due(&self) -> Option<Instant> {
        Some(self.begun + Self::before(self.next?, self.grace))
    }

    /// The next step, if it is due.
    pub(crate) fn step(&mut self, now: Instant) -> Option<Ask> {
        let step = self.next.filter(|_| self.due().is_some_and(|due| due <= now))?;
        self.next = match step {
            Ask::CloseInput => Some(Ask::Terminate),
            Ask::Terminate => Some(Ask::Kill),
            Ask::Kill => None,
        };
        Some(step)
    }

    fn before(ask: Ask, grace: Duration) -> Duration {
        match ask {
            Ask::CloseInput => Duration::ZERO,
            Ask::Terminate => grace / 4,
            Ask::Kill => grace,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_child_is_asked_twice_and_then_killed() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut ending = Ending::new(begun, Duration::from_secs(8));
        assert_eq!(ending.step(at(0)), Some(Ask::CloseInput));
        assert_eq!((ending.step(at(1)), ending.due()), (None, Some(at(2))));
        assert_eq!(ending.step(at(2)), Some(Ask::Terminate));
        assert_eq!(ending.step(at(7)), None);
        assert_eq!(ending.step(at(8)), Some(Ask::Kill));
        assert_eq!((ending.step(at(99)), ending.due()), (None, None));
    }

    #[test]
    fn without_grace_all_is_due_at_once() {
        let now = Instant::now();
        let mut ending = Ending::new(now, Duration::ZERO);
        let steps: Vec<_> = std::iter::from_fn(|| ending.step(now)).collect();
        assert_eq!(steps, [Ask::CloseInput, Ask::Terminate, Ask::Kill]);
    }

    #[test]
    fn one_that_is_at_work_is_terminated_at_once() {
        let now = Instant::now() + Duration::from_secs(100);
        let mut ending = Ending::of_one_at_work(now, Duration::from_secs(8));
        assert_eq!(ending.step(now), Some(Ask::Terminate));
        assert_eq!(ending.step(now), None);
        assert!(ending.due().unwrap() <= now + Duration::from_secs(8));
    }

    proptest! {
        #[test]
        fn the_steps_come_once_in_order_and_within_the_grace(grace in 0..10_000_u64, looks in prop::collection::vec(0..4_000_u64, 0..20)) {
            let begun = Instant::now();
            let mut ending = Ending::new(begun, Duration::from_millis(grace));
            let mut now = begun;
            let mut steps = Vec::new();
            for look in looks {
                now += Duration::from_millis(look);
                while let Some(step) = ending.step(now) {
                    steps.push(step);
                }
                prop_assert!(ending.due().is_none_or(|due| due > now));
            }
            let all = [Ask::CloseInput, Ask::Terminate, Ask::Kill];
            prop_assert_eq!(&steps[..], &all[..steps.len()]);
            prop_assert_eq!(steps.contains(&Ask::Kill), now >= begun + Duration::from_millis(grace) && !steps.is_empty());
        }
    }
}
