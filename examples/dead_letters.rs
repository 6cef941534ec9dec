//! What becomes of events that nobody handles, and how one gets them back.
//!
//! ```text
//! cargo run --example dead_letters
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use edri::prelude::*;

#[derive(Notification)]
struct Reading {
    number: u32,
}

#[derive(Notification, Clone)]
struct Invoice {
    number: u32,
}

#[derive(Request)]
#[request(response = usize)]
struct SendAgain;

/// Keeps the invoices that were lost, until they are asked for again.
struct Archive {
    lost: Vec<Invoice>,
}

#[manager]
impl Archive {
    #[notification]
    fn keep(&mut self, lost: &Undelivered<Invoice>) {
        println!("archive: keeps invoice {}: {}", lost.event.number, lost.letter.reason);
        self.lost.push(lost.event.clone());
    }

    /// An invoice that is lost again comes back to the archive, which handles it after this.
    #[request]
    async fn send_again(&mut self, _event: SendAgain, cx: &Context) -> Result<usize, Failure> {
        let lost = std::mem::take(&mut self.lost);
        let sent = lost.len();
        cx.router().notify_all(lost).await?;
        Ok(sent)
    }
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let app = App::new().manager(Archive { lost: Vec::new() }).start().await?;
    let router = app.router();

    // Nobody prints invoices yet. That is no error for whoever sends them.
    for number in 1..=2 {
        router.notify(Invoice { number }).await?;
    }

    // A display that only wants the newest reading loses the others.
    let newest = InboxSettings::with_capacity(1).overflow(Overflow::DropOldest);
    let mut display = router.subscribe_with::<Reading>(newest);
    for number in 1..=4 {
        router.notify(Reading { number }).await?;
    }
    println!("display: reading {:?}", display.recv().await.map(|reading| reading.number));

    // Somebody who prints two of three, and then goes.
    let mut printer = router.subscribe::<Invoice>();
    println!("sent again: {}", router.request(SendAgain).await?);
    router.notify(Invoice { number: 3 }).await?;
    for _ in 0..2 {
        println!("printer: invoice {:?}", printer.recv().await.map(|invoice| invoice.number));
    }
    drop(printer);

    println!("\nthe router's dead letters, oldest first:");
    for letter in router.recent_dead_letters() {
        println!("  {letter}");
    }
    let counts = router.dead_letter_counts();
    println!(
        "{} in all: {} without a subscriber, {} dropped by a full inbox, {} left by a subscriber that went",
        counts.total(),
        counts.no_subscriber,
        counts.overflow,
        counts.stopped
    );
    app.shutdown(Duration::from_secs(5)).await.into_result()
}
