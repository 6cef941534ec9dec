//! Sending, with an entry in the books for whatever came of it.

use std::time::Duration;

use edri::prelude::*;

use crate::books::{AskedBook, Books, Outcome, ToldBook};
use crate::event::{Ask, How, Patience, Told};
use crate::lines::{Account, LINES};

/// One event about to be sent.
#[derive(Clone, Copy)]
pub struct Parcel {
    pub sender: u32,
    pub number: u64,
    pub lane: Priority,
    pub how: How,
    /// Afterwards nobody need be told, or the requester goes away.
    pub within: Option<Duration>,
}

impl Parcel {
    pub fn new(sender: u32, number: u64, how: How) -> Self {
        Self { sender, number, lane: Priority::Normal, how, within: None }
    }

    fn told<const L: usize>(&self) -> Told<L> {
        Told::new(self.sender, self.number, self.lane, self.how)
    }
}

pub async fn notify<const L: usize>(router: &Router, books: &Books, parcel: Parcel) {
    let sending = router.notify(parcel.told::<L>()).priority(parcel.lane);
    let outcome = match parcel.within {
        None => sending.await,
        Some(within) => sending.expires_in(within).await,
    };
    enter::<L>(&books.line(L).told, parcel, outcome);
}

/// Whether it was taken.
pub async fn try_notify<const L: usize>(router: &Router, books: &Books, parcel: Parcel) -> bool {
    let outcome = router.try_notify(parcel.told::<L>());
    let taken = outcome.is_ok();
    enter::<L>(&books.line(L).told, Parcel { lane: Priority::Normal, ..parcel }, outcome);
    taken
}

/// `parcel` and those that follow it.
pub async fn notify_all<const L: usize>(router: &Router, books: &Books, parcel: Parcel, events: u64) {
    let batch = (0..events).map(|further| Parcel { number: parcel.number + further, ..parcel });
    let outcome = router.notify_all(batch.clone().map(|parcel| parcel.told::<L>())).await;
    let book = &books.line(L).told;
    // The one consumer on this line makes its sender wait: it accepts all, and else the books do not balance.
    let accepted = match outcome {
        Ok(delivered) => delivered.accepted,
        Err(refused) => refused.delivered.accepted,
    };
    batch.take(accepted).for_each(|parcel| book.sent.add(parcel.sender, parcel.number));
    if accepted as u64 != events {
        book.refused.add_times(parcel.sender, parcel.number, events.abs_diff(accepted as u64));
    }
}

fn enter<const L: usize>(book: &ToldBook, parcel: Parcel, outcome: Result<Delivered, NotifyError>) {
    let Parcel { sender, number, .. } = parcel;
    let (delivered, refused) = match outcome {
        Ok(delivered) => (delivered, 0),
        Err(error) => (error.delivered, error.refused),
    };
    let deliveries = match LINES[L].account {
        // Nobody had it, and nobody refused it: nobody subscribed to it.
        _ if delivered == Delivered::default() && refused == 0 => 1,
        Account::Accepted => delivered.accepted,
        Account::AcceptedAndDropped => delivered.accepted + delivered.dropped,
        Account::Witnessed => 1,
    };
    book.sent.add_times(sender, number, deliveries as u64);
    book.refused.add_times(sender, number, refused as u64);
}

/// Asks, and waits for the answer whatever happens.
pub async fn ask<const L: usize>(router: &Router, books: &Books, parcel: Parcel) {
    let Parcel { sender, number, how, .. } = parcel;
    let book = &books.line(L).asked;
    book.asked.add(sender, number);
    let answer = router.request(Ask::<L> { sender, number, how, patience: Patience::Patient }).await;
    answered(book, parcel, Patience::Patient, answer);
}

/// Asks, and goes away when the time is over; or tells the time as a deadline.
pub async fn ask_within<const L: usize>(router: &Router, books: &Books, parcel: Parcel, end: Ending) {
    let Parcel { sender, number, how, within, .. } = parcel;
    let book = &books.line(L).asked;
    book.asked.add(sender, number);
    let asking = router.request(Ask::<L> { sender, number, how, patience: Patience::Impatient });
    let within = within.unwrap_or_default();
    let answer = match end {
        Ending::Deadline => asking.timeout(within).await,
        Ending::Drop => match tokio::time::timeout(within, asking).await {
            Ok(answer) => answer,
            Err(_) => return book.end(sender, number, Patience::Impatient, Outcome::GivenUp),
        },
    };
    answered(book, parcel, Patience::Impatient, answer);
}

/// How an impatient requester goes away.
#[derive(Clone, Copy)]
pub enum Ending {
    Deadline,
    Drop,
}

fn answered(
    book: &AskedBook,
    parcel: Parcel,
    patience: Patience,
    answer: Result<crate::event::Receipt, RequestError>,
) {
    let outcome = match answer {
        Ok(receipt) => {
            receipt.read();
            Outcome::Answered
        }
        Err(error) => Outcome::of(&error),
    };
    book.end(parcel.sender, parcel.number, patience, outcome);
}
