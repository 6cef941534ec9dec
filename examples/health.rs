//! What can be seen of a program from the outside: how its parts are, and the whole picture as text and as JSON.
//!
//! ```text
//! cargo run --example health             # a report, and the picture as a table
//! cargo run --example health -- json     # the picture as JSON
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use edri::prelude::*;
use tokio::time::{sleep, timeout};

#[derive(Request)]
#[request(response = u32)]
struct Order {
    /// Of paper.
    sheets: u32,
}

/// Never ends.
#[derive(Notification)]
struct Jam;

struct Printer {
    paper: u32,
}

#[manager]
impl Printer {
    #[request]
    fn print(&mut self, order: Order) -> Result<u32, Failure> {
        self.paper = self
            .paper
            .checked_sub(order.sheets)
            .ok_or_else(|| Failure::new("no paper", format!("{} sheets are left", self.paper)))?;
        Ok(self.paper)
    }

    #[notification]
    async fn jam(&self, _jam: &Jam) {
        std::future::pending().await
    }

    /// Asked by the router, between two events.
    #[health]
    fn health(&self) -> Health {
        let health = match self.paper {
            0 => Health::failed("no paper"),
            1..20 => Health::warning("little paper"),
            _ => Health::ok(),
        };
        health.with("paper", self.paper)
    }
}

#[derive(Request)]
#[request(response = ())]
struct Fold;

struct Folder;

impl Worker for Folder {
    type Job = Fold;

    async fn run(&mut self, _job: Fold, _cx: &WorkerContext) -> Result<(), Failure> {
        sleep(Duration::from_millis(5)).await;
        Ok(())
    }
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let json = std::env::args().any(|argument| argument == "json");
    let app = App::new().workers(Pool::tasks(2, || Folder)).manager(Printer { paper: 100 });
    // Asked here by hand, when there is something to see.
    let app = app.without_health_checks().start().await?;
    let router = app.router();
    let mut changes = router.subscribe::<HealthChanged>();

    for sheets in [30, 40, 50, 20] {
        let _ = router.request(Order { sheets }).await;
        let _ = timeout(Duration::from_secs(1), router.request(Fold)).await;
    }
    let low = router.health(Duration::from_secs(1)).await;
    // From here on the printer handles nothing any more, and cannot say how it is.
    router.notify(Jam).await?;
    sleep(Duration::from_millis(20)).await;
    let jammed = router.health(Duration::from_millis(100)).await;
    let picture = router.snapshot();
    if json {
        println!("{}", serde_json::to_string_pretty(&picture).map_err(std::io::Error::from)?);
    } else {
        for part in low.parts.iter().chain(&jammed.parts) {
            print!("{}: {}", part.name, part.status);
            if let Some(reason) = &part.reason {
                print!(", {reason}");
            }
            if let Some(stuck) = &part.stuck {
                print!(", stuck on {}", stuck.event);
            }
            println!();
        }
        while let Some(change) = changes.try_recv() {
            println!("changed: {} from {} to {}", change.part, change.from, change.to);
        }
        println!("\n{picture}");
    }
    // It is jammed, and says so.
    let report = app.shutdown(Duration::from_millis(100)).await;
    eprintln!("{report}");
    Ok(())
}
