//! Those who come late: a display that joins while a sensor goes on, a manager that begins with all that is kept, an
//! auditor who reads the answers of the past.
//!
//! ```text
//! cargo run --example replay
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::ops::Range;
use std::time::Duration;

use edri::prelude::*;
use tokio::time::sleep;

/// A router keeps the newest hundred of the last minute.
#[derive(Notification)]
#[notification(retain(events = 100, age = "1m"))]
struct Reading {
    number: u32,
    celsius: f64,
}

#[derive(Request, Clone)]
#[request(response = f64)]
struct Average;

/// Begins with the readings of the past; those that come while it starts follow, and then the live ones.
#[derive(Default)]
struct Statistics {
    readings: u32,
    sum: f64,
}

#[manager]
impl Statistics {
    #[notification(from = All)]
    fn read(&mut self, reading: &Reading) {
        self.readings += 1;
        self.sum += reading.celsius;
    }

    #[request]
    fn average(&mut self, _event: Average) -> f64 {
        println!("statistics: {} readings so far", self.readings);
        self.sum / f64::from(self.readings)
    }
}

async fn measure(router: &Router, numbers: Range<u32>) {
    for number in numbers {
        let reading = Reading { number, celsius: 20.0 + f64::from(number % 5) };
        if let Err(refused) = router.notify(reading).await {
            println!("sensor: {refused}");
        }
        sleep(Duration::from_millis(2)).await;
    }
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let app = App::new().start().await?;
    let router = app.router();
    router.retain_responses::<Average>(Retention::last(10));

    // Nobody listens yet; nobody answers yet, either.
    measure(router, 0..20).await;
    println!("kept: {} readings", router.retained::<Reading>().events);
    if let Err(error) = router.request(Average).await {
        println!("too early: {error}");
    }

    // The sensor goes on while others come.
    let sensor = router.clone();
    let sensor = tokio::spawn(async move { measure(&sensor, 20..40).await });
    sleep(Duration::from_millis(10)).await;

    let mut display = router.subscription::<Reading>().named("display").from(Replay::Last(3)).start();
    let statistics = Host::new(Statistics::default()).start(router).await?;
    let _ = sensor.await;
    if let Ok(average) = router.request(Average).await {
        println!("statistics: {average:.1} °C on average");
    }

    let mut shown = Vec::new();
    while let Some(reading) = display.try_recv() {
        shown.push(reading.number);
    }
    let in_a_row = shown.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    println!("display: the last is {:?}, each follows the one before: {in_a_row}", shown.last());

    let mut auditor = router.responses::<Average>().from(Replay::All);
    while let Some(answer) = auditor.try_recv() {
        match &answer.outcome {
            Ok(average) => println!("auditor: answered with {average:.1}"),
            Err(error) => println!("auditor: not answered: {error}"),
        }
    }
    drop(statistics);
    app.shutdown(Duration::from_secs(5)).await.into_result()
}
