use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use edri_event::RouterId;
use edri_link::wire::{Credentials, Frame, Hello, Identity, Limits, Reader, write};

use super::{Bearer, Hub, Origin, Session};
use crate::switch::settings::SwitchSettings;

/// What a router says to a switch from its first byte on, in pieces, where another is that listens: the first byte says how
/// large the pieces are, whether that other reads all the while, and how the connection ends. Whatever it is, nothing panics;
/// all that either is told is frames; and when the first has gone, the other knows of nobody any more, is served as before, and
/// nothing is held for anybody.
pub(crate) fn session(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let (piece, reads, is_lost) = (1 << (first >> 4), first & 1 != 0, first & 2 != 0);
    let now = Instant::now();
    let mut settings = SwitchSettings::new(["127.0.0.1:0"]);
    settings.limits.interests = 64;
    let hub = Hub::new(settings, now);
    let mut listener = Listener::join(&hub, now);
    let mut router = Listener::connect(&hub, now);
    for piece in bytes.chunks(piece) {
        hand_over(&mut router.session, piece, now);
        if reads {
            router.read(now);
            hub.broadcast();
            listener.read(now);
        }
    }
    match is_lost {
        true => router.session.lost("it was cut".to_owned(), now),
        false => router.session.end_of_stream(now),
    }
    router.read(now);
    hub.broadcast();
    listener.read(now);
    assert!(listener.members.is_empty(), "somebody is still there: {:?}", listener.members);
    assert!(!listener.session.is_closed(), "it was put out for what another did");
    listener.say(&Frame::Ping(7), now);
    assert!(listener.read(now).iter().any(|frame| matches!(frame, Frame::Pong(pong) if pong.number == 7)));
    assert_eq!(hub.memory.load(Ordering::Relaxed), 0);
}

/// Hands over what came as whoever reads from a stream does: some of it to the place that the session has for it.
pub(crate) fn hand_over(session: &mut Session, mut bytes: &[u8], now: Instant) {
    while !bytes.is_empty() {
        let Some((place, most)) = session.place() else { return session.receive(bytes, now) };
        let (read, rest) = bytes.split_at(most.min(bytes.len()));
        place.extend_from_slice(read);
        session.came(now);
        bytes = rest;
    }
    if session.place().is_some() {
        session.nothing_came();
    }
}

/// Somebody who believes what a switch says.
struct Listener {
    session: Session,
    reader: Reader,
    members: BTreeSet<u32>,
}

impl Listener {
    fn connect(hub: &Arc<Hub>, now: Instant) -> Self {
        let origin = Origin { address: ([127, 0, 0, 1], 1).into(), bearer: Bearer::Plain };
        let session = Session::new(Arc::clone(hub), origin, now);
        Self { session, reader: Reader::new(u32::MAX), members: BTreeSet::new() }
    }

    fn join(hub: &Arc<Hub>, now: Instant) -> Self {
        let mut listener = Self::connect(hub, now);
        let identity = Identity::new(RouterId::from_bits(2), "listener");
        let hello = Hello::new(identity, Credentials::None, Limits::default(), 1_000);
        listener.say(&Frame::Hello(hello), now);
        listener.read(now);
        listener
    }

    fn say(&mut self, frame: &Frame, now: Instant) {
        let mut bytes = Vec::new();
        write(&mut bytes, frame);
        hand_over(&mut self.session, &bytes, now);
    }

    /// All that it is told, until there is no more.
    fn read(&mut self, now: Instant) -> Vec<Frame> {
        let mut told = Vec::new();
        while let Some(bytes) = self.session.outgoing(now).front().cloned() {
            self.session.written(bytes.len(), now);
            self.reader.push(&bytes);
        }
        loop {
            match self.reader.next_frame() {
                Ok(Some(frame)) => told.push(frame),
                Ok(None) => break,
                Err(error) => panic!("it says no frame: {error}"),
            }
        }
        assert_eq!(self.reader.held(), 0, "it says half a frame");
        for frame in &told {
            match frame {
                Frame::Member(member) => {
                    assert!(self.members.insert(member.member), "{} is there twice", member.member);
                }
                Frame::Left(left) => {
                    assert!(self.members.remove(&left.member), "{} was not there", left.member);
                }
                _ => {}
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use edri_link::wire::{
        Change, Close, CloseCode, Consumer, Departure, Interest, Interests, Left, Member, Permit, Pong,
        Purpose, Relay, Role, Schema, VERSION,
    };
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;

    fn encoded(frame: &Frame) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, frame);
        bytes
    }

    fn greetings() -> Vec<Frame> {
        let identity = |bits| Identity::new(RouterId::from_bits(bits), "router");
        let hello = |bits| Hello::new(identity(bits), Credentials::None, Limits::default(), 1_000);
        let mut probe = hello(3);
        probe.purpose = Purpose::Probe;
        // The last says that it is the one who listens.
        vec![Frame::Hello(hello(3)), Frame::Hello(probe), Frame::Hello(hello(2))]
    }

    fn talk() -> Vec<Frame> {
        let schema = |role| Schema {
            name: "note".to_owned(),
            version: 1,
            role,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        };
        let announce = |number| {
            let (interest, consumer) = (Interest::from_number(number), Consumer::own(None, 0));
            Change::Announce { interest, schema: number % 2, group: (number > 2).then_some(0), consumer }
        };
        let interests = |member, changes| Frame::Interest(Interests { member, changes });
        let relay = |member, length| Frame::Relay(Relay { member, blob: Bytes::from(vec![32; length]) });
        let interest = Interest::from_number(1);
        vec![
            interests(0, vec![Change::Schema { number: 0, schema: schema(Role::Subscriber) }]),
            interests(0, vec![Change::Schema { number: 1, schema: schema(Role::Responder) }]),
            interests(0, vec![Change::Group { number: 0, name: "group".to_owned() }]),
            interests(0, (0..4).map(announce).collect()),
            interests(0, vec![announce(4), Change::Load { interest, load: 3 }, Change::Complete]),
            interests(0, vec![Change::Withdraw { interest }]),
            interests(0, vec![Change::Denied { interest, reason: "no".to_owned() }]),
            interests(1, vec![announce(1)]),
            relay(1, 0),
            relay(1, 40),
            relay(1, 3_000),
            relay(2, 40),
            relay(900, 40),
            Frame::Heartbeat,
            Frame::Ping(300),
            Frame::Pong(Pong { number: 300, resent: 5 }),
            Frame::Close(Close { code: CloseCode::Orderly, reason: "done".to_owned() }),
            Frame::Member(Member {
                member: 1,
                version: VERSION,
                identity: Identity::new(RouterId::from_bits(2), "listener"),
                features: 0,
                limits: Limits::default(),
                permit: Permit::All,
            }),
            Frame::Left(Left { member: 1, departure: Departure::Expelled }),
            Frame::Channel { kind: 32, body: Bytes::from_static(&[1, 0, 0, 0, 1, 42]) },
        ]
    }

    /// Whole frames and scraps of bytes, with some bytes changed.
    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let whole: Vec<_> = talk().iter().map(encoded).collect();
        let piece = prop_oneof![
            14 => select(whole),
            1 => prop::collection::vec(any::<u8>(), 0..8),
        ];
        let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..3);
        (prop::collection::vec(piece, 0..12), changes).prop_map(|(pieces, changes)| {
            let mut bytes = pieces.concat();
            for (index, byte) in changes.into_iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

        #[test]
        fn whatever_a_router_says_from_its_first_byte_on_does_no_harm(
            first: u8,
            greeting in prop_oneof![8 => select(greetings()).prop_map(|frame| encoded(&frame)), 1 => streams()],
            bytes in streams(),
        ) {
            let mut all = vec![first];
            all.extend(greeting);
            all.extend(bytes);
            session(&all);
        }
    }

    /// Otherwise the bounded runs would end at the door.
    #[test]
    fn a_greeting_opens_and_what_follows_reaches_the_other() {
        let now = Instant::now();
        let hub = Hub::new(SwitchSettings::new(["127.0.0.1:0"]), now);
        let mut listener = Listener::join(&hub, now);
        let mut router = Listener::connect(&hub, now);
        router.say(&greetings()[0], now);
        let frames = talk();
        for frame in frames.iter().take(6).chain(&frames[8..11]) {
            router.say(frame, now);
        }
        hub.broadcast();
        let told = listener.read(now);
        let count = |is_it: fn(&Frame) -> bool| told.iter().filter(|frame| is_it(frame)).count();
        assert_eq!(listener.members.len(), 1);
        assert_eq!(count(|frame| matches!(frame, Frame::Relay(_))), 3, "{told:?}");
        assert!(count(|frame| matches!(frame, Frame::Interest(_))) > 0);
        assert!(!router.session.is_closed());
    }
}
