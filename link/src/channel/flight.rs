use std::time::{Duration, Instant};

use super::arrivals::Arrivals;
use crate::lanes::Lane;

/// How much may be in flight: what the way carries in the time a round trip takes when nothing waits on it, and a little more,
/// so that it is never idle. What went beyond that would wait on the way, where nothing more urgent can pass it.
///
/// A round trip that takes longer than the shortest one tells how much waits: the window goes towards what would keep
/// [a little](Self::waiting) waiting, half the way in each round trip. That is the rule of FAST TCP (Wei, Jin, Low, Hegde 2006) with
/// γ = ½. Until something waits for the first time the window doubles, as TCP's does (RFC 5681). Where frames may be lost,
/// it is halved for a loss, and grows in small steps from then on.
#[derive(Debug)]
pub(crate) struct Flight {
    hops: u64,
    /// So many bytes may be in flight.
    window: u64,
    growth: Growth,
    /// The shortest round trip, and until when that holds.
    shortest: Option<(Duration, Instant)>,
    /// A frame whose acknowledgement tells how long a round trip takes, and when it was sent.
    timed: Option<(u64, Instant)>,
    /// Whether the window has held anything back since that frame.
    was_full: bool,
    /// The lane of the frame before, and when it was another's turn last.
    lane: Option<Lane>,
    shared_at: Option<Instant>,
    /// What it was before it was lowered, for a round trip that tells how long one takes when nothing waits.
    lowered_from: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    /// Nothing has waited on the way yet.
    Doubling,
    Steady,
    /// Something was lost.
    Stepwise,
}

/// As little waits on most ways, so that the first round trips tell how long one takes.
const FIRST: u64 = LOW;
const MOST: u64 = 8 * 1024 * 1024;
const STEP: u64 = 32 * 1024;

/// It is not made smaller than this because something waits: with less on the way a receiver that has got all of it would wait
/// for more before it acknowledges anything.
const LOW: u64 = Arrivals::BYTES_TOGETHER as u64 + 32 * 1024;

/// Nor smaller than this because something was lost.
const LEAST: u64 = 64 * 1024;

/// What waits on the way does so for this long at most, unless that is less than [`LOW`].
const WAITS: Duration = Duration::from_millis(25);

/// So long after lanes took turns they are taken to go on with it.
const SHARED: Duration = Duration::from_secs(1);

/// After so long the shortest round trip is measured anew: the way may have become another.
const HOLDS: Duration = Duration::from_secs(10);

impl Flight {
    /// Over a way of so many hops, at each of which something may wait.
    pub(crate) fn new(hops: u64) -> Self {
        Self {
            hops,
            window: FIRST,
            growth: Growth::Doubling,
            shortest: None,
            timed: None,
            was_full: false,
            lane: None,
            shared_at: None,
            lowered_from: None,
        }
    }

    pub(crate) fn hops(&self) -> u64 {
        self.hops
    }

    /// Whether more may be sent while so much is in flight.
    #[inline]
    pub(crate) fn has_room(&self, in_flight: u64) -> bool {
        in_flight < self.window
    }

    /// A frame was sent for the first time, and so much is in flight with it.
    #[inline]
    pub(crate) fn sent(&mut self, number: u64, in_flight: u64, now: Instant) {
        self.was_full |= in_flight >= self.window;
        if self.timed.is_none() {
            self.timed = Some((number, now));
        }
    }

    /// A frame was made of what a lane has.
    #[inline]
    pub(crate) fn made(&mut self, lane: Lane, now: Instant) {
        if self.lane.replace(lane).is_some_and(|before| before != lane) {
            self.shared_at = Some(now);
        }
    }

    /// Frames up to this one, and so many bytes, were acknowledged. How long a round trip took, if that is known.
    pub(crate) fn acknowledged(&mut self, received: u64, bytes: u64, now: Instant) -> Option<Duration> {
        match self.growth {
            Growth::Doubling if self.was_full => self.window += bytes,
            Growth::Stepwise => self.window += STEP * bytes / self.window,
            Growth::Doubling | Growth::Steady => {}
        }
        self.window = self.window.min(MOST);
        let (_, sent) = self.timed.filter(|(number, _)| *number <= received)?;
        self.timed = None;
        let round_trip = now.saturating_duration_since(sent);
        let was_full = std::mem::take(&mut self.was_full);
        self.timed_one(round_trip, was_full, now);
        Some(round_trip)
    }

    fn timed_one(&mut self, round_trip: Duration, was_full: bool, now: Instant) {
        if let Some(before) = self.lowered_from.take() {
            self.window = before;
            self.shortest = Some((round_trip, now + HOLDS));
            return;
        }
        let shortest = match self.shortest {
            Some((shortest, _)) if shortest <= round_trip => shortest,
            _ => {
                self.shortest = Some((round_trip, now + HOLDS));
                round_trip
            }
        };
        // What was sent in no hurry was acknowledged in none, and says nothing of what waits.
        if !was_full {
            return;
        }
        let carried = (u128::from(self.window) * shortest.as_nanos() / round_trip.as_nanos().max(1)) as u64;
        let right = carried + self.waiting(round_trip, now);
        match self.growth {
            Growth::Doubling | Growth::Stepwise if right > self.window => {}
            growth => {
                if growth == Growth::Doubling {
                    self.growth = Growth::Steady;
                }
                self.window = ((self.window + right) / 2).clamp(LOW.min(self.window), MOST);
            }
        }
        if self.shortest.is_some_and(|(_, until)| until <= now) {
            self.lowered_from = Some(self.window);
            self.window = self.window.min(LOW);
        }
    }

    /// How many bytes are to wait on the way: more where it carries more, but not for long, and few where something more urgent
    /// comes in between.
    fn waiting(&self, round_trip: Duration, now: Instant) -> u64 {
        let is_shared = self.shared_at.is_some_and(|at| now.saturating_duration_since(at) < SHARED);
        let most = if is_shared { 128 * 1024 } else { self.hops * 384 * 1024 };
        let in_time = u128::from(self.window) * WAITS.as_nanos() / round_trip.as_nanos().max(1);
        most.min(in_time as u64).max(self.window / 8)
    }

    /// Something is lost, which a round trip before was not.
    pub(crate) fn lost(&mut self) {
        self.untimed();
        let window = self.lowered_from.take().unwrap_or(self.window);
        self.window = (window / 2).max(LEAST);
        self.growth = Growth::Stepwise;
    }

    /// What was timed is sent again: nobody will know which one is acknowledged.
    pub(crate) fn untimed(&mut self) {
        self.timed = None;
        self.was_full = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A way that carries so many bytes in a second, and takes so long besides; what goes over it is acknowledged in pieces.
    struct Road {
        per_second: u64,
        length: Duration,
    }

    impl Road {
        /// Keeps it as full as the window allows for so many round trips; when it is over.
        fn fill(&self, flight: &mut Flight, mut number: u64, rounds: u64, begin: Instant) -> (u64, Instant) {
            let mut now = begin;
            for _ in 0..rounds {
                number += 1;
                let window = flight.window;
                flight.sent(number, window, now);
                let carried = Duration::from_nanos(window * 1_000_000_000 / self.per_second);
                now += carried.max(self.length);
                flight.acknowledged(number, window, now);
            }
            (number, now)
        }

        fn carries_in_a_round_trip(&self) -> u64 {
            self.per_second * self.length.as_micros() as u64 / 1_000_000
        }
    }

    #[test]
    fn a_long_way_is_filled_and_a_short_one_is_not_flooded() {
        for (per_second, length, most) in [
            (2_000_000_000, Duration::from_micros(50), 900 * 1024),
            (125_000_000, Duration::from_millis(20), 3_400_000),
            (1_000_000, Duration::from_millis(10), 200 * 1024),
        ] {
            let road = Road { per_second, length };
            let mut flight = Flight::new(1);
            road.fill(&mut flight, 0, 200, Instant::now());
            let window = flight.window;
            assert!((road.carries_in_a_round_trip()..most).contains(&window), "{length:?}: {window}");
        }
    }

    #[test]
    fn a_way_that_has_become_longer_is_filled_again() {
        let mut flight = Flight::new(1);
        let short = Road { per_second: 125_000_000, length: Duration::from_micros(100) };
        let long = Road { per_second: 125_000_000, length: Duration::from_millis(20) };
        let (number, now) = short.fill(&mut flight, 0, 100, Instant::now());
        assert!(flight.window < 800 * 1024, "{}", flight.window);
        long.fill(&mut flight, number, 2_000, now);
        assert!(flight.window >= long.carries_in_a_round_trip(), "{}", flight.window);
    }

    #[test]
    fn less_waits_on_the_way_while_lanes_take_turns_and_not_for_long_after() {
        let road = Road { per_second: 1_000_000_000, length: Duration::from_micros(100) };
        let mut flight = Flight::new(1);
        let (number, now) = road.fill(&mut flight, 0, 200, Instant::now());
        let alone = flight.window;
        flight.made(Lane::Bulk, now);
        flight.made(Lane::Normal, now);
        let (number, now) = road.fill(&mut flight, number, 200, now);
        assert!(flight.window < alone * 2 / 3, "{} of {alone}", flight.window);
        road.fill(&mut flight, number, 200, now + SHARED);
        assert!(flight.window > alone * 9 / 10, "{} of {alone}", flight.window);
    }

    #[test]
    fn a_pause_on_the_way_does_not_make_it_so_small_that_acknowledgements_wait_for_more() {
        let road = Road { per_second: 2_000_000_000, length: Duration::from_micros(50) };
        let mut flight = Flight::new(1);
        let (mut number, mut now) = road.fill(&mut flight, 0, 100, Instant::now());
        for _ in 0..100 {
            number += 1;
            flight.sent(number, flight.window, now);
            now += Duration::from_millis(200);
            flight.acknowledged(number, flight.window, now);
            assert!(flight.window > Arrivals::BYTES_TOGETHER as u64, "{}", flight.window);
        }
    }

    #[test]
    fn what_is_sent_in_no_hurry_leaves_it_as_it_is() {
        let (mut flight, mut now) = (Flight::new(1), Instant::now());
        for number in 1..1_000 {
            flight.sent(number, 100, now);
            now += Duration::from_millis(20);
            flight.acknowledged(number, 100, now);
        }
        assert_eq!(flight.window, FIRST);
    }

    #[test]
    fn it_is_halved_for_a_loss_and_grows_in_small_steps_from_then_on() {
        let (mut flight, now) = (Flight::new(1), Instant::now());
        flight.lost();
        assert_eq!(flight.window, FIRST / 2);
        flight.acknowledged(1, FIRST / 2, now);
        assert_eq!(flight.window, FIRST / 2 + STEP);
        (1..100).for_each(|_| flight.lost());
        assert_eq!(flight.window, LEAST);
        (0..10_000).for_each(|_| _ = flight.acknowledged(3, MOST, now));
        assert_eq!(flight.window, MOST);
    }

    #[test]
    fn what_was_sent_twice_is_not_timed() {
        let (mut flight, now) = (Flight::new(1), Instant::now());
        flight.sent(1, 100, now);
        flight.sent(2, 200, now + Duration::from_millis(1));
        let later = now + Duration::from_millis(2);
        assert_eq!(flight.acknowledged(2, 200, later), Some(Duration::from_millis(2)));
        flight.sent(3, 100, later);
        flight.lost();
        assert_eq!(flight.acknowledged(3, 100, later + Duration::from_secs(1)), None);
    }

    proptest! {
        /// Whatever a way does, the window keeps within its bounds, and something may always go.
        #[test]
        fn it_keeps_within_its_bounds(steps in prop::collection::vec((0..4_u8, 0..3_000_000_u64), 1..400)) {
            let (mut flight, mut now, mut number) = (Flight::new(1), Instant::now(), 0);
            for (step, size) in steps {
                match step {
                    0 => {
                        number += 1;
                        flight.sent(number, size * 4, now);
                    }
                    1 => now += Duration::from_micros(size),
                    2 => _ = flight.acknowledged(number, size, now),
                    _ if size % 8 == 0 => flight.lost(),
                    _ => flight.untimed(),
                }
                prop_assert!((LEAST..=MOST).contains(&flight.window), "{}", flight.window);
                prop_assert!(flight.has_room(LEAST - 1) && !flight.has_room(MOST));
            }
        }
    }
}
