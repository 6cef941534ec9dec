use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use edri_event::{EventId, Priority};

use super::departure::Departure;
use super::departures::Departures;
use super::payload::Payload;
use super::row::Head;
use super::shareable::Shareable;
use crate::dead_letter::Loss;
use crate::route::{Delivery, Ticket, Wait};

/// Where what is to go over a border waits to be carried away. As [`Deliver`](crate::Deliver): its calls are short and
/// never wait, and what has no room may stand in line.
pub trait Exit: Send + Sync {
    /// Takes one event, with its bytes; it is left in place if it was not kept.
    fn depart(
        &self,
        departure: &mut Option<Departure>,
        payload: Payload<'_>,
        lane: Priority,
        wait: Wait<'_>,
    ) -> Delivery;

    /// Takes a notification that has nothing beside it but an identity, and a payload of at most
    /// [`Row::LONGEST`](super::Row::LONGEST) bytes, if there is room for it and nobody stands in line. If not, it is to be
    /// offered as any other.
    fn depart_plain(
        &self,
        event: (&Shareable, u64),
        identity: EventId,
        payload: &[u8],
        lane: Priority,
    ) -> bool;

    /// What comes before such a one that goes to `to`, where it is put into [departures](Departures) beforehand.
    fn head(&self, to: u64, lane: Priority) -> Head;

    /// Takes as many as there is room for, in order, and leaves the rest; `false` if it takes no more.
    fn depart_many(&self, departures: &mut Departures, lane: Priority) -> bool;

    /// For how many there may be room.
    fn room(&self, lane: Priority) -> usize;

    /// As [`Deliver::taken_in`](crate::Deliver::taken_in).
    fn taken_in(&self, ticket: Ticket, waker: &Waker) -> bool;

    /// As [`Deliver::withdraw`](crate::Deliver::withdraw).
    fn withdraw(&self, ticket: Ticket);

    /// As [`Deliver::lose`](crate::Deliver::lose).
    fn lose(&self, ticket: Ticket, loss: Loss);

    /// How many wait.
    fn waiting(&self) -> usize;
}

/// What stands in line before exits.
#[derive(Default)]
pub(crate) struct InLine(Vec<(Arc<dyn Exit>, Ticket)>);

impl InLine {
    pub(crate) fn stand(&mut self, exit: &Arc<dyn Exit>, ticket: Ticket) {
        self.0.push((Arc::clone(exit), ticket));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ready when all has been taken in.
    pub(crate) fn poll_taken_in(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.retain(|(exit, ticket)| !exit.taken_in(*ticket, cx.waker()));
        if self.0.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes it all out of the line.
    pub(crate) fn withdraw(&mut self) {
        self.0.drain(..).for_each(|(exit, ticket)| exit.withdraw(ticket));
    }

    /// The same, and it is lost.
    pub(crate) fn lose(&mut self, loss: &Loss) {
        self.0.drain(..).for_each(|(exit, ticket)| exit.lose(ticket, loss.clone()));
    }
}
