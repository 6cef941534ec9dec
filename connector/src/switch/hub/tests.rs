use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edri_event::RouterId;
use edri_link::wire::{
    Change, Close, CloseCode, Consumer, Credentials, Departure, Frame, Hello, Identity, Interest, Interests,
    Limits, Permit, Pong, Proof, Purpose, Refusal, Role, Schema, Token, write, write_relay,
};
use picture::Picture;

use super::fuzz::hand_over;
use super::*;
use crate::switch::settings::{Access, AccessList, Networks, Secret, SwitchSettings, TokenRule};

#[path = "../../../tests/support/picture.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is there for other tests, too")]
mod picture;

mod faults;
mod interests;
mod random;
mod security;

const SECOND: Duration = Duration::from_secs(1);

/// A hub, and its time.
struct Bench {
    hub: Arc<Hub>,
    now: Instant,
}

/// A router at the end of a connection.
struct Peer {
    session: Session,
    picture: Picture,
    defined: u32,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut SwitchSettings)) -> Self {
        let mut settings = SwitchSettings::new(["127.0.0.1:0"]);
        change(&mut settings);
        settings.check().unwrap();
        let now = Instant::now();
        Self { hub: Hub::new(settings, now), now }
    }

    fn connect(&self, bearer: Bearer) -> Peer {
        self.connect_from("10.0.0.1:1000", bearer)
    }

    fn connect_from(&self, address: &str, bearer: Bearer) -> Peer {
        let origin = Origin { address: address.parse().unwrap(), bearer };
        let session = Session::new(Arc::clone(&self.hub), origin, self.now);
        Peer { session, picture: Picture::default(), defined: 0 }
    }

    /// A router of that name that has joined and been told everything.
    fn join(&self, name: &str) -> Peer {
        self.greet(hello(name))
    }

    fn greet(&self, hello: Hello) -> Peer {
        let mut peer = self.connect(Bearer::Plain);
        peer.say(&Frame::Hello(hello), self.now);
        peer.read(self.now);
        peer
    }

    /// Everybody is told everything.
    fn settle(&self, peers: &mut [&mut Peer]) {
        self.hub.broadcast();
        for peer in peers {
            peer.read(self.now);
        }
    }
}

impl Peer {
    fn say(&mut self, frame: &Frame, now: Instant) {
        let mut bytes = Vec::new();
        write(&mut bytes, frame);
        hand_over(&mut self.session, &bytes, now);
    }

    fn relay(&mut self, to: u32, blob: &[u8], now: Instant) {
        let mut bytes = Vec::new();
        write_relay(&mut bytes, to, blob);
        hand_over(&mut self.session, &bytes, now);
    }

    /// Reads all there is.
    fn read(&mut self, now: Instant) {
        while self.read_some(usize::MAX, now) > 0 {}
    }

    fn read_some(&mut self, most: usize, now: Instant) -> usize {
        let Some(front) = self.session.outgoing(now).front() else { return 0 };
        let bytes = front.slice(..front.len().min(most));
        self.session.written(bytes.len(), now);
        self.picture.hear(&bytes);
        bytes.len()
    }

    fn number(&self) -> u32 {
        self.picture.number()
    }

    /// Announces that it consumes an event of that name.
    fn announce(&mut self, interest: u32, schema: Schema, now: Instant) {
        let number = self.defined;
        self.defined += 1;
        let changes = vec![
            Change::Schema { number, schema },
            Change::Announce {
                interest: Interest::from_number(interest),
                schema: number,
                group: None,
                consumer: Consumer::default(),
            },
        ];
        self.say(&Frame::Interest(Interests { member: 0, changes }), now);
    }

    fn change(&mut self, change: Change, now: Instant) {
        self.say(&Frame::Interest(Interests { member: 0, changes: vec![change] }), now);
    }

    fn close(&mut self, now: Instant) {
        self.say(&Frame::Close(Close { code: CloseCode::Orderly, reason: String::new() }), now);
        self.read(now);
    }

    fn close_code(&self) -> Option<CloseCode> {
        self.picture.closed.as_ref().map(|close| close.code)
    }

    fn close_reason(&self) -> &str {
        self.picture.closed.as_ref().map_or("", |close| &close.reason)
    }
}

fn hello(name: &str) -> Hello {
    let identity = Identity::new(RouterId::fresh(), name);
    Hello::new(identity, Credentials::None, Limits::default(), 5_000)
}

fn hello_in(network: &str, name: &str) -> Hello {
    let mut hello = hello(name);
    hello.identity.network = network.to_owned();
    hello
}

fn schema(name: &str, role: Role) -> Schema {
    Schema { name: name.to_owned(), version: 1, role, codec: "postcard".to_owned(), shapes: Vec::new() }
}

#[test]
fn members_learn_of_each_other_and_talk() {
    let bench = Bench::new();
    let now = bench.now;
    let mut a = bench.join("a");
    assert!(a.picture.is_complete && a.picture.members.is_empty());
    let mut b = bench.join("b");
    assert_eq!(b.picture.member("a"), Some(a.number()));
    bench.settle(&mut [&mut a, &mut b]);
    assert_eq!(a.picture.member("b"), Some(b.number()));
    a.relay(b.number(), b"to b", now);
    b.relay(a.number(), b"to a", now);
    a.read(now);
    b.read(now);
    assert_eq!(a.picture.relays, [(b.number(), b"to a".to_vec())]);
    assert_eq!(b.picture.relays, [(a.number(), b"to b".to_vec())]);
}

#[test]
fn networks_are_isolated() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b) = (bench.join("a"), bench.greet(hello_in("elsewhere", "b")));
    a.announce(0, schema("x", Role::Subscriber), now);
    // Even if it guesses the number.
    b.relay(a.number(), b"across", now);
    bench.settle(&mut [&mut a, &mut b]);
    assert!(a.picture.members.is_empty() && a.picture.relays.is_empty());
    assert!(b.picture.members.is_empty());
    let c = bench.greet(hello_in("elsewhere", "c"));
    assert_eq!(c.picture.members.len(), 1);
    assert_eq!(c.picture.member("b"), Some(b.number()));
}

#[test]
fn a_router_that_closes_is_told_of_as_gone_and_one_that_is_lost_as_lost() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b, mut c) = (bench.join("a"), bench.join("b"), bench.join("c"));
    let (in_order, lost) = (b.number(), c.number());
    b.close(now);
    assert_eq!(b.close_code(), Some(CloseCode::Orderly));
    assert!(b.session.is_closed());
    c.session.lost("the cable was cut".to_owned(), now);
    bench.settle(&mut [&mut a]);
    assert_eq!(a.picture.left, [(in_order, Departure::Closed), (lost, Departure::Lost)]);
    assert!(a.picture.members.is_empty());
}

#[test]
fn what_is_for_somebody_who_is_not_there_is_dropped_and_counted() {
    let bench = Bench::new();
    let now = bench.now;
    let mut a = bench.join("a");
    let own = a.number();
    a.relay(own, b"to myself", now);
    a.relay(9_999, b"to nobody", now);
    a.read(now);
    assert!(a.picture.relays.is_empty() && a.picture.closed.is_none());
    let networks = bench.hub.networks();
    assert_eq!(networks[0].members()[0].sent.astray.load(Ordering::Relaxed), 2);
}

#[test]
fn a_network_is_forgotten_when_nobody_is_in_it() {
    let bench = Bench::new();
    let a = bench.join("a");
    assert_eq!(bench.hub.networks().len(), 1);
    drop(a);
    assert_eq!(bench.hub.networks().len(), 0);
    assert!(bench.join("a").picture.is_complete);
}

#[test]
fn a_probe_is_welcome_and_nobody_hears_of_it() {
    let bench = Bench::new();
    let now = bench.now;
    let mut a = bench.join("a");
    let mut probe = bench.greet(Hello { purpose: Purpose::Probe, ..hello("probe") });
    assert_eq!(probe.number(), 0);
    probe.say(&Frame::Ping(7), now);
    probe.read(now);
    assert_eq!(probe.picture.pongs, [Pong { number: 7, resent: 0 }]);
    bench.settle(&mut [&mut a]);
    assert!(a.picture.members.is_empty());
    // It is no member, and may not behave like one.
    probe.relay(a.number(), b"x", now);
    probe.read(now);
    assert_eq!(probe.close_code(), Some(CloseCode::Violation));
    a.read(now);
    assert!(a.picture.relays.is_empty());
}

#[test]
fn members_are_pinged_and_their_answers_are_known() {
    let bench = Bench::new();
    let now = bench.now;
    let mut a = bench.join("a");
    let number = *a.picture.pings.last().unwrap();
    a.say(&Frame::Pong(Pong { number, resent: 12 }), now + Duration::from_millis(30));
    let networks = bench.hub.networks();
    let member = &networks[0].members()[0];
    assert_eq!(member.sent.round_trip(), Some(Duration::from_millis(30)));
    assert_eq!(member.sent.resent.load(Ordering::Relaxed), 12);
    // The next one, when it is time.
    assert_eq!(a.session.next_timeout(), Some(now + 5 * SECOND));
    a.session.handle_timeout(now + 5 * SECOND);
    a.read(now + 5 * SECOND);
    assert_eq!(a.picture.pings.len(), 2);
}

#[test]
fn a_switch_that_is_to_stop_gives_out_what_waits_and_sends_everybody_away() {
    let bench = Bench::new();
    let now = bench.now;
    let (mut a, mut b) = (bench.join("a"), bench.join("b"));
    a.relay(b.number(), b"last", now);
    bench.hub.drain();
    let refused = bench.greet(hello("late")).picture.refused.unwrap();
    assert_eq!(refused.code, Refusal::Busy);
    for peer in [&mut a, &mut b] {
        peer.read(now);
        assert_eq!(peer.close_code(), Some(CloseCode::GivenUp));
        assert!(peer.close_reason().contains("about to stop"));
        assert!(peer.session.is_closed());
    }
    assert_eq!(b.picture.relays.len(), 1);
}
