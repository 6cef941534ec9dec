pub(crate) mod durable;

use std::time::Instant;

use bytes::Bytes;
use edri_event::RouterId;

use crate::channel::Came;
use crate::drive::Machine;
use crate::membership::NetworkCame;
use crate::wire::{
    Frame, Identity, LENGTH, LOWEST_CHANNEL_KIND, Reader, Relay, Token, as_relay, split, write,
};
use crate::{Endpoint, Event, Membership, NetworkEvent, Settings};

/// A stream of frames in pieces: the first byte says how large, and how long a frame may be. Whatever it is, nothing
/// panics; what is a frame is the same one when it is written and read again; and no more is held than one frame.
pub(crate) fn frames(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let (piece, limit) = (usize::from(first >> 4) + 1, 1 << (first & 15));
    let mut reader = Reader::new(limit);
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        loop {
            match reader.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => same(&frame),
                // Nothing that follows can be trusted.
                Err(error) => return assert!(!error.to_string().is_empty()),
            }
        }
        assert!(reader.held() < limit as usize + LENGTH);
    }
}

/// Written and read again it is the same.
fn same(frame: &Frame) {
    let mut bytes = Vec::new();
    write(&mut bytes, frame);
    let (whole, rest) = match split(&bytes, u32::MAX) {
        Ok(Some(split)) => split,
        other => panic!("{} is not whole: {other:?}", frame.name()),
    };
    assert!(rest.is_empty());
    assert_eq!(Frame::decode(Bytes::copy_from_slice(whole)).as_ref(), Ok(frame));
    let relay = match frame {
        Frame::Relay(Relay { member, blob }) => {
            relayed(blob.clone());
            Some((*member, &blob[..]))
        }
        _ => None,
    };
    assert_eq!(as_relay(whole), Ok(relay));
}

/// What a relay brings is channel frames with nothing between them, or refused.
fn relayed(mut blob: Bytes) {
    let mut left = blob.len();
    while let Ok(Some((kind, body))) = Reader::next_in(&mut blob) {
        assert!(kind >= LOWEST_CHANNEL_KIND);
        assert_eq!(left, LENGTH + 1 + body.len() + blob.len());
        left = blob.len();
    }
}

/// What the other end says from its first byte on, in pieces, to an end that connects, one that accepts, or one that joins
/// a network: the first byte says to which, with a token or without, and how large the pieces are. Whatever it is, nothing
/// panics; all that is answered is frames; and when it has ended, that is the last that is learned.
pub(crate) fn handshake(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let now = Instant::now();
    let mut settings = Settings::new(Identity::new(RouterId::from_bits(1), "here"));
    settings.token = (first & 4 != 0).then(|| Token::new("secret"));
    let piece = 1 << (first >> 4);
    match first & 3 {
        0 => converse(Endpoint::connecting(settings, now), bytes.chunks(piece), now),
        1 => converse(Endpoint::accepting(settings, now), bytes.chunks(piece), now),
        _ => converse(Membership::joining(settings, now), bytes.chunks(piece), now),
    }
}

fn converse<'b, M: Machine>(mut machine: M, pieces: impl Iterator<Item = &'b [u8]>, now: Instant)
where
    M::Event: Opens,
{
    let (mut said, mut opened, mut ended) = (Reader::new(u32::MAX), false, false);
    for piece in pieces {
        machine.receive(piece, now);
        while let Some(event) = machine.poll_event() {
            assert!(!ended, "there is more to learn after the end");
            ended = M::end(&event).is_some();
            opened |= event.opens();
            assert!(opened || ended, "something was learned before the handshake had ended");
        }
        assert_eq!(ended, machine.is_closed());
        let mut out = Vec::new();
        machine.transmit(&mut out, 1024 * 1024, now);
        said.push(&out);
        while let Some(frame) = said.next_frame().unwrap_or_else(|error| panic!("it says no frame: {error}"))
        {
            same(&frame);
        }
        assert_eq!(said.held(), 0, "it says half a frame");
    }
    if ended {
        let mut out = Vec::new();
        machine.transmit(&mut out, 1024 * 1024, now);
        assert!(out.is_empty(), "it speaks after its last word");
    }
}

/// An event that may be the end of a handshake.
trait Opens {
    fn opens(&self) -> bool;
}

impl Opens for Came {
    fn opens(&self) -> bool {
        matches!(self, Self::Event(Event::Opened(_)))
    }
}

impl Opens for NetworkCame {
    fn opens(&self) -> bool {
        matches!(self, Self::Event(NetworkEvent::Joined { .. }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;
    use crate::Schema;
    use crate::wire::{
        Change, Close, CloseCode, Consumer, Credentials, Departure, Hello, Interest, Interests, Left, Limits,
        Member, Pattern, Permit, Pong, Refusal, Refused, Role, Station, VERSION, Welcome,
    };

    fn encoded(frame: &Frame) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, frame);
        bytes
    }

    fn another() -> Identity {
        Identity::new(RouterId::from_bits(2), "there")
    }

    /// Greetings that are let in.
    fn greetings() -> Vec<Frame> {
        let hello = |credentials| Frame::Hello(Hello::new(another(), credentials, Limits::default(), 1_000));
        let welcome = |station| {
            Frame::Welcome(Welcome {
                version: VERSION,
                identity: another(),
                station,
                features: 0,
                limits: Limits::default(),
                heartbeat: 1_000,
            })
        };
        vec![
            hello(Credentials::None),
            hello(Credentials::Token(Token::new("secret"))),
            welcome(Station::Router),
            welcome(Station::Switch { member: 1 }),
        ]
    }

    /// What may come after one.
    fn talk() -> Vec<Frame> {
        let schema = Schema {
            name: "note".to_owned(),
            version: 1,
            role: Role::Subscriber,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        };
        let consumer = Consumer::own(None, 0);
        let changes = vec![
            Change::Schema { number: 0, schema },
            Change::Group { number: 0, name: "group".to_owned() },
            Change::Announce { interest: Interest::from_number(1), schema: 0, group: None, consumer },
            Change::Load { interest: Interest::from_number(1), load: 3 },
            Change::Withdraw { interest: Interest::from_number(1) },
            Change::Complete,
        ];
        let channel = |kind, body: &'static [u8]| Frame::Channel { kind, body: Bytes::from_static(body) };
        let resume = channel(35, &[1, 0, 1, 0, 0, 0, 0]);
        let blob = Bytes::from(encoded(&resume));
        let relay =
            |kind, body| Frame::Relay(Relay { member: 2, blob: Bytes::from(encoded(&channel(kind, body))) });
        let denied = Change::Denied { interest: Interest::from_number(1), reason: "no".to_owned() };
        vec![
            Frame::Heartbeat,
            Frame::Ping(300),
            Frame::Pong(Pong { number: 300, resent: 0 }),
            Frame::Refused(Refused::new(Refusal::Busy, "too many")),
            Frame::Close(Close { code: CloseCode::Orderly, reason: String::new() }),
            Frame::Interest(Interests { member: 0, changes: changes.clone() }),
            Frame::Interest(Interests { member: 2, changes }),
            Frame::Member(Member {
                member: 2,
                version: VERSION,
                identity: Identity::new(RouterId::from_bits(3), "member"),
                features: 0,
                limits: Limits::default(),
                permit: Permit::All,
            }),
            Frame::Member(Member {
                member: 5,
                version: VERSION,
                identity: Identity::new(RouterId::from_bits(3), "member, again"),
                features: 0,
                limits: Limits::default(),
                permit: Permit::Only(vec![Pattern::new("no*")]),
            }),
            Frame::Left(Left { member: 2, departure: Departure::Closed }),
            Frame::Left(Left { member: 2, departure: Departure::Lost }),
            Frame::Left(Left { member: 5, departure: Departure::Expelled }),
            Frame::Interest(Interests { member: 0, changes: vec![denied] }),
            relay(32, &[1, 0, 0, 0, 1, 42]),
            relay(33, &[2, 4, 10, 0]),
            relay(34, &[1, 0, 0, 0]),
            relay(36, &[1, 4, b'n', b'o', b't', b'e', 1, 0, 0, 0]),
            relay(37, &[1, b'x']),
            Frame::Relay(Relay { member: 2, blob }),
            resume,
            channel(32, &[1, 0, 0, 0, 1, 42]),
            channel(33, &[2, 4, 10, 0]),
            channel(34, &[1, 0, 0, 0]),
            channel(37, &[1, b'x']),
        ]
    }

    /// Whole frames and scraps of bytes, with some bytes changed.
    fn streams(frames: Vec<Frame>) -> impl Strategy<Value = Vec<u8>> {
        let whole: Vec<_> = frames.iter().map(encoded).collect();
        let piece = prop_oneof![
            12 => select(whole),
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

    fn bounded() -> ProptestConfig {
        ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) }
    }

    proptest! {
        #![proptest_config(bounded())]

        #[test]
        fn whatever_a_stream_brings_is_frames_or_refused(
            first: u8,
            bytes in streams(greetings().into_iter().chain(talk()).collect()),
        ) {
            let mut all = vec![first];
            all.extend(bytes);
            frames(&all);
        }

        #[test]
        fn whatever_the_other_end_says_from_its_first_byte_on_does_no_harm(
            first: u8,
            greeting in prop_oneof![8 => select(greetings()).prop_map(|frame| encoded(&frame)), 1 => streams(greetings())],
            bytes in streams(talk()),
        ) {
            let mut all = vec![first];
            all.extend(greeting);
            all.extend(bytes);
            handshake(&all);
        }
    }

    /// Otherwise the bounded runs would end at the door.
    #[test]
    fn each_kind_of_end_is_opened_by_one_of_the_greetings() {
        let now = Instant::now();
        let settings = || Settings::new(Identity::new(RouterId::from_bits(1), "here"));
        let opens = |greeting: &Frame| {
            let bytes = encoded(greeting);
            let mut ends = [Endpoint::connecting(settings(), now), Endpoint::accepting(settings(), now)];
            ends.iter_mut().for_each(|end| end.receive(&bytes, now));
            let mut joining = Membership::joining(settings(), now);
            joining.receive(&bytes, now);
            [ends[0].is_open(), ends[1].is_open(), joining.is_open()]
        };
        let [hello, token, router, switch] = &greetings()[..] else { panic!("there are four") };
        assert_eq!(opens(hello), [false, true, false]);
        assert_eq!(opens(token), [false, true, false]);
        assert_eq!(opens(router), [true, false, false]);
        assert_eq!(opens(switch), [false, false, true]);
    }
}
