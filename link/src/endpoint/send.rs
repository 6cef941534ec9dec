use bytes::Bytes;
use edri_event::{Failure, Priority, Progress};

use super::state::{Endpoint, Phase};
use crate::call::{CallId, IncomingCall, Stage};
use crate::channel::Cost;
use crate::interest::{Interest, Role};
use crate::lanes::{Body, Lane, Place};
use crate::message::{AnswerError, Circumstances, Ending};
use crate::tunnel::{Tunnel, TunnelId};

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

/// What a message may have beside its payload, in bytes.
const BESIDE: usize = 256;

impl Endpoint {
    /// Whether an event of this priority would be taken now; requests and tunnels have bounds of their own beside.
    pub fn has_room(&self, priority: Priority) -> bool {
        self.phase == Phase::Open && self.has_room_in(Place::Metered(Lane::of(priority)))
    }

    /// Whether a request would be taken now.
    pub fn has_room_for_request(&self, priority: Priority) -> bool {
        self.has_room(priority) && self.calls.ours() < self.peer.calls as usize
    }

    /// Whether a tunnel would be opened now.
    pub fn has_room_for_tunnel(&self, priority: Priority) -> bool {
        self.has_room(priority) && self.tunnels.ours() < self.peer.tunnels as usize
    }

    /// Whether an answer would be taken now.
    pub fn has_room_for_answers(&self) -> bool {
        self.has_room_in(Place::Free(Lane::Normal))
    }

    /// Whether items of tunnels would be taken now, as far as the link goes.
    pub fn has_room_for_items(&self) -> bool {
        self.has_room_in(Place::Free(Lane::Bulk))
    }

    /// Sends a notification, or an answer to whoever observes it.
    ///
    /// # Order
    /// Notifications, requests and openings of tunnels of one priority arrive in the order in which they were sent.
    pub fn notify(
        &mut self,
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
    ) -> Result<(), SendError> {
        let room = self.has_room(circumstances.priority);
        self.check(to, Role::TOLD, room, &payload)?;
        let place = Place::Metered(Lane::of(circumstances.priority));
        self.lanes.push(place, Body::Notify { to, circumstances, payload });
        Ok(())
    }

    /// Sends a request. [`Event::Answer`](super::Event::Answer) follows, whatever happens, unless it is cancelled.
    pub fn request(
        &mut self,
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
    ) -> Result<CallId, SendError> {
        let room = self.has_room_for_request(circumstances.priority);
        self.check(to, &[Role::Responder], room, &payload)?;
        let call = self.calls.begin();
        let place = Place::Metered(Lane::of(circumstances.priority));
        self.lanes.push(place, Body::Request { call, to, circumstances, payload });
        Ok(call)
    }

    /// Nobody waits for the answer any more: there will be none. A request that still waits here is taken back.
    pub fn cancel(&mut self, call: CallId) {
        let Some(stage) = self.calls.stage(call) else { return };
        match *stage {
            Stage::Waiting => {
                *stage = Stage::CancelledWhileWaiting;
                let is_it =
                    |body: &Body| matches!(body, Body::Request { call: waiting, .. } if *waiting == call);
                let events = [Lane::Control, Lane::High, Lane::Normal].map(Place::Metered);
                // Not found there, it is being sent in parts.
                if events.into_iter().any(|place| self.lanes.queue(place).remove(is_it)) {
                    self.calls.end(call);
                }
            }
            Stage::Sent => {
                *stage = Stage::Cancelled;
                self.lanes.push(Place::Free(Lane::Control), Body::Cancel { call });
            }
            Stage::CancelledWhileWaiting | Stage::Cancelled => {}
        }
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
        if !self.has_room_for_answers() {
            return Err(SendError::Full);
        }
        if self.calls.answer(call) {
            self.push_answer(call, outcome);
        }
        Ok(())
    }

    pub(super) fn push_answer(&mut self, call: IncomingCall, outcome: Result<Bytes, AnswerError>) {
        let outcome = match outcome {
            Ok(payload) => match self.check_length(&payload) {
                Ok(()) => Ok(payload),
                Err(error) => {
                    Err(AnswerError::Codec { reason: format!("the response was not sent: {error}") })
                }
            },
            Err(error) => Err(error.cut()),
        };
        if !self.close_sent {
            self.lanes.push(Place::Free(Lane::Normal), Body::Answer { call, outcome });
        }
    }

    /// Reports how far a request has come. Of reports that could not be sent in time only the latest is.
    pub fn report(&mut self, call: IncomingCall, progress: Progress) {
        if self.calls.report(call, progress) {
            self.lanes.push(Place::Free(Lane::Control), Body::Progress { call });
        }
    }

    /// What a notification, a request or an opening that came takes no room for any more.
    pub fn handled(&mut self, priority: Priority, payload: usize) {
        if self.grants[Lane::of(priority) as usize].handle(Cost::of(payload)) {
            self.arrivals.hurry();
        }
    }

    /// Opens a tunnel, ready to receive `window` of [cost](Cost) at a time.
    /// [`TunnelGranted`](super::Event::TunnelGranted) follows when it is accepted; nothing may be sent into it before.
    pub fn open_tunnel(
        &mut self,
        to: Interest,
        circumstances: Circumstances,
        payload: Bytes,
        window: u32,
    ) -> Result<TunnelId, SendError> {
        let room = self.has_room_for_tunnel(circumstances.priority);
        self.check(to, &[Role::Acceptor], room, &payload)?;
        let tunnel = self.tunnels.open(Tunnel::opening(window.max(1)));
        let place = Place::Metered(Lane::of(circumstances.priority));
        self.lanes.push(place, Body::Open { tunnel, to, circumstances, payload });
        Ok(tunnel)
    }

    /// Accepts a tunnel that the other end opens, ready to receive `window` of [cost](Cost) at a time.
    pub fn accept_tunnel(&mut self, tunnel: TunnelId, window: u32) {
        if self.tunnels.get(tunnel).is_some_and(|open| open.accept(window.max(1))) {
            self.lanes.push(Place::Free(Lane::Control), Body::Accept { tunnel });
        }
    }

    /// Does not accept it, or gives it up in both directions.
    pub fn refuse_tunnel(&mut self, tunnel: TunnelId, failure: Failure) {
        self.end_tunnel(tunnel, Ending::Aborted(failure.clone()));
        self.stop_tunnel(tunnel, Ending::Aborted(failure));
    }

    /// Sends an item.
    ///
    /// # Errors
    /// [`SendError::Full`] if the link or the tunnel has no room now.
    pub fn send_item(&mut self, tunnel: TunnelId, payload: Bytes) -> Result<(), SendError> {
        let room = self.has_room_for_items();
        let length = self.check_length(&payload);
        let open =
            self.tunnels.get(tunnel).filter(|open| open.is_sending()).ok_or(SendError::TunnelClosed)?;
        length?;
        if !room || !open.may_send() {
            return Err(SendError::Full);
        }
        open.spend(Cost::of(payload.len()));
        self.lanes.push(Place::Free(Lane::Bulk), Body::Item { tunnel, payload });
        Ok(())
    }

    /// An item of so many bytes takes no room any more.
    pub fn item_handled(&mut self, tunnel: TunnelId, payload: usize) {
        if self.tunnels.get(tunnel).is_some_and(|open| open.handled(Cost::of(payload))) {
            self.lanes.push(Place::Free(Lane::Control), Body::Grant { tunnel });
        }
    }

    /// This end sends no more items; those that were sent arrive before.
    pub fn end_tunnel(&mut self, tunnel: TunnelId, ending: Ending) {
        if let Some(ending) = self.tunnels.get(tunnel).and_then(|open| open.end(ending)) {
            self.push_end(tunnel, ending);
        }
    }

    /// This end wants no more items.
    pub fn stop_tunnel(&mut self, tunnel: TunnelId, ending: Ending) {
        if let Some(ending) = self.tunnels.get(tunnel).and_then(|open| open.stop(ending)) {
            self.push_stop(tunnel, ending);
        }
    }

    /// Behind the items.
    pub(super) fn push_end(&mut self, tunnel: TunnelId, ending: Ending) {
        self.lanes.push(Place::Free(Lane::Bulk), Body::End { tunnel, ending: ending.cut() });
    }

    pub(super) fn push_stop(&mut self, tunnel: TunnelId, ending: Ending) {
        self.lanes.push(Place::Free(Lane::Control), Body::Stop { tunnel, ending: ending.cut() });
    }

    fn has_room_in(&self, place: Place) -> bool {
        self.lanes.cost(place) < self.settings.outbox.into()
    }

    fn check(&self, to: Interest, roles: &[Role], room: bool, payload: &Bytes) -> Result<(), SendError> {
        if self.phase != Phase::Open {
            return Err(SendError::NotOpen);
        }
        if !self.wanted.wants(to, roles) {
            return Err(SendError::Unwanted);
        }
        self.check_length(payload)?;
        if room { Ok(()) } else { Err(SendError::Full) }
    }

    fn check_length(&self, payload: &Bytes) -> Result<(), SendError> {
        let limit = (self.peer.message as usize).saturating_sub(BESIDE);
        if payload.len() > limit { Err(SendError::TooLong { length: payload.len(), limit }) } else { Ok(()) }
    }
}
