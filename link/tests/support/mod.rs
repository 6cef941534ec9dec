//! Two ends of a link and the wire between them, in virtual time.

#![allow(dead_code, reason = "each test file uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[cfg(any(feature = "tls", feature = "ring"))]
pub(crate) mod certificates;
pub(crate) mod net;
pub(crate) mod routers;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edri_event::{Priority, RouterId};
use edri_link::{Circumstances, Consumer, Endpoint, Event, Identity, Interest, Role, Schema, Settings};

pub(crate) const LEFT: usize = 0;
pub(crate) const RIGHT: usize = 1;

/// Both ends, and two wires.
pub(crate) struct Pair {
    pub(crate) ends: [Endpoint; 2],
    pub(crate) now: Instant,
    /// What each end has learned.
    pub(crate) events: [Vec<Event>; 2],
    pub(crate) latency: Duration,
    /// The sizes of the pieces in which bytes arrive, again and again.
    pub(crate) cuts: Vec<usize>,
    /// What is on its way from each end.
    wires: [VecDeque<(Instant, Vec<u8>)>; 2],
    /// All that each end has written.
    pub(crate) written: [usize; 2],
    next_cut: usize,
    pub(crate) broken: bool,
    settings: [Settings; 2],
    /// Who accepts the next connection, until it is known who comes.
    door: Option<Endpoint>,
}

pub(crate) fn settings(bits: u128, name: &str) -> Settings {
    Settings::new(Identity::new(RouterId::from_bits(bits), name))
}

pub(crate) fn schema(name: &str, role: Role) -> Schema {
    Schema { name: name.to_owned(), version: 1, role, codec: "postcard".to_owned(), shapes: Vec::new() }
}

pub(crate) fn of(priority: Priority) -> Circumstances {
    let mut circumstances = Circumstances::default();
    circumstances.priority = priority;
    circumstances
}

pub(crate) fn payload(number: u64, size: usize) -> Bytes {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(size.max(8), (number % 251) as u8);
    bytes.into()
}

pub(crate) fn number(payload: &Bytes) -> u64 {
    u64::from_le_bytes(payload[..8].try_into().unwrap())
}

impl Pair {
    /// The left end connects, the right one accepts. Nothing has been sent.
    pub(crate) fn new(left: Settings, right: Settings) -> Self {
        let now = Instant::now();
        Self {
            settings: [left.clone(), right.clone()],
            door: None,
            ends: [Endpoint::connecting(left, now), Endpoint::accepting(right, now)],
            now,
            events: Default::default(),
            latency: Duration::from_millis(1),
            cuts: vec![usize::MAX],
            wires: Default::default(),
            written: [0; 2],
            next_cut: 0,
            broken: false,
        }
    }

    pub(crate) fn ordinary() -> Self {
        Self::new(settings(1, "left"), settings(2, "right"))
    }

    /// Writes, and delivers what is due now; whether anything happened.
    pub(crate) fn exchange(&mut self) -> bool {
        let mut happened = false;
        for end in [LEFT, RIGHT] {
            let mut out = Vec::new();
            self.ends[end].transmit(&mut out, 64 * 1024, self.now);
            if !out.is_empty() && !self.broken {
                happened = true;
                self.written[end] += out.len();
                self.wires[end].push_back((self.now + self.latency, out));
            }
        }
        for end in [LEFT, RIGHT] {
            while self.wires[end].front().is_some_and(|(due, _)| *due <= self.now) {
                let Some((_, bytes)) = self.wires[end].pop_front() else { break };
                happened = true;
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let cut = self.cuts[self.next_cut % self.cuts.len()].clamp(1, rest.len());
                    self.next_cut += 1;
                    let (piece, after) = rest.split_at(cut);
                    self.receive(1 - end, piece);
                    rest = after;
                }
            }
        }
        self.poll() || happened
    }

    /// Takes out what both ends have learned; whether there was anything.
    fn poll(&mut self) -> bool {
        let mut happened = false;
        for end in [LEFT, RIGHT] {
            while let Some(event) = self.ends[end].poll_event() {
                happened = true;
                self.events[end].push(event);
            }
        }
        happened
    }

    fn receive(&mut self, end: usize, bytes: &[u8]) {
        let Some(door) = self.door.as_mut().filter(|_| end == RIGHT) else {
            return self.ends[end].receive(bytes, self.now);
        };
        door.receive(bytes, self.now);
        if matches!(door.poll_event(), Some(Event::Opened(_))) {
            let door = self.door.take().unwrap();
            self.ends[RIGHT].take_over(door, self.now).unwrap();
        }
    }

    /// Loses the connection: of what is on its way from each end the first bytes still arrive, and both ends learn of it.
    pub(crate) fn lose(&mut self, arrive: [usize; 2]) {
        for end in [LEFT, RIGHT] {
            let bytes: Vec<u8> = self.wires[end].drain(..).flat_map(|(_, bytes)| bytes).collect();
            if self.door.is_none() {
                self.receive(1 - end, &bytes[..arrive[end].min(bytes.len())]);
            }
        }
        self.wires = Default::default();
        self.door = None;
        let now = self.now;
        self.ends.iter_mut().for_each(|end| end.transport_lost("it was cut", now));
        self.poll();
    }

    /// Connects anew, if that is wanted.
    pub(crate) fn reconnect(&mut self) {
        let now = self.now;
        if self.ends[LEFT].wants_connection() {
            self.ends[LEFT].reconnect(now);
            self.door = Some(Endpoint::accepting(self.settings[RIGHT].clone(), now));
        }
    }

    /// The router at this end is gone without a word, and is there again as another incarnation; nothing is connected.
    pub(crate) fn restart(&mut self, end: usize) {
        self.settings[end].identity.incarnation += 1;
        self.forget(end);
    }

    /// The router at this end forgets the link, and begins another; nothing is connected.
    pub(crate) fn forget(&mut self, end: usize) {
        self.lose([0; 2]);
        self.take(end);
        let settings = self.settings[end].clone();
        self.ends[end] = match end {
            LEFT => Endpoint::unconnected(settings),
            _ => Endpoint::accepting(settings, self.now),
        };
    }

    /// Connects the left end to the right one, which has not met anybody.
    pub(crate) fn meet(&mut self) {
        let now = self.now;
        self.ends[LEFT].reconnect(now);
    }

    /// To the next thing that is due, if that is before `until`.
    pub(crate) fn advance(&mut self, until: Instant) -> bool {
        let arrivals = self.wires.iter().filter_map(|wire| wire.front().map(|(due, _)| *due));
        let timers = self.ends.iter().filter_map(Endpoint::next_timeout);
        let next = arrivals.chain(timers).min().filter(|next| *next <= until);
        self.now = next.unwrap_or(until).max(self.now);
        self.ends.iter_mut().for_each(|end| end.handle_timeout(self.now));
        next.is_some()
    }

    /// Lets so much time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let mut turns = 0;
            while self.exchange() {
                turns += 1;
                assert!(turns < 100_000, "they never come to rest");
            }
            if !self.advance(until) {
                return;
            }
        }
    }

    /// Loses what is on its way, and all that is written from here on.
    pub(crate) fn cut_off(&mut self) {
        self.broken = true;
        self.wires = Default::default();
    }

    /// Gets both ends open and past their first words.
    pub(crate) fn open(mut self) -> Self {
        self.run(Duration::from_millis(10));
        for end in [LEFT, RIGHT] {
            assert!(self.ends[end].is_open(), "{:?}", self.events[end]);
            assert!(matches!(self.events[end].remove(0), Event::Opened(_)));
            assert_eq!(self.events[end].remove(0), Event::Informed);
        }
        self
    }

    /// Has `end` consume `schema`, and the other end learn of it.
    pub(crate) fn want(&mut self, end: usize, schema: &Schema) -> Interest {
        let interest = self.ends[end].announce(schema.clone(), None, Consumer::default());
        self.run(Duration::from_millis(10));
        let events = &mut self.events[1 - end];
        let heard = events.iter().position(|event| matches!(event, Event::Wanted { .. })).unwrap();
        assert!(matches!(events.remove(heard), Event::Wanted { interest: wanted, .. } if wanted == interest));
        interest
    }

    /// Takes out what `end` has learned.
    pub(crate) fn take(&mut self, end: usize) -> Vec<Event> {
        std::mem::take(&mut self.events[end])
    }
}
