use std::time::{Duration, Instant};

/// The numbers of the frames that have arrived.
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
    /// Others are missing before it: to be dropped, too.
    Ahead {
        expected: u64,
    },
}

impl Arrivals {
    /// An acknowledgement waits for company so long, for so many frames, or for so many bytes.
    pub(crate) const DELAY: Duration = Duration::from_millis(20);
    const TOGETHER: u32 = 64;
    pub(crate) const BYTES_TOGETHER: usize = 128 * 1024;

    pub(crate) fn arrive(&mut self, number: u64, bytes: usize, now: Instant) -> Arrival {
        let expected = self.received + 1;
        if number > expected {
            return Arrival::Ahead { expected };
        }
        if number < expected {
            // Its sender has not heard that it arrived.
            self.at_once = true;
            return Arrival::Repeated;
        }
        self.unacknowledged += 1;
        self.unacknowledged_bytes += bytes;
        if self.due.is_none() {
            self.due = Some(now + Self::DELAY);
        }
        self.received = number;
        Arrival::New
    }

    /// The highest that has arrived, and all before it.
    #[cfg(test)]
    fn received(&self) -> u64 {
        self.received
    }

    /// The other end waits to hear: the next acknowledgement goes at once.
    pub(crate) fn hurry(&mut self) {
        self.at_once = true;
    }

    /// Whether there is anything to acknowledge that can ride along with what is sent anyway.
    pub(crate) fn is_waiting(&self) -> bool {
        self.unacknowledged > 0 || self.at_once
    }

    /// Whether there is something to acknowledge now, with or without company.
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
    fn numbers_come_in_order_and_repetitions_and_what_is_ahead_are_told_apart() {
        let (mut arrivals, now) = (Arrivals::default(), Instant::now());
        assert_eq!(arrivals.arrive(1, 10, now), Arrival::New);
        assert_eq!(arrivals.arrive(2, 10, now), Arrival::New);
        assert_eq!(arrivals.arrive(1, 10, now), Arrival::Repeated);
        assert_eq!(arrivals.arrive(4, 10, now), Arrival::Ahead { expected: 3 });
        assert_eq!(arrivals.received(), 2);
    }

    #[test]
    fn acknowledgements_wait_for_sixty_four_frames_or_twenty_milliseconds() {
        let (mut arrivals, now) = (Arrivals::default(), Instant::now());
        assert!(!arrivals.is_due(now));
        (1..=63).for_each(|number| assert_eq!(arrivals.arrive(number, 10, now), Arrival::New));
        assert!(!arrivals.is_due(now) && arrivals.is_due(now + Arrivals::DELAY));
        assert_eq!(arrivals.arrive(64, 10, now), Arrival::New);
        assert!(arrivals.is_due(now));
        assert_eq!(arrivals.acknowledge(), 64);
        assert!(!arrivals.is_due(now + Arrivals::DELAY));
    }

    #[test]
    fn what_is_sent_again_is_acknowledged_at_once() {
        let (mut arrivals, now) = (Arrivals::default(), Instant::now());
        assert_eq!(arrivals.arrive(1, 10, now), Arrival::New);
        arrivals.acknowledge();
        assert_eq!(arrivals.arrive(1, 10, now), Arrival::Repeated);
        assert!(arrivals.is_due(now));
    }
}
