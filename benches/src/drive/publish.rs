//! One sender to many subscribers.

use std::future::Future;

use crate::{
    event::Event,
    measure::{Sample, Stopwatch},
    scenario::SUBSCRIBERS,
    tally::Arrivals,
};

/// A handle that gives an event to every subscriber.
pub trait Publisher: Send + 'static {
    /// Sends to all, waiting for room where the contender is bounded.
    fn publish(&mut self, event: Event) -> impl Future<Output = ()> + Send;
}

/// Publishes the events `0..events` one by one; what is counted are the deliveries.
pub async fn publish(events: u64, mut publisher: impl Publisher, arrivals: Arrivals) -> Sample {
    let stopwatch = Stopwatch::start();
    for number in 0..events {
        publisher.publish(Event::numbered(number)).await;
    }
    arrivals.all().await;
    stopwatch.stop(events * SUBSCRIBERS as u64)
}
