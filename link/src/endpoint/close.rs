use std::time::{Duration, Instant};

use super::event::Event;
use super::state::{Endpoint, Phase};
use crate::frame::{Close, CloseCode};
use crate::handshake::Refused;
use crate::message::{AnswerError, Ending, cut};
use crate::violation::Violation;

/// How a link ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Closed {
    /// Both ends had sent all they had.
    #[error("the link was closed in order")]
    Orderly,
    /// This end would not have the other.
    #[error("this end refused the link: {0}")]
    RefusedHere(Refused),
    /// The other end would not have this one.
    #[error("the other end refused the link: {0}")]
    RefusedThere(Refused),
    /// The other end did not finish its greeting.
    #[error("the other end did not finish the handshake within {within:?}")]
    HandshakeTimedOut {
        /// How long this end waited.
        within: Duration,
    },
    /// The other end is dead, or cut off.
    #[error("nothing was heard from the other end for {silence:?}")]
    Silent {
        /// How long.
        silence: Duration,
    },
    /// The other end broke the protocol.
    #[error("the other end broke the link's protocol: {reason}")]
    Violation {
        /// How.
        reason: String,
    },
    /// The other end says that this end broke the protocol.
    #[error("the other end closed the link, because this end broke the protocol: {reason}")]
    Accused {
        /// How, as it says.
        reason: String,
    },
    /// The other end gave the link up.
    #[error("the other end gave the link up: {reason}")]
    GivenUpThere {
        /// Why.
        reason: String,
    },
    /// This end gave the link up.
    #[error("this end gave the link up: {reason}")]
    GivenUpHere {
        /// Why.
        reason: String,
    },
    /// The pipe or the connection is gone.
    #[error("the connection was lost: {reason}")]
    Lost {
        /// What is known of it.
        reason: String,
    },
}

impl Endpoint {
    /// Closes the link in order: nothing new is sent from here on; what waits still is, and then both ends stop.
    ///
    /// Requests that have no answer by then fail. Where the other end does not take what waits within
    /// [`closing`](crate::Settings::closing), the link is given up.
    pub fn close(&mut self, now: Instant) {
        match self.phase {
            Phase::Open => {
                self.phase = Phase::Closing;
                self.closing_until = Some(now + self.settings.closing);
                self.finish_closing();
            }
            Phase::Greeting | Phase::Awaiting => self.give_up("it was closed before it was open"),
            Phase::Closing | Phase::Closed => {}
        }
    }

    /// Gives the link up at once; the other end is told why.
    pub fn give_up(&mut self, reason: &str) {
        let reason = cut(reason.to_owned());
        self.say_last(CloseCode::GivenUp, reason.clone());
        self.end(Closed::GivenUpHere { reason });
    }

    /// The transport is gone: nothing can be read or written any more.
    pub fn lost(&mut self, reason: &str) {
        // Both had said their last word: that its bearer is gone now is as it should be.
        let closed = if self.phase == Phase::Closing && self.close_sent && self.close_received {
            Closed::Orderly
        } else {
            Closed::Lost { reason: reason.to_owned() }
        };
        self.last_word = None;
        self.end(closed);
    }

    /// Whether the link has ended. The last words may still have to be [written](Endpoint::transmit).
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    pub(super) fn violated(&mut self, violation: &Violation) {
        let reason = cut(violation.to_string());
        self.say_last(CloseCode::Violation, reason.clone());
        self.end(Closed::Violation { reason });
    }

    pub(super) fn say_last(&mut self, code: CloseCode, reason: String) {
        if self.phase != Phase::Closed {
            self.last_word = Some(crate::frame::Frame::Close(Close { code, reason }));
        }
    }

    pub(super) fn close_received(&mut self, close: Close, now: Instant) {
        match close.code {
            CloseCode::Orderly => {
                self.close_received = true;
                if self.phase == Phase::Open {
                    self.close(now);
                }
                self.finish_closing();
            }
            CloseCode::Violation => self.end(Closed::Accused { reason: cut(close.reason) }),
            CloseCode::GivenUp => self.end(Closed::GivenUpThere { reason: cut(close.reason) }),
        }
    }

    /// Ends an orderly close when both have said their last word.
    pub(super) fn finish_closing(&mut self) {
        if self.phase == Phase::Closing && self.close_sent && self.close_received {
            self.end(Closed::Orderly);
        }
    }

    /// Answers what somebody waits for, and forgets the rest.
    pub(super) fn end(&mut self, closed: Closed) {
        if self.phase == Phase::Closed {
            return;
        }
        self.phase = Phase::Closed;
        self.lanes.clear();
        let reason = closed.to_string();
        for call in self.calls.take_ours() {
            let outcome = Err(AnswerError::LinkLost { peer: None, reason: reason.clone() });
            self.events.push_back(Event::Answer { call, outcome });
        }
        for call in self.calls.take_theirs() {
            self.events.push_back(Event::Cancelled { call });
        }
        for tunnel in self.tunnels.clear() {
            self.events.push_back(Event::TunnelStopped { tunnel, ending: Ending::Lost });
            self.events.push_back(Event::TunnelEnded { tunnel, ending: Ending::Lost });
        }
        self.events.push_back(Event::Closed(closed));
    }
}
