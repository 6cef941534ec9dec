use std::time::Instant;

use super::state::{Endpoint, Phase};
use crate::channel::MISMATCH;
use crate::connection::Arrived;
use crate::event::Event;
use crate::interest::{Interest, Role, Schema};
use crate::message::{AnswerError, Cursor};
use crate::violation::Violation;
use crate::wire::{Frame, Interests};

impl Endpoint {
    /// Takes in what the other end has written, however it was cut.
    ///
    /// Whatever the bytes are, it never panics and never takes more memory than the [limits](crate::Limits) allow; bytes that break
    /// the protocol end the link with [`Closed::Violation`](crate::Closed::Violation).
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.receive(bytes, now);
        }
        self.take_in(now);
    }

    pub(super) fn take_in(&mut self, now: Instant) {
        while let Some(connection) = &mut self.connection
            && let Some(arrived) = connection.next()
        {
            match arrived {
                Arrived::Opened(peer, _) => self.opened(peer, now),
                Arrived::Frame(frame) => {
                    if let Err(violation) = self.handle_frame(frame, now) {
                        self.violated(&violation, now);
                    }
                }
                Arrived::Finished => self.close_received(now),
                Arrived::Ended => self.connection_ended(now),
            }
        }
    }

    fn handle_frame(&mut self, frame: Frame, now: Instant) -> Result<(), Violation> {
        const ACKNOWLEDGE: u8 = crate::wire::LOWEST_CHANNEL_KIND + 2;
        let closed = self.connection.as_ref().is_some_and(|connection| connection.is_close_received());
        if closed && !matches!(frame, Frame::Channel { kind: ACKNOWLEDGE, .. }) {
            return Err(Violation::Unexpected { frame: frame.name(), when: "after the close" });
        }
        match frame {
            Frame::Channel { kind: MISMATCH, body } => self.mismatch_came(&body),
            Frame::Channel { kind, body } => self.channel.receive(kind, &body, now),
            Frame::Interest(interests) => self.interests_came(interests),
            other => {
                Err(Violation::Unexpected { frame: other.name(), when: "from a router that is no switch" })
            }
        }
    }

    fn interests_came(&mut self, interests: Interests) -> Result<(), Violation> {
        if interests.member != 0 {
            let when = "of another router, from a router that is no switch";
            return Err(Violation::Unexpected { frame: "interest", when });
        }
        for change in interests.changes {
            if let Some(learned) = self.learner.learn(change)? {
                for heard in self.wanted.hear(learned)? {
                    self.note(heard);
                }
            }
        }
        Ok(())
    }

    fn mismatch_came(&mut self, body: &[u8]) -> Result<(), Violation> {
        let (interest, schema) = mismatch(body)?;
        if let Some(mismatch) = self.offered.mismatch(interest, schema) {
            self.channel.push_event(Event::Mismatch(mismatch));
        }
        Ok(())
    }

    /// What came for something that is not consumed here, or no longer, is answered at once, and the program does not
    /// learn of it.
    #[inline]
    pub(super) fn check(&mut self, event: Event) -> Option<Event> {
        match &event {
            Event::Notification { interest, circumstances, payload } => {
                if !matches!(self.offered.role(*interest), Some(Role::Subscriber | Role::Observer)) {
                    self.channel.handled(circumstances.priority, payload.len());
                    return None;
                }
            }
            Event::Request { call, interest, circumstances, payload } => {
                if !self.offered.consumes(*interest, Role::Responder) {
                    self.channel.handled(circumstances.priority, payload.len());
                    self.channel.answer(*call, Err(AnswerError::NoResponder));
                    return None;
                }
            }
            Event::TunnelOpened { tunnel, interest, circumstances, payload, .. } => {
                if !self.offered.consumes(*interest, Role::Acceptor) {
                    self.channel.handled(circumstances.priority, payload.len());
                    let failure = edri_event::Failure::new(
                        "no acceptor",
                        "nobody at the other end accepts it any more",
                    );
                    self.channel.refuse_tunnel(*tunnel, failure);
                    return None;
                }
            }
            _ => {}
        }
        Some(event)
    }

    /// Refuses whoever comes, because there are too many already. For the end that accepts, before it has received
    /// anything.
    pub fn refuse_as_busy(&mut self, reason: impl Into<String>) {
        if let Some(connection) = &mut self.connection
            && self.phase == Phase::Fresh
        {
            connection.refuse_as_busy(reason.into());
            if let Some(closed) = connection.closed().cloned() {
                self.end(closed, Instant::now());
            }
        }
    }
}

/// What is said where an event is not the same at both ends.
pub(crate) fn mismatch(body: &[u8]) -> Result<(Interest, Schema), Violation> {
    let mut cursor = Cursor::new(body);
    let malformed = |error: crate::message::Malformed| Violation::Channel {
        kind: MISMATCH,
        length: body.len(),
        reason: error.to_string(),
    };
    let interest = Interest(cursor.small_number().map_err(malformed)?);
    let schema = cursor.value().map_err(malformed)?;
    if cursor.is_at_end() {
        Ok((interest, schema))
    } else {
        Err(malformed(crate::message::Malformed::LeftOver))
    }
}
