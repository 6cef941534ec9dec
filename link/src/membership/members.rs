use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::event::{MemberGone, NetworkEvent};
use super::state::{Member, MemberId, Membership};
use crate::channel::{Again, Channel, Ends, Way};
use crate::event::{Event, Undelivered};
use crate::handshake::Peer;
use crate::interest::Wanted;
use crate::message::AnswerError;
use crate::permits::Permits;
use crate::returned::{Returned, undelivered};
use crate::sift::sift;
use crate::violation::Violation;
use crate::wire::{self, Departure, Left, Permit};

/// So many members of a network are known at a time.
const MOST_MEMBERS: u32 = 64 * 1024;

/// So many sessions are remembered that were given up.
const MOST_SESSIONS: usize = 64 * 1024;

impl Membership {
    /// A router is in the network.
    pub(super) fn member_came(&mut self, came: wire::Member, now: Instant) -> Result<(), Violation> {
        let wire::Member { member: number, version, identity, limits, permit, features } = came;
        if identity.router == self.settings.identity.router {
            return Ok(());
        }
        if let Err(reason) = limits.check() {
            return Err(Violation::Limits { reason });
        }
        let (router, incarnation) = (identity.router, identity.incarnation);
        let features = features & self.settings.features();
        let peer = Peer { identity, version, limits, features };
        let known = self.routers.get(&router).copied();
        let same = known.filter(|known| {
            self.members.get(known).is_some_and(|known| known.peer.identity.incarnation == incarnation)
        });
        if let Some(known) = same {
            self.back(known, number, permit, now);
            return Ok(());
        }
        if self.members.len() >= MOST_MEMBERS as usize {
            return Err(Violation::TooMany { what: "members", limit: MOST_MEMBERS });
        }
        let mut returned = Returned::default();
        if let Some(known) = known {
            self.restarted(known, &mut returned, now);
        }
        let id = MemberId(self.next_member);
        self.next_member += 1;
        let member = Member {
            permits: Permits::new(permit),
            number: Some(number),
            away_until: None,
            absent_until: None,
            is_told_away: false,
            wanted: Wanted::new(self.settings.limits.interests),
            objections: VecDeque::new(),
            returned,
            channel: None,
            timer: None,
            rests_at: None,
            is_ready: false,
            is_moved: false,
            is_talking: false,
            peer: peer.clone(),
        };
        self.members.insert(id, member);
        self.numbers.insert(number, id);
        self.routers.insert(router, id);
        self.set_timer(id);
        self.events.push_back(NetworkEvent::MemberJoined { member: id, peer });
        Ok(())
    }

    /// It was away, or has another connection.
    fn back(&mut self, id: MemberId, number: u32, permit: Permit, now: Instant) {
        let frame = self.frame_to(id);
        let Some(member) = self.members.get_mut(&id) else { return };
        let before = member.number.replace(number);
        member.permits = Permits::new(permit);
        (member.away_until, member.absent_until) = (None, None);
        let was_away = std::mem::take(&mut member.is_told_away);
        member.wanted.begin();
        if let Some(channel) = &mut member.channel {
            channel.connect(Way::Relayed, frame, now);
        }
        if let Some(before) = before {
            self.numbers.remove(&before);
        }
        self.numbers.insert(number, id);
        self.talk(id);
        self.set_timer(id);
        if was_away {
            self.events.push_back(NetworkEvent::MemberBack { member: id });
        }
    }

    /// A router is not in the network any more, as the switch says.
    pub(super) fn member_left(&mut self, left: Left, now: Instant) {
        self.rejected.remove(&left.member);
        let Some(id) = self.numbers.remove(&left.member) else { return };
        match left.departure {
            Departure::Closed => self.gone(id, MemberGone::Left),
            Departure::Expelled => self.gone(id, MemberGone::Expelled),
            Departure::Lost | Departure::Replaced => {
                self.away(id, now);
                self.tell_away(id);
            }
        }
    }

    pub(super) fn tell_away(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id)
            && !std::mem::replace(&mut member.is_told_away, true)
        {
            self.events.push_back(NetworkEvent::MemberAway { member: id });
        }
    }

    /// All who are there are known: the others are away, and are not waited for as long as one that the switch has lost.
    pub(super) fn tell_who_is_away(&mut self, now: Instant) {
        let until = now + self.settings.absence;
        for id in self.members() {
            let Some(member) = self.members.get_mut(&id) else { continue };
            if member.number.is_none() && member.absent_until.is_none() {
                member.absent_until = Some(until);
                self.tell_away(id);
                self.set_timer(id);
            }
        }
    }

    /// It is not there, and may come back.
    pub(super) fn away(&mut self, id: MemberId, now: Instant) {
        let rejoin = self.settings.rejoin.unwrap_or(Duration::ZERO);
        let Some(member) = self.members.get_mut(&id) else { return };
        member.number = None;
        member.away_until.get_or_insert(now + rejoin);
        // There is another switch to come to, or this one has known it.
        member.absent_until = None;
        if let Some(channel) = &mut member.channel {
            channel.disconnect();
        }
        self.set_timer(id);
    }

    /// What was under way with an earlier incarnation ends, or is handed to the next.
    fn restarted(&mut self, id: MemberId, returned: &mut Returned, now: Instant) {
        let Some(again) = self.dissolve(id, &AnswerError::Restarted) else { return };
        if let Some(member) = self.members.get_mut(&id) {
            let until = now + self.settings.rejoin.unwrap_or_default();
            returned.take(again, &member.wanted, until);
            returned.join(std::mem::take(&mut member.returned));
        }
        self.remove(id, MemberGone::Restarted);
    }

    /// A member is gone, and with it what was under way.
    pub(super) fn gone(&mut self, id: MemberId, cause: MemberGone) {
        let error = AnswerError::LinkLost { peer: self.name(id), reason: cause.to_string() };
        let Some(again) = self.dissolve(id, &error) else { return };
        let mut events: Vec<_> =
            again.into_iter().map(|again| undelivered(again, Undelivered::LinkLost, error.clone())).collect();
        if let Some(member) = self.members.get_mut(&id) {
            events.extend(member.returned.give_up(&error));
        }
        for event in events {
            self.events.push_back(NetworkEvent::From { member: id, event });
        }
        self.remove(id, cause);
    }

    fn name(&self, id: MemberId) -> Option<String> {
        self.members.get(&id).map(|member| member.peer.identity.name.clone())
    }

    /// Ends its channel, and tells of all that is said of it.
    fn dissolve(&mut self, id: MemberId, error: &AnswerError) -> Option<Vec<Again>> {
        let member = self.members.get_mut(&id)?;
        let Some(mut channel) = member.channel.take() else { return Some(Vec::new()) };
        self.resent += channel.take_resent();
        let again = channel.dissolve(error, u64::MAX);
        if self.sessions.len() >= MOST_SESSIONS {
            self.sessions.clear();
        }
        let identity = &member.peer.identity;
        self.sessions.insert((identity.router, identity.incarnation), channel.session());
        while let Some(event) = channel.poll_event() {
            let event = member.permits.check(event, &self.offered, &mut channel);
            if let Some(event) = event.and_then(|event| sift(event, &self.offered, &mut channel)) {
                self.events.push_back(NetworkEvent::From { member: id, event });
            }
        }
        Some(again)
    }

    /// The last that is said of it.
    fn remove(&mut self, id: MemberId, cause: MemberGone) {
        let Some(mut member) = self.members.remove(&id) else { return };
        for heard in member.wanted.clear() {
            if let crate::interest::Heard::Unwanted { interest } = heard {
                let event = Event::Unwanted { interest };
                self.events.push_back(NetworkEvent::From { member: id, event });
            }
        }
        if let Some(number) = member.number {
            self.numbers.remove(&number);
        }
        if let Some(timer) = member.timer {
            self.timers.remove(&(timer, id));
        }
        self.moved.retain(|moved| *moved != id);
        if self.routers.get(&member.peer.identity.router) == Some(&id) {
            self.routers.remove(&member.peer.identity.router);
        }
        self.events.push_back(NetworkEvent::MemberLeft { member: id, cause });
    }

    /// Its channel, made if there was none.
    pub(super) fn channel_to(&mut self, id: MemberId, now: Instant) -> Option<&mut Channel> {
        let frame = self.frame_to(id);
        let member = self.members.get_mut(&id)?;
        if member.channel.is_none() {
            let identity = &member.peer.identity;
            let given_up = self.sessions.get(&(identity.router, identity.incarnation)).copied();
            let ends = Ends {
                here: self.settings.identity.incarnation,
                there: identity.incarnation,
                limits: self.settings.limits,
                peer: member.peer.limits,
                outbox: self.settings.outbox,
            };
            let mut channel = Box::new(Channel::new(ends, given_up.unwrap_or_default() + 1));
            if member.number.is_some() {
                channel.connect(Way::Relayed, frame, now);
            }
            member.channel = Some(channel);
        }
        member.channel.as_deref_mut()
    }

    /// How long a frame to it may be: it travels in a relay of at most so many bytes, with others.
    fn frame_to(&self, id: MemberId) -> u32 {
        Self::room_in_relay(self.relay_to(id)) as u32
    }

    /// How long a relay to it may be.
    pub(super) fn relay_to(&self, id: MemberId) -> u32 {
        let switch = self.switch.as_ref().map_or(u32::MAX, |switch| switch.limits.frame);
        let member = self.members.get(&id).map_or(u32::MAX, |member| member.peer.limits.frame);
        switch.min(member)
    }

    /// Of a relay of so many bytes one half is for one frame, and the other for all before it.
    pub(super) fn room_in_relay(relay: u32) -> usize {
        const BESIDE: usize = 256;
        (relay as usize).min(64 * 1024) / 2 - BESIDE
    }

    /// Enters when it is to be looked after next.
    pub(super) fn set_timer(&mut self, id: MemberId) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let channel = member.channel.as_ref().and_then(|channel| channel.next_timeout());
        let others = [member.away_until, member.absent_until, member.rests_at, member.returned.until()];
        let next = others.into_iter().chain([channel]).flatten().min();
        if member.timer == next {
            return;
        }
        if let Some(before) = std::mem::replace(&mut member.timer, next) {
            self.timers.remove(&(before, id));
        }
        if let Some(next) = next {
            self.timers.insert((next, id));
        }
    }
}
