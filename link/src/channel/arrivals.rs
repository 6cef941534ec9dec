use std::time::{Duration, Instant};

use crate::violation::Violation;

/// The numbers of what has arrived.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    received: u64,
    unacknowledged: u32,
    unacknowledged_bytes: usize,
    /// When what has arrived is to be acknowledged at the latest.
    due: Option<Instant>,
    at_once: bool,
}

/// What a number means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    New,
    /// It has been seen: to be dropped.
    Repeated,
}

impl Arrivals {
    /// An acknowledgement waits for company so long, for so many frames, or for so many bytes.
    const DELAY: Duration = Duration::from_millis(20);
    const TOGETHER: u32 = 64;
    const BYTES_TOGETHER: usize = 1024 * 1024;

    pub(crate) fn arrive(&mut self, number: u64, bytes: usize, now: Instant) -> Result<Arrival, Violation> {
        self.unacknowledged += 1;
        self.unacknowledged_bytes += bytes;
        self.due.get_or_insert(now + Self::DELAY);
        if number <= self.received {
            return Ok(Arrival::Repeated);
        }
        let expected = self.received + 1;
        if number != expected {
            return Err(Violation::Gap { got: number, expected });
        }
        self.received = number;
        Ok(Arrival::New)
    }

    /// The other end waits to hear: the next acknowledgement goes at once.
    pub(crate) fn hurry(&mut self) {
        self.at_once = true;
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.at_once
            || self.unacknowledged >= Self::TOGETHER
            || self.unacknowledged_bytes >= Self::BYTES_TOGETHER
            || self.due.is_some_and(|due| due <= now)
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due
    }

    /// What is to be acknowledged; it counts as done.
    pub(crate) fn acknowledge(&mut self) -> u64 {
        *self = Self { received: self.received, ..Self::default() };
        self.received
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_order_repetitions_are_dropped_and_gaps_are_errors() {
        let (mut arrivals, now) = (Arrivals::default(), Instant::now());
        assert_eq!(arrivals.arrive(1, 10, now), Ok(Arrival::New));
        assert_eq!(arrivals.arrive(2, 10, now), Ok(Arrival::New));
        assert_eq!(arrivals.arrive(1, 10, now), Ok(Arrival::Repeated));
        assert_eq!(arrivals.arrive(4, 10, now), Err(Violation::Gap { got: 4, expected: 3 }));
    }

    #[test]
    fn acknowledgements_wait_for_sixty_four_frames_or_twenty_milliseconds() {
        let (mut arrivals, now) = (Arrivals::default(), Instant::now());
        assert!(!arrivals.is_due(now));
        (1..=63).for_each(|number| drop(arrivals.arrive(number, 10, now)));
        assert!(!arrivals.is_due(now) && arrivals.is_due(now + Arrivals::DELAY));
        drop(arrivals.arrive(64, 10, now));
        assert!(arrivals.is_due(now));
        assert_eq!(arrivals.acknowledge(), 64);
        assert!(!arrivals.is_due(now + Arrivals::DELAY));
    }
}
