//! Members of a network, and switches, that keep to no protocol or say what they may not.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use edri_event::RouterId;
use edri_link::wire::{
    Departure, Frame, Left, Member, Pattern, Permit, Reader, Relay, Station, Welcome, write, write_relay,
};
use edri_link::{
    Closed, Consumer, Event, Identity, Interest, Limits, MemberGone, Membership, NetworkEvent, Role, Schema,
    Settings, VERSION,
};

const SECOND: Duration = Duration::from_secs(1);
const NOTE: Interest = Interest::from_number(0);

fn settings(bits: u128) -> Settings {
    let mut settings = Settings::network(Identity::new(RouterId::from_bits(bits), format!("router {bits}")));
    settings.rejoin = Some(SECOND * 10);
    settings
}

fn schema(name: &str, role: Role) -> Schema {
    Schema { name: name.to_owned(), version: 1, role, codec: "postcard".to_owned(), shapes: Vec::new() }
}

/// A membership, and what a switch that is played by hand says to it.
struct Alone {
    membership: Membership,
    now: Instant,
}

impl Alone {
    fn new() -> Self {
        let now = Instant::now();
        let mut membership = Membership::joining(settings(1), now);
        for (name, role) in [("note", Role::Subscriber), ("ask", Role::Responder)] {
            membership.announce(schema(name, role), None, Consumer::default());
        }
        let mut alone = Self { membership, now };
        alone.say(&Frame::Welcome(Welcome {
            version: VERSION,
            identity: Identity::new(RouterId::from_bits(1_000), "switch"),
            station: Station::Switch { member: 1 },
            features: 0,
            limits: Limits::default(),
            heartbeat: 5_000,
        }));
        alone
    }

    fn say(&mut self, frame: &Frame) {
        let mut out = Vec::new();
        write(&mut out, frame);
        self.membership.receive(&out, self.now);
    }

    fn member(&mut self, number: u32, permit: Permit) {
        let mut identity = Identity::new(RouterId::from_bits(u128::from(number)), format!("router {number}"));
        identity.incarnation = 7;
        self.say(&Frame::Member(Member {
            member: number,
            version: VERSION,
            identity,
            features: 0,
            limits: Limits::default(),
            permit,
        }));
    }

    fn relay(&mut self, member: u32, blob: &[u8]) {
        let mut out = Vec::new();
        write_relay(&mut out, member, blob);
        self.membership.receive(&out, self.now);
    }

    fn events(&mut self) -> Vec<NetworkEvent> {
        std::iter::from_fn(|| self.membership.poll_event()).collect()
    }

    /// The relays that it has to say.
    fn relays(&mut self) -> Vec<(u32, Bytes)> {
        let (mut out, mut reader) = (Vec::new(), Reader::new(u32::MAX));
        self.membership.transmit(&mut out, usize::MAX, self.now);
        reader.push(&out);
        let frames = std::iter::from_fn(|| reader.next_frame().unwrap());
        let relays = frames.filter_map(|frame| match frame {
            Frame::Relay(Relay { member, blob }) => Some((member, blob)),
            _ => None,
        });
        relays.collect()
    }
}

#[test]
fn a_member_that_breaks_the_protocol_is_left_alone_and_told_so_and_the_others_are_not_touched() {
    let resume: &[u8] = &[8, 0, 0, 0, 35, 0, 7, 1, 0, 0, 0, 0];
    let garbage: [(&str, Vec<u8>); 6] = [
        ("no frames", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a frame that is cut", vec![9, 0, 0, 0, 35, 1]),
        ("an empty frame", vec![0, 0, 0, 0]),
        ("a frame of a connection", vec![1, 0, 0, 0, 5]),
        ("an unknown kind", vec![1, 0, 0, 0, 99]),
        ("a message of nothing known", [resume, &[4, 0, 0, 0, 32, 1, 200, 0][..]].concat()),
    ];
    for (what, blob) in garbage {
        let mut alone = Alone::new();
        alone.member(2, Permit::All);
        alone.member(3, Permit::All);
        alone.events();
        alone.relay(2, &blob);
        let events = alone.events();
        let gone = |event: &NetworkEvent| {
            matches!(event, NetworkEvent::MemberLeft { cause: MemberGone::Violation { .. }, .. })
        };
        assert!(events.iter().any(gone), "{what}: {events:?}");
        // It is told, and told again while it goes on; the others are there.
        for _ in 0..2 {
            let relays = alone.relays();
            assert!(relays.iter().any(|(to, blob)| *to == 2 && blob[4] == 37), "{what}: {relays:?}");
            alone.relay(2, &blob);
        }
        assert!(alone.membership.is_open(), "{what}");
        assert_eq!(alone.membership.members().len(), 1, "{what}");
        alone.relay(3, resume);
        assert!(alone.relays().iter().any(|(to, _)| *to == 3), "{what}");
        // And when it has left, it may come again.
        alone.say(&Frame::Left(Left { member: 2, departure: Departure::Lost }));
        alone.member(4, Permit::All);
        assert_eq!(alone.membership.members().len(), 2);
    }
}

#[test]
fn a_member_that_says_that_this_end_broke_the_protocol_is_gone() {
    let mut alone = Alone::new();
    alone.member(2, Permit::All);
    alone.events();
    alone.relay(2, &[4, 0, 0, 0, 37, 2, b'n', b'o']);
    let cause = MemberGone::Accused { reason: "no".to_owned() };
    assert!(matches!(&alone.events()[..], [NetworkEvent::MemberLeft { cause: of, .. }] if *of == cause));
}

#[test]
fn what_a_member_may_not_send_is_not_taken_and_who_asked_is_told() {
    let mut alone = Alone::new();
    alone.member(2, Permit::Only(vec![Pattern::new("as*")]));
    alone.events();
    let resume: &[u8] = &[8, 0, 0, 0, 35, 0, 7, 1, 0, 0, 0, 0];
    alone.relay(2, resume);
    // A notification to interest 0, and a request to interest 1.
    alone.relay(2, &[7, 0, 0, 0, 32, 1, 0, 0, 0, 1, 42]);
    alone.relay(2, &[8, 0, 0, 0, 32, 2, 1, 5, 1, 0, 1, 43]);
    let events = alone.events();
    assert!(
        matches!(&events[..], [NetworkEvent::From { event: Event::Request { payload, .. }, .. }] if payload[..] == [43]),
        "{events:?}"
    );
    alone.say(&Frame::Left(Left { member: 2, departure: Departure::Closed }));
    alone.member(3, Permit::Only(vec![Pattern::new("note")]));
    alone.events();
    alone.relay(3, resume);
    alone.relays();
    alone.relay(3, &[8, 0, 0, 0, 32, 1, 1, 5, 1, 0, 1, 43]);
    assert_eq!(alone.events(), []);
    let relays = alone.relays();
    let answer = relays.iter().any(|(_, blob)| blob.windows(9).any(|text| text == b"forbidden"));
    assert!(answer, "{relays:?}");
}

#[test]
fn a_switch_that_breaks_the_protocol_ends_the_membership_with_the_reason() {
    let wrong = [
        Frame::Channel { kind: 32, body: Bytes::new() },
        Frame::Interest(edri_link::wire::Interests {
            member: 0,
            changes: vec![edri_link::wire::Change::Withdraw { interest: NOTE }],
        }),
        Frame::Member(Member {
            member: 9,
            version: VERSION,
            identity: Identity::new(RouterId::from_bits(9), "nine"),
            features: 0,
            limits: {
                let mut limits = Limits::default();
                limits.window = 0;
                limits
            },
            permit: Permit::All,
        }),
    ];
    for frame in wrong {
        let mut alone = Alone::new();
        alone.say(&frame);
        let events = alone.events();
        assert!(
            matches!(events.last(), Some(NetworkEvent::Closed(Closed::Violation { .. }))),
            "{frame:?}: {events:?}"
        );
    }
}
