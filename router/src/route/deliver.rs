use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Waker;

use edri_event::Priority;

use crate::border::Place;
use crate::dead_letter::Loss;

/// Takes parcels of one type: the [`Envelope`](crate::Envelope) of a notification, the
/// [`Opening`](crate::Opening) of a tunnel.
///
/// Implemented by inboxes, by managers that run inline, and by whatever else stands behind a route: to the
/// router a link to another router is one more subscriber. The calls are short and never wait. A taker that has
/// no room and whose policy is to wait puts the parcel in its line and gives a [`Ticket`] for it.
pub trait Deliver<P>: Send + Sync {
    /// Hands over the parcel, which is left in place if it was not kept.
    fn deliver(&self, parcel: &mut Option<P>, lane: Priority, wait: Wait<'_>) -> Delivery;

    /// Hands over as many as there is room for, in order, and leaves the rest; `false` if it takes no more.
    ///
    /// Overflow policies are not applied: the rest is for [`deliver`](Self::deliver), one by one.
    fn deliver_many(&self, parcels: &mut VecDeque<P>, lane: Priority) -> bool;

    /// Has all of them stand in line, in order, where there is no room and the policy is to wait: the ticket of the last, who
    /// is woken by `waker` when it has been taken in, as are then all before it. Of what is left in place nothing stands in
    /// line: it is for [`deliver`](Self::deliver), one by one.
    fn line_up(&self, parcels: &mut VecDeque<P>, lane: Priority, waker: &Waker) -> Option<Ticket> {
        let _ = (parcels, lane, waker);
        None
    }

    /// Hands over the past, in order, before anything that comes live. What is left of it is dropped.
    ///
    /// An inbox takes all of it, beyond its capacity if need be: it is bounded already. Others take what they have
    /// room for. It is called with the history of its type locked: it must not send events of that type.
    fn replay(&self, parcels: &mut VecDeque<P>, lane: Priority) {
        self.deliver_many(parcels, lane);
    }

    /// Whether a parcel in line has been taken in; if not, `waker` is woken when it is.
    fn taken_in(&self, ticket: Ticket, waker: &Waker) -> bool;

    /// Takes a parcel out of the line, if it is still there.
    fn withdraw(&self, ticket: Ticket);

    /// Takes a parcel out of the line, if it is still there, and hands it in as a [dead letter](crate::DeadLetter):
    /// whoever sent it can wait no longer, and it was not the sender's to give up. A taker that hands in
    /// nothing withdraws it.
    fn lose(&self, ticket: Ticket, loss: Loss) {
        let _ = loss;
        self.withdraw(ticket);
    }

    /// How many events wait for it, for [`RoutePolicy::LeastLoaded`](edri_event::RoutePolicy::LeastLoaded).
    fn load(&self) -> usize {
        0
    }

    /// Whether it is in this process, for [`RoutePolicy::LocalFirst`](edri_event::RoutePolicy::LocalFirst); always the
    /// same.
    fn is_local(&self) -> bool {
        self.place().is_none()
    }

    /// If it stands for somebody behind a [border](crate::Border): for whom, and behind which.
    fn place(&self) -> Option<&Place> {
        None
    }

    /// The taker's name, for errors and logs.
    fn name(&self) -> &str;
}

/// A place in the line before a full inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub(crate) u64);

impl Ticket {
    /// One under a number that its giver tells it by.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// That number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Whether to stand in line where there is no room.
#[derive(Clone, Copy, Debug)]
pub enum Wait<'a> {
    /// No; and the overflow policy is not applied: without room, the parcel stays with its sender.
    Room,
    /// No.
    Never,
    /// Yes, and wake this when the parcel has been taken in.
    Woken(&'a Waker),
}

/// Work that runs on the sender's task.
pub type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What became of a parcel.
#[must_use]
pub enum Delivery {
    /// The taker has it.
    Accepted,
    /// The taker handles it here and now, on the task of the sender, who drives this to its end.
    Running(Running<()>),
    /// It stands in line.
    Waiting(Ticket),
    /// No room, and the sender would not wait; the parcel is still the sender's.
    Full,
    /// No room, and the taker's policy is to refuse; the parcel is still the sender's.
    Rejected,
    /// No room, and the taker's policy dropped it.
    Dropped,
    /// The taker has it, and dropped an older one for it.
    Displaced,
    /// The taker has left for good, and is taken off the route; the parcel is still the sender's.
    Gone,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => formatter.write_str("Accepted"),
            Self::Running(_) => formatter.write_str("Running"),
            Self::Waiting(ticket) => formatter.debug_tuple("Waiting").field(ticket).finish(),
            Self::Full => formatter.write_str("Full"),
            Self::Rejected => formatter.write_str("Rejected"),
            Self::Dropped => formatter.write_str("Dropped"),
            Self::Displaced => formatter.write_str("Displaced"),
            Self::Gone => formatter.write_str("Gone"),
        }
    }
}
