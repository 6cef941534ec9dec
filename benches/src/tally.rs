//! The check that every event arrived, and the signal that the last one did.

use tokio::sync::oneshot::{self, Receiver, Sender};

use crate::event::Event;

/// The receiving side's account: adds up the events and tells [`Arrivals`] about the last one.
#[derive(Debug)]
pub struct Tally {
    missing: u64,
    sum: u64,
    last: Option<Sender<u64>>,
}

/// The sending side's end of one or more tallies.
#[derive(Debug)]
pub struct Arrivals {
    tallies: Vec<Receiver<u64>>,
    expected: u64,
}

/// One receiver's tally of the events `0..events`.
pub fn tally(events: u64) -> (Tally, Arrivals) {
    let (mut tallies, arrivals) = tallies(1, events);
    (tallies.remove(0), arrivals)
}

/// The tallies of `receivers` receivers, of which each gets the events `0..events`.
pub fn tallies(receivers: usize, events: u64) -> (Vec<Tally>, Arrivals) {
    let (tallies, signals) = (0..receivers)
        .map(|_| {
            let (last, signal) = oneshot::channel();
            (Tally { missing: events, sum: 0, last: Some(last) }, signal)
        })
        .unzip();
    (tallies, Arrivals { tallies: signals, expected: sum_below(events) })
}

/// The sum of the numbers `0..count`, wrapping.
pub fn sum_below(count: u64) -> u64 {
    (0..count).fold(0, u64::wrapping_add)
}

impl Tally {
    /// Counts an event as handled.
    ///
    /// # Panics
    /// When more events arrive than were sent.
    pub fn count(&mut self, event: &Event) {
        self.sum = self.sum.wrapping_add(event.number);
        assert!(self.missing > 0, "an event arrived twice");
        self.missing -= 1;
        if self.missing == 0
            && let Some(last) = self.last.take()
        {
            // The other end is gone only when the run has failed already.
            let _ = last.send(self.sum);
        }
    }
}

impl Arrivals {
    /// Waits until every receiver has handled its last event.
    ///
    /// Events lost on the way leave it waiting, until whoever runs the rounds loses patience.
    ///
    /// # Panics
    /// When a receiver is gone before its last event, or when other events than those sent arrive.
    pub async fn all(self) {
        for signal in self.tallies {
            let sum = signal.await.expect("a receiver ended before its last event");
            assert_eq!(sum, self.expected, "the events that arrived are not those that were sent");
        }
    }
}
