use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rng::Rng;
use edri_event::RouterId;
use edri_link::wire::{
    Change, Close, CloseCode, Departure, Frame, Interests, Learned, Learner, Left, Lexicon, Member, Permit,
    Reader, Relay, Station, Told, Welcome, write, write_relay,
};
use edri_link::{Consumer, Identity, Interest, Limits, Schema, VERSION};

/// The least that a switch does: it lets everybody in, says who is there and what they consume, and passes on relays, unless
/// there is no room for them.
#[derive(Debug)]
pub(crate) struct Switch {
    identity: Identity,
    connections: BTreeMap<usize, Connection>,
    next_member: u32,
    lexicon: Lexicon,
    /// So many bytes wait for each router.
    room: usize,
    /// One in so many relays is dropped for no reason.
    drops: Option<u64>,
    rng: Rng,
    pub(crate) dropped: u64,
}

#[derive(Debug)]
struct Connection {
    reader: Reader,
    out: Vec<u8>,
    /// Once it has been let in.
    member: Option<Member>,
    learner: Learner,
    told: Told,
    interests: BTreeMap<Interest, Consumed>,
    complete: bool,
    last_heard: Instant,
    last_spoke: Instant,
    ends: bool,
}

#[derive(Clone, Debug)]
struct Consumed {
    numbers: (u32, Option<u32>),
    consumer: Consumer,
}

pub(crate) const HEARTBEAT: Duration = Duration::from_millis(500);

impl Switch {
    pub(crate) fn new(bits: u128, room: usize, drops: Option<u64>) -> Self {
        let mut identity = Identity::new(RouterId::from_bits(bits), "switch");
        identity.incarnation = 1;
        let (connections, lexicon) = (BTreeMap::new(), Lexicon::default());
        Self {
            identity,
            connections,
            next_member: 1,
            lexicon,
            room,
            drops,
            rng: Rng::new(bits as u64),
            dropped: 0,
        }
    }

    pub(crate) fn connect(&mut self, link: usize, now: Instant) {
        let connection = Connection {
            reader: Reader::new(64 * 1024),
            out: Vec::new(),
            member: None,
            learner: Learner::new(1024 * 1024),
            told: Told::default(),
            interests: BTreeMap::new(),
            complete: false,
            last_heard: now,
            last_spoke: now,
            ends: false,
        };
        self.connections.insert(link, connection);
    }

    /// How many connections there have ever been, at least.
    pub(crate) fn connections(&self) -> usize {
        self.connections.last_key_value().map_or(0, |(link, _)| link % 1_000 + 1)
    }

    /// It is gone, for this reason.
    pub(crate) fn disconnect(&mut self, link: usize, departure: Departure) {
        let Some(gone) = self.connections.remove(&link) else { return };
        for consumed in gone.interests.values() {
            self.release(consumed);
        }
        if let Some(member) = gone.member {
            let left = Frame::Left(Left { member: member.member, departure });
            self.tell_others(link, |_, out| write(out, &left));
        }
    }

    fn release(&mut self, consumed: &Consumed) {
        self.lexicon.release_schema(consumed.numbers.0);
        if let Some(group) = consumed.numbers.1 {
            self.lexicon.release_group(group);
        }
    }

    fn tell_others(&mut self, link: usize, mut tell: impl FnMut(&mut Told, &mut Vec<u8>)) {
        for (other, connection) in &mut self.connections {
            if *other != link && connection.member.is_some() {
                tell(&mut connection.told, &mut connection.out);
            }
        }
    }

    pub(crate) fn receive(&mut self, link: usize, bytes: &[u8], now: Instant) {
        let Some(connection) = self.connections.get_mut(&link) else { return };
        connection.last_heard = now;
        connection.reader.push(bytes);
        while let Some(connection) = self.connections.get_mut(&link)
            && let Some(frame) = connection.reader.next_frame().expect("a router breaks the protocol")
        {
            self.handle(link, frame);
        }
    }

    fn handle(&mut self, link: usize, frame: Frame) {
        match frame {
            Frame::Hello(hello) => {
                let same = |connection: &Connection| {
                    let member = connection.member.as_ref();
                    member.is_some_and(|member| member.identity.router == hello.identity.router)
                };
                let before = self.connections.iter().find(|(_, other)| same(other)).map(|(link, _)| *link);
                if let Some(before) = before {
                    self.disconnect(before, Departure::Replaced);
                }
                let member = Member {
                    member: self.next_member,
                    version: VERSION,
                    identity: hello.identity,
                    features: hello.features,
                    limits: hello.limits,
                    permit: Permit::All,
                };
                self.next_member += 1;
                self.let_in(link, member);
            }
            Frame::Heartbeat => {}
            Frame::Interest(Interests { member: 0, changes }) => self.interests(link, changes),
            Frame::Relay(Relay { member: to, blob }) => {
                let from = self.connections[&link].member.as_ref().expect("it was let in").member;
                let is_it = |connection: &&mut Connection| {
                    connection.member.as_ref().is_some_and(|member| member.member == to)
                };
                if let Some(to) = self.connections.values_mut().find(is_it) {
                    let unlucky = self.drops.is_some_and(|one_in| self.rng.chance(one_in));
                    if unlucky || to.out.len() + blob.len() > self.room {
                        self.dropped += 1;
                    } else {
                        write_relay(&mut to.out, from, &blob);
                    }
                }
            }
            Frame::Close(Close { code, .. }) => {
                let departure = if code == CloseCode::Orderly { Departure::Closed } else { Departure::Lost };
                let member = self.connections[&link].member.as_ref().map(|member| member.member);
                if let Some(member) = member {
                    let left = Frame::Left(Left { member, departure });
                    self.tell_others(link, |_, out| write(out, &left));
                }
                let connection = self.connections.get_mut(&link).expect("it is there");
                connection.member = None;
                connection.ends = true;
                write(
                    &mut connection.out,
                    &Frame::Close(Close { code: CloseCode::Orderly, reason: String::new() }),
                );
            }
            other => panic!("a router sent {other:?}"),
        }
    }

    fn let_in(&mut self, link: usize, member: Member) {
        let mut out = Vec::new();
        let welcome = Welcome {
            version: VERSION,
            identity: self.identity.clone(),
            station: Station::Switch { member: member.member },
            features: 0,
            limits: Limits::default(),
            heartbeat: HEARTBEAT.as_millis() as u32,
        };
        write(&mut out, &Frame::Welcome(welcome));
        let mut told = Told::default();
        for (_, other) in self.connections.iter().filter(|(other, _)| **other != link) {
            let Some(present) = &other.member else { continue };
            write(&mut out, &Frame::Member(present.clone()));
            let mut changes = Vec::new();
            for (interest, consumed) in &other.interests {
                let Consumed { numbers, consumer } = consumed;
                self.lexicon.announce(&mut told, *interest, *numbers, *consumer, &mut changes);
            }
            changes.extend(other.complete.then_some(Change::Complete));
            write(&mut out, &Frame::Interest(Interests { member: present.member, changes }));
        }
        write(&mut out, &Frame::Interest(Interests { member: 0, changes: vec![Change::Complete] }));
        self.tell_others(link, |_, out| write(out, &Frame::Member(member.clone())));
        let connection = self.connections.get_mut(&link).expect("it is there");
        connection.out.extend(out);
        connection.told = told;
        connection.member = Some(member);
    }

    fn interests(&mut self, link: usize, changes: Vec<Change>) {
        let connection = self.connections.get_mut(&link).expect("it is there");
        let member = connection.member.as_ref().expect("it was let in").member;
        let learned: Vec<_> = changes
            .into_iter()
            .filter_map(|change| connection.learner.learn(change).expect("a router breaks the protocol"))
            .collect();
        for learned in learned {
            match learned {
                Learned::Announced { interest, schema, group, consumer } => {
                    self.announced(link, member, interest, (&schema, group.as_ref()), consumer);
                }
                Learned::Withdrawn { interest } => {
                    let consumed =
                        self.connections.get_mut(&link).and_then(|it| it.interests.remove(&interest));
                    consumed.iter().for_each(|consumed| self.release(consumed));
                    self.tell_change(link, member, Change::Withdraw { interest });
                }
                Learned::Loaded { interest, load } => {
                    let connection = self.connections.get_mut(&link).expect("it is there");
                    if let Some(consumed) = connection.interests.get_mut(&interest) {
                        consumed.consumer.load = load;
                    }
                    self.tell_change(link, member, Change::Load { interest, load });
                }
                Learned::Denied { .. } => panic!("a router denies something"),
                Learned::Complete => {
                    self.connections.get_mut(&link).expect("it is there").complete = true;
                    self.tell_change(link, member, Change::Complete);
                }
            }
        }
    }

    fn announced(
        &mut self,
        link: usize,
        member: u32,
        interest: Interest,
        (schema, group): (&Arc<Schema>, Option<&Arc<str>>),
        consumer: Consumer,
    ) {
        let numbers = (self.lexicon.hold_schema(schema), group.map(|group| self.lexicon.hold_group(group)));
        let connection = self.connections.get_mut(&link).expect("it is there");
        connection.interests.insert(interest, Consumed { numbers, consumer });
        let lexicon = std::mem::take(&mut self.lexicon);
        self.tell_others(link, |told, out| {
            let mut changes = Vec::new();
            lexicon.announce(told, interest, numbers, consumer, &mut changes);
            write(out, &Frame::Interest(Interests { member, changes }));
        });
        self.lexicon = lexicon;
    }

    fn tell_change(&mut self, link: usize, member: u32, change: Change) {
        let interest = Frame::Interest(Interests { member, changes: vec![change] });
        self.tell_others(link, |_, out| write(out, &interest));
    }

    /// What is to be written to a router now, up to so many bytes; `None` once nothing more will be.
    pub(crate) fn transmit(&mut self, link: usize, most: usize, now: Instant) -> Option<Vec<u8>> {
        let connection = self.connections.get_mut(&link)?;
        if connection.out.is_empty() && connection.ends {
            return None;
        }
        if connection.out.is_empty() && now >= connection.last_spoke + HEARTBEAT && most > 0 {
            write(&mut connection.out, &Frame::Heartbeat);
        }
        let rest = connection.out.split_off(most.min(connection.out.len()));
        let out = std::mem::replace(&mut connection.out, rest);
        if !out.is_empty() {
            connection.last_spoke = now;
        }
        Some(out)
    }

    /// When a connection is to be looked at next.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let next = |it: &Connection| (it.last_spoke + HEARTBEAT).min(it.last_heard + HEARTBEAT * 3);
        self.connections.values().map(next).min()
    }

    /// The connections of routers that are silent.
    pub(crate) fn dead(&self, now: Instant) -> Vec<usize> {
        let silent = |it: &Connection| now >= it.last_heard + HEARTBEAT * 3;
        self.connections.iter().filter(|(_, it)| silent(it)).map(|(link, _)| *link).collect()
    }
}
