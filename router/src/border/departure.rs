use std::fmt;
use std::task::{Context, Poll};

use edri_event::Meta;

use super::ends::EncodedEnd;
use super::place::InFlight;
use super::shareable::{Shareable, ShareableEvent as _};
use crate::dead_letter::{DeadLetterOffice, Loss};
use crate::request::RequestError;

/// An event on its way out, whatever its type; its bytes go beside it.
#[non_exhaustive]
pub struct Departure {
    /// What it is.
    pub event: Shareable,
    /// Where it goes, as the [place](super::Place) says that it was sent to.
    pub to: u64,
    /// What travels beside it.
    pub meta: Meta,
    /// What comes back of it.
    pub back: Back,
}

/// What comes back of an event that departed.
#[non_exhaustive]
pub enum Back {
    /// Nothing: a notification.
    Nothing,
    /// An answer is expected.
    Answer(Box<dyn Answered>),
    /// A tunnel: its local end.
    Tunnel(EncodedEnd, InFlight),
    /// It is the outcome of a request, for those who observe answers: the response in its codec, or why there is none. The
    /// bytes beside it are the request's.
    Outcome(Box<Result<Vec<u8>, RequestError>>),
}

/// Waits for the answer to a request that departed. Dropped without one, it answers that the request was given up.
pub trait Answered: Send {
    /// Answers; the response is in its codec.
    fn answer(self: Box<Self>, outcome: Result<&[u8], RequestError>);

    /// Whether nobody waits for the answer, asked before [`poll_cancelled`](Self::poll_cancelled) was called.
    fn is_abandoned(&self) -> bool;

    /// Ready when nobody waits for the answer any more; the task is woken then.
    fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Departure {
    /// To where `to` says.
    pub fn new(event: Shareable, to: u64, meta: Meta, back: Back) -> Self {
        Self { event, to, meta, back }
    }

    /// Whether nobody wants to know any more what becomes of it.
    pub fn is_abandoned(&self) -> bool {
        match &self.back {
            Back::Answer(answered) => answered.is_abandoned(),
            Back::Nothing | Back::Tunnel(..) | Back::Outcome(_) => false,
        }
    }

    /// It is lost: whoever waits is told; what nobody waits for is handed in. To be called outside of locks.
    #[cold]
    pub fn discard(self, payload: &[u8], loss: Loss, office: &DeadLetterOffice) {
        let Self { event, meta, back, .. } = self;
        match (&event, back) {
            (Shareable::Notification(event), _) => event.lose(payload, meta, loss, office),
            (_, Back::Answer(answered)) => {
                answered.answer(Err(RequestError::of_loss(loss.reason, event.known_name())));
            }
            (_, Back::Tunnel(end, _)) => end.abort(loss.reason.into_failure()),
            (_, Back::Outcome(_) | Back::Nothing) => office.hand_in_unseen(event.name(), &meta, loss),
        }
    }
}

impl fmt::Debug for Back {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => formatter.write_str("Nothing"),
            Self::Answer(_) => formatter.write_str("Answer"),
            Self::Tunnel(..) => formatter.write_str("Tunnel"),
            Self::Outcome(outcome) => formatter.debug_tuple("Outcome").field(outcome).finish(),
        }
    }
}

impl fmt::Debug for Departure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Departure")
            .field("event", &self.event.name())
            .field("to", &self.to)
            .field("back", &self.back)
            .finish_non_exhaustive()
    }
}
