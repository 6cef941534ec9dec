use std::time::Duration;

use edri_router::{Backoff, Delays};
use tokio::time::Instant;

/// Whether workers may be started. Without a clock: time is handed in.
///
/// Workers that die one after the other without a single answer in between *trip* it: none is started for a pause. Then
/// one is, on trial. If that is of use, all are again; if it dies, too, the next pause is longer.
#[derive(Debug)]
pub(super) struct Breaker {
    after: u32,
    pauses: Delays,
    state: State,
    /// In a row.
    deaths: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    /// How often in a row.
    Open {
        trips: u32,
        until: Instant,
    },
    Trial {
        trips: u32,
    },
}

/// Whether a worker may be started now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// Not before then.
    Until(Instant),
    /// Another one is on trial.
    Trial,
}

/// No worker is started for a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tripped {
    pub(super) deaths: u32,
    pub(super) pause: Duration,
}

impl Breaker {
    /// It trips after so many deaths, at least one.
    pub(super) fn new(after: u32, pause: Backoff) -> Self {
        Self { after: after.max(1), pauses: pause.delays(), state: State::Closed, deaths: 0 }
    }

    /// Whoever is told that the gate is open starts a worker: it may be the one on trial.
    pub(super) fn gate(&mut self, now: Instant) -> Gate {
        match self.state {
            State::Closed => Gate::Open,
            State::Open { until, .. } if now < until => Gate::Until(until),
            State::Open { trips, .. } => {
                self.state = State::Trial { trips };
                Gate::Open
            }
            State::Trial { .. } => Gate::Trial,
        }
    }

    /// A worker has died that had not been of use.
    pub(super) fn useless(&mut self, now: Instant) -> Option<Tripped> {
        self.deaths = self.deaths.saturating_add(1);
        let trips = match self.state {
            State::Closed if self.deaths < self.after => return None,
            State::Closed => 1,
            State::Trial { trips } => trips.saturating_add(1),
            // One that was started before.
            State::Open { .. } => return None,
        };
        let pause = self.pauses.before(trips);
        self.state = State::Open { trips, until: now + pause };
        Some(Tripped { deaths: self.deaths, pause })
    }

    /// A worker has been of use, or somebody says that all is different now. Whether it was not closed before.
    pub(super) fn close(&mut self) -> bool {
        self.deaths = 0;
        std::mem::replace(&mut self.state, State::Closed) != State::Closed
    }

    /// How many have died in a row, if none is started for it.
    pub(super) fn tripped(&self) -> Option<u32> {
        (self.state != State::Closed).then_some(self.deaths)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker(after: u32) -> Breaker {
        Breaker::new(after, Backoff::doubling(SECOND, 8 * SECOND).jitter(edri_router::Jitter::Off))
    }

    #[test]
    fn so_many_deaths_in_a_row_trip_it_and_one_worker_is_tried_later() {
        let (mut breaker, now) = (breaker(3), Instant::now());
        assert_eq!([(); 2].map(|()| breaker.useless(now)), [None, None]);
        assert!(!breaker.close(), "an answer came");
        assert_eq!([(); 2].map(|()| breaker.useless(now)), [None, None]);
        assert_eq!(breaker.useless(now), Some(Tripped { deaths: 3, pause: SECOND }));
        assert_eq!(breaker.gate(now), Gate::Until(now + SECOND));
        assert_eq!(breaker.useless(now), None, "it was alive before");
        assert_eq!(breaker.gate(now + SECOND), Gate::Open);
        assert_eq!(breaker.gate(now + SECOND), Gate::Trial);
        assert_eq!(breaker.useless(now + SECOND), Some(Tripped { deaths: 5, pause: 2 * SECOND }));
        assert_eq!(breaker.gate(now + 3 * SECOND), Gate::Open);
        assert_eq!(breaker.tripped(), Some(5));
        assert!(breaker.close());
        assert_eq!((breaker.gate(now), breaker.gate(now), breaker.tripped()), (Gate::Open, Gate::Open, None));
    }

    proptest! {
        /// Whatever happens, never more than one is started between two of use once it has tripped, and pauses are kept.
        #[test]
        fn a_tripped_breaker_lets_one_at_a_time_through(
            after in 1..6_u32,
            steps in prop::collection::vec((0..4_u8, 0..3_000_u64), 0..200),
        ) {
            let (mut breaker, mut now) = (breaker(after), Instant::now());
            let (mut row, mut until, mut on_trial) = (0, None, false);
            for (step, time) in steps {
                now += Duration::from_millis(time);
                match step {
                    0 | 1 => {
                        row += 1;
                        if let Some(tripped) = breaker.useless(now) {
                            prop_assert!(row >= after && tripped.deaths == row);
                            prop_assert!(SECOND <= tripped.pause && tripped.pause <= 8 * SECOND);
                            until = Some(now + tripped.pause);
                            on_trial = false;
                        } else {
                            prop_assert!(until.is_some() || row < after);
                        }
                    }
                    2 => match breaker.gate(now) {
                        Gate::Open => {
                            prop_assert!(until.is_none_or(|until| now >= until) && !on_trial);
                            on_trial = until.is_some();
                        }
                        Gate::Until(then) => prop_assert_eq!(Some(then), until),
                        Gate::Trial => prop_assert!(on_trial),
                    },
                    _ => {
                        prop_assert_eq!(breaker.close(), until.is_some());
                        (row, until, on_trial) = (0, None, false);
                    }
                }
            }
        }
    }
}
