use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Milliseconds of a store's life, on tokio's clock; and what they are in the world's time, which is read once: a clock that
/// is set meanwhile does not move deadlines.
pub(crate) struct Clock {
    begun: Instant,
    /// Milliseconds since 1970 at the begin.
    world: u64,
}

/// When a key expires, in milliseconds of the store's life, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(u64);

impl Deadline {
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// Long over, whenever the store was begun.
    const PAST: Self = Self(0);

    #[inline]
    pub(crate) fn is_never(self) -> bool {
        self == Self::NEVER
    }

    #[inline]
    pub(crate) fn is_over(self, clock: &Clock) -> bool {
        !self.is_never() && self.0 <= clock.now()
    }

    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

/// Instants cannot be any distance away: where there is more to wait for, it is waited for in parts.
const FARTHEST: Duration = Duration::from_secs(24 * 60 * 60);

impl Clock {
    pub(crate) fn new() -> Self {
        let world = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, milliseconds);
        Self { begun: Instant::now(), world }
    }

    /// Rounded down, while deadlines are rounded up: nothing expires early.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        milliseconds(self.begun.elapsed())
    }

    /// So long from now.
    pub(crate) fn after(&self, ttl: Duration) -> Deadline {
        let due = self.begun.elapsed().saturating_add(ttl);
        let up = u64::from(!due.subsec_nanos().is_multiple_of(1_000_000));
        let due = milliseconds(due).saturating_add(up);
        if due >= u64::MAX - self.world { Deadline::NEVER } else { Deadline(due) }
    }

    /// How long it is until then; nothing if it is over.
    pub(crate) fn until(&self, deadline: Deadline) -> Option<Duration> {
        (!deadline.is_never()).then(|| Duration::from_millis(deadline.0).saturating_sub(self.begun.elapsed()))
    }

    /// When to wake up for it, or on the way to it.
    pub(crate) fn instant(&self, milliseconds: u64) -> Instant {
        let now = Instant::now();
        let until = Duration::from_millis(milliseconds).saturating_sub(now - self.begun);
        now + until.min(FARTHEST)
    }

    /// The deadline in milliseconds since 1970, to be written down; 0 for never.
    pub(crate) fn to_world(&self, deadline: Deadline) -> u64 {
        if deadline.is_never() { 0 } else { deadline.0.saturating_add(self.world) }
    }

    /// A deadline that was written down, perhaps by another process.
    pub(crate) fn of_world(&self, written: u64) -> Deadline {
        match written {
            0 => Deadline::NEVER,
            written => written.checked_sub(self.world).map_or(Deadline::PAST, Deadline),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_over_when_its_time_has_come_and_not_before() {
        let clock = Clock::new();
        let deadline = clock.after(Duration::from_micros(1500));
        tokio::time::advance(Duration::from_micros(1500)).await;
        assert!(!deadline.is_over(&clock), "rounded up");
        tokio::time::advance(Duration::from_micros(500)).await;
        assert!(deadline.is_over(&clock));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_was_written_down_is_the_same_for_the_next_process() {
        let clock = Clock::new();
        let deadline = clock.after(Duration::from_secs(100));
        let later = Clock { begun: clock.begun, world: clock.world + 40_000 };
        let read = later.of_world(clock.to_world(deadline));
        assert_eq!(read.get(), deadline.get() - 40_000);
        assert!(later.of_world(1).is_over(&later), "long past");
        assert!(clock.of_world(clock.to_world(Deadline::NEVER)).is_never());
    }

    #[tokio::test(start_paused = true)]
    async fn any_time_to_live_can_be_asked_for() {
        let clock = Clock::new();
        assert!(clock.after(Duration::MAX).is_never());
        let far = clock.after(Duration::from_secs(1 << 40));
        assert!(clock.instant(far.get()) <= Instant::now() + FARTHEST);
    }
}
