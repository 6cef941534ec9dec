use bytes::Bytes;
use edri_event::{Failure, Priority, Progress};

use crate::call::{CallId, IncomingCall};
use crate::channel::{Channel, Ends, TooLong};
use crate::interest::{Interest, Role, Wanted};
use crate::message::{AnswerError, Circumstances, Ending};
use crate::tunnel::TunnelId;
use crate::wire::Limits;

/// What can be sent to one other router: by an [`Endpoint`](crate::Endpoint), to the router at its other end; by a
/// [`Membership`](crate::Membership), to one of the members of its network.
///
/// All of it only enters lanes that wait to be sent, each of which has a bound.
///
/// # Order
/// Notifications, requests and openings of tunnels of one priority arrive in the order in which they were sent. So do the
/// items of one tunnel.
#[derive(Debug)]
pub struct Line<'a> {
    pub(crate) channel: &'a mut Channel,
    pub(crate) wanted: &'a Wanted,
    /// Whether anything new may be sent.
    pub(crate) is_open: bool,
    /// The number of the next request.
    pub(crate) next_call: &'a mut u64,
}

/// Why something was not taken to be sent. Nothing was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The handshake has not ended, or the link has.
    #[error("the link is not open")]
    NotOpen,
    /// There is no room now: what waits to be sent has reached its bound.
    #[error("the link has no room now: what waits to be sent has reached its bound")]
    Full,
    /// It is longer than the other end takes.
    #[error("a message of {length} bytes is too long: the other end takes at most {limit}")]
    TooLong {
        /// The length of its payload.
        length: usize,
        /// What the other end takes.
        limit: usize,
    },
    /// The other end does not want it, or no longer.
    #[error("the other end does not want it")]
    Unwanted,
    /// That tunnel does not take it: it is closed in this direction, or was never open.
    #[error("the tunnel is closed")]
    TunnelClosed,
}

/// Why something was not taken to be sent that was to be written at once. Nothing was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError<E> {
    /// It could not be sent.
    #[error(transparent)]
    NotSent(#[from] SendError),
    /// It could not be written.
    #[error("{0}")]
    NotWritten(E),
}

/// A payload that is longer than this is not copied, in bytes.
const LONG: usize = 16 * 1024;

impl<E> From<TooLong> for WriteError<E> {
    fn from(TooLong { length, limit }: TooLong) -> Self {
        Self::NotSent(SendError::TooLong { length, limit })
    }
}

impl From<TooLong> for SendError {
    fn from(TooLong { length, limit }: TooLong) -> Self {
        Self::TooLong { length, limit }
    }
}

impl Line<'_> {
    /// Whether an event of this priority would be taken now; requests and tunnels have bounds of their own beside.
    #[inline]
    pub fn has_room(&self, priority: Priority) -> bool {
        self.is_open && self.channel.has_room(priority)
    }

    /// Whether a request would be taken now.
    pub fn has_room_for_request(&self, priority: Priority) -> bool {
        self.is_open && self.channel.has_room_for_request(priority)
    }

    /// Whether a tunnel would be opened now.
    pub fn has_room_for_tunnel(&self, priority: Priority) -> bool {
        self.is_open && self.channel.has_room_for_tunnel(priority)
    }

    /// Whether an answer would be taken now.
    pub fn has_room_for_answers(&self) -> bool {
        self.channel.has_room_for_answers()
    }

    /// Whether items of tunnels would be taken now, as far as the link goes.
    pub fn has_room_for_items(&self) -> bool {
        self.channel.has_room_for_items()
    }

    /// Sends a notification.
    ///
    /// # Errors
    /// Why it is not sent.
    pub fn notify(
        &mut self,
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
    ) -> Result<(), SendError> {
        self.channel.check_length(payload.len())?;
        if payload.len() <= LONG {
            return unwritten(self.notify_with(to, &circumstances, copy(&payload)));
        }
        if !self.wanted.listens(to) {
            return Err(self.unwanted());
        }
        if !self.has_room(circumstances.priority) {
            return Err(self.full());
        }
        Ok(self.channel.notify_long(to, &circumstances, payload)?)
    }

    /// The same for one that `write` appends to what waits to be sent, so that it takes no memory of its own.
    ///
    /// # Errors
    /// Why it is not sent, or what `write` says: what that has appended is then taken back.
    #[inline]
    pub fn notify_with<E>(
        &mut self,
        to: Interest,
        circumstances: &Circumstances,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), WriteError<E>> {
        if !self.wanted.listens(to) {
            return Err(self.unwanted().into());
        }
        if !self.has_room(circumstances.priority) {
            return Err(self.full().into());
        }
        self.channel.notify(to, circumstances, |out| write(out).map_err(WriteError::NotWritten))
    }

    /// Whether somebody there wants to hear of it.
    #[inline]
    pub(crate) fn listens(&self, to: Interest) -> bool {
        self.wanted.listens(to)
    }

    /// Whether the other end takes a payload of this length.
    #[inline]
    pub(crate) fn takes_payload(&self, length: usize) -> bool {
        self.channel.check_length(length).is_ok()
    }

    /// Sends plain notifications that are written as they are to be sent, one after the other: how many they are, and how
    /// many bytes their payloads have together. There is room, somebody [listens](Self::listens), and none is too long.
    #[inline]
    pub(crate) fn notify_row(&mut self, priority: Priority, row: &[u8], counted: (usize, usize)) {
        self.channel.notify_row(priority, row, counted);
    }

    /// Sends a request. [`Event::Answer`](crate::Event::Answer) follows, whatever happens, unless it is cancelled.
    ///
    /// # Errors
    /// Why it is not sent.
    pub fn request(
        &mut self,
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
    ) -> Result<CallId, SendError> {
        self.channel.check_length(payload.len())?;
        unwritten(self.request_with(to, &circumstances, copy(&payload)))
    }

    /// The same for one that `write` appends to what waits to be sent.
    ///
    /// # Errors
    /// Why it is not sent, or what `write` says.
    pub fn request_with<E>(
        &mut self,
        to: Interest,
        circumstances: &Circumstances,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<CallId, WriteError<E>> {
        if !self.wanted.wants(to, Role::Responder) {
            return Err(self.unwanted().into());
        }
        if !self.has_room_for_request(circumstances.priority) {
            return Err(self.full().into());
        }
        let call = CallId::new(*self.next_call);
        self.channel.request(call, to, circumstances, |out| write(out).map_err(WriteError::NotWritten))?;
        *self.next_call += 1;
        Ok(call)
    }

    /// Nobody waits for the answer any more: there will be none. A request that still waits here is taken back.
    pub fn cancel(&mut self, call: CallId) {
        self.channel.cancel(call);
    }

    /// Answers a request. One that was answered before, or cancelled, needs no answer: nothing is sent.
    ///
    /// # Errors
    /// [`SendError::Full`]: to be tried again when there is [room](Self::has_room_for_answers). A response that is too
    /// long for the other end is turned into an error there.
    pub fn answer(
        &mut self,
        call: IncomingCall,
        outcome: Result<Bytes, AnswerError>,
    ) -> Result<(), SendError> {
        self.answer_copied(call, outcome.as_deref().map_err(AnswerError::clone))
    }

    /// The same for a response that is copied from where it is.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn answer_copied(
        &mut self,
        call: IncomingCall,
        outcome: Result<&[u8], AnswerError>,
    ) -> Result<(), SendError> {
        if !self.has_room_for_answers() {
            return Err(SendError::Full);
        }
        self.channel.answer(call, outcome);
        Ok(())
    }

    /// Reports how far a request has come. Of reports that could not be sent in time only the latest is.
    pub fn report(&mut self, call: IncomingCall, progress: Progress) {
        self.channel.report(call, progress);
    }

    /// What a notification, a request or an opening that came takes no room for any more.
    #[inline]
    pub fn handled(&mut self, priority: Priority, payload: usize) {
        self.channel.handled(priority, payload);
    }

    /// Whether a word of a durable flow would be taken now.
    pub fn has_room_for_durable(&self) -> bool {
        self.is_open && self.channel.has_room_for_answers()
    }

    /// Says something of a durable flow: see [`durable`](crate::durable). To be said to those only who
    /// [understand](crate::Peer::is_durable) it.
    ///
    /// # Errors
    /// [`SendError::Full`]: to be tried again when there is [room](Self::has_room_for_durable). [`SendError::TooLong`],
    /// [`SendError::NotOpen`].
    pub fn durable(&mut self, word: &[u8]) -> Result<(), SendError> {
        self.channel.check_length(word.len())?;
        if !self.has_room_for_durable() {
            return Err(self.full());
        }
        self.channel.say_durable(word);
        Ok(())
    }

    /// Opens a tunnel, ready to receive `window` of [cost](crate::Cost) at a time.
    /// [`TunnelGranted`](crate::Event::TunnelGranted) follows when it is accepted; nothing may be sent into it before.
    ///
    /// # Errors
    /// Why it is not opened.
    pub fn open_tunnel(
        &mut self,
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
        window: u32,
    ) -> Result<TunnelId, SendError> {
        self.channel.check_length(payload.len())?;
        if !self.wanted.wants(to, Role::Acceptor) {
            return Err(self.unwanted());
        }
        if !self.has_room_for_tunnel(circumstances.priority) {
            return Err(self.full());
        }
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(&payload);
            Ok::<_, SendError>(())
        };
        self.channel.open_tunnel(to, &circumstances, window, write)
    }

    /// Accepts a tunnel that the other end opens, ready to receive `window` of [cost](crate::Cost) at a time.
    pub fn accept_tunnel(&mut self, tunnel: TunnelId, window: u32) {
        self.channel.accept_tunnel(tunnel, window);
    }

    /// Does not accept it, or gives it up in both directions.
    pub fn refuse_tunnel(&mut self, tunnel: TunnelId, failure: Failure) {
        self.channel.refuse_tunnel(tunnel, failure);
    }

    /// Sends an item.
    ///
    /// # Errors
    /// [`SendError::Full`] if the link or the tunnel has no room now.
    pub fn send_item(&mut self, tunnel: TunnelId, payload: Bytes) -> Result<(), SendError> {
        let may_send = self.channel.may_send_item(tunnel).ok_or(SendError::TunnelClosed)?;
        self.channel.check_length(payload.len())?;
        if !may_send {
            return Err(SendError::Full);
        }
        self.channel.send_item(tunnel, &payload);
        Ok(())
    }

    /// An item of so many bytes takes no room any more.
    pub fn item_handled(&mut self, tunnel: TunnelId, payload: usize) {
        self.channel.item_handled(tunnel, payload);
    }

    /// This end sends no more items; those that were sent arrive before.
    pub fn end_tunnel(&mut self, tunnel: TunnelId, ending: Ending) {
        self.channel.end_tunnel(tunnel, ending);
    }

    /// This end wants no more items.
    pub fn stop_tunnel(&mut self, tunnel: TunnelId, ending: Ending) {
        self.channel.stop_tunnel(tunnel, ending);
    }

    fn unwanted(&self) -> SendError {
        if self.is_open { SendError::Unwanted } else { SendError::NotOpen }
    }

    fn full(&self) -> SendError {
        if self.is_open { SendError::Full } else { SendError::NotOpen }
    }
}

/// What is sent to somebody who is gone: nothing is taken, and nothing of it kept.
#[derive(Debug)]
pub(crate) struct Nowhere {
    channel: Channel,
    wanted: Wanted,
    next_call: u64,
}

impl Nowhere {
    pub(crate) fn new() -> Self {
        let nobody =
            Ends { here: 0, there: 0, limits: Limits::default(), peer: Limits::default(), outbox: 0 };
        Self { channel: Channel::new(nobody, 1), wanted: Wanted::new(0), next_call: 0 }
    }

    pub(crate) fn line(&mut self) -> Line<'_> {
        let Self { channel, wanted, next_call } = self;
        Line { channel, wanted, is_open: false, next_call }
    }
}

fn copy(payload: &[u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<(), std::convert::Infallible> {
    |out| {
        out.extend_from_slice(payload);
        Ok(())
    }
}

fn unwritten<T>(written: Result<T, WriteError<std::convert::Infallible>>) -> Result<T, SendError> {
    written.map_err(|error| match error {
        WriteError::NotSent(error) => error,
        WriteError::NotWritten(never) => match never {},
    })
}
