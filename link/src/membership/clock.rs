use std::time::Instant;

use super::event::{MemberGone, NetworkEvent};
use super::state::{MemberId, Membership, Phase};
use crate::connection::Connection;

impl Membership {
    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest; `None` once it has ended, and while it
    /// waits for its first connection.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.phase == Phase::Closed {
            return None;
        }
        let connection = self.connection.as_ref().and_then(Connection::next_timeout);
        let member = self.timers.first().map(|(at, _)| *at);
        [connection, member, self.closing_until].into_iter().flatten().min()
    }

    /// Notes how late it is. It does no harm to call it too often. What falls due is then to be
    /// [transmitted](Self::transmit).
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Closed {
            return;
        }
        if self.closing_until.is_some_and(|until| until <= now) {
            return self.give_up("the others did not take in time what was still to be sent");
        }
        if let Some(connection) = &mut self.connection {
            connection.handle_timeout(now);
            if connection.closed().is_some() {
                self.connection_ended(now);
            }
        }
        let due: Vec<_> = self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in due {
            self.look_after(id, now);
        }
    }

    fn look_after(&mut self, id: MemberId, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if [member.away_until, member.absent_until].into_iter().flatten().any(|until| until <= now) {
            return self.gone(id, MemberGone::AwayTooLong);
        }
        for event in member.returned.expire(now) {
            self.events.push_back(NetworkEvent::From { member: id, event });
        }
        if let Some(channel) = &mut member.channel {
            channel.handle_timeout(now);
            if member.rests_at.is_some_and(|at| at <= now) {
                member.rests_at = None;
                if channel.is_idle() {
                    channel.shrink();
                }
            }
        }
        self.talk(id);
        self.set_timer(id);
    }
}
