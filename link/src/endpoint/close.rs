use std::time::Instant;

use super::state::{Endpoint, Phase};
use crate::closed::Closed;
use crate::event::{Event, Undelivered};
use crate::message::AnswerError;
use crate::returned::undelivered;
use crate::violation::Violation;

impl Endpoint {
    /// Closes the link in order: nothing new is sent from here on; what waits still is, and then both ends stop.
    ///
    /// Requests that have no answer by then fail. Where the other end does not take what waits within
    /// [`closing`](crate::Settings::closing), the link is given up.
    pub fn close(&mut self, now: Instant) {
        match self.phase {
            Phase::Fresh => self.give_up("it was closed before it was open"),
            Phase::Open | Phase::Suspended(..) => {
                self.closing_until = Some(now + self.settings.closing);
                if self.phase == Phase::Open {
                    self.phase = Phase::Closing;
                }
                self.finish_closing();
            }
            Phase::Closing | Phase::Closed => {}
        }
    }

    /// Gives the link up at once; the other end is told why.
    pub fn give_up(&mut self, reason: &str) {
        let closed = Closed::GivenUpHere { reason: crate::message::cut(reason.to_owned()) };
        if let Some(connection) = &mut self.connection {
            connection.give_up(reason);
        }
        self.end(closed);
    }

    /// What carries the link is gone for good: nothing can be read or written any more, and the link has ended.
    pub fn lost(&mut self, reason: &str) {
        if let Some(connection) = &mut self.connection {
            connection.lost(reason);
        }
        let closed = self.connection.as_ref().and_then(|connection| connection.closed().cloned());
        self.end(closed.unwrap_or_else(|| Closed::Lost { reason: reason.to_owned() }));
    }

    /// Whether the link has ended. The last words may still have to be [written](Endpoint::transmit).
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    pub(super) fn violated(&mut self, violation: &Violation, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.violated(violation);
            self.connection_ended(now);
        }
    }

    /// The other end sends nothing more.
    pub(super) fn close_received(&mut self, now: Instant) {
        self.close(now);
        self.finish_closing();
    }

    /// Ends an orderly close when both have said their last word.
    pub(super) fn finish_closing(&mut self) {
        let said = |connection: &crate::connection::Connection| {
            connection.is_close_sent() && connection.is_close_received()
        };
        if self.phase == Phase::Closing && self.connection.as_ref().is_some_and(said) {
            if let Some(connection) = &mut self.connection {
                connection.end(Closed::Orderly);
            }
            self.end(Closed::Orderly);
        }
    }

    /// Answers what somebody waits for, and gives back the rest.
    pub(super) fn end(&mut self, closed: Closed) {
        if self.phase == Phase::Closed {
            return;
        }
        self.phase = Phase::Closed;
        let error = AnswerError::LinkLost { peer: None, reason: closed.to_string() };
        for event in self.returned.give_up(&error) {
            self.channel.push_event(event);
        }
        for again in self.channel.dissolve(&error, u64::MAX) {
            // In order, all that was sent has arrived: only requests wait for something.
            if again.call.is_some() || closed != Closed::Orderly {
                let event = undelivered(again, Undelivered::LinkLost, error.clone());
                self.channel.push_event(event);
            }
        }
        self.channel.disconnect();
        self.channel.push_event(Event::Closed(closed));
    }
}
