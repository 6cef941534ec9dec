//! Subscribers that come and go, stall, and leave with events unread.

use std::sync::Arc;
use std::time::Duration;

use edri::prelude::*;
use tokio::time::{Instant, sleep, sleep_until};

use crate::books::Books;
use crate::dice::Dice;
use crate::event::Told;
use crate::lines::{FAN_OUT, GROUP};

/// To the line on which all have each event.
pub async fn guest(mut dice: Dice, router: Router, books: Arc<Books>, stay: Duration, until: Instant) {
    while Instant::now() < until {
        let subscription = router.subscription::<Told<FAN_OUT>>().named("a guest");
        visit(subscription.capacity(1 + dice.below(64)), &mut dice, &books, stay, until).await;
        sleep(dice.around(stay) / 4).await;
    }
}

/// To the line on which its members share the events.
pub async fn member(mut dice: Dice, router: Router, books: Arc<Books>, stay: Duration, until: Instant) {
    while Instant::now() < until {
        let subscription = router.subscription::<Told<GROUP>>().named("a member").group("members");
        visit(subscription.capacity(1 + dice.below(64)), &mut dice, &books, stay, until).await;
    }
}

async fn visit<const L: usize>(
    subscription: edri::router::Subscribe<'_, Told<L>>,
    dice: &mut Dice,
    books: &Books,
    stay: Duration,
    until: Instant,
) {
    let book = &books.line(L).told;
    let overflow = dice.one_of(&[Overflow::Wait, Overflow::DropOldest]);
    let mut events = subscription.overflow(overflow).start();
    let leaves = (Instant::now() + dice.around(stay)).min(until);
    loop {
        tokio::select! {
            biased;
            () = sleep_until(leaves) => break,
            event = events.recv() => match event {
                Some(event) => book.handle(&event),
                None => break,
            },
        }
        if dice.below(4096) == 0 {
            // A stall: those before a full inbox wait, or lose the oldest.
            sleep(dice.around(Duration::from_millis(5))).await;
        }
    }
    // Half of them read what they have; the others just leave.
    if dice.below(2) == 0 {
        events.close();
        while let Some(event) = events.recv().await {
            book.handle(&event);
        }
    }
}
