use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use edri_event::Meta;
use tokio::time::{Instant, Sleep};

/// Whether an event's deadline has passed: nobody waits for it to be handled any more, and it should not be.
///
/// For an event without a deadline this is one look at a pointer. Time is tokio's, and stands still where its
/// clock is paused.
#[inline]
pub fn has_expired(meta: &Meta) -> bool {
    match meta.deadline() {
        None => false,
        Some(deadline) => is_over(deadline),
    }
}

#[cold]
fn is_over(deadline: std::time::Instant) -> bool {
    Instant::now().into_std() >= deadline
}

/// For how long somebody waits: a duration, a moment, or whichever comes first.
#[derive(Default)]
pub(crate) struct TimeLimit {
    after: Option<Duration>,
    at: Option<Instant>,
    begun: Option<Begun>,
}

struct Begun {
    since: Instant,
    due: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// The deadline had passed before the waiting began.
pub(crate) struct Overdue;

impl TimeLimit {
    pub(crate) fn set_after(&mut self, after: Duration) {
        self.after = Some(after);
    }

    /// An earlier moment stands.
    pub(crate) fn set_at(&mut self, at: Instant) {
        self.at = Some(self.at.map_or(at, |earlier| earlier.min(at)));
    }

    /// The time runs from here on; says when it is over, if there is an end to it.
    pub(crate) fn begin(&mut self) -> Result<Option<Instant>, Overdue> {
        if self.after.is_none() && self.at.is_none() {
            return Ok(None);
        }
        let since = Instant::now();
        if self.at.is_some_and(|at| at <= since) {
            return Err(Overdue);
        }
        // A time-out beyond all clocks is no deadline.
        let after = self.after.and_then(|after| since.checked_add(after));
        let due = after.into_iter().chain(self.at).min();
        self.begun = due.map(|due| Begun { since, due, sleep: None });
        Ok(due)
    }

    /// The time that was given, if it is over.
    pub(crate) fn over(&self) -> Option<Duration> {
        let Begun { since, due, .. } = self.begun.as_ref()?;
        (Instant::now() >= *due).then(|| *due - *since)
    }

    /// Ready with the time that was given, once it is over.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let Some(Begun { since, due, sleep }) = &mut self.begun else { return Poll::Pending };
        let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(*due)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(*due - *since)
    }
}

impl fmt::Debug for TimeLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TimeLimit").field("after", &self.after).field("at", &self.at).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_a_duration_and_moments_the_earliest_holds() {
        let second = Duration::from_secs(1);
        let now = Instant::now();
        for (after, at, due) in [
            (None, &[][..], None),
            (Some(2), &[], Some(2)),
            (None, &[3, 4], Some(3)),
            (None, &[4, 3], Some(3)),
            (Some(2), &[3], Some(2)),
            (Some(5), &[3], Some(3)),
        ] {
            let mut limit = TimeLimit::default();
            if let Some(after) = after {
                limit.set_after(second * after);
            }
            for &at in at {
                limit.set_at(now + second * at);
            }
            let begun = limit.begin().unwrap_or_else(|Overdue| panic!("not overdue"));
            assert_eq!(begun, due.map(|due: u32| now + second * due), "{limit:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_that_has_passed_is_overdue_and_a_duration_beyond_all_clocks_is_no_limit() {
        let mut limit = TimeLimit::default();
        limit.set_at(Instant::now());
        assert!(limit.begin().is_err());
        let mut limit = TimeLimit::default();
        limit.set_after(Duration::MAX);
        assert!(matches!(limit.begin(), Ok(None)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_expires_at_its_deadline_and_not_before() {
        let mut meta = Meta::new();
        assert!(!has_expired(&meta));
        let deadline = Instant::now() + Duration::from_millis(10);
        meta.set_deadline(deadline.into_std());
        tokio::time::advance(Duration::from_millis(9)).await;
        assert!(!has_expired(&meta));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(has_expired(&meta));
    }
}
