//! A sensor that breaks now and then, and the program that goes on: restarts, a poison event that is set aside, and
//! an end that is told when there is no hope.
//!
//! ```text
//! cargo run --example supervision
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use edri::manager::{Jitter, ManagerRestarted, ManagerStopped};
use edri::prelude::*;

/// A raw value; negative ones break the sensor.
#[derive(Notification)]
struct Measured(i64);

/// Asks how many values this sensor has seen.
#[derive(Request)]
#[request(response = usize)]
struct Seen;

#[derive(Default)]
struct Sensor {
    seen: usize,
}

#[manager(name = "sensor", redeliver = 1, essential)]
impl Sensor {
    #[started]
    fn calibrate(&mut self) {
        println!("  the sensor is calibrated");
    }

    #[notification]
    fn measured(&mut self, event: &Measured) {
        assert!(event.0 >= 0, "{} is out of range", event.0);
        self.seen += 1;
        println!("  measured {}", event.0);
    }

    #[request]
    fn seen(&mut self, _event: Seen) -> usize {
        self.seen
    }
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let backoff = Backoff::doubling(Duration::from_millis(20), Duration::from_secs(1)).jitter(Jitter::Off);
    // Three restarts in a minute: a fourth fall is its end.
    let sensor = Host::from_fn(Sensor::default).backoff(backoff).budget(3, Duration::from_secs(60));

    let app = App::new().manager(sensor).start().await?;
    let router = app.router().clone();
    let mut restarts = router.subscribe::<ManagerRestarted>();
    let mut stops = router.subscribe::<ManagerStopped>();

    println!("one value in the middle is poison: it is tried twice, and set aside");
    for value in [1, 2, -3, 4] {
        router.notify(Measured(value)).await?;
    }
    for _ in 0..2 {
        if let Some(news) = restarts.recv().await {
            println!("{} has been restarted (attempt {}): {}", news.name, news.attempt, news.reason);
        }
    }
    // The inbox outlived them all; what the sensor itself remembered did not.
    println!("this sensor has seen {} value", router.request(Seen).await?);

    println!("one more poison is too much: there is one restart left, and it needs two");
    router.notify(Measured(-5)).await?;
    if let Some(news) = stops.recv().await {
        println!("{} has stopped: {}", news.name, news.end);
    }
    // It was essential: the program ends with an error that names it.
    match app.run().await {
        Err(error @ edri::Error::Lost { .. }) => println!("the program ends: {error}"),
        other => return other,
    }
    Ok(())
}
