use std::time::Instant;

use super::state::{MemberId, Membership};
use crate::call::CallId;
use crate::line::Line;

impl Membership {
    /// What can be sent to a member. Whatever is sent while it is [away](super::NetworkEvent::MemberAway) waits, within the
    /// same bounds. `None` if it is gone, or never was.
    pub fn to(&mut self, member: MemberId, now: Instant) -> Option<Line<'_>> {
        self.channel_to(member, now)?;
        self.make_ready(member);
        self.talk(member);
        let is_open = self.is_open();
        let Self { members, next_call, .. } = self;
        let member = members.get_mut(&member)?;
        let channel = member.channel.as_deref_mut()?;
        Some(Line { channel, wanted: &member.wanted, is_open, next_call })
    }

    /// Nobody waits for the answer to a request any more that was sent to this member, and perhaps went on to the next
    /// incarnation of its router: there will be none.
    pub fn cancel(&mut self, member: MemberId, call: CallId) {
        // As a rule it is there.
        let found = if self.cancel_at(member, call) {
            Some(member)
        } else {
            self.members().into_iter().find(|id| self.cancel_at(*id, call))
        };
        found.into_iter().for_each(|id| self.talk(id));
    }

    fn cancel_at(&mut self, id: MemberId, call: CallId) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        member.channel.as_mut().is_some_and(|channel| channel.cancel(call)) || member.returned.cancel(call)
    }
}
