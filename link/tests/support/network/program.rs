//! What a router does and learns.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use edri_event::{Priority, RouterId};
use edri_link::{
    AnswerError, CallId, Circumstances, Consumer, Ending, Event, Identity, IncomingCall, Interest,
    MemberGone, MemberId, Membership, NetworkEvent, Role, Schema, Settings, TunnelId,
};

use super::books::{Books, Life};
use super::lasting::{Disk, Flows};
use super::rng::Rng;
use super::switch::HEARTBEAT;

const LANES: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Control];
const WINDOW: u32 = 20_000;

/// One life of a router.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) life: Life,
    pub(crate) membership: Membership,
    members: BTreeMap<MemberId, Known>,
    pending: BTreeMap<CallId, (MemberId, u64)>,
    asked: VecDeque<(MemberId, IncomingCall, u64)>,
    held: VecDeque<(MemberId, Priority, usize)>,
    sending: BTreeMap<(MemberId, TunnelId), (u64, usize)>,
    receiving: BTreeMap<(MemberId, TunnelId), (u64, usize)>,
    items: VecDeque<(MemberId, TunnelId, usize)>,
    own: BTreeMap<Interest, &'static str>,
    pub(crate) flows: Flows,
    pub(crate) closed: bool,
}

#[derive(Debug, Default)]
struct Known {
    life: Life,
    wanted: BTreeMap<&'static str, Interest>,
}

const EVENTS: [(&str, Role); 4] = [
    ("note", Role::Subscriber),
    ("more", Role::Subscriber),
    ("ask", Role::Responder),
    ("pipe", Role::Acceptor),
];

fn schema(name: &str, role: Role) -> Schema {
    Schema { name: name.to_owned(), version: 1, role, codec: "postcard".to_owned(), shapes: Vec::new() }
}

/// Two numbers, and so many bytes in all.
fn payload(numbers: [u64; 2], size: usize) -> Bytes {
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    bytes.resize(size.max(16), (numbers[0] % 251) as u8);
    bytes.into()
}

fn numbers(payload: &[u8]) -> [u64; 2] {
    let number = |at: usize| u64::from_le_bytes(payload[at..at + 8].try_into().expect("it is long enough"));
    // All the same: each is as the one before it.
    if let Some((first, rest)) = payload[16..].split_first() {
        let same = *first == (number(0) % 251) as u8 && rest == &payload[16..payload.len() - 1];
        assert!(same, "bytes were mixed up");
    }
    [number(0), number(8)]
}

impl Program {
    /// It waits so long for others that were lost, and for those that are absent from a switch.
    pub(crate) fn start(
        life: Life,
        (rejoin, absence): (Duration, Duration),
        large: bool,
        disk: Disk,
    ) -> Self {
        let mut identity =
            Identity::new(RouterId::from_bits(life.0 as u128 + 1), format!("router {}", life.0));
        identity.incarnation = life.1;
        let mut settings = Settings::network(identity);
        settings.rejoin = Some(rejoin);
        settings.absence = absence;
        settings.heartbeat = HEARTBEAT;
        settings.handshake = Duration::from_secs(2);
        settings.closing = Duration::from_secs(5);
        if !large {
            settings.limits.window = WINDOW;
            settings.limits.calls = 8;
            settings.limits.tunnels = 4;
            settings.outbox = 30_000;
        }
        let mut membership = Membership::unconnected(settings);
        let mut own = BTreeMap::new();
        for (name, role) in EVENTS {
            own.insert(membership.announce(schema(name, role), None, Consumer::default()), name);
        }
        Self {
            life,
            membership,
            members: BTreeMap::new(),
            pending: BTreeMap::new(),
            asked: VecDeque::new(),
            held: VecDeque::new(),
            sending: BTreeMap::new(),
            receiving: BTreeMap::new(),
            items: VecDeque::new(),
            own,
            flows: Flows::start(life.0, disk),
            closed: false,
        }
    }

    /// One of those who want it.
    fn pick(&self, name: &str, rng: &mut Rng) -> Option<(MemberId, Life, Interest)> {
        let wanting: Vec<_> = self
            .members
            .iter()
            .filter_map(|(id, known)| known.wanted.get(name).map(|interest| (*id, known.life, *interest)))
            .collect();
        let index = rng.below(wanting.len());
        wanting.get(index).copied()
    }

    /// Says something to somebody, or goes on with something.
    pub(crate) fn act(&mut self, books: &mut Books, rng: &mut Rng, now: Instant) {
        let size = match rng.below(16) {
            0 => rng.within(4_000..40_000) as usize,
            1..3 => rng.within(100..4_000) as usize,
            _ => rng.within(16..100) as usize,
        };
        match rng.below(20) {
            0..7 => self.notify(size, books, rng, now),
            7..10 => self.ask(size, books, rng, now),
            10..13 => self.answer(size, rng, now),
            13 => self.cancel(books, rng),
            14 => self.open(books, rng, now),
            15..18 => self.send_items(size, books, rng, now),
            18 => self.finish(books, rng, now),
            _ => {}
        }
        self.handle(rng.below(10), now);
        self.flows.act(books, rng);
    }

    fn notify(&mut self, size: usize, books: &mut Books, rng: &mut Rng, now: Instant) {
        let name = if rng.chance(4) { "more" } else { "note" };
        let Some((member, life, to)) = self.pick(name, rng) else { return };
        let lane = if rng.chance(5) { rng.below(3) } else { 0 };
        for _ in 0..rng.within(1..20) {
            let id = books.fresh();
            let mut circumstances = Circumstances::default();
            circumstances.priority = LANES[lane];
            let Some(mut line) = self.membership.to(member, now) else { return };
            if line.notify(to, circumstances, payload([id, lane as u64], size)).is_err() {
                return;
            }
            super::trace(format_args!("{:?} sends note {id} to {life:?} as {member:?}", self.life));
            books.sent(id, self.life, life.0);
        }
    }

    /// Says something as soon as somebody wants it.
    fn greet(&mut self, member: MemberId, life: Life, to: Interest, books: &mut Books, now: Instant) {
        let id = books.fresh();
        let Some(mut line) = self.membership.to(member, now) else { return };
        if line.notify(to, Circumstances::default(), payload([id, 0], 16)).is_ok() {
            super::trace(format_args!("{:?} greets {life:?} by note {id}", self.life));
            books.sent(id, self.life, life.0);
        }
    }

    fn ask(&mut self, size: usize, books: &mut Books, rng: &mut Rng, now: Instant) {
        let Some((member, _, to)) = self.pick("ask", rng) else { return };
        let id = books.fresh();
        let mut circumstances = Circumstances::default();
        circumstances.priority = LANES[rng.below(3)];
        circumstances.idempotent = rng.chance(2);
        let Some(mut line) = self.membership.to(member, now) else { return };
        if let Ok(call) = line.request(to, circumstances, payload([id, 0], size)) {
            books.asked(id, self.life, circumstances.idempotent);
            self.pending.insert(call, (member, id));
        }
    }

    fn answer(&mut self, size: usize, rng: &mut Rng, now: Instant) {
        for _ in 0..rng.within(1..6) {
            let index = rng.below(self.asked.len());
            let Some((member, call, id)) = self.asked.get(index).copied() else { return };
            let outcome =
                if rng.chance(5) { Err(AnswerError::Overloaded) } else { Ok(payload([id, 1], size)) };
            let answered =
                self.membership.to(member, now).is_none_or(|mut line| line.answer(call, outcome).is_ok());
            if answered {
                self.asked.remove(index);
            }
        }
    }

    fn cancel(&mut self, books: &mut Books, rng: &mut Rng) {
        let index = rng.below(self.pending.len());
        let Some(call) = self.pending.keys().nth(index).copied() else { return };
        if let Some((member, id)) = self.pending.remove(&call) {
            books.cancelled(id);
            self.membership.cancel(member, call);
        }
    }

    fn open(&mut self, books: &mut Books, rng: &mut Rng, now: Instant) {
        let Some((member, _, to)) = self.pick("pipe", rng) else { return };
        let id = books.fresh();
        let Some(mut line) = self.membership.to(member, now) else { return };
        if let Ok(tunnel) = line.open_tunnel(to, Circumstances::default(), payload([id, 0], 16), WINDOW) {
            self.sending.insert((member, tunnel), (id, 0));
            self.receiving.insert((member, tunnel), (id, 1));
        }
    }

    fn send_items(&mut self, size: usize, books: &mut Books, rng: &mut Rng, now: Instant) {
        let index = rng.below(self.sending.len());
        let Some(((member, tunnel), (id, direction))) = self.sending.iter().nth(index) else { return };
        for _ in 0..rng.within(1..8) {
            let Some(mut line) = self.membership.to(*member, now) else { return };
            // The number of the item is only used up if it is taken.
            let item = books.item_sent(*id, *direction);
            if line.send_item(*tunnel, payload([*id, item], size)).is_err() {
                books.item_not_sent(*id, *direction);
                return;
            }
        }
    }

    fn finish(&mut self, books: &mut Books, rng: &mut Rng, now: Instant) {
        let index = rng.below(self.sending.len());
        let Some(key) = self.sending.keys().nth(index).copied() else { return };
        let Some((id, direction)) = self.sending.remove(&key) else { return };
        books.finished(id, direction);
        if let Some(mut line) = self.membership.to(key.0, now) {
            line.end_tunnel(key.1, Ending::Finished);
        }
    }

    fn handle(&mut self, most: usize, now: Instant) {
        for (member, priority, size) in self.held.drain(..most.min(self.held.len())) {
            if let Some(mut line) = self.membership.to(member, now) {
                line.handled(priority, size);
            }
        }
        for (member, tunnel, size) in self.items.drain(..most.min(self.items.len())) {
            if let Some(mut line) = self.membership.to(member, now) {
                line.item_handled(tunnel, size);
            }
        }
    }

    /// Handles, answers and finishes all there is.
    pub(crate) fn settle(&mut self, books: &mut Books, rng: &mut Rng, now: Instant) {
        self.handle(usize::MAX, now);
        self.flows.settle(books, rng);
        for _ in 0..self.asked.len() {
            self.answer(16, rng, now);
        }
        while !self.sending.is_empty() {
            self.finish(books, rng, now);
        }
    }

    /// Whether nothing is under way any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.pending.is_empty()
            && self.asked.is_empty()
            && self.held.is_empty()
            && self.receiving.is_empty()
            && self.membership.is_settled()
            && self.flows.is_settled()
    }

    pub(crate) fn summary(&self) -> String {
        let Self { life, membership, pending, asked, held, receiving, .. } = self;
        let settled = membership.is_settled();
        format!(
            "{life:?}: settled {settled}, pending {pending:?}, {} asked, {} held, receiving {receiving:?}",
            asked.len(),
            held.len()
        )
    }

    pub(crate) fn learn(&mut self, books: &mut Books, now: Instant) {
        while let Some(event) = self.membership.poll_event() {
            assert!(!self.closed, "{event:?} came after the end");
            super::trace(format_args!("{:?} learns {event:?}", self.life));
            match event {
                NetworkEvent::MemberJoined { member, peer } => {
                    let router = peer.identity.router.to_bits() as usize - 1;
                    let life = (router, peer.identity.incarnation);
                    self.members.insert(member, Known { life, wanted: BTreeMap::new() });
                    self.flows.joined(router, member);
                }
                NetworkEvent::MemberLeft { member, cause } => self.left(member, &cause, books),
                NetworkEvent::From { member, event } => self.learn_of(member, event, books, now),
                NetworkEvent::MemberBack { .. } => books.counts.resumed += 1,
                NetworkEvent::Closed(_) => self.closed = true,
                _ => {}
            }
        }
        if !self.closed {
            self.flows.pump(&mut self.membership, books, now);
        }
    }

    fn left(&mut self, member: MemberId, cause: &MemberGone, books: &mut Books) {
        assert!(
            !matches!(cause, MemberGone::Violation { .. } | MemberGone::Accused { .. }),
            "{:?} of {:?}: {cause}",
            self.members.get(&member),
            self.life
        );
        books.counts.restarted += u64::from(*cause == MemberGone::Restarted);
        self.flows.left(member);
        let known = self.members.remove(&member).expect("it was there");
        assert!(known.wanted.is_empty(), "it wants things after it left");
        assert!(!self.receiving.keys().any(|(of, _)| *of == member), "a tunnel outlived its member");
        self.held.retain(|(of, ..)| *of != member);
        self.items.retain(|(of, ..)| *of != member);
        self.asked.retain(|(of, ..)| *of != member);
    }

    fn learn_of(&mut self, member: MemberId, event: Event, books: &mut Books, now: Instant) {
        let known = self
            .members
            .get_mut(&member)
            .unwrap_or_else(|| panic!("{event:?} of {member:?}, who is not there"));
        let from = known.life;
        match event {
            Event::Wanted { interest, schema, .. } => {
                let name = EVENTS.iter().find(|(name, _)| *name == schema.name).expect("it was declared").0;
                assert!(known.wanted.insert(name, interest).is_none(), "{name} is wanted twice");
                if name == "note" && self.membership.is_open() {
                    self.greet(member, from, interest, books, now);
                }
            }
            Event::Unwanted { interest } => known.wanted.retain(|_, wanted| *wanted != interest),
            Event::Informed => {}
            Event::Durable { word, .. } => self.flows.hear(member, &word),
            Event::Anew => self.flows.anew(member),
            Event::Notification { interest, circumstances, payload } => {
                assert!(matches!(self.own[&interest], "note" | "more"));
                let [id, lane] = numbers(&payload);
                assert_eq!(circumstances.priority, LANES[lane as usize]);
                books.delivered(id, lane as usize, from, self.life, circumstances.redelivered);
                self.held.push_back((member, circumstances.priority, payload.len()));
            }
            Event::Request { call, interest, circumstances, payload } => {
                assert_eq!(self.own[&interest], "ask");
                let [id, _] = numbers(&payload);
                books.ask_came(id, self.life, circumstances.redelivered);
                self.asked.push_back((member, call, id));
                self.held.push_back((member, circumstances.priority, payload.len()));
            }
            Event::Cancelled { call } => self.asked.retain(|(of, asked, _)| (*of, *asked) != (member, call)),
            Event::Answer { call, outcome } => {
                let (_, id) = self.pending.remove(&call).expect("it was answered twice, or though cancelled");
                if let Ok(payload) = &outcome {
                    assert_eq!(numbers(payload), [id, 1], "it has the answer to another request");
                }
                books.answered(id, outcome.is_ok());
            }
            Event::TunnelOpened { tunnel, interest, circumstances, payload, .. } => {
                assert_eq!(self.own[&interest], "pipe");
                let [id, _] = numbers(&payload);
                self.held.push_back((member, circumstances.priority, payload.len()));
                self.sending.insert((member, tunnel), (id, 1));
                self.receiving.insert((member, tunnel), (id, 0));
                // It may be gone by now.
                if let Some(mut line) = self.membership.to(member, now) {
                    line.accept_tunnel(tunnel, WINDOW);
                }
            }
            Event::TunnelItem { tunnel, payload } => {
                let (id, direction) = self.receiving[&(member, tunnel)];
                let [of, item] = numbers(&payload);
                assert_eq!(of, id, "an item came out of another tunnel");
                books.item_came(id, direction, item);
                self.items.push_back((member, tunnel, payload.len()));
            }
            Event::TunnelEnded { tunnel, ending } => {
                let (id, direction) = self.receiving.remove(&(member, tunnel)).expect("it ended twice");
                books.ended(id, direction, ending == Ending::Finished);
            }
            Event::TunnelStopped { tunnel, .. } => drop(self.sending.remove(&(member, tunnel))),
            Event::TunnelGranted { .. } => {}
            Event::Undelivered { circumstances, payload, .. } => {
                books.undelivered(numbers(&payload)[0], circumstances.redelivered);
            }
            other => panic!("{other:?}"),
        }
    }
}
