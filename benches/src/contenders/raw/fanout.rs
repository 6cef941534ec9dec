//! `fanout` on one tokio channel for each subscriber, and on one ring that all of them share.

use std::sync::Arc;

use tokio::sync::{
    broadcast,
    mpsc::{self, Sender},
};

use crate::{
    contender::Contender,
    drive::{self, Publisher},
    event::Event,
    measure::Sample,
    pace::{Pace, pace},
    runtime::on_two_workers,
    scenario::{CAPACITY, SUBSCRIBERS, Scenario},
    tally::{Tally, tallies},
};

pub(crate) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::Fanout, "raw", channels).base(),
        Contender::new(Scenario::Fanout, "raw-broadcast", ring),
    ]
}

struct Channels(Vec<Sender<Arc<Event>>>);

impl Publisher for Channels {
    async fn publish(&mut self, event: Event) {
        let event = Arc::new(event);
        for sender in &self.0 {
            sender.send(event.clone()).await.expect("every subscriber waits for the last event");
        }
    }
}

fn channels(deliveries: u64) -> Sample {
    on_two_workers(async move {
        let events = deliveries / SUBSCRIBERS as u64;
        let (tallies, arrivals) = tallies(SUBSCRIBERS, events);
        let subscribe = |mut tally: Tally| {
            let (sender, mut receiver) = mpsc::channel::<Arc<Event>>(CAPACITY);
            tokio::spawn(async move {
                while let Some(event) = receiver.recv().await {
                    tally.count(&event);
                }
            });
            sender
        };
        let senders = tallies.into_iter().map(subscribe).collect();
        drive::publish(events, Channels(senders), arrivals).await
    })
}

/// A broadcast overwrites what slow readers have not read, so its sender waits for them.
struct Ring {
    sender: broadcast::Sender<Arc<Event>>,
    pace: Pace,
}

impl Publisher for Ring {
    async fn publish(&mut self, event: Event) {
        let event = Arc::new(event);
        self.pace.until_allowed(event.number).await;
        self.sender.send(event).expect("every subscriber waits for the last event");
    }
}

fn ring(deliveries: u64) -> Sample {
    on_two_workers(async move {
        let events = deliveries / SUBSCRIBERS as u64;
        let (tallies, arrivals) = tallies(SUBSCRIBERS, events);
        let (pace, progress) = pace(SUBSCRIBERS, CAPACITY as u64);
        let (sender, _) = broadcast::channel::<Arc<Event>>(CAPACITY);
        for (mut tally, mut progress) in tallies.into_iter().zip(progress) {
            let mut receiver = sender.subscribe();
            tokio::spawn(async move {
                while let Ok(event) = receiver.recv().await {
                    tally.count(&event);
                    progress.advance();
                }
            });
        }
        drive::publish(events, Ring { sender, pace }, arrivals).await
    })
}
