use std::time::Instant;

use bytes::Bytes;
use edri_event::Priority;
use edri_router::long_bytes;

use super::arrivals::Arrival;
use super::came::Notices;
use super::cost::Cost;
use super::frames::{Acknowledge, ChannelFrame};
use super::state::{Channel, Heard, Way};
use crate::call::{CallId, Stage};
use crate::event::Event;
use crate::lanes::{Lane, Place, What};
use crate::message::{AnswerError, Cursor, Ending, Malformed, Message};
use crate::tunnel::{Came, Tunnel, TunnelId};
use crate::violation::Violation;
use crate::wire::Permit;

impl Channel {
    /// Takes in a frame: its kind and its body.
    ///
    /// Whatever it is, it never panics and never takes more memory than the limits allow.
    ///
    /// # Errors
    /// It breaks the protocol. The channel is not to be used any more.
    pub(crate) fn receive(&mut self, kind: u8, body: &Bytes, now: Instant) -> Result<(), Violation> {
        let frame = ChannelFrame::decode(kind, body)?;
        let Some(path) = &mut self.path else { return Ok(()) };
        if let ChannelFrame::Resume(resume) = frame {
            return self.resume_came(&resume, now);
        }
        match (path.heard, path.way) {
            (Heard::Now, _) => {}
            (Heard::Nothing, Way::Direct) => {
                return Err(Violation::Unexpected { frame: frame.name(), when: "before the resume" });
            }
            // Its sender is in another session; it learns of this one.
            (Heard::Nothing, Way::Relayed) | (Heard::Earlier, _) => {
                path.say.due = true;
                return Ok(());
            }
        }
        match frame {
            ChannelFrame::Messages { number, messages } => {
                if self.arrived(number, messages.len(), now)? {
                    self.handle_messages(messages, body, now)?;
                }
            }
            ChannelFrame::Part(part) => {
                if self.arrived(part.number, part.bytes.len(), now)?
                    && let Some(message) = self.parts.add(&part)?
                {
                    let message = long_bytes(message);
                    self.handle_messages(&message, &message, now)?;
                }
            }
            ChannelFrame::Acknowledge(acknowledge) => {
                self.acknowledged(&acknowledge, now)?;
            }
            ChannelFrame::Resume(_) => {}
        }
        self.wait(now);
        Ok(())
    }

    /// How far the other end has come, and what it allows.
    pub(super) fn acknowledged(&mut self, heard: &Acknowledge, now: Instant) -> Result<(), Violation> {
        let bytes = self.kept.acknowledge(heard.received)?;
        while self.long.front().is_some_and(|(last, _)| *last <= heard.received) {
            self.long.pop_front();
        }
        let mut progress = bytes > 0;
        for (allowance, granted) in self.allowances.iter_mut().zip(heard.granted) {
            progress |= allowance.raise(granted);
        }
        if progress {
            self.pace.heard();
        }
        self.pace.acknowledged(heard.received, bytes, now);
        Ok(())
    }

    /// Whether a numbered frame is the next.
    fn arrived(&mut self, number: u64, bytes: usize, now: Instant) -> Result<bool, Violation> {
        match self.arrivals.arrive(number, bytes, now) {
            Arrival::New => Ok(true),
            Arrival::Repeated => Ok(false),
            Arrival::Ahead { expected } => match self.path.as_mut() {
                Some(path) if path.way == Way::Relayed => {
                    path.say.ask_for(expected, now);
                    Ok(false)
                }
                _ => Err(Violation::Gap { got: number, expected }),
            },
        }
    }

    /// All messages of a frame, which is a part of `body`.
    fn handle_messages(&mut self, messages: &[u8], body: &Bytes, now: Instant) -> Result<(), Violation> {
        let mut cursor = Cursor::new(messages);
        while !cursor.is_at_end() {
            if self.notifications_came(&mut cursor, body, now)? {
                continue;
            }
            let message = Message::decode(&mut cursor, Some(now)).map_err(malformed)?;
            self.handle_message(message, body)?;
        }
        Ok(())
    }

    /// All notifications up to the next message of another kind; whether there were any.
    fn notifications_came(
        &mut self,
        cursor: &mut Cursor<'_>,
        body: &Bytes,
        now: Instant,
    ) -> Result<bool, Violation> {
        let all = cursor.rest();
        let mut left = all.len();
        let outcome = loop {
            if let Some(plain) = Message::decode_plain(cursor) {
                if let Err(violation) = self.event_came(plain.priority, plain.payload) {
                    break Err(violation);
                }
                left = cursor.rest().len();
                continue;
            }
            match Message::decode_notification(cursor, now) {
                Ok(None) => break Ok(left < all.len()),
                Ok(Some((_, circumstances, payload))) => {
                    if let Err(violation) = self.event_came(circumstances.priority, payload) {
                        break Err(violation);
                    }
                    left = cursor.rest().len();
                }
                Err(error) => break Err(malformed(error)),
            }
        };
        // Those before one that breaks the protocol have come all the same.
        let notices = body.slice_ref(&all[..all.len() - left]);
        self.events.push_notices(Notices::new(notices, now));
        outcome
    }

    fn handle_message(&mut self, message: Message<'_>, body: &Bytes) -> Result<(), Violation> {
        match message {
            Message::Request { call, to, circumstances, payload } => {
                self.event_came(circumstances.priority, payload)?;
                let limit = self.ends.limits.calls;
                if self.calls.theirs() >= limit as usize {
                    return Err(Violation::TooMany { what: "unanswered requests", limit });
                }
                let Some(call) = self.calls.arrive(call) else {
                    return Err(Violation::Reused { what: "request", number: call });
                };
                let payload = body.slice_ref(payload);
                self.events.push_back(Event::Request { call, interest: to, circumstances, payload });
            }
            Message::Open { tunnel, to, circumstances, grant, payload } => {
                self.event_came(circumstances.priority, payload)?;
                let limit = self.ends.limits.tunnels;
                if self.tunnels.theirs() >= limit as usize {
                    return Err(Violation::TooMany { what: "tunnels", limit });
                }
                let Some(tunnel) = self.tunnels.arrive(tunnel, Tunnel::offered(grant)) else {
                    return Err(Violation::Reused { what: "tunnel", number: tunnel });
                };
                let (interest, granted) = (to, grant);
                let payload = body.slice_ref(payload);
                self.events.push_back(Event::TunnelOpened {
                    tunnel,
                    interest,
                    circumstances,
                    payload,
                    granted,
                });
            }
            other => self.handle_other(other, body)?,
        }
        Ok(())
    }

    fn handle_other(&mut self, message: Message<'_>, body: &Bytes) -> Result<(), Violation> {
        match message {
            Message::Notify { .. } | Message::Request { .. } | Message::Open { .. } => {}
            Message::Answer { call, outcome } => {
                let call = CallId::new(call);
                if let Some(Stage::Waiting | Stage::Sent) = self.calls.end(call) {
                    let outcome = outcome.map(|payload| body.slice_ref(payload));
                    self.events.push_back(Event::Answer { call, outcome });
                }
            }
            Message::Cancel { call } => {
                let call = self.calls.incoming(call);
                // Otherwise its answer is on its way.
                if self.answer(call, Err(AnswerError::Cancelled)) {
                    self.events.push_back(Event::Cancelled { call });
                }
            }
            Message::Progress { call, progress } => {
                let call = CallId::new(call);
                if self.calls.stage(call) == Some(&mut Stage::Sent) {
                    self.events.push_back(Event::Progress { call, progress });
                }
            }
            Message::Accept { tunnel, grant } | Message::Grant { tunnel, grant } => {
                let tunnel = self.tunnels.named(tunnel);
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
                let tunnel = self.tunnels.named(tunnel);
                match self.tunnels.get(tunnel).map(|open| open.arrive(Cost::of(payload.len()))) {
                    Some(Came::Take) => {
                        let payload = Self::keep_apart(body, payload);
                        self.events.push_back(Event::TunnelItem { tunnel, payload });
                    }
                    Some(Came::BeyondWindow) => return Err(Violation::TunnelWindowExceeded),
                    // It crossed the end of the tunnel on its way.
                    Some(Came::Drop) | None => {}
                }
            }
            Message::Durable { word } => {
                let word = body.slice_ref(word);
                self.events.push_back(Event::Durable { word, permit: Permit::All });
            }
            Message::End { tunnel, ending } => self.tunnel_ended(self.tunnels.named(tunnel), ending),
            Message::Stop { tunnel, ending } => self.tunnel_stopped(self.tunnels.named(tunnel), ending),
        }
        Ok(())
    }

    /// Checks that an event keeps to its lane's window.
    #[inline]
    fn event_came(&mut self, priority: Priority, payload: &[u8]) -> Result<(), Violation> {
        let lane = Lane::of(priority);
        if self.grants[lane as usize].arrive(Cost::of(payload.len())) {
            Ok(())
        } else {
            Err(Violation::WindowExceeded { lane: lane.name() })
        }
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
            bulk.remove(|what| *what == What::Item(tunnel));
            self.push_end(tunnel, answer);
            self.events.push_back(Event::TunnelStopped { tunnel, ending });
        }
    }

    /// Sends what was held back until a tunnel was accepted.
    fn push_early(&mut self, tunnel: TunnelId, early: Vec<crate::tunnel::Early>) {
        for early in early {
            match early {
                crate::tunnel::Early::End(ending) => self.push_end(tunnel, ending),
                crate::tunnel::Early::Stop(ending) => self.push_stop(tunnel, ending),
            }
        }
    }
}

fn malformed(error: Malformed) -> Violation {
    Violation::Message { reason: error.to_string() }
}
