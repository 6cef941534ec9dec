//! One publisher, and subscribers that differ in speed and in what happens when their inbox is full.
//!
//! ```text
//! cargo run --example fanout
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use edri::prelude::*;
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep};

const READINGS: u32 = 250;

#[derive(Notification)]
struct Reading {
    number: u32,
}

/// Takes a reading, is busy for a while, takes the next; ends with the router.
fn listen(router: &Router, name: &'static str, inbox: InboxSettings, busy: Duration) -> JoinHandle<()> {
    let mut readings = router.subscribe_with::<Reading>(inbox);
    tokio::spawn(async move {
        let (mut got, mut last) = (0, 0);
        while let Some(reading) = readings.recv().await {
            (got, last) = (got + 1, reading.number);
            sleep(busy).await;
        }
        let tally = readings.tally();
        let (policy, capacity) = (format!("{:?}", inbox.overflow), inbox.capacity);
        println!(
            "{name:<9} {policy:<10} {capacity:>8} {got:>5} {:>8} {:>8} {last:>5}",
            tally.dropped, tally.rejected
        );
    })
}

#[edri::main]
async fn main() {
    let router = Router::new();
    let inbox = |capacity, overflow| InboxSettings::with_capacity(capacity).overflow(overflow);
    let subscribers = [
        listen(&router, "log", inbox(64, Overflow::Wait), Duration::ZERO),
        listen(&router, "display", inbox(1, Overflow::DropOldest), Duration::from_millis(50)),
        listen(&router, "sampler", inbox(4, Overflow::DropNewest), Duration::from_millis(20)),
        listen(&router, "alarm", inbox(4, Overflow::Reject), Duration::from_millis(10)),
    ];

    let mut clock = interval(Duration::from_millis(2));
    let mut refused = 0;
    for number in 1..=READINGS {
        clock.tick().await;
        if let Err(error) = router.notify(Reading { number }).await {
            if refused == 0 {
                println!("the first refusal: {error}");
            }
            refused += error.refused;
        }
    }
    println!("sent {READINGS} readings, {refused} of them were refused by a subscriber\n");

    // Without a router there is nothing more to come: subscribers get what waits for them, and end.
    drop(router);
    println!("{:<9} {:<10} capacity   got  dropped rejected  last", "", "policy");
    for subscriber in subscribers {
        let _ = subscriber.await;
    }
}
