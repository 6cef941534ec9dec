use super::state::{Connection, Phase};
use crate::closed::Closed;
use crate::message::cut;
use crate::violation::Violation;
use crate::wire::{Close, CloseCode, Frame, write};

impl Connection {
    /// Says that nothing more will be sent.
    pub(crate) fn write_close(&mut self, out: &mut Vec<u8>) {
        if self.is_open() && !self.close_sent {
            write(out, &Frame::Close(Close { code: CloseCode::Orderly, reason: String::new() }));
            self.close_sent = true;
        }
    }

    /// Whether this end has said that nothing more will be sent.
    pub(crate) fn is_close_sent(&self) -> bool {
        self.close_sent
    }

    /// Whether the other end has.
    pub(crate) fn is_close_received(&self) -> bool {
        self.close_received
    }

    /// Gives the connection up at once; the other end is told why.
    pub(crate) fn give_up(&mut self, reason: &str) {
        let reason = cut(reason.to_owned());
        self.say_last(CloseCode::GivenUp, reason.clone());
        self.end(Closed::GivenUpHere { reason });
    }

    /// The other end broke the protocol; it is told how.
    pub(crate) fn violated(&mut self, violation: &Violation) {
        let reason = cut(violation.to_string());
        self.say_last(CloseCode::Violation, reason.clone());
        self.end(Closed::Violation { reason });
    }

    /// The transport is gone: nothing can be read or written any more.
    pub(crate) fn lost(&mut self, reason: &str) {
        // Both had said their last word: that its bearer is gone now is as it should be.
        let closed = if self.close_sent && self.close_received {
            Closed::Orderly
        } else {
            Closed::Lost { reason: reason.to_owned() }
        };
        self.last_word = None;
        self.greeting = None;
        self.end(closed);
    }

    pub(super) fn say_last(&mut self, code: CloseCode, reason: String) {
        if !matches!(self.phase, Phase::Closed(_)) {
            self.last_word = Some(Frame::Close(Close { code, reason }));
        }
    }

    pub(super) fn end_by(&mut self, close: Close) {
        let reason = cut(close.reason);
        self.end(match close.code {
            CloseCode::Orderly => Closed::GivenUpThere { reason: "it closed before it was open".to_owned() },
            CloseCode::Violation => Closed::Accused { reason },
            CloseCode::Replaced => Closed::Replaced,
            _ => Closed::GivenUpThere { reason },
        });
    }

    /// It has ended; only the first end counts.
    pub(crate) fn end(&mut self, closed: Closed) {
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(closed);
        }
    }
}
