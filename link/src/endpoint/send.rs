use bytes::Bytes;
use edri_event::{Failure, Priority, Progress};

use super::state::Endpoint;
use crate::call::{CallId, IncomingCall};
use crate::interest::Interest;
use crate::line::{Line, SendError, WriteError};
use crate::message::{AnswerError, Circumstances, Ending};
use crate::tunnel::TunnelId;

/// What can be sent to the other end: each does what it does for a [`Line`].
impl Endpoint {
    /// The line to the other end.
    #[inline]
    pub fn line(&mut self) -> Line<'_> {
        let is_open = self.is_open();
        let Self { channel, wanted, next_call, .. } = self;
        Line { channel, wanted, is_open, next_call }
    }

    /// See [`Line::has_room`].
    #[inline]
    pub fn has_room(&self, priority: Priority) -> bool {
        self.is_open() && self.channel.has_room(priority)
    }

    /// See [`Line::has_room_for_request`].
    pub fn has_room_for_request(&self, priority: Priority) -> bool {
        self.is_open() && self.channel.has_room_for_request(priority)
    }

    /// See [`Line::has_room_for_tunnel`].
    pub fn has_room_for_tunnel(&self, priority: Priority) -> bool {
        self.is_open() && self.channel.has_room_for_tunnel(priority)
    }

    /// See [`Line::has_room_for_answers`].
    pub fn has_room_for_answers(&self) -> bool {
        self.channel.has_room_for_answers()
    }

    /// See [`Line::has_room_for_items`].
    pub fn has_room_for_items(&self) -> bool {
        self.channel.has_room_for_items()
    }

    /// See [`Line::notify`].
    ///
    /// # Errors
    /// Why it is not sent.
    pub fn notify(
        &mut self,
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
    ) -> Result<(), SendError> {
        self.line().notify(to, circumstances, payload)
    }

    /// See [`Line::notify_with`].
    ///
    /// # Errors
    /// Why it is not sent, or what `write` says.
    #[inline]
    pub fn notify_with<E>(
        &mut self,
        to: Interest,
        circumstances: &Circumstances,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), WriteError<E>> {
        self.line().notify_with(to, circumstances, write)
    }

    /// See [`Line::request`].
    ///
    /// # Errors
    /// Why it is not sent.
    pub fn request(
        &mut self,
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
    ) -> Result<CallId, SendError> {
        self.line().request(to, circumstances, payload)
    }

    /// See [`Line::request_with`].
    ///
    /// # Errors
    /// Why it is not sent, or what `write` says.
    pub fn request_with<E>(
        &mut self,
        to: Interest,
        circumstances: &Circumstances,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<CallId, WriteError<E>> {
        self.line().request_with(to, circumstances, write)
    }

    /// See [`Line::cancel`].
    pub fn cancel(&mut self, call: CallId) {
        if !self.channel.cancel(call) {
            self.returned.cancel(call);
        }
    }

    /// See [`Line::answer`].
    ///
    /// # Errors
    /// [`SendError::Full`]: to be tried again when there is room.
    pub fn answer(
        &mut self,
        call: IncomingCall,
        outcome: Result<Bytes, AnswerError>,
    ) -> Result<(), SendError> {
        self.line().answer(call, outcome)
    }

    /// See [`Line::answer_copied`].
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn answer_copied(
        &mut self,
        call: IncomingCall,
        outcome: Result<&[u8], AnswerError>,
    ) -> Result<(), SendError> {
        self.line().answer_copied(call, outcome)
    }

    /// See [`Line::report`].
    pub fn report(&mut self, call: IncomingCall, progress: Progress) {
        self.channel.report(call, progress);
    }

    /// See [`Line::handled`].
    #[inline]
    pub fn handled(&mut self, priority: Priority, payload: usize) {
        self.channel.handled(priority, payload);
    }

    /// See [`Line::open_tunnel`].
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
        self.line().open_tunnel(to, circumstances, payload, window)
    }

    /// See [`Line::accept_tunnel`].
    pub fn accept_tunnel(&mut self, tunnel: TunnelId, window: u32) {
        self.channel.accept_tunnel(tunnel, window);
    }

    /// See [`Line::refuse_tunnel`].
    pub fn refuse_tunnel(&mut self, tunnel: TunnelId, failure: Failure) {
        self.channel.refuse_tunnel(tunnel, failure);
    }

    /// See [`Line::send_item`].
    ///
    /// # Errors
    /// [`SendError::Full`] if the link or the tunnel has no room now.
    pub fn send_item(&mut self, tunnel: TunnelId, payload: Bytes) -> Result<(), SendError> {
        self.line().send_item(tunnel, payload)
    }

    /// See [`Line::item_handled`].
    pub fn item_handled(&mut self, tunnel: TunnelId, payload: usize) {
        self.channel.item_handled(tunnel, payload);
    }

    /// See [`Line::end_tunnel`].
    pub fn end_tunnel(&mut self, tunnel: TunnelId, ending: Ending) {
        self.channel.end_tunnel(tunnel, ending);
    }

    /// See [`Line::stop_tunnel`].
    pub fn stop_tunnel(&mut self, tunnel: TunnelId, ending: Ending) {
        self.channel.stop_tunnel(tunnel, ending);
    }
}
