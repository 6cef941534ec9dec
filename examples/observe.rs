//! What a program shows of itself: spans on the console, metrics for Prometheus.
//!
//! ```text
//! cargo run --example observe --features prometheus
//! curl -s http://127.0.0.1:9100/metrics    # meanwhile, from another terminal
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use edri::prelude::*;
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

#[derive(Request)]
#[request(response = u32)]
struct Order {
    pieces: u32,
}

#[derive(Request)]
#[request(response = u32)]
struct Price {
    pieces: u32,
}

#[derive(Notification)]
struct Sold {
    pieces: u32,
}

/// Asks another, and tells all.
struct Desk;

#[manager]
impl Desk {
    #[request]
    async fn order(&mut self, order: Order, cx: &Context) -> Result<u32, Failure> {
        let price = cx.router().request(Price { pieces: order.pieces }).await?;
        cx.router().notify(Sold { pieces: order.pieces }).await?;
        Ok(price)
    }
}

struct Calculator;

impl Worker for Calculator {
    type Job = Price;

    async fn run(&mut self, price: Price, _: &WorkerContext) -> Result<u32, Failure> {
        match price.pieces {
            13 => Err(Failure::new("unlucky", "expected another number of pieces")),
            pieces => Ok(pieces * 7),
        }
    }
}

struct Ledger {
    pieces: u32,
}

#[manager]
impl Ledger {
    #[notification]
    fn sold(&mut self, sold: &Sold) {
        self.pieces += sold.pieces;
    }
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,edri::event=debug"));
    tracing_subscriber::fmt().with_env_filter(filter).with_span_events(FmtSpan::CLOSE).init();
    let app = App::new()
        .manager(Ledger { pieces: 0 })
        .manager(Host::new(Desk).source().needs("Ledger"))
        .workers(Pool::threads(2, || Calculator))
        .prometheus(([127, 0, 0, 1], 9100))
        .start()
        .await?;
    let router = app.router().clone();
    println!("metrics: http://127.0.0.1:9100/metrics; end it with Ctrl-C");
    app.run_until(async move {
        for pieces in 1.. {
            match router.request(Order { pieces: pieces % 20 }).await {
                Ok(price) => println!("{pieces} pieces: {price}"),
                Err(error) => println!("{pieces} pieces: {error}"),
            }
            sleep(Duration::from_millis(500)).await;
        }
    })
    .await
    .map(drop)
}
