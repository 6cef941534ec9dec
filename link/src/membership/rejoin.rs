use std::time::Instant;

use super::event::NetworkEvent;
use super::state::{Membership, Phase};
use crate::closed::Closed;
use crate::connection::Connection;
use crate::handshake::Peer;
use crate::wire::{Learner, Refusal};

impl Membership {
    /// The connection to the switch is gone: nothing can be read or written any more. With
    /// [`rejoin`](crate::Settings::rejoin) another is waited for; else the membership has ended.
    pub fn transport_lost(&mut self, reason: &str, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.lost(reason);
            self.connection_ended(now);
        }
    }

    /// A switch has let this router in.
    pub(super) fn joined(&mut self, switch: Peer) {
        self.learner = Learner::new(Learner::OF_A_NETWORK);
        self.offered.begin();
        self.numbers.clear();
        self.rejected.clear();
        self.to_reject.clear();
        self.events.push_back(match self.phase {
            Phase::Fresh => NetworkEvent::Joined { switch: switch.clone() },
            _ => NetworkEvent::Resumed { switch: switch.clone() },
        });
        self.switch = Some(switch);
        self.phase = if self.closing_until.is_some() { Phase::Closing } else { Phase::Open };
        self.finish_closing();
    }

    /// The connection has ended, and with it perhaps the membership.
    pub(super) fn connection_ended(&mut self, now: Instant) {
        let Some(closed) = self.connection.as_ref().and_then(Connection::closed).cloned() else { return };
        let may_come_back = match &closed {
            Closed::Lost { .. }
            | Closed::Silent { .. }
            | Closed::HandshakeTimedOut { .. }
            | Closed::GivenUpThere { .. } => true,
            Closed::RefusedThere(refused) => matches!(refused.code, Refusal::Busy | Refusal::Taken),
            _ => false,
        };
        let said_all = self.connection.as_ref().is_some_and(|connection| connection.is_close_sent());
        if said_all && may_come_back {
            return self.end(Closed::Orderly);
        }
        if self.settings.rejoin.is_none() || !may_come_back {
            return self.end(closed);
        }
        self.connection = None;
        if matches!(self.phase, Phase::Open | Phase::Closing) {
            self.phase = Phase::Suspended;
            self.numbers.clear();
            for id in self.members() {
                self.away(id, now);
            }
            self.events.push_back(NetworkEvent::Suspended { reason: closed.to_string() });
        }
    }
}
