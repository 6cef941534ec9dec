use bytes::Bytes;
use edri_event::{Failure, Priority, Progress};

use super::cost::Cost;
use super::state::Channel;
use crate::call::{CallId, IncomingCall, Request, Stage};
use crate::interest::Interest;
use crate::lanes::{Lane, Late, Place, What};
use crate::message::{
    AnswerError, BESIDE, Circumstances, Ending, Message, Opening, put_answer, put_durable, put_event,
    put_event_before, put_item,
};
use crate::tunnel::{Tunnel, TunnelId};

/// A message is longer than the other end takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    pub(crate) length: usize,
    pub(crate) limit: usize,
}

impl Channel {
    #[inline]
    pub(crate) fn has_room(&self, priority: Priority) -> bool {
        self.has_room_in(Place::Metered(Lane::of(priority)))
    }

    #[inline]
    pub(crate) fn has_room_for_request(&self, priority: Priority) -> bool {
        self.has_room(priority) && self.calls.ours() < self.ends.peer.calls as usize
    }

    pub(crate) fn has_room_for_tunnel(&self, priority: Priority) -> bool {
        self.has_room(priority) && self.tunnels.ours() < self.ends.peer.tunnels as usize
    }

    #[inline]
    pub(crate) fn has_room_for_answers(&self) -> bool {
        self.has_room_in(Place::Free(Lane::Normal))
    }

    pub(crate) fn has_room_for_items(&self) -> bool {
        self.has_room_in(Place::Free(Lane::Bulk))
    }

    #[inline]
    fn has_room_in(&self, place: Place) -> bool {
        self.lanes.cost(place) < self.ends.outbox.into()
    }

    /// Whether a payload of this length may be sent.
    #[inline]
    pub(crate) fn check_length(&self, length: usize) -> Result<(), TooLong> {
        let limit = (self.ends.peer.message as usize).saturating_sub(BESIDE);
        if length > limit { Err(TooLong { length, limit }) } else { Ok(()) }
    }

    #[inline]
    pub(crate) fn notify<E: From<TooLong>>(
        &mut self,
        to: Interest,
        circumstances: &Circumstances,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.push_event_message(What::Plain, Opening::Notify, to, circumstances, write)?;
        self.lanes.queue(Place::Metered(Lane::of(circumstances.priority))).join_last();
        Ok(())
    }

    /// The same for several that are written already: how many they are, and the sum of their payloads.
    #[inline]
    pub(crate) fn notify_row(&mut self, priority: Priority, row: &[u8], (count, payloads): (usize, usize)) {
        let place = Place::Metered(Lane::of(priority));
        self.lanes.queue(place).push_row(row, Cost::of_all(count, payloads));
    }

    /// The same for a payload that is long, and is not copied.
    pub(crate) fn notify_long(
        &mut self,
        to: Interest,
        circumstances: &Circumstances,
        payload: Bytes,
    ) -> Result<(), TooLong> {
        self.check_length(payload.len())?;
        let place = Place::Metered(Lane::of(circumstances.priority));
        let length = payload.len();
        self.lanes.push_apart(place, What::Plain, circumstances.deadline, payload, |out| {
            put_event_before(out, Opening::Notify, to, circumstances, length)
        });
        Ok(())
    }

    /// A request, under a number that this end has not used in this channel. One that may be asked again elsewhere is
    /// kept until it is answered.
    pub(crate) fn request<E: From<TooLong>>(
        &mut self,
        call: CallId,
        to: Interest,
        circumstances: &Circumstances,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (what, opening) = (What::Request(call), Opening::Request { call: call.get() });
        if !circumstances.idempotent {
            self.push_event_message(what, opening, to, circumstances, write)?;
            self.calls.begin(call, None);
            return Ok(());
        }
        let mut payload = Vec::new();
        write(&mut payload)?;
        self.push_event_message(what, opening, to, circumstances, |out| {
            out.extend_from_slice(&payload);
            Ok::<_, E>(())
        })?;
        let request = Request { to, circumstances: *circumstances, payload: payload.into() };
        self.calls.begin(call, Some(request));
        Ok(())
    }

    pub(crate) fn open_tunnel<E: From<TooLong>>(
        &mut self,
        to: Interest,
        circumstances: &Circumstances,
        window: u32,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<TunnelId, E> {
        let window = window.max(1);
        let tunnel = self.tunnels.open(Tunnel::opening(window));
        let opening = Opening::Open { tunnel: tunnel.number(), grant: window.into() };
        let pushed = self.push_event_message(What::Open(tunnel), opening, to, circumstances, write);
        match pushed {
            Ok(()) => Ok(tunnel),
            Err(error) => {
                self.tunnels.not_opened(tunnel);
                Err(error)
            }
        }
    }

    #[inline]
    fn push_event_message<E: From<TooLong>>(
        &mut self,
        what: What,
        opening: Opening,
        to: Interest,
        circumstances: &Circumstances,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let limit = (self.ends.peer.message as usize).saturating_sub(BESIDE);
        let place = Place::Metered(Lane::of(circumstances.priority));
        self.lanes.push(place, what, circumstances.deadline, |out| {
            let (left_at, length) = put_event(out, opening, to, circumstances, write)?;
            if length > limit { Err(TooLong { length, limit }.into()) } else { Ok((left_at, length)) }
        })
    }

    /// Nobody waits for the answer any more. `false` if there is no such request.
    pub(crate) fn cancel(&mut self, call: CallId) -> bool {
        let Some(stage) = self.calls.stage(call) else { return false };
        match *stage {
            Stage::Waiting => {
                *stage = Stage::CancelledWhileWaiting;
                let is_it = |what: &What| *what == What::Request(call);
                let events = [Lane::Control, Lane::High, Lane::Normal].map(Place::Metered);
                // Not found there, it is being sent in parts.
                if events.into_iter().any(|place| self.lanes.queue(place).remove(is_it)) {
                    self.calls.end(call);
                }
            }
            Stage::Sent => {
                *stage = Stage::Cancelled;
                self.lanes.push_late(Place::Free(Lane::Control), Late::Cancel(call));
            }
            Stage::CancelledWhileWaiting | Stage::Cancelled => {}
        }
        true
    }

    /// Whether it needs an answer: it has not been answered before, nor cancelled.
    pub(crate) fn answer(&mut self, call: IncomingCall, outcome: Result<&[u8], AnswerError>) -> bool {
        let needed = self.calls.answer(call);
        if needed {
            self.push_answer(call, outcome);
        }
        needed
    }

    pub(super) fn push_answer(&mut self, call: IncomingCall, outcome: Result<&[u8], AnswerError>) {
        let outcome = outcome.map_err(AnswerError::cut).and_then(|payload| {
            let too_long = |TooLong { length, limit }| AnswerError::Codec {
                reason: format!(
                    "the response of {length} bytes was not sent: the other end takes at most {limit}"
                ),
            };
            self.check_length(payload.len()).map_err(too_long).map(|()| payload)
        });
        let place = Place::Free(Lane::Normal);
        self.lanes.push_encoded(place, What::Answer(call), |out| put_answer(out, call.number(), &outcome));
    }

    pub(crate) fn report(&mut self, call: IncomingCall, progress: Progress) {
        if self.calls.report(call, progress) {
            self.lanes.push_late(Place::Free(Lane::Control), Late::Progress(call));
        }
    }

    /// What an event that came takes no room for any more.
    #[inline]
    pub(crate) fn handled(&mut self, priority: Priority, payload: usize) {
        if self.grants[Lane::of(priority) as usize].handle(Cost::of(payload)) {
            self.arrivals.hurry();
        }
    }

    pub(crate) fn say_durable(&mut self, word: &[u8]) {
        self.lanes.push_encoded(Place::Free(Lane::Normal), What::Plain, |out| put_durable(out, word));
    }

    pub(crate) fn accept_tunnel(&mut self, tunnel: TunnelId, window: u32) {
        if self.tunnels.get(tunnel).is_some_and(|open| open.accept(window.max(1))) {
            self.lanes.push_late(Place::Free(Lane::Control), Late::Accept(tunnel));
        }
    }

    pub(crate) fn refuse_tunnel(&mut self, tunnel: TunnelId, failure: Failure) {
        self.end_tunnel(tunnel, Ending::Aborted(failure.clone()));
        self.stop_tunnel(tunnel, Ending::Aborted(failure));
    }

    /// Whether an item may be sent into it; `None` if the tunnel is closed in this direction.
    pub(crate) fn may_send_item(&mut self, tunnel: TunnelId) -> Option<bool> {
        let open = self.tunnels.get(tunnel).filter(|open| open.is_sending())?;
        let may_send = open.may_send();
        Some(may_send && self.has_room_for_items())
    }

    pub(crate) fn send_item(&mut self, tunnel: TunnelId, payload: &[u8]) {
        if let Some(open) = self.tunnels.get(tunnel) {
            open.spend(Cost::of(payload.len()));
            let place = Place::Free(Lane::Bulk);
            self.lanes.push_encoded(place, What::Item(tunnel), |out| put_item(out, tunnel.route(), payload));
        }
    }

    pub(crate) fn item_handled(&mut self, tunnel: TunnelId, payload: usize) {
        if self.tunnels.get(tunnel).is_some_and(|open| open.handled(Cost::of(payload))) {
            self.lanes.push_late(Place::Free(Lane::Control), Late::Grant(tunnel));
        }
    }

    pub(crate) fn end_tunnel(&mut self, tunnel: TunnelId, ending: Ending) {
        if let Some(ending) = self.tunnels.get(tunnel).and_then(|open| open.end(ending)) {
            self.push_end(tunnel, ending);
        }
    }

    pub(crate) fn stop_tunnel(&mut self, tunnel: TunnelId, ending: Ending) {
        if let Some(ending) = self.tunnels.get(tunnel).and_then(|open| open.stop(ending)) {
            self.push_stop(tunnel, ending);
        }
    }

    /// Behind the items.
    pub(super) fn push_end(&mut self, tunnel: TunnelId, ending: Ending) {
        let message = Message::End { tunnel: tunnel.route(), ending: ending.cut() };
        let place = Place::Free(Lane::Bulk);
        self.lanes.push_encoded(place, What::End(tunnel), |out| {
            message.encode_short(out);
            0
        });
    }

    pub(super) fn push_stop(&mut self, tunnel: TunnelId, ending: Ending) {
        let message = Message::Stop { tunnel: tunnel.route(), ending: ending.cut() };
        self.lanes.push_encoded(Place::Free(Lane::Control), What::Plain, |out| {
            message.encode_short(out);
            0
        });
    }

    /// What was to be sent to an earlier incarnation of the other router, or in an earlier session: whatever room there
    /// is, since it takes no more than it did there.
    pub(crate) fn send_again(&mut self, again: super::Again) -> Result<(), Box<super::Again>> {
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(&again.payload);
            Ok::<_, TooLong>(())
        };
        let sent = match again.call {
            Some(call) => self.request(call, again.to, &again.circumstances, write),
            None => self.notify(again.to, &again.circumstances, write),
        };
        sent.map_err(|_| Box::new(again))
    }

    /// An item's payload and others as they wait for a long time are copied, if they are small.
    pub(super) fn keep_apart(body: &Bytes, payload: &[u8]) -> Bytes {
        const SMALL: usize = 4 * 1024;
        if payload.len() < SMALL { Bytes::copy_from_slice(payload) } else { body.slice_ref(payload) }
    }
}
