//! A slow source: asked once for many who want to know, and asked again in the background so that nobody has to wait.
//!
//! ```text
//! cargo run --example cache
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::{Duration, Instant};

use edri::prelude::*;
use tokio::task::JoinSet;
use tokio::time::sleep;

#[derive(Request, Clone)]
#[request(response = u64)]
struct Price {
    of: String,
}

/// Somebody far away who knows prices, which rise with every question.
struct Bank {
    asked: u64,
}

#[manager]
impl Bank {
    #[request]
    async fn price(&mut self, event: Price) -> Result<u64, Failure> {
        sleep(Duration::from_millis(50)).await;
        self.asked += 1;
        println!("  the bank was asked for the price of {}", event.of);
        Ok(100 + self.asked)
    }
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let prices = Namespace::in_memory().bounds(Bounds::new().entries(1000).evict());
    let store = Store::in_memory().namespace("prices", prices);
    let app = App::new().manager(Bank { asked: 0 }).store(store).start().await?;
    let prices = StoreHandle::on(app.router()).namespace("prices");

    println!("twenty want to know the price of tea:");
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..20 {
        let (prices, router) = (prices.clone(), app.router().clone());
        callers.spawn(async move {
            let ask = move || async move { router.request(Price { of: "tea".to_owned() }).await };
            prices.cached("tea", Duration::from_secs(60), ask).await
        });
    }
    while let Some(price) = callers.join_next().await {
        assert_eq!(price.expect("no caller panics")?, 101);
    }
    println!("  all know it after {:.0?}", begun.elapsed());

    println!("the price of coffee is kept fresh:");
    let mut changes = prices.watch::<u64>("coffee").await?;
    let fresh = prices.refresh("coffee", Duration::from_millis(100), Price { of: "coffee".to_owned() })?;
    for _ in 0..3 {
        if let Some(Watched::Set { value, .. }) = changes.next().await.transpose()? {
            println!(
                "  it is {value} now, and reading it takes no time: {:?}",
                prices.get::<u64>("coffee").await?
            );
        }
    }
    println!("  it was refreshed {} times", fresh.count());
    app.shutdown(Duration::from_secs(5)).await.into_result()
}
