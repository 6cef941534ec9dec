use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use edri_event::{Meta, Priority, Request};

use super::deliver::{Running, Ticket};
use crate::border::Place;
use crate::request::{Reply, RequestError};

/// Answers requests of one type. As [`Deliver`](super::Deliver), for requests.
pub trait Respond<R: Request>: Send + Sync {
    /// Hands over the request, which is left in place if it was not kept. A reply that is
    /// [queued](Answering::Queued) wakes `requester` by itself; it need not be polled before.
    fn ask(
        &self,
        call: &mut Option<(R, Meta)>,
        lane: Priority,
        patience: Patience,
        requester: &Waker,
    ) -> Answering<R>;

    /// Takes a request out of the line, if it is still there.
    fn withdraw(&self, ticket: Ticket);

    /// As [`Deliver::load`](super::Deliver::load).
    fn load(&self) -> usize {
        0
    }

    /// As [`Deliver::is_local`](super::Deliver::is_local).
    fn is_local(&self) -> bool {
        self.place().is_none()
    }

    /// As [`Deliver::place`](super::Deliver::place).
    fn place(&self) -> Option<&Place> {
        None
    }

    /// The responder's name, for errors and logs.
    fn name(&self) -> &str;

    /// By which the [wait graph](crate::Router::wait_graph) tells this responder from others: its name, in the
    /// allocation that the [contexts](crate::Context::new) of its handlers have it in. The graph does not see
    /// through a responder that does not say it.
    fn part(&self) -> Arc<str> {
        self.name().into()
    }
}

/// What happens to a request where there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It stays with its requester, who may try another responder.
    Room,
    /// What the inbox's overflow policy says.
    Policy,
}

/// How a request is being answered.
#[must_use]
pub enum Answering<R: Request> {
    /// It has been.
    Answered(Result<R::Response, RequestError>),
    /// The responder works on it here and now, on the task of the requester, who drives this to its end.
    Running(Running<Result<R::Response, RequestError>>),
    /// The answer will come; with a ticket, the request still stands in line.
    Queued(Reply<R::Response>, Option<Ticket>),
    /// No room, under [`Patience::Room`]; the request is still the requester's.
    Full,
    /// No room, and the responder's policy is to refuse; the request is still the requester's.
    Refused,
    /// The responder has left, or will not have this one; the request is still the requester's.
    Gone,
}

impl<R: Request> fmt::Debug for Answering<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Answered(_) => "Answered",
            Self::Running(_) => "Running",
            Self::Queued(_, None) => "Queued",
            Self::Queued(_, Some(_)) => "Queued in line",
            Self::Full => "Full",
            Self::Refused => "Refused",
            Self::Gone => "Gone",
        })
    }
}
