//! A fast sender and a slow manager: what each overflow policy makes of it.
//!
//! ```text
//! cargo run --example backpressure
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use edri::prelude::*;
use futures_util::future::join_all;
use tokio::time::sleep;

const EVENTS: usize = 100;
const CAPACITY: usize = 8;

#[derive(Notification)]
struct Order;

#[derive(Request)]
#[request(response = ())]
struct Cook;

struct Kitchen {
    cooked: Arc<AtomicUsize>,
}

#[manager(capacity = CAPACITY)]
impl Kitchen {
    #[notification]
    async fn order(&mut self, _event: &Order) {
        sleep(Duration::from_millis(2)).await;
        self.cooked.fetch_add(1, Ordering::Relaxed);
    }

    #[request]
    async fn cook(&mut self, _event: Cook) {
        self.order(&Order).await;
    }
}

async fn start(policy: Overflow, cooked: &Arc<AtomicUsize>) -> Result<RunningApp, edri::Error> {
    let kitchen = Kitchen { cooked: Arc::clone(cooked) };
    App::new().manager(Host::new(kitchen).overflow(policy)).start().await
}

async fn notify(policy: Overflow) -> Result<(), edri::Error> {
    let cooked = Arc::default();
    let app = start(policy, &cooked).await?;

    let begun = Instant::now();
    let (mut accepted, mut dropped, mut refused) = (0, 0, 0);
    for _ in 0..EVENTS {
        match app.router().notify(Order).await {
            Ok(delivered) => {
                accepted += delivered.accepted;
                dropped += delivered.dropped;
            }
            Err(error) => refused += error.refused,
        }
    }
    let took = begun.elapsed();

    // What has been accepted, and not been dropped for a later one, is handled first.
    app.shutdown(Duration::from_secs(5)).await.into_result()?;
    let cooked = cooked.load(Ordering::Relaxed);
    let policy = format!("{policy:?}");
    println!("{policy:<10}  {accepted:>8}  {dropped:>7}  {refused:>7}  {cooked:>6}  {took:>7.0?}");
    Ok(())
}

/// Whoever asks is told what became of the request, whatever the policy.
async fn request(policy: Overflow) -> Result<(), edri::Error> {
    let app = start(policy, &Arc::default()).await?;
    let answers = join_all((0..2 * CAPACITY).map(|_| app.router().request(Cook))).await;
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    let overloaded = answers.iter().filter(|answer| matches!(answer, Err(RequestError::Overloaded))).count();
    println!("{:<10}  {answered:>8}  {overloaded:>10}", format!("{policy:?}"));
    app.shutdown(Duration::from_secs(5)).await.into_result()
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let policies = [Overflow::Wait, Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest];

    println!("{EVENTS} notifications, one after the other, to an inbox for {CAPACITY}:\n");
    println!("policy      accepted  dropped  refused  cooked  sending");
    for policy in policies {
        notify(policy).await?;
    }

    println!("\n{} requests at the same time:\n", 2 * CAPACITY);
    println!("policy      answered  overloaded");
    for policy in policies {
        request(policy).await?;
    }
    Ok(())
}
