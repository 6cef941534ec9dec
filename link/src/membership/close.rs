use std::time::Instant;

use super::event::{MemberGone, NetworkEvent};
use super::state::{Membership, Phase};
use crate::closed::Closed;
use crate::message::cut;
use crate::violation::Violation;

impl Membership {
    /// Leaves the network in order: nothing new is sent from here on; what waits still is, to those who are there, and
    /// when they have acknowledged it this router leaves.
    ///
    /// Requests that have no answer by then fail. Where others do not take what waits within
    /// [`closing`](crate::Settings::closing), it is given up.
    pub fn close(&mut self, now: Instant) {
        match self.phase {
            Phase::Fresh => self.give_up("it was closed before it was open"),
            Phase::Open | Phase::Suspended => {
                self.closing_until = Some(now + self.settings.closing);
                if self.phase == Phase::Open {
                    self.phase = Phase::Closing;
                }
            }
            Phase::Closing | Phase::Closed => {}
        }
    }

    /// Gives the membership up at once; the switch is told why.
    pub fn give_up(&mut self, reason: &str) {
        if let Some(connection) = &mut self.connection {
            connection.give_up(reason);
        }
        self.end(Closed::GivenUpHere { reason: cut(reason.to_owned()) });
    }

    pub(super) fn violated(&mut self, violation: &Violation, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.violated(violation);
            self.connection_ended(now);
        }
    }

    /// The switch sends nothing more: it answers this router's last word, or is shut down.
    pub(super) fn close_received(&mut self, now: Instant) {
        if self.phase == Phase::Closing {
            self.finish_closing();
        } else if let Some(connection) = &mut self.connection {
            connection.end(Closed::GivenUpThere { reason: "the switch closed the connection".to_owned() });
            self.connection_ended(now);
        }
    }

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

    /// Ends what there is with each member.
    pub(super) fn end(&mut self, closed: Closed) {
        if self.phase == Phase::Closed {
            return;
        }
        self.phase = Phase::Closed;
        for id in self.members() {
            self.gone(id, MemberGone::Closed);
        }
        self.ready.clear();
        self.talking.clear();
        self.to_reject.clear();
        self.events.push_back(NetworkEvent::Closed(closed));
    }
}
