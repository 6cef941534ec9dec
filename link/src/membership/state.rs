use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use edri_event::RouterId;

use super::event::{NetworkCame, NetworkEvent};
use crate::channel::Channel;
use crate::connection::Connection;
use crate::event::Event;
use crate::handshake::{Expected, Peer};
use crate::interest::{Consumer, Heard, Interest, Offered, Schema, Wanted};
use crate::numbers::ByNumber;
use crate::permits::Permits;
use crate::returned::Returned;
use crate::settings::Settings;
use crate::sift::sift;
use crate::wire::{Identity, Learner};

/// One router's membership in a network, through a switch, without any I/O.
///
/// It is driven as an [`Endpoint`](crate::Endpoint) is: bytes and the time go in; bytes, [time-outs](Self::next_timeout) and
/// [events](Self::poll_event) come out. What is sent goes [to](Self::to) one member, and each has lanes, windows and bounds
/// of its own: a member that is slow, or away, stops those who send to it, and nobody else.
///
/// The members of a network know of each other all that they consume, so that the first event of a type finds those who
/// want it. A channel to a member is made when there is something to say to it, or it says something.
#[derive(Debug)]
pub struct Membership {
    pub(super) settings: Arc<Settings>,
    pub(super) phase: Phase,
    pub(super) connection: Option<Connection>,
    pub(super) switch: Option<Peer>,
    pub(super) offered: Offered,
    pub(super) learner: Learner,
    pub(super) members: ByNumber<MemberId, Member>,
    /// By the number that the switch has given over this connection.
    pub(super) numbers: ByNumber<u32, MemberId>,
    /// The incarnation of each router that was there last.
    pub(super) routers: HashMap<RouterId, MemberId>,
    pub(super) next_member: u32,
    pub(super) next_call: u64,
    pub(super) events: VecDeque<NetworkEvent>,
    /// Those that may have events.
    pub(super) ready: VecDeque<MemberId>,
    /// Those whose channels have got on since the program has asked.
    pub(super) moved: Vec<MemberId>,
    /// Those that something may have to be written to.
    pub(super) talking: VecDeque<MemberId>,
    /// Members that broke the protocol and have not left: how they did.
    pub(super) rejected: ByNumber<u32, String>,
    /// Those of them that are to be told.
    pub(super) to_reject: VecDeque<u32>,
    pub(super) timers: BTreeSet<(Instant, MemberId)>,
    /// The sessions of channels that were given up, of members that may come back all the same.
    pub(super) sessions: HashMap<(RouterId, u64), u64>,
    pub(super) closing_until: Option<Instant>,
    /// How many channel frames were sent again.
    pub(super) resent: u64,
}

/// A member of a network: one incarnation of a router. It is not given again while the membership lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub(super) u32);

#[derive(Debug)]
pub(super) struct Member {
    pub(super) peer: Peer,
    pub(super) permits: Permits,
    /// What the switch calls it, while it is there.
    pub(super) number: Option<u32>,
    /// How long it may still be away.
    pub(super) away_until: Option<Instant>,
    /// How long it may still not come to this switch, which has never known it.
    pub(super) absent_until: Option<Instant>,
    /// The program has been told that it is away.
    pub(super) is_told_away: bool,
    pub(super) wanted: Wanted,
    /// Of what it announced what is something else here, to be told.
    pub(super) objections: VecDeque<(Interest, Schema)>,
    pub(super) returned: Returned,
    pub(super) channel: Option<Box<Channel>>,
    /// When it is to be looked after next, as entered in the timers.
    pub(super) timer: Option<Instant>,
    /// When it gives back what room it has for nothing.
    pub(super) rests_at: Option<Instant>,
    pub(super) is_ready: bool,
    pub(super) is_moved: bool,
    pub(super) is_talking: bool,
}

/// How far a membership has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has never been let in.
    Fresh,
    Open,
    /// The connection is lost; another is waited for.
    Suspended,
    /// Nothing new is sent; what waits still is.
    Closing,
    Closed,
}

impl Membership {
    /// Over a connection to a switch: it says hello.
    pub fn joining(settings: Settings, now: Instant) -> Self {
        let mut membership = Self::unconnected(settings);
        membership.reconnect(now);
        membership
    }

    /// Before there is a connection: [`reconnect`](Self::reconnect) follows.
    pub fn unconnected(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            phase: Phase::Fresh,
            connection: None,
            switch: None,
            offered: Offered::default(),
            learner: Learner::new(Learner::OF_A_NETWORK),
            members: ByNumber::default(),
            numbers: ByNumber::default(),
            routers: HashMap::new(),
            next_member: 0,
            next_call: 0,
            events: VecDeque::new(),
            ready: VecDeque::new(),
            moved: Vec::new(),
            talking: VecDeque::new(),
            rejected: ByNumber::default(),
            to_reject: VecDeque::new(),
            timers: BTreeSet::new(),
            sessions: HashMap::new(),
            closing_until: None,
            resent: 0,
        }
    }

    /// There is a connection to a switch, the first or another: it says hello.
    pub fn reconnect(&mut self, now: Instant) {
        if self.wants_connection() {
            self.connection = Some(Connection::connecting(&self.settings, Expected::Switch, now));
        }
    }

    /// What the program is to learn next.
    pub fn poll_event(&mut self) -> Option<NetworkEvent> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        while let Some(id) = self.ready.front().copied() {
            if let Some(member) = self.members.get_mut(&id) {
                while let Some(channel) = &mut member.channel
                    && let Some(event) = channel.poll_event()
                {
                    let event = member.permits.check(event, &self.offered, channel);
                    if let Some(event) = event.and_then(|event| sift(event, &self.offered, channel)) {
                        return Some(NetworkEvent::From { member: id, event });
                    }
                    // It was answered.
                    if !member.is_talking {
                        member.is_talking = true;
                        self.talking.push_back(id);
                    }
                }
                member.is_ready = false;
            }
            self.ready.pop_front();
        }
        None
    }

    /// The same, where notifications that came together are handed out together: also those that are not consumed here. Those
    /// of a member that may not send everything are looked at one by one.
    pub(crate) fn poll_came(&mut self) -> Option<NetworkCame> {
        if self.events.is_empty()
            && let Some(id) = self.ready.front().copied()
            && let Some(member) = self.members.get_mut(&id)
            && member.permits.are_all()
            && let Some(channel) = &mut member.channel
            && let Some(notices) = channel.poll_notices()
        {
            return Some(NetworkCame::Notices { member: id, notices });
        }
        self.poll_event().map(NetworkCame::Event)
    }

    /// This router consumes events of this schema from here on; as a member of a group, if there is one. See
    /// [`Endpoint::announce`](crate::Endpoint::announce).
    pub fn announce(&mut self, schema: Schema, group: Option<&str>, consumer: Consumer) -> Interest {
        self.offered.announce(schema, group, consumer)
    }

    /// What a member announced as `interest` is another event here: it does not travel, and both ends
    /// [learn](Event::Mismatch) of it.
    pub fn differs(&mut self, id: MemberId, interest: Interest, ours: Schema) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some(mismatch) = member.wanted.differs(interest, ours) else { return };
        // Beyond what could not be said yet, it is not told: it does not listen.
        if member.objections.len() < self.settings.limits.interests as usize {
            member.objections.push_back((interest, mismatch.ours.clone()));
        }
        self.talk(id);
        self.tell(id, Event::Mismatch(mismatch));
    }

    /// This router consumes them no longer. Some may still be on their way; they are answered that nobody does.
    pub fn withdraw(&mut self, interest: Interest) {
        self.offered.withdraw(interest);
    }

    /// The same, but what is still on its way is handed out all the same: it may be for somebody else by now. Of those that
    /// were retired before the last 1,024, it is answered that nobody consumes it.
    pub fn retire(&mut self, interest: Interest) {
        self.offered.retire(interest);
    }

    /// Says how loaded a consumer is.
    pub fn set_load(&mut self, interest: Interest, load: u32) {
        self.offered.set_load(interest, load);
    }

    /// Whether it has been let in and has not ended: also while the connection is lost.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Suspended)
    }

    /// Whether the connection is lost and another is waited for.
    pub fn is_suspended(&self) -> bool {
        self.phase == Phase::Suspended
    }

    /// Whether there is no connection, and one is waited for: see [`reconnect`](Self::reconnect).
    pub fn wants_connection(&self) -> bool {
        self.connection.is_none() && matches!(self.phase, Phase::Fresh | Phase::Suspended)
    }

    /// Whether it has ended. The last words may still have to be [written](Self::transmit).
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Who this router is.
    pub fn identity(&self) -> &Identity {
        &self.settings.identity
    }

    /// Who a member is.
    pub fn peer(&self, member: MemberId) -> Option<&Peer> {
        self.members.get(&member).map(|member| &member.peer)
    }

    /// All members, there or away, in the order in which they came.
    pub fn members(&self) -> Vec<MemberId> {
        let mut ids: Vec<_> = self.members.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Whether all that this router had to send has arrived, and all that came was acknowledged.
    pub fn is_settled(&self) -> bool {
        self.members.values().all(|member| {
            let settled = member.channel.as_ref().is_none_or(|channel| channel.is_settled());
            settled && member.returned.is_empty()
        })
    }

    /// How many channels there are: to members that something was said to, or who said something.
    pub fn channels(&self) -> usize {
        self.members.values().filter(|member| member.channel.is_some()).count()
    }

    pub(super) fn note(&mut self, id: MemberId, heard: Heard, now: Instant) {
        let returns = self.members.get(&id).is_some_and(|member| !member.returned.is_empty());
        if returns {
            self.channel_to(id, now);
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        match &mut member.channel {
            Some(channel) => {
                member.returned.hear(heard, &member.wanted, channel);
                self.make_ready(id);
                self.talk(id);
            }
            None => self.events.push_back(NetworkEvent::From { member: id, event: Event::from(heard) }),
        }
    }

    /// After what the program is to learn of the member's channel.
    pub(super) fn tell(&mut self, id: MemberId, event: Event) {
        match self.members.get_mut(&id).and_then(|member| member.channel.as_mut()) {
            Some(channel) => {
                channel.push_event(event);
                self.make_ready(id);
            }
            None => self.events.push_back(NetworkEvent::From { member: id, event }),
        }
    }

    pub(super) fn make_ready(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id)
            && !std::mem::replace(&mut member.is_ready, true)
        {
            self.ready.push_back(id);
        }
    }

    /// Its channel has got on: there may be room that there was not.
    pub(super) fn note_move(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id)
            && !std::mem::replace(&mut member.is_moved, true)
        {
            self.moved.push(id);
        }
    }

    /// Those whose channels have got on since this was asked last: something came from there, or was sent.
    pub(crate) fn take_moved(&mut self) -> Vec<MemberId> {
        for id in &self.moved {
            if let Some(member) = self.members.get_mut(id) {
                member.is_moved = false;
            }
        }
        std::mem::take(&mut self.moved)
    }

    /// What this router consumes.
    pub(crate) fn offered(&mut self) -> &mut Offered {
        &mut self.offered
    }

    /// Something may have to be written to it.
    pub(super) fn talk(&mut self, id: MemberId) {
        if let Some(member) = self.members.get_mut(&id)
            && !std::mem::replace(&mut member.is_talking, true)
        {
            self.talking.push_back(id);
        }
    }
}
