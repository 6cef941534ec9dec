//! A program that runs until it is told to end, by Ctrl-C or SIGTERM, and then finishes what it has accepted.
//!
//! ```text
//! cargo run --example serve             # press Ctrl-C: 20 parcels are delivered first
//! cargo run --example serve -- stuck    # press Ctrl-C: one never arrives; press it again
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use edri::prelude::*;
use tokio::time::sleep;

const PARCELS: u32 = 20;

#[derive(Notification)]
struct Parcel {
    lost: bool,
}

#[derive(Default)]
struct Courier {
    delivered: u32,
}

#[manager]
impl Courier {
    #[notification]
    async fn deliver(&mut self, parcel: &Parcel) {
        if parcel.lost {
            std::future::pending::<()>().await;
        }
        sleep(Duration::from_millis(20)).await;
        self.delivered += 1;
    }

    #[stopping]
    fn report(&self) {
        println!("delivered {} parcels", self.delivered);
    }
}

/// Added last, and therefore stopped first.
#[derive(Default)]
struct Desk {
    accepted: u32,
}

#[manager]
impl Desk {
    #[notification]
    fn accept(&mut self, _parcel: &Parcel) {
        self.accepted += 1;
    }

    #[stopping]
    fn close(&self) {
        println!("closed after {} parcels", self.accepted);
    }
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let lost = std::env::args().any(|argument| argument == "stuck");
    let app = App::new()
        .manager(Courier::default())
        .manager(Desk::default())
        .grace(Duration::from_secs(60))
        .start()
        .await?;
    for _ in 0..PARCELS {
        app.router().notify(Parcel { lost }).await?;
    }
    // Said when signals are heard: from here on one ends the program in order.
    app.run_until(async {
        println!("ready");
        std::future::pending::<()>().await;
    })
    .await
    .map(drop)
}
