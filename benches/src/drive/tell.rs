//! One or several senders to one receiver.

use std::future::Future;

use crate::{
    event::Event,
    measure::{Sample, Stopwatch},
    tally::Arrivals,
};

/// A handle that sends an event without an answer.
pub trait Teller: Send + 'static {
    /// Sends, waiting for room where the contender is bounded.
    fn tell(&mut self, event: Event) -> impl Future<Output = ()> + Send;
}

/// Sends the events `0..events` one by one.
pub async fn tell(events: u64, mut teller: impl Teller, arrivals: Arrivals) -> Sample {
    let stopwatch = Stopwatch::start();
    for number in 0..events {
        teller.tell(Event::numbered(number)).await;
    }
    arrivals.all().await;
    stopwatch.stop(events)
}

/// Sends the events `0..events` one by one, each of `senders` tasks its part of them.
pub async fn tell_from_tasks(
    events: u64,
    senders: usize,
    teller: impl Teller + Clone,
    arrivals: Arrivals,
) -> Sample {
    let senders = senders as u64;
    assert_eq!(events % senders, 0, "the senders must share the events evenly");
    let part = events / senders;
    let stopwatch = Stopwatch::start();
    for sender in 0..senders {
        let mut teller = teller.clone();
        tokio::spawn(async move {
            for number in sender * part..(sender + 1) * part {
                teller.tell(Event::numbered(number)).await;
            }
        });
    }
    arrivals.all().await;
    stopwatch.stop(events)
}
