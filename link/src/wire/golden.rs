//! The bytes of every frame of a connection: they are the protocol. A change here is a new version of it.

use std::fmt::Write as _;

use bytes::Bytes;
use edri_event::RouterId;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Both ways.
#[track_caller]
fn frame(frame: &Frame, expected: &str) {
    let mut bytes = Vec::new();
    super::write(&mut bytes, frame);
    assert_eq!(hex(&bytes), expected.replace([' ', '\n'], ""));
    let mut reader = Reader::new(u32::MAX);
    reader.push(&bytes);
    assert_eq!(reader.next_frame().unwrap().as_ref(), Some(frame));
    // One byte more in the body, or one less, and it is no such frame, but for those that end with bytes of others.
    if !matches!(frame, Frame::Relay(_) | Frame::Channel { .. }) {
        let body = Bytes::copy_from_slice(&bytes[4..]);
        for length in 0..body.len() {
            assert!(Frame::decode(body.slice(..length)).is_err(), "its first {length} bytes are a frame");
        }
        bytes.push(0);
        assert!(Frame::decode(Bytes::copy_from_slice(&bytes[4..])).is_err());
    }
}

fn identity() -> Identity {
    let mut identity = Identity::new(RouterId::from_bits(300), "n");
    identity.incarnation = 7;
    identity.network = "net".to_owned();
    identity
}

const LIMITS: &str = "808004 80808008 80808010 80808002 8020 8008 8020";

#[test]
fn greetings() {
    let hello = Hello::new(identity(), Credentials::Token(Token::new("t")), Limits::default(), 5_000);
    let expected = format!("2d000000 01 45445249 01 01 ac02 07 036e6574 016e 010174 00 00 00 {LIMITS} 8827");
    frame(&Frame::Hello(hello.clone()), &expected);
    let known = postcard::from_bytes(&[0xac, 0x02]).unwrap();
    let hello = Hello { credentials: Credentials::None, proof: known, purpose: Purpose::Probe, ..hello };
    let expected = format!("2c000000 01 45445249 01 01 ac02 07 036e6574 016e 00 ac02 01 00 {LIMITS} 8827");
    frame(&Frame::Hello(hello), &expected);
    let welcome = Welcome {
        version: VERSION,
        identity: identity(),
        station: Station::Router,
        features: FEATURES,
        limits: Limits::default(),
        heartbeat: 5_000,
    };
    let expected = format!("24000000 02 01 ac02 07 036e6574 016e 00 00 {LIMITS} 8827");
    frame(&Frame::Welcome(welcome.clone()), &expected);
    let welcome = Welcome { station: Station::Switch { member: 300 }, ..welcome };
    let expected = format!("26000000 02 01 ac02 07 036e6574 016e 01ac02 00 {LIMITS} 8827");
    frame(&Frame::Welcome(welcome), &expected);
    frame(&Frame::Refused(Refused::new(Refusal::Network, "no")), "07000000 03 02 026e6f 0101");
}

#[test]
fn ends_and_signs_of_life() {
    frame(
        &Frame::Close(Close { code: CloseCode::Violation, reason: "no".to_owned() }),
        "05000000 04 01 026e6f",
    );
    frame(&Frame::Heartbeat, "01000000 05");
    frame(&Frame::Ping(300), "03000000 0a ac02");
    frame(&Frame::Pong(Pong { number: 300, resent: 1 }), "04000000 0b ac02 01");
}

#[test]
fn interests() {
    let schema = Schema {
        name: "a::B".to_owned(),
        version: 2,
        role: Role::Responder,
        codec: "pc".to_owned(),
        shapes: vec![postcard::from_bytes(&[0xac, 0x02]).unwrap()],
    };
    let changes = vec![
        Change::Schema { number: 1, schema },
        Change::Group { number: 0, name: "g".to_owned() },
        Change::Announce {
            interest: Interest(5),
            schema: 1,
            group: Some(0),
            consumer: Consumer::own(Some(300), 9).away(2),
        },
        Change::Announce { interest: Interest(300), schema: 1, group: None, consumer: Consumer::default() },
        Change::Withdraw { interest: Interest(5) },
        Change::Load { interest: Interest(5), load: 1 },
        Change::Complete,
        Change::Denied { interest: Interest(5), reason: "no".to_owned() },
    ];
    frame(
        &Frame::Interest(Interests { member: 300, changes }),
        "34000000 06 ac02 08 00 01 04613a3a42 02 01 027063 01ac02 01 00 0167 02 05 01 0100 01ac02 02 09 \
         02 ac02 01 00 00 00 00 \
         03 05 04 05 01 05 06 05 026e6f",
    );
}

#[test]
fn members_and_what_is_relayed_to_them() {
    let member = Member {
        member: 300,
        version: VERSION,
        identity: identity(),
        features: FEATURES,
        limits: Limits::default(),
        permit: Permit::All,
    };
    frame(
        &Frame::Member(member.clone()),
        &format!("24000000 07 ac02 01 ac02 07 036e6574 016e 00 {LIMITS} 00"),
    );
    let member = Member { permit: Permit::Only(vec!["a*".into()]), ..member };
    frame(
        &Frame::Member(member),
        &format!("28000000 07 ac02 01 ac02 07 036e6574 016e 00 {LIMITS} 01 01 02612a"),
    );
    frame(&Frame::Left(Left { member: 300, departure: Departure::Lost }), "04000000 08 ac02 01");
    let relay = Relay { member: 0x0403_0201, blob: Bytes::from_static(&[9, 8]) };
    frame(&Frame::Relay(relay), "07000000 09 01020304 0908");
    frame(&Frame::Channel { kind: 32, body: Bytes::from_static(&[9, 8]) }, "03000000 20 0908");
}

#[test]
fn codes() {
    let refusals = [
        Refusal::NoRouter,
        Refusal::Version,
        Refusal::Network,
        Refusal::Token,
        Refusal::Itself,
        Refusal::Limits,
        Refusal::Busy,
        Refusal::Taken,
        Refusal::Forbidden,
        Refusal::Station,
    ];
    for (code, refusal) in (0..).zip(refusals) {
        assert_eq!((u8::from(refusal), Refusal::from(code)), (code, refusal));
    }
    assert_eq!(Refusal::from(200), Refusal::Other);
    let codes = [CloseCode::Orderly, CloseCode::Violation, CloseCode::GivenUp, CloseCode::Replaced];
    for (number, code) in (0..).zip(codes) {
        assert_eq!((u8::from(code), CloseCode::from(number)), (number, code));
    }
    let departures = [Departure::Closed, Departure::Lost, Departure::Replaced, Departure::Expelled];
    for (number, departure) in (0..).zip(departures) {
        assert_eq!((u8::from(departure), Departure::from(number)), (number, departure));
    }
}

#[test]
fn a_greeting_of_another_version_or_of_nobody_is_known_by_its_beginning() {
    let hello = |magic: &[u8], versions: &[u8]| {
        let mut body = vec![1];
        body.extend_from_slice(magic);
        body.extend_from_slice(versions);
        body.extend_from_slice(b"what a version to come has here");
        Frame::decode(body.into()).unwrap_err()
    };
    let later = hello(b"EDRI", &[7, 9]);
    assert_eq!(later, FrameError::Version { lowest: 7, highest: 9 });
    let refused = later.refused().unwrap();
    assert_eq!((refused.code, refused.versions), (Refusal::Version, (VERSION, VERSION)));
    assert!(refused.reason.contains("7 to 9") && refused.reason.contains(&VERSION.to_string()), "{refused}");
    let other = hello(b"HTTP", &[1, 1]);
    assert_eq!(other.refused().unwrap().code, Refusal::NoRouter);
    // It says that it speaks this version, and does not.
    assert!(hello(b"EDRI", &[1, 9]).refused().is_none());
}

#[test]
fn frames_of_a_connection_are_short_whatever_was_agreed_upon() {
    let mut body = vec![6];
    body.resize(70_000, 0);
    assert!(matches!(Frame::decode(body.into()), Err(FrameError::TooLong { limit: 65_536, .. })));
    let mut body = vec![9];
    body.resize(70_000, 0);
    assert!(Frame::decode(body.into()).is_ok());
}
