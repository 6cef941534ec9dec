use std::time::Instant;

use bytes::Bytes;

use super::event::{MemberGone, NetworkEvent};
use super::state::{MemberId, Membership};
use crate::channel::{MISMATCH, REJECT};
use crate::connection::Arrived;
use crate::event::Event;
use crate::message::{Cursor, cut};
use crate::sift::read_mismatch;
use crate::violation::Violation;
use crate::wire::{Frame, Interests, Learned, Reader, Relay};

impl Membership {
    /// Takes in what the switch has written, however it was cut.
    ///
    /// Whatever the bytes are, it never panics and never takes more memory than the [limits](crate::Limits) allow; bytes that break
    /// the protocol end the membership with [`Closed::Violation`](crate::Closed::Violation). What a member says in a relay
    /// ends only what there is with that member.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.receive(bytes, now);
        }
        while let Some(connection) = &mut self.connection
            && let Some(arrived) = connection.next()
        {
            match arrived {
                Arrived::Opened(switch) => self.joined(switch),
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
        match frame {
            Frame::Relay(relay) => self.relay_came(relay, now),
            Frame::Interest(interests) => self.interests_came(interests, now)?,
            Frame::Member(member) => self.member_came(member, now)?,
            Frame::Left(left) => self.member_left(left, now),
            other => return Err(Violation::Unexpected { frame: other.name(), when: "from a switch" }),
        }
        Ok(())
    }

    fn interests_came(&mut self, interests: Interests, now: Instant) -> Result<(), Violation> {
        let id = self.numbers.get(&interests.member).copied();
        for change in interests.changes {
            // Also of one that is not there any more, since what numbers mean is said once.
            let Some(learned) = self.learner.learn(change)? else { continue };
            match id {
                Some(id) => self.learned(id, learned, now),
                None if interests.member == 0 => self.heard_of_itself(learned, now)?,
                None => {}
            }
        }
        Ok(())
    }

    /// What a switch says of this router.
    fn heard_of_itself(&mut self, learned: Learned, now: Instant) -> Result<(), Violation> {
        match learned {
            Learned::Complete => {
                self.tell_who_is_away(now);
                self.events.push_back(NetworkEvent::Informed);
            }
            Learned::Denied { interest, reason } => {
                self.events.push_back(NetworkEvent::Denied { interest, reason: cut(reason) });
            }
            _ => {
                let when = "of itself, from a switch, which consumes nothing";
                return Err(Violation::Unexpected { frame: "interest", when });
            }
        }
        Ok(())
    }

    /// A member that breaks the protocol is dealt with alone.
    fn learned(&mut self, id: MemberId, learned: Learned, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else { return };
        match member.wanted.hear(learned) {
            Ok(heard) => heard.into_iter().for_each(|heard| self.note(id, heard, now)),
            Err(violation) => self.reject(id, &violation),
        }
    }

    fn relay_came(&mut self, relay: Relay, now: Instant) {
        let Some(id) = self.numbers.get(&relay.member).copied() else {
            // It has not heard; else it has left, and nobody waits for this.
            if self.rejected.contains_key(&relay.member) && !self.to_reject.contains(&relay.member) {
                self.to_reject.push_back(relay.member);
            }
            return;
        };
        if let Err(violation) = self.blob_came(id, relay.blob, now) {
            return self.reject(id, &violation);
        }
        self.make_ready(id);
        self.note_move(id);
        self.talk(id);
        self.set_timer(id);
    }

    fn blob_came(&mut self, id: MemberId, mut blob: Bytes, now: Instant) -> Result<(), Violation> {
        while let Some((kind, body)) = Reader::next_in(&mut blob)? {
            match kind {
                MISMATCH => {
                    let (interest, schema) = read_mismatch(&body)?;
                    if let Some(mismatch) = self.offered.mismatch(interest, schema) {
                        self.tell(id, Event::Mismatch(mismatch));
                    }
                }
                REJECT => {
                    let reason = Cursor::new(&body).value().map(cut).unwrap_or_default();
                    self.gone(id, MemberGone::Accused { reason });
                    return Ok(());
                }
                kind => {
                    if let Some(channel) = self.channel_to(id, now) {
                        channel.receive(kind, &body, now)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A member broke the protocol: it is told how, and is a member no longer as far as this router goes.
    fn reject(&mut self, id: MemberId, violation: &Violation) {
        let reason = cut(violation.to_string());
        if let Some(number) = self.members.get(&id).and_then(|member| member.number) {
            self.rejected.insert(number, reason.clone());
            self.to_reject.push_back(number);
        }
        self.gone(id, MemberGone::Violation { reason });
    }
}
