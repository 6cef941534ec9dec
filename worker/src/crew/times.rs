use std::time::Duration;

use tokio::time::Instant;

use super::life::STEADY;
use super::policy::Policy;
use crate::leftovers::Closing;

/// How soon a worker that is not ready looks again whether it is still needed, when its pool is closed.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What is due in the life of a worker without anybody telling.
pub(crate) struct Times {
    born: Instant,
    ready_within: Option<Duration>,
    grace: Duration,
    is_ready: bool,
    was_of_use: bool,
    /// When it is ended though it still has jobs, since others of them are lost.
    condemned: Option<Instant>,
    /// When it is asked to end though it still has jobs, since the pool has to.
    to_be_asked: Option<Instant>,
    was_asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The time to become ready is over.
    NotReady,
    /// The jobs that were left to it have had their time.
    Overdue,
    /// It lives on: whether it is to be asked to end now, and whether it has been there for long.
    Living { ask: bool, steady: bool },
}

impl Times {
    /// Of a worker whose process has just been started.
    pub(crate) fn begin(policy: &Policy, is_ready: bool) -> Self {
        let &Policy { ready_within, grace, .. } = policy;
        Self {
            born: Instant::now(),
            ready_within,
            grace,
            is_ready,
            was_of_use: false,
            condemned: None,
            to_be_asked: None,
            was_asked: false,
        }
    }

    pub(crate) const fn is_ready(&self) -> bool {
        self.is_ready
    }

    pub(crate) const fn note_ready(&mut self) {
        self.is_ready = true;
    }

    /// It has answered, or lived for long.
    pub(crate) const fn was_of_use(&self) -> bool {
        self.was_of_use
    }

    pub(crate) const fn note_use(&mut self) {
        self.was_of_use = true;
    }

    /// It was asked to end though it still had jobs.
    pub(crate) const fn was_asked(&self) -> bool {
        self.was_asked
    }

    /// Some of its jobs are lost: the others have a while.
    pub(crate) fn condemn(&mut self) {
        self.condemned.get_or_insert_with(|| Instant::now() + self.grace);
    }

    pub(crate) const fn is_condemned(&self) -> bool {
        self.condemned.is_some()
    }

    /// The pool is closed, or has to end by a certain time: then the worker is asked to before that.
    pub(crate) fn heed(&mut self, closing: Closing) {
        if let Closing::Until(deadline) = closing {
            let kept = self.grace.min(deadline.saturating_duration_since(Instant::now()) / 4);
            self.to_be_asked = deadline.checked_sub(kept);
        }
    }

    /// When the next of it is due.
    pub(crate) fn alarm(&self, is_closed: bool) -> Option<Instant> {
        let steady = (!self.was_of_use).then(|| self.born + STEADY);
        let asked = self.to_be_asked.filter(|_| !self.was_asked);
        let look_again = (is_closed && !self.is_ready).then(|| Instant::now() + LOOK_AGAIN);
        [self.ready_by(), steady, asked, self.condemned, look_again].into_iter().flatten().min()
    }

    /// What is due; that it is asked to end is told once.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_due(self.ready_by()) {
            return Due::NotReady;
        }
        if is_due(self.condemned) {
            return Due::Overdue;
        }
        let ask = is_due(self.to_be_asked) && !self.was_asked;
        self.was_asked |= ask;
        Due::Living { ask, steady: now >= self.born + STEADY }
    }

    fn ready_by(&self) -> Option<Instant> {
        let within = self.ready_within.filter(|_| !self.is_ready)?;
        Some(self.born + within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const QUIET: Due = Due::Living { ask: false, steady: false };

    #[tokio::test(start_paused = true)]
    async fn what_is_due_first_is_what_wakes_and_what_is_over_does_not() {
        let policy = Policy { ready_within: Some(SECOND), grace: 2 * SECOND, ..Policy::default() };
        let mut times = Times::begin(&policy, false);
        let begun = Instant::now();
        assert_eq!((times.alarm(false), times.due(begun)), (Some(begun + SECOND), QUIET));
        assert_eq!(times.alarm(true), Some(begun + LOOK_AGAIN));
        assert_eq!(times.due(begun + SECOND), Due::NotReady);

        times.note_ready();
        assert_eq!(times.alarm(true), Some(begun + STEADY));
        assert_eq!(times.due(begun + STEADY), Due::Living { ask: false, steady: true });
        times.note_use();
        assert_eq!(times.alarm(true), None);

        times.heed(Closing::Until(begun + 4 * SECOND));
        assert_eq!(times.alarm(true), Some(begun + 3 * SECOND));
        assert_eq!(times.due(begun + 3 * SECOND), Due::Living { ask: true, steady: false });
        assert!(times.was_asked());
        assert_eq!((times.alarm(true), times.due(begun + 3 * SECOND)), (None, QUIET));

        times.condemn();
        assert_eq!(times.alarm(true), Some(begun + 2 * SECOND));
        assert_eq!(times.due(begun + 2 * SECOND), Due::Overdue);
    }
}
