use std::time::Instant;

use super::state::Endpoint;
use crate::channel::{ACKNOWLEDGE, MISMATCH};
use crate::closed::Closed;
use crate::connection::Arrived;
use crate::event::Event;
use crate::sift::read_mismatch;
use crate::violation::Violation;
use crate::wire::{Frame, Interests, Refusal, Refused};

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
                Arrived::Opened(peer) => self.opened(peer, now),
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
        let (interest, schema) = read_mismatch(body)?;
        if let Some(mismatch) = self.offered.mismatch(interest, schema) {
            self.channel.push_event(Event::Mismatch(mismatch));
        }
        Ok(())
    }

    /// Refuses whoever connects: because there are [too many](Refusal::Busy) already, because somebody else
    /// [is known](Refusal::Taken) as that router, or for reasons of the program's own. For the end that accepts, at the
    /// latest when it has learned who comes, before it has transmitted anything. Later it does nothing.
    pub fn refuse(&mut self, code: Refusal, reason: impl Into<String>) {
        if let Some(connection) = &mut self.connection
            && connection.may_refuse()
        {
            let refused = Refused::new(code, reason);
            connection.refuse(refused.clone());
            self.end(Closed::RefusedHere(refused));
        }
    }

    /// Refuses whoever comes, because there are too many already. For the end that accepts, before it has received
    /// anything.
    pub fn refuse_as_busy(&mut self, reason: impl Into<String>) {
        self.refuse(Refusal::Busy, reason);
    }
}
