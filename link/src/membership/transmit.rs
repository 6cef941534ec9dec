use std::time::{Duration, Instant};

use super::state::{MemberId, Membership, Phase};
use crate::channel::REJECT;
use crate::sift::write_mismatch;
use crate::wire::{Frame, Interests, Relayed, framed, put, write};

/// A member gets about so many bytes at a time when others wait.
const TURN: usize = 16 * 1024;

/// A channel that nothing has gone over for so long gives back what room it has for nothing.
const REST: Duration = Duration::from_secs(5);

impl Membership {
    /// Appends what is to be written now: whole frames, until `out` holds about `most` bytes more or there is nothing more.
    pub fn transmit(&mut self, out: &mut Vec<u8>, most: usize, now: Instant) {
        let before = out.len();
        let Some(connection) = &mut self.connection else { return };
        connection.write_greeting(out, self.resent);
        if connection.is_open() && !connection.is_close_sent() {
            let end = before.saturating_add(most);
            self.write_interests(out, end);
            while out.len() < end
                && let Some(number) = self.to_reject.pop_front()
            {
                self.write_rejection(number, out);
            }
            while out.len() < end
                && let Some(id) = self.talking.pop_front()
            {
                self.write_to(id, out, now);
            }
            self.write_close(out);
        }
        if let Some(connection) = &mut self.connection {
            connection.write_end(out, before, now);
        }
    }

    fn write_interests(&mut self, out: &mut Vec<u8>, end: usize) {
        let most = self.switch.as_ref().map_or(0, |switch| switch.limits.interests);
        while self.offered.has_untold()
            && out.len() < end
            && let Some(changes) = self.offered.tell(most)
        {
            write(out, &Frame::Interest(Interests { member: 0, changes }));
        }
    }

    fn write_rejection(&mut self, number: u32, out: &mut Vec<u8>) {
        if let Some(reason) = self.rejected.get(&number) {
            let relayed = Relayed::begin(out, number);
            framed(out, REJECT, |out| put(out, reason));
            relayed.end(out);
        }
    }

    /// One relay to a member; it gets its next turn after all others.
    fn write_to(&mut self, id: MemberId, out: &mut Vec<u8>, now: Instant) {
        let room = Self::room_in_relay(self.relay_to(id));
        let most = if self.talking.is_empty() { room } else { room.min(TURN) };
        let Some(member) = self.members.get_mut(&id) else { return };
        member.is_talking = false;
        let Some(number) = member.number else { return };
        let relayed = Relayed::begin(out, number);
        if let Some((interest, ours)) = member.objections.pop_front() {
            write_mismatch(out, interest, &ours);
        } else if let Some(channel) = &mut member.channel {
            channel.transmit(out, most, now);
            self.resent += channel.take_resent();
        }
        let said_something = relayed.end(out);
        let events = member.channel.as_ref().is_some_and(|channel| channel.has_events());
        if said_something {
            self.talk(id);
            self.note_move(id);
        } else if let Some(channel) = &member.channel {
            member.rests_at = channel.is_idle().then_some(now + REST);
        }
        if events {
            self.make_ready(id);
        }
        self.set_timer(id);
    }

    /// When all that waited has arrived, the last is that there is nothing more.
    fn write_close(&mut self, out: &mut Vec<u8>) {
        if self.phase == Phase::Closing && self.is_said() {
            if let Some(connection) = &mut self.connection {
                connection.write_close(out);
            }
            self.finish_closing();
        }
    }

    /// Whether all that can still be said has been heard.
    fn is_said(&self) -> bool {
        let there = self.members.values().filter(|member| member.number.is_some());
        !self.offered.has_untold()
            && self.to_reject.is_empty()
            && there.filter_map(|member| member.channel.as_ref()).all(|channel| channel.is_settled())
    }
}
