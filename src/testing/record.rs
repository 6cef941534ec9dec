use std::collections::VecDeque;
use std::fmt::{Debug, Display};
use std::panic::Location;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use edri_event::{Event, Priority};
use edri_router::{Deliver, Delivery, Envelope, Shared, Ticket, Wait};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::journal::{Journal, lock};

/// How much of one kind may be unread.
const UNREAD: usize = 1_024;

/// What has come and has not been read, in order.
pub(super) struct Unread<T> {
    waiting: Mutex<Waiting<T>>,
    came: Notify,
}

struct Waiting<T> {
    items: VecDeque<T>,
    /// How many came when there was no room.
    missed: usize,
}

/// Where and how long somebody waits for what.
pub(super) struct Patience<'a> {
    pub(super) at: &'static Location<'static>,
    pub(super) longest: Duration,
    pub(super) journal: &'a Journal,
}

impl<T> Unread<T> {
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::new(Waiting { items: VecDeque::new(), missed: 0 }), came: Notify::new() }
    }

    pub(super) fn add(&self, item: T) {
        let mut waiting = lock(&self.waiting);
        if waiting.items.len() < UNREAD {
            waiting.items.push_back(item);
        } else {
            waiting.missed += 1;
        }
        drop(waiting);
        self.came.notify_waiters();
    }

    /// The first that matches; those before it stay unread.
    pub(super) fn take(&self, matches: impl Fn(&T) -> bool) -> Option<T> {
        let mut waiting = lock(&self.waiting);
        let position = waiting.items.iter().position(matches)?;
        waiting.items.remove(position)
    }

    pub(super) fn take_all(&self) -> Vec<T> {
        lock(&self.waiting).items.drain(..).collect()
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.waiting).items.len()
    }

    /// Waits for the first that matches.
    pub(super) async fn next(&self, matches: impl Fn(&T) -> bool) -> T {
        loop {
            let mut came = pin!(self.came.notified());
            // What comes from here on wakes this.
            came.as_mut().enable();
            if let Some(item) = self.take(&matches) {
                return item;
            }
            came.await;
        }
    }

    /// The same, with a message when the time is over.
    pub(super) async fn expect(
        &self,
        what: impl Display,
        matches: impl Fn(&T) -> bool,
        patience: Patience<'_>,
    ) -> T {
        let Patience { at, longest, journal } = patience;
        match timeout(longest, self.next(matches)).await {
            Ok(item) => item,
            Err(_) => {
                let unread = match (self.len(), lock(&self.waiting).missed) {
                    (0, _) => String::new(),
                    (unread, 0) => format!(" ({unread} unread did not match)"),
                    (unread, missed) => format!(
                        " ({unread} unread did not match, and {missed} more were not kept, since no more than \
                         {UNREAD} are: expect them sooner)"
                    ),
                };
                panic!("{at}: expected {what} within {longest:?}, and none came{unread}; {journal}")
            }
        }
    }
}

/// Takes all events of one type, without ever being full.
pub(super) struct Recorder<E> {
    pub(super) unread: Unread<Shared<E>>,
    describe: fn(&E) -> String,
    journal: Arc<Journal>,
}

impl<E: Event + Debug> Recorder<E> {
    pub(super) fn new(journal: &Arc<Journal>) -> Self {
        Self::described_by(journal, |event| format!("{}: {event:?}", E::name()))
    }

    pub(super) fn described_by(journal: &Arc<Journal>, describe: fn(&E) -> String) -> Self {
        Self { unread: Unread::new(), describe, journal: Arc::clone(journal) }
    }

    fn record(&self, event: Shared<E>) {
        self.journal.note(format_args!("{}", (self.describe)(&event)));
        self.unread.add(event);
    }
}

impl<E: Event + Sync + Debug> Deliver<Envelope<E>> for Recorder<E> {
    fn deliver(&self, parcel: &mut Option<Envelope<E>>, _: Priority, _: Wait<'_>) -> Delivery {
        if let Some(envelope) = parcel.take() {
            self.record(envelope.event);
        }
        Delivery::Accepted
    }

    fn deliver_many(&self, parcels: &mut VecDeque<Envelope<E>>, _: Priority) -> bool {
        parcels.drain(..).for_each(|envelope| self.record(envelope.event));
        true
    }

    fn taken_in(&self, _: Ticket, _: &Waker) -> bool {
        true
    }

    fn withdraw(&self, _: Ticket) {}

    fn name(&self) -> &str {
        "the testbed"
    }
}
