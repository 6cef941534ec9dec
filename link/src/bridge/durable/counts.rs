use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use edri_event::RouterId;

/// What has become of the durable flows of a router since it started.
#[derive(Default)]
pub(super) struct Counts {
    came: AtomicU64,
    redelivered: AtomicU64,
    stored: AtomicU64,
    interrupted: AtomicU64,
    given_up: AtomicU64,
    reopened: AtomicU64,
    /// What could not be done, the last of it last.
    troubles: Mutex<Vec<(Place, String)>>,
}

/// Where something could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In what is known of others.
    Book,
    /// In what is kept for one.
    Kept(RouterId),
    /// In what comes from one.
    Coming(RouterId),
}

/// Troubles of so many places are told at most: of a router that is in trouble with more, the last.
const TROUBLES: usize = 256;

/// What is known of the durable flows of a router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DurableStatus {
    /// For whom something is kept: one for each destination.
    pub destinations: Vec<DestinationStatus>,
    /// How many events were stored for others since it started.
    pub stored: u64,
    /// How many events of others were handed over here since it started.
    pub received: u64,
    /// How many of those may have been handed over before.
    pub redelivered: u64,
    /// How many events became dead letters because their destination was killed while it was at them. Some may have been
    /// handled.
    pub interrupted: u64,
    /// How many events became dead letters for other reasons: their destination did not want them any more, or did not come
    /// back.
    pub given_up: u64,
    /// How often a journal was opened again since it started, because the disk had failed while it was written.
    pub reopened: u64,
    /// What could not be done last, with the disk for instance; `None` if nothing, or it has been done since.
    pub trouble: Option<String>,
}

/// What is kept for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestinationStatus {
    /// Which.
    pub router: RouterId,
    /// What it was called last.
    pub name: String,
    /// Whether there is a link to it.
    pub is_connected: bool,
    /// How many events are kept for it, about.
    pub events: u64,
    /// How many wait to be stored.
    pub waiting: u64,
}

impl Counts {
    pub(super) fn came(&self, redelivered: bool) {
        self.came.fetch_add(1, Ordering::Relaxed);
        if redelivered {
            self.redelivered.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn stored(&self, events: u64) {
        self.stored.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn interrupted(&self, events: u64) {
        self.interrupted.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn given_up(&self, events: u64) {
        self.given_up.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn reopened(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn troubled(&self, place: Place, trouble: String) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.retain(|(other, _)| *other != place);
        if troubles.len() >= TROUBLES {
            troubles.remove(0);
        }
        troubles.push((place, trouble));
    }

    /// What went wrong there before does not any more.
    pub(super) fn untroubled(&self, place: Place) {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != place);
    }

    pub(super) fn status(&self, destinations: Vec<DestinationStatus>) -> DurableStatus {
        DurableStatus {
            destinations,
            stored: self.stored.load(Ordering::Relaxed),
            received: self.came.load(Ordering::Relaxed),
            redelivered: self.redelivered.load(Ordering::Relaxed),
            interrupted: self.interrupted.load(Ordering::Relaxed),
            given_up: self.given_up.load(Ordering::Relaxed),
            reopened: self.reopened.load(Ordering::Relaxed),
            trouble: {
                let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
                troubles.last().map(|(_, trouble)| trouble.clone())
            },
        }
    }
}
