use std::time::Instant;

use bytes::Bytes;

use super::close::Closed;
use super::event::Event;
use super::state::{Endpoint, Phase};
use crate::call::{CallId, IncomingCall, Stage};
use crate::channel::{Allowance, Arrival, Cost};
use crate::frame::{Acknowledge, CloseCode, Frame, FrameReader};
use crate::handshake::{Hello, Peer, Refusal, Refused, Welcome, admit, check_welcome};
use crate::interest::{Change, Interest, Role};
use crate::lanes::{Body, Lane, Place};
use crate::message::{AnswerError, Circumstances, Ending, Header, Message, Outcome};
use crate::tunnel::{Came, Tunnel, TunnelId};
use crate::violation::Violation;
use crate::wire::Limits;

impl Endpoint {
    /// Takes in what the other end has written, however it was cut.
    ///
    /// Whatever the bytes are, it never panics and never takes more memory than the [limits](crate::Limits) allow; bytes that break
    /// the protocol end the link with [`Closed::Violation`].
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        if bytes.is_empty() || self.phase == Phase::Closed {
            return;
        }
        self.last_heard = now;
        let mut reader = std::mem::replace(&mut self.reader, FrameReader::new(0));
        reader.push(bytes);
        loop {
            let handled = match reader.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => self.handle_frame(frame, now),
                Err(error) => Err(error.into()),
            };
            if let Err(violation) = handled {
                self.violated(&violation);
            }
            match self.phase {
                Phase::Closed => break,
                Phase::Greeting | Phase::Awaiting => {}
                Phase::Open | Phase::Closing => reader.set_limit(self.settings.limits.frame),
            }
        }
        self.reader = reader;
    }

    fn handle_frame(&mut self, frame: Frame<'_>, now: Instant) -> Result<(), Violation> {
        let name = frame.name();
        let unexpected = |when| Err(Violation::Unexpected { frame: name, when });
        match (self.phase, frame) {
            (Phase::Awaiting, Frame::Hello(hello)) => self.hello(hello),
            (Phase::Awaiting, _) => return unexpected("before the greeting"),
            (Phase::Greeting, Frame::Welcome(welcome)) => self.welcome(welcome),
            (Phase::Greeting, Frame::Refused(refused)) => self.end(Closed::RefusedThere(refused)),
            (Phase::Greeting, Frame::Close(close)) => self.close_received(close, now),
            (Phase::Greeting, _) => return unexpected("before the welcome"),
            (Phase::Open | Phase::Closing, frame) => return self.handle_open(frame, now),
            (Phase::Closed, _) => {}
        }
        Ok(())
    }

    fn hello(&mut self, hello: Hello) {
        let heartbeat = hello.heartbeat;
        match admit(hello, &self.settings) {
            Ok((welcome, peer)) => {
                self.greeting = Some(Frame::Welcome(welcome));
                self.opened(peer, heartbeat);
            }
            Err(refused) => self.refuse(refused),
        }
    }

    fn welcome(&mut self, welcome: Welcome) {
        let heartbeat = welcome.heartbeat;
        match check_welcome(welcome, &self.settings) {
            Ok(peer) => self.opened(peer, heartbeat),
            Err(refused) => {
                self.say_last(CloseCode::GivenUp, refused.reason.clone());
                self.end(Closed::RefusedHere(refused));
            }
        }
    }

    fn opened(&mut self, peer: Peer, heartbeat: u32) {
        self.phase = Phase::Open;
        self.peer = peer.limits;
        self.allowances = std::array::from_fn(|_| Allowance::new(peer.limits.window));
        self.agree_on_heartbeat(heartbeat);
        self.offered.begin();
        self.events.push_back(Event::Opened(peer));
    }

    fn handle_open(&mut self, frame: Frame<'_>, now: Instant) -> Result<(), Violation> {
        if self.close_received && !matches!(frame, Frame::Heartbeat | Frame::Acknowledge(_) | Frame::Close(_))
        {
            return Err(Violation::Unexpected { frame: frame.name(), when: "after the close" });
        }
        match frame {
            Frame::Hello(_) | Frame::Welcome(_) | Frame::Refused(_) => {
                let when = "after the handshake had ended";
                return Err(Violation::Unexpected { frame: frame.name(), when });
            }
            Frame::Close(close) => self.close_received(close, now),
            Frame::Heartbeat => {}
            Frame::Acknowledge(Acknowledge { received, granted }) => {
                self.outbox.acknowledge(received)?;
                for (allowance, granted) in self.allowances.iter_mut().zip(granted) {
                    allowance.raise(granted);
                }
            }
            Frame::Interest(changes) => {
                changes.into_iter().try_for_each(|change| self.interest_changed(change))?;
            }
            Frame::Whole { number, message } => {
                if self.arrivals.arrive(number, message.len(), now)? == Arrival::New {
                    self.handle_message(message, None, now)?;
                }
            }
            Frame::Part(part) => {
                if self.arrivals.arrive(part.number, part.bytes.len(), now)? == Arrival::New
                    && let Some(message) = self.parts.add(&part)?
                {
                    let message = Bytes::from(message);
                    self.handle_message(&message, Some(&message), now)?;
                }
            }
        }
        Ok(())
    }

    fn interest_changed(&mut self, change: Change) -> Result<(), Violation> {
        match change {
            Change::Announce { interest, schema, group, consumer } => {
                self.wanted.announced(interest, schema.clone())?;
                self.events.push_back(Event::Wanted { interest, schema, group, consumer });
            }
            Change::Withdraw { interest } => {
                if self.wanted.withdrawn(interest) {
                    self.events.push_back(Event::Unwanted { interest });
                }
            }
            Change::Load { interest, load } => {
                if self.wanted.is_announced(interest) {
                    self.events.push_back(Event::Load { interest, load });
                }
            }
            Change::Mismatch { interest, schema } => {
                let mismatch = self.offered.mismatch(interest, schema);
                self.events.extend(mismatch.map(Event::Mismatch));
            }
            Change::Complete => self.events.push_back(Event::Informed),
        }
        Ok(())
    }

    /// With the buffer that the bytes are in, if a payload may be a part of that.
    fn handle_message(
        &mut self,
        bytes: &[u8],
        buffer: Option<&Bytes>,
        now: Instant,
    ) -> Result<(), Violation> {
        let keep = |payload: &[u8]| match buffer {
            Some(buffer) => buffer.slice_ref(payload),
            None => Bytes::copy_from_slice(payload),
        };
        match Message::decode(bytes)? {
            Message::Notify { to, header, payload } => {
                let circumstances = self.event_came(&header, payload, now)?;
                if self.offered.consumes(to, Role::TOLD) {
                    let payload = keep(payload);
                    self.events.push_back(Event::Notification { interest: to, circumstances, payload });
                } else {
                    self.handled(circumstances.priority, payload.len());
                }
            }
            Message::Request { call, to, header, payload } => {
                let circumstances = self.event_came(&header, payload, now)?;
                self.request_came(IncomingCall::new(call), to, circumstances, payload, keep)?;
            }
            Message::Answer { call, outcome } => {
                let call = CallId::new(call);
                if let Some(Stage::Waiting | Stage::Sent) = self.calls.end(call) {
                    let outcome = match outcome {
                        Outcome::Response(payload) => Ok(keep(payload)),
                        Outcome::Error(error) => Err(error),
                    };
                    self.events.push_back(Event::Answer { call, outcome });
                }
            }
            Message::Cancel { call } => {
                let call = IncomingCall::new(call);
                // Otherwise its answer is on its way.
                if self.calls.answer(call) {
                    self.push_answer(call, Err(AnswerError::Cancelled));
                    self.events.push_back(Event::Cancelled { call });
                }
            }
            Message::Progress { call, progress } => {
                let call = CallId::new(call);
                if self.calls.stage(call) == Some(&mut Stage::Sent) {
                    self.events.push_back(Event::Progress { call, progress });
                }
            }
            Message::Open { tunnel, to, header, grant, payload } => {
                let circumstances = self.event_came(&header, payload, now)?;
                self.tunnel_came(TunnelId::theirs(tunnel), to, circumstances, grant, payload, keep)?;
            }
            Message::Accept { tunnel, grant } | Message::Grant { tunnel, grant } => {
                let tunnel = TunnelId::of(tunnel);
                if let Some(open) = self.tunnels.get(tunnel) {
                    open.raise(grant);
                    let early = open.established();
                    if open.is_sending() {
                        self.events.push_back(Event::TunnelGranted { tunnel, granted: grant });
                    }
                    self.push_early(tunnel, early);
                }
            }
            Message::Item { tunnel, payload } => {
                let tunnel = TunnelId::of(tunnel);
                match self.tunnels.get(tunnel).map(|open| open.arrive(Cost::of(payload.len()))) {
                    Some(Came::Take) => {
                        let payload = keep(payload);
                        self.events.push_back(Event::TunnelItem { tunnel, payload });
                    }
                    Some(Came::BeyondWindow) => return Err(Violation::TunnelWindowExceeded),
                    // It crossed the end of the tunnel on its way.
                    Some(Came::Drop) | None => {}
                }
            }
            Message::End { tunnel, ending } => self.tunnel_ended(TunnelId::of(tunnel), ending),
            Message::Stop { tunnel, ending } => self.tunnel_stopped(TunnelId::of(tunnel), ending),
        }
        Ok(())
    }

    /// Checks that an event keeps to its lane's window.
    fn event_came(
        &mut self,
        header: &Header,
        payload: &[u8],
        now: Instant,
    ) -> Result<Circumstances, Violation> {
        let lane = Lane::of(header.priority);
        if !self.grants[lane as usize].arrive(Cost::of(payload.len())) {
            return Err(Violation::WindowExceeded { lane: lane.name() });
        }
        Ok(Circumstances::of(header, now))
    }

    fn request_came(
        &mut self,
        call: IncomingCall,
        interest: Interest,
        circumstances: Circumstances,
        payload: &[u8],
        keep: impl Fn(&[u8]) -> Bytes,
    ) -> Result<(), Violation> {
        let limit = self.settings.limits.calls;
        if self.calls.theirs() >= limit as usize {
            return Err(Violation::TooMany { what: "unanswered requests", limit });
        }
        if !self.calls.arrive(call) {
            return Err(Violation::Reused { what: "request", number: call.get() });
        }
        if self.offered.consumes(interest, &[Role::Responder]) {
            let payload = keep(payload);
            self.events.push_back(Event::Request { call, interest, circumstances, payload });
        } else {
            self.handled(circumstances.priority, payload.len());
            self.calls.answer(call);
            self.push_answer(call, Err(AnswerError::NoResponder));
        }
        Ok(())
    }

    fn tunnel_came(
        &mut self,
        tunnel: TunnelId,
        interest: Interest,
        circumstances: Circumstances,
        granted: u64,
        payload: &[u8],
        keep: impl Fn(&[u8]) -> Bytes,
    ) -> Result<(), Violation> {
        let limit = self.settings.limits.tunnels;
        if self.tunnels.theirs() >= limit as usize {
            return Err(Violation::TooMany { what: "tunnels", limit });
        }
        if !self.tunnels.arrive(tunnel, Tunnel::offered(granted)) {
            return Err(Violation::Reused { what: "tunnel", number: tunnel.number() });
        }
        if self.offered.consumes(interest, &[Role::Acceptor]) {
            let payload = keep(payload);
            self.events.push_back(Event::TunnelOpened { tunnel, interest, circumstances, payload, granted });
        } else {
            self.handled(circumstances.priority, payload.len());
            let failure =
                edri_event::Failure::new("no acceptor", "nobody at the other end accepts it any more");
            self.refuse_tunnel(tunnel, failure);
        }
        Ok(())
    }

    fn tunnel_ended(&mut self, tunnel: TunnelId, ending: Ending) {
        let Some(open) = self.tunnels.get(tunnel) else { return };
        let early = open.established();
        if open.ended_there() {
            self.events.push_back(Event::TunnelEnded { tunnel, ending });
        }
        self.push_early(tunnel, early);
        self.tunnels.forget_if_over(tunnel);
    }

    fn tunnel_stopped(&mut self, tunnel: TunnelId, ending: Ending) {
        let Some(open) = self.tunnels.get(tunnel) else { return };
        let early = open.established();
        let answer = open.end(Ending::Lost);
        self.push_early(tunnel, early);
        if let Some(answer) = answer {
            // Nobody wants what still waits.
            let bulk = self.lanes.queue(Place::Free(Lane::Bulk));
            bulk.remove(|body| matches!(body, Body::Item { tunnel: waiting, .. } if *waiting == tunnel));
            self.push_end(tunnel, answer);
            self.events.push_back(Event::TunnelStopped { tunnel, ending });
        }
    }

    /// Refuses whoever comes, because there are too many already. For the end that accepts, before it has received
    /// anything.
    pub fn refuse_as_busy(&mut self, reason: impl Into<String>) {
        if self.phase == Phase::Awaiting {
            self.refuse(Refused::new(Refusal::Busy, reason));
        }
    }
}

const _: () = assert!(Limits::PART_OVERHEAD as usize >= 1 + 10 + 1 + 5);
