use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use edri_event::{Failure, Priority};

use super::error::TunnelError;
use crate::dead_letter::DeadLetterOffice;
use crate::inbox::{Capacity, InboxSettings};
use crate::inbox::{Place, Popped, Pushed, Queue, Standing};
use crate::sync::Mutex;

/// One direction of a tunnel: a bounded queue that knows how it ended.
pub(super) struct Flow<T> {
    items: Queue<T>,
    end: Mutex<Ends>,
}

/// What each side has said last; each says it once.
#[derive(Default)]
struct Ends {
    sender: Option<SenderEnd>,
    receiver: Option<TunnelError>,
    /// Somebody will say what it means that this side was dropped.
    supervised: Option<Side>,
    /// Sides that were dropped meanwhile.
    dropped: Dropped,
}

#[derive(Clone, Copy, Default)]
struct Dropped {
    sender: bool,
    receiver: bool,
}

/// How the sending side ended.
#[derive(Clone)]
enum SenderEnd {
    Finished,
    Broken(TunnelError),
}

impl<T> Flow<T> {
    pub(super) fn new(window: Capacity) -> Arc<Self> {
        let items = Queue::new(InboxSettings::with_capacity(window), DeadLetterOffice::default());
        Arc::new(Self { items, end: Mutex::new(Ends::default()) })
    }

    /// Hands an item over, or puts it in line under a ticket. The item is gone if there is an error.
    pub(super) fn push(&self, item: T, waker: &Waker) -> Result<Option<u64>, TunnelError> {
        match self.items.push(Priority::Normal, Standing::Notify(waker), || item) {
            Pushed::Accepted => Ok(None),
            Pushed::Parked(ticket) => Ok(Some(ticket)),
            Pushed::Closed | Pushed::Full | Pushed::Rejected | Pushed::Dropped(_) | Pushed::Displaced(_) => {
                Err(self.why_closed())
            }
        }
    }

    /// Ready when the item in line has been taken in, or never will be.
    pub(super) fn poll_taken_in(&self, ticket: u64, cx: &mut Context<'_>) -> Poll<Result<(), TunnelError>> {
        match self.items.place(ticket, cx.waker()) {
            Place::InLine => Poll::Pending,
            Place::Gone => Poll::Ready(match &self.end.lock().receiver {
                None => Ok(()),
                Some(error) => Err(error.clone()),
            }),
        }
    }

    pub(super) fn unpark(&self, ticket: u64) {
        drop(self.items.unpark(ticket));
    }

    /// The next item; then how the sending side ended: `None` for a proper finish.
    pub(super) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<Result<T, TunnelError>>> {
        // There is one receiver: it always waits under the same number.
        match self.items.pop_or_wait(&mut Some(0), cx.waker()) {
            Popped::Item(item) => Poll::Ready(Some(Ok(item))),
            Popped::Empty => Poll::Pending,
            Popped::Closed => Poll::Ready(match self.end.lock().sender.clone() {
                Some(SenderEnd::Broken(error)) => Some(Err(error)),
                Some(SenderEnd::Finished) | None => None,
            }),
        }
    }

    /// The sender has sent all.
    pub(super) fn finish(&self) {
        self.end_sending(SenderEnd::Finished);
    }

    /// The sender gives up; what it has sent can still be received.
    pub(super) fn break_off(&self, error: TunnelError) {
        self.end_sending(SenderEnd::Broken(error));
    }

    /// The receiver gives up: what waits is dropped, and the sender learns why.
    pub(super) fn refuse(&self, error: TunnelError) {
        self.end.lock().receiver.get_or_insert(error);
        drop(self.items.abandon());
    }

    /// The sender was dropped.
    pub(super) fn drop_sender(&self) {
        let mut ends = self.end.lock();
        ends.dropped.sender = true;
        let supervised = ends.supervised == Some(Side::Sender);
        drop(ends);
        if !supervised {
            self.break_off(dropped());
        }
    }

    /// The receiver was dropped.
    pub(super) fn drop_receiver(&self) {
        let mut ends = self.end.lock();
        ends.dropped.receiver = true;
        let supervised = ends.supervised == Some(Side::Receiver);
        drop(ends);
        if !supervised {
            self.refuse(dropped());
        }
    }

    /// From here on that side, if it is dropped, says nothing until the verdict. The other one is another's.
    pub(super) fn supervise(&self, side: Side) {
        self.end.lock().supervised = Some(side);
    }

    /// Says of the sender, or of the receiver, that was dropped meanwhile what it means.
    pub(super) fn settle(&self, side: Side, verdict: &TunnelError) {
        let mut ends = self.end.lock();
        ends.supervised = None;
        let dropped = ends.dropped;
        drop(ends);
        match side {
            Side::Sender if dropped.sender => self.break_off(verdict.clone()),
            Side::Receiver if dropped.receiver => self.refuse(verdict.clone()),
            Side::Sender | Side::Receiver => {}
        }
    }

    /// Why the receiver takes no more, if it has said so.
    pub(super) fn refusal(&self) -> Option<TunnelError> {
        self.end.lock().receiver.clone()
    }

    fn end_sending(&self, end: SenderEnd) {
        self.end.lock().sender.get_or_insert(end);
        self.items.close();
    }

    fn why_closed(&self) -> TunnelError {
        let ends = self.end.lock();
        match (&ends.receiver, &ends.sender) {
            (Some(error), _) | (None, Some(SenderEnd::Broken(error))) => error.clone(),
            (None, Some(SenderEnd::Finished) | None) => TunnelError::Finished,
        }
    }
}

/// A side of a flow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Sender,
    Receiver,
}

/// What an end that is dropped says of itself.
pub(super) fn dropped() -> TunnelError {
    if std::thread::panicking() {
        TunnelError::Aborted(Failure::new("panicked", "the handler of the tunnel panicked"))
    } else {
        TunnelError::Lost { reason: "it was dropped without `finish` or `abort`" }
    }
}
