use std::time::Instant;

use super::state::{Endpoint, Phase};
use crate::closed::Closed;
use crate::connection::Connection;

impl Endpoint {
    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest; `None` once the link has ended, and
    /// while it waits for its first connection.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.phase == Phase::Closed {
            return None;
        }
        let until = match &self.phase {
            Phase::Suspended(_, until) => Some(*until),
            _ => None,
        };
        let connection = self.connection.as_ref().and_then(Connection::next_timeout);
        let others = [self.channel.next_timeout(), self.closing_until, self.returned.until()];
        [until, connection].into_iter().chain(others).flatten().min()
    }

    /// Notes how late it is. It does no harm to call it too often. What falls due is then to be
    /// [transmitted](Self::transmit).
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Closed {
            return;
        }
        if self.closing_until.is_some_and(|until| until <= now) {
            return self.give_up("the other end did not take in time what was still to be sent");
        }
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(now);
            if connection.closed().is_some() {
                self.connection_ended(now);
            }
        }
        if let Phase::Suspended(reason, until) = &self.phase
            && *until <= now
        {
            let reason = format!("{reason}; and there was no other in time");
            return self.end(Closed::Lost { reason });
        }
        for event in self.returned.expire(now) {
            self.channel.push_event(event);
        }
        self.channel.handle_timeout(now);
    }
}
