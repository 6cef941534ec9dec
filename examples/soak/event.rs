//! What is sent: events that say what is to become of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use edri::prelude::*;
use tokio::time::sleep;

/// How a panic begins that was asked for: it is not shown.
pub const PANIC: &str = "soak: as told";

/// What a handler does with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Well,
    Fails,
    Panics,
    /// And does well when it is delivered again.
    PanicsFirst,
    Waits(Duration),
    /// Until it is given up.
    Hangs,
}

/// A notification on the line `L`.
#[derive(Notification)]
#[notification(key = sender)]
pub struct Told<const L: usize> {
    pub sender: u32,
    /// Counted by each sender.
    pub number: u64,
    pub lane: Priority,
    pub how: How,
    tries: AtomicU32,
}

/// A request on the line `L`.
#[derive(Request)]
#[request(response = Receipt, key = sender)]
pub struct Ask<const L: usize> {
    pub sender: u32,
    pub number: u64,
    pub how: How,
    pub patience: Patience,
}

/// Whether its requester waits for an answer whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    Patient,
    /// It may go away.
    Impatient,
}

/// Answers that are read, and those that nobody read: the two make all.
#[derive(Debug, Default)]
pub struct Receipts {
    pub made: AtomicU64,
    pub read: AtomicU64,
    pub unread: AtomicU64,
}

/// An answer, which is entered in the books when it is read, or dropped unread.
#[derive(Debug)]
pub struct Receipt(Option<Arc<Receipts>>);

impl<const L: usize> Told<L> {
    pub fn new(sender: u32, number: u64, lane: Priority, how: How) -> Self {
        Self { sender, number, lane, how, tries: AtomicU32::new(0) }
    }

    /// Whether a handler begins with it for the first time; to be asked once by each.
    pub fn is_tried_first(&self) -> bool {
        self.tries.fetch_add(1, Ordering::Relaxed) == 0
    }

    pub fn tries(&self) -> u32 {
        self.tries.load(Ordering::Relaxed)
    }
}

impl How {
    pub async fn perform(self, first: bool) -> Result<(), Failure> {
        match self {
            Self::Waits(time) => sleep(time).await,
            Self::Hangs => std::future::pending().await,
            at_once => at_once.perform_now(first)?,
        }
        Ok(())
    }

    /// In a handler that does not wait: what it cannot do, it does not.
    pub fn perform_now(self, first: bool) -> Result<(), Failure> {
        match self {
            Self::Fails => Err(Failure::new("soak", "as told")),
            Self::Panics => panic!("{PANIC}"),
            Self::PanicsFirst if first => panic!("{PANIC}, once"),
            _ => Ok(()),
        }
    }
}

impl Receipt {
    pub fn new(receipts: &Arc<Receipts>) -> Self {
        receipts.made.fetch_add(1, Ordering::Relaxed);
        Self(Some(Arc::clone(receipts)))
    }

    pub fn read(mut self) {
        if let Some(receipts) = self.0.take() {
            receipts.read.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(receipts) = &self.0 {
            receipts.unread.fetch_add(1, Ordering::Relaxed);
        }
    }
}
