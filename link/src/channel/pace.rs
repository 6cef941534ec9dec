use std::time::{Duration, Instant};

use super::flight::Flight;
use crate::lanes::Lane;

/// How fast a channel goes: as much at a time as the way carries, and, where frames may be dropped on the way, a question when
/// nothing has been heard for too long.
#[derive(Debug)]
pub(crate) struct Pace {
    flight: Flight,
    round_trip: Option<Duration>,
    probe_at: Option<Instant>,
    /// How often it was asked since something was heard.
    probes: u32,
    sent_again_at: Option<Instant>,
}

/// How long is waited for an answer that has never been timed.
const UNKNOWN: Duration = Duration::from_millis(500);
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

impl Pace {
    /// Over a way of so many hops.
    pub(crate) fn new(hops: u64) -> Self {
        Self { flight: Flight::new(hops), round_trip: None, probe_at: None, probes: 0, sent_again_at: None }
    }

    /// Another transport: what was known of the way is known no longer.
    pub(crate) fn begin(&mut self, hops: u64) {
        *self = Self::new(hops);
    }

    /// The same way, of which nothing is known.
    pub(crate) fn begin_again(&mut self) {
        self.begin(self.flight.hops());
    }

    /// Whether more may be sent while so much is in flight.
    #[inline]
    pub(crate) fn has_room(&self, in_flight: u64) -> bool {
        self.flight.has_room(in_flight)
    }

    /// A frame was sent for the first time, and so much is in flight with it.
    #[inline]
    pub(crate) fn sent(&mut self, number: u64, in_flight: u64, now: Instant) {
        self.flight.sent(number, in_flight, now);
    }

    /// A frame was made of what a lane has.
    #[inline]
    pub(crate) fn made(&mut self, lane: Lane, now: Instant) {
        self.flight.made(lane, now);
    }

    /// Frames up to this one, and so many bytes, were acknowledged.
    pub(crate) fn acknowledged(&mut self, received: u64, bytes: u64, now: Instant) {
        if bytes == 0 {
            return;
        }
        if let Some(sample) = self.flight.acknowledged(received, bytes, now) {
            self.round_trip = Some(self.round_trip.map_or(sample, |before| (before * 7 + sample) / 8));
        }
    }

    /// Something was heard from the other end: it lives, and the way is open.
    pub(crate) fn heard(&mut self) {
        self.probes = 0;
        self.probe_at = None;
    }

    /// Something is missing there. Whether to send it again now; what was asked for twice is sent again once.
    pub(crate) fn send_again(&mut self, now: Instant) -> bool {
        let pause = self.round_trip.unwrap_or(SHORTEST);
        if self.sent_again_at.is_some_and(|last| now.saturating_duration_since(last) < pause) {
            return false;
        }
        self.sent_again_at = Some(now);
        self.flight.lost();
        true
    }

    /// Sees to it that a question is asked in time while this end waits for something, and not when it does not.
    pub(crate) fn wait(&mut self, waits: bool, now: Instant) {
        if !waits {
            self.heard();
        } else if self.probe_at.is_none() {
            self.probe_at = Some(now + self.patience());
        }
    }

    pub(crate) fn next_probe(&self) -> Option<Instant> {
        self.probe_at
    }

    /// Whether it is time to ask; the next time is later.
    pub(crate) fn probe(&mut self, now: Instant) -> bool {
        if self.probe_at.is_none_or(|at| at > now) {
            return false;
        }
        self.probes += 1;
        self.flight.untimed();
        self.probe_at = Some(now + self.patience());
        true
    }

    /// How long to wait before asking.
    fn patience(&self) -> Duration {
        // An acknowledgement may wait for company, too.
        let once =
            self.round_trip.map_or(UNKNOWN, |round_trip| (round_trip * 2 + SHORTEST / 2).max(SHORTEST));
        (once * 2_u32.pow(self.probes.min(6))).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_sent_again_once_in_a_round_trip() {
        let (mut pace, now) = (Pace::new(1), Instant::now());
        assert!(pace.send_again(now));
        assert!(!pace.send_again(now + SHORTEST / 2));
        (1..100).for_each(|round| assert!(pace.send_again(now + SHORTEST * round)));
    }

    #[test]
    fn it_asks_less_and_less_often_until_it_is_answered() {
        let (mut pace, now) = (Pace::new(1), Instant::now());
        pace.wait(true, now);
        assert_eq!(pace.next_probe(), Some(now + UNKNOWN));
        assert!(!pace.probe(now));
        let mut last = now + UNKNOWN;
        for pause in [1_000, 2_000, 4_000, 5_000, 5_000].map(Duration::from_millis) {
            assert!(pace.probe(last));
            assert_eq!(pace.next_probe(), Some(last + pause));
            last += pause;
        }
        pace.heard();
        pace.wait(true, last);
        assert_eq!(pace.next_probe(), Some(last + UNKNOWN));
        pace.wait(false, last);
        assert_eq!(pace.next_probe(), None);
    }

    #[test]
    fn it_learns_how_long_a_round_trip_takes() {
        let (mut pace, now) = (Pace::new(1), Instant::now());
        pace.sent(1, 100, now);
        pace.sent(2, 200, now + SHORTEST);
        pace.acknowledged(2, 100, now + SHORTEST * 2);
        assert_eq!(pace.round_trip, Some(SHORTEST * 2));
        pace.sent(3, 100, now);
        // It was sent twice: nobody knows which one is acknowledged.
        pace.send_again(now);
        pace.acknowledged(3, 100, now + SHORTEST * 100);
        assert_eq!(pace.round_trip, Some(SHORTEST * 2));
    }
}
