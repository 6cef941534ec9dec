use std::collections::VecDeque;
use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use edri_event::Meta;

use super::ends::EncodedEnd;
use super::payload::{LONG, Payload};
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

/// Events on their way out, one after the other, with their bytes in one piece of memory: none takes any of its own, but
/// for the long ones.
#[derive(Default)]
pub struct Departures {
    queue: VecDeque<(Departure, usize)>,
    bytes: Vec<u8>,
    /// Where those of the first begin.
    start: usize,
    /// Those of the long ones, in their order.
    long: VecDeque<Bytes>,
    /// How many bytes those have together.
    long_bytes: usize,
}

/// Bytes of those that are gone are kept in front of the others until there are so many of them, and more than of the others.
const GONE: usize = 64 * 1024;

impl Departures {
    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many bytes they have together.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes.len() - self.start + self.long_bytes
    }

    /// Adds one with its bytes.
    #[inline]
    pub fn push(&mut self, departure: Departure, payload: Payload<'_>) {
        if payload.len() > LONG {
            self.long_bytes += payload.len();
            self.long.push_back(payload.to_bytes());
        } else {
            self.bytes.extend_from_slice(&payload);
        }
        self.queue.push_back((departure, payload.len()));
    }

    /// Adds one whose bytes `write` appends.
    ///
    /// # Errors
    /// What `write` says; it is not added then.
    pub(crate) fn push_with<E>(
        &mut self,
        departure: impl FnOnce() -> Departure,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.bytes.len();
        match write(&mut self.bytes) {
            Ok(()) => {
                let length = self.bytes.len() - before;
                if length > LONG {
                    self.long_bytes += length;
                    self.long.push_back(self.bytes.split_off(before).into());
                }
                self.queue.push_back((departure(), length));
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(before);
                Err(error)
            }
        }
    }

    /// Adds all of `others`, in order, which is empty then.
    pub fn append(&mut self, others: &mut Self) {
        if self.is_empty() {
            return std::mem::swap(self, others);
        }
        self.bytes.extend_from_slice(&others.bytes[others.start..]);
        self.queue.append(&mut others.queue);
        self.long.append(&mut others.long);
        self.long_bytes += others.long_bytes;
        others.clear();
    }

    /// The first.
    #[inline]
    pub fn first(&self) -> Option<&Departure> {
        self.queue.front().map(|(departure, _)| departure)
    }

    /// Takes the first, and does something with it and its bytes.
    #[inline]
    pub fn take_first<T>(&mut self, with: impl FnOnce(Departure, Payload<'_>) -> T) -> Option<T> {
        let (departure, length) = self.queue.pop_front()?;
        if length > LONG {
            let payload = self.long.pop_front()?;
            self.long_bytes -= length;
            return Some(with(departure, Payload::Long(&payload)));
        }
        let done = with(departure, Payload::Short(&self.bytes[self.start..self.start + length]));
        self.start += length;
        if self.queue.is_empty() {
            self.bytes.clear();
            self.start = 0;
        } else if self.start >= GONE && self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        Some(done)
    }

    /// How many bytes there is memory for.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Drops all of them.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.bytes.clear();
        self.start = 0;
        self.long.clear();
        self.long_bytes = 0;
    }
}

impl fmt::Debug for Departures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Departures").field("len", &self.len()).field("bytes", &self.bytes()).finish()
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
