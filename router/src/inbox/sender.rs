use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use edri_event::Priority;

use super::outcome::{Place, Pushed, Standing};
use super::queue::Queue;
use super::{InboxSettings, Message, Receiver, SharedReceiver, Tally};
use crate::dead_letter::{DeadLetterOffice, Loss, Reason};
use crate::vitals::Part;

/// The sending end of an inbox.
///
/// Routes hold clones of it. When the last clone is dropped, the receiver still gets what waits, and then ends.
pub struct Inbox<M: Message> {
    pub(super) queue: Arc<Queue<M>>,
    open: Arc<OpenWhileHeld<M>>,
}

struct OpenWhileHeld<M: Message>(Arc<Queue<M>>);

impl<M: Message> Inbox<M> {
    /// An inbox for one receiver, whose losses nobody hears of.
    pub fn new(settings: InboxSettings) -> (Self, Receiver<M>) {
        Self::reporting(settings, DeadLetterOffice::default())
    }

    /// An inbox for one receiver. What is lost there is handed in at `office`.
    pub fn reporting(settings: InboxSettings, office: DeadLetterOffice) -> (Self, Receiver<M>) {
        let inbox = Self::of(settings, office);
        let receiver = Receiver::new(Arc::clone(&inbox.queue));
        (inbox, receiver)
    }

    /// An inbox for receivers that share the work: each event goes to one of them, in order.
    /// Nobody hears of its losses.
    pub fn shared(settings: InboxSettings) -> (Self, SharedReceiver<M>) {
        let inbox = Self::of(settings, DeadLetterOffice::default());
        let receiver = SharedReceiver::new(Arc::clone(&inbox.queue));
        (inbox, receiver)
    }

    fn of(settings: InboxSettings, office: DeadLetterOffice) -> Self {
        let queue = Arc::new(Queue::new(settings, office));
        Self { open: Arc::new(OpenWhileHeld(Arc::clone(&queue))), queue }
    }

    /// Takes nothing more in; what waits can still be received.
    pub fn close(&self) {
        self.queue.close();
    }

    /// Whether it takes nothing more in.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Whether something waits, told without taking a lock: whoever has sent an event here sees `true` until the
    /// receiver has taken it. Something waits, too, while the receiver's owner is asked how it is.
    #[inline]
    pub fn is_occupied(&self) -> bool {
        self.queue.is_occupied()
    }

    /// A view of it that does not keep it open, whatever its messages are.
    pub fn monitor(&self) -> InboxMonitor {
        InboxMonitor(Arc::clone(&self.queue) as Arc<dyn Monitored>)
    }

    /// How many events wait, those of waiting senders included.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has become of the events sent here so far.
    pub fn tally(&self) -> Tally {
        self.queue.tally()
    }

    /// Where what is lost here goes.
    pub fn office(&self) -> &DeadLetterOffice {
        &self.queue.office
    }

    /// How it is bounded.
    pub fn settings(&self) -> InboxSettings {
        self.queue.settings()
    }

    /// [`Queue::push`], with what the policy drops already discarded.
    #[inline]
    pub(crate) fn push(
        &self,
        lane: Priority,
        patience: Standing<'_>,
        make: impl FnOnce() -> M,
    ) -> Pushed<()> {
        match self.queue.push(lane, patience, make) {
            Pushed::Accepted => Pushed::Accepted,
            Pushed::Parked(ticket) => Pushed::Parked(ticket),
            Pushed::Full => Pushed::Full,
            Pushed::Rejected => Pushed::Rejected,
            Pushed::Closed => Pushed::Closed,
            Pushed::Displaced(oldest) => {
                oldest.discard(Loss::unhandled(Reason::Overflow), &self.queue.office);
                Pushed::Displaced(())
            }
            Pushed::Dropped(newest) => {
                newest.discard(Loss::unhandled(Reason::Overflow), &self.queue.office);
                Pushed::Dropped(())
            }
        }
    }

    pub(crate) fn push_many<I>(
        &self,
        lane: Priority,
        items: &mut VecDeque<I>,
        make: impl FnMut(I) -> M,
    ) -> bool {
        self.queue.push_many(lane, items, make)
    }

    pub(crate) fn park_many<I>(
        &self,
        lane: Priority,
        items: &mut VecDeque<I>,
        sender: &Waker,
        make: impl FnMut(I) -> M,
    ) -> Option<u64> {
        self.queue.park_many(lane, items, sender, make)
    }

    /// Takes all of it, beyond the capacity if need be.
    pub(crate) fn push_past(&self, lane: Priority, past: impl Iterator<Item = M>) {
        self.queue.push_past(lane, past);
    }

    pub(crate) fn place(&self, ticket: u64, waker: &Waker) -> Place {
        self.queue.place(ticket, waker)
    }

    /// Takes a waiting sender's event out of the line; it is dropped, not discarded: its sender gave it up.
    pub(crate) fn unpark(&self, ticket: u64) {
        drop(self.queue.unpark(ticket));
    }

    /// The same, and discards it.
    pub(crate) fn lose(&self, ticket: u64, loss: Loss) {
        if let Some(message) = self.queue.unpark(ticket) {
            message.discard(loss, &self.queue.office);
        }
    }
}

/// A view of an inbox, whatever its messages are. It does not keep the inbox open.
#[derive(Clone)]
pub struct InboxMonitor(pub(super) Arc<dyn Monitored>);

pub(super) trait Monitored: Part {
    fn len(&self) -> usize;
    fn tally(&self) -> Tally;
    fn close(&self);
    fn discard(&self);
}

impl<M: Message> Monitored for Queue<M> {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn tally(&self) -> Tally {
        Self::tally(self)
    }

    fn close(&self) {
        Self::close(self);
    }

    fn discard(&self) {
        for message in self.abandon() {
            message.discard(Loss::unhandled(Reason::Stopped), &self.office);
        }
    }
}

impl InboxMonitor {
    /// How many events wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has become of the events sent there so far.
    pub fn tally(&self) -> Tally {
        self.0.tally()
    }

    /// Has the inbox take nothing more in; what waits can still be received.
    pub fn close(&self) {
        self.0.close();
    }

    /// Has the inbox take nothing more in, and [discards](Message::discard) what waits there, but for what its
    /// receiver has already taken.
    pub fn discard(&self) {
        self.0.discard();
    }
}

impl fmt::Debug for InboxMonitor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InboxMonitor")
            .field("len", &self.len())
            .field("tally", &self.tally())
            .finish()
    }
}

impl<M: Message> Clone for Inbox<M> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), open: Arc::clone(&self.open) }
    }
}

impl<M: Message> Drop for OpenWhileHeld<M> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<M: Message> fmt::Debug for Inbox<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inbox").field("settings", &self.settings()).field("len", &self.len()).finish()
    }
}
