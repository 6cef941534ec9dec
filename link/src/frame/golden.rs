//! The bytes of every frame and message: they are the protocol. A change here is a new version of it.

use std::fmt::Write as _;

use edri_event::{EventId, Failure, Key, Origin, Priority, Progress, RouterId, TraceContext, TraceFlags};

use super::kinds::{Acknowledge, Close, CloseCode, Frame, Part, write};
use super::reader::FrameReader;
use crate::handshake::{FEATURES, Hello, Identity, MAGIC, Refusal, Refused, Token, VERSION, Welcome};
use crate::interest::{Change, Consumer, Interest, Role, Schema};
use crate::message::{AnswerError, Ending, Header, Message, Outcome, Party, Reports, Route};
use crate::wire::Limits;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Both ways.
#[track_caller]
fn frame(frame: &Frame<'_>, expected: &str) {
    let mut bytes = Vec::new();
    write(&mut bytes, frame);
    assert_eq!(hex(&bytes), expected.replace([' ', '\n'], ""));
    let mut reader = FrameReader::new(u32::MAX);
    reader.push(&bytes);
    assert_eq!(reader.next_frame().unwrap().as_ref(), Some(frame));
    // One byte more in the body, and it is no such frame, but for those that end with a message's bytes.
    if !matches!(frame, Frame::Whole { .. } | Frame::Part(_)) {
        bytes.push(0);
        assert!(Frame::decode(&bytes[4..]).is_err());
    }
}

/// Both ways.
#[track_caller]
fn message(message: &Message<'_>, expected: &str) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    assert_eq!(hex(&bytes), expected.replace([' ', '\n'], ""));
    assert_eq!(&Message::decode(&bytes).unwrap(), message);
    for length in 0..bytes.len() {
        assert!(Message::decode(&bytes[..length]).is_err(), "its first {length} bytes are a message");
    }
    bytes.push(0);
    assert!(Message::decode(&bytes).is_err(), "bytes left over were not noticed");
}

fn identity() -> Identity {
    let mut identity = Identity::new(RouterId::from_bits(300), "n");
    identity.incarnation = 7;
    identity.network = "net".to_owned();
    identity
}

fn schema() -> Schema {
    Schema {
        name: "a::B".to_owned(),
        version: 2,
        role: Role::Responder,
        codec: "pc".to_owned(),
        shapes: Vec::new(),
    }
}

fn header() -> Header {
    Header {
        id: None,
        key: None,
        priority: Priority::Normal,
        left: None,
        trace: None,
        origin: None,
        reports: Reports::Unwanted,
    }
}

#[test]
fn greetings() {
    let hello = Hello {
        magic: MAGIC,
        versions: (VERSION, VERSION),
        identity: identity(),
        token: Some(Token::new("t")),
        features: FEATURES,
        limits: Limits::default(),
        heartbeat: 5_000,
    };
    frame(
        &Frame::Hello(hello),
        "2b000000 01 45445249 01 01 ac02 07 036e6574 016e 010174 00 8080048080800880808010808080028020800880208827",
    );
    let welcome = Welcome {
        version: VERSION,
        identity: identity(),
        features: FEATURES,
        limits: Limits::default(),
        heartbeat: 5_000,
    };
    frame(
        &Frame::Welcome(welcome),
        "23000000 02 01 ac02 07 036e6574 016e 00 8080048080800880808010808080028020800880208827",
    );
    frame(&Frame::Refused(Refused::new(Refusal::Network, "no")), "07000000 03 02 026e6f 0101");
}

#[test]
fn everything_around_messages() {
    frame(
        &Frame::Close(Close { code: CloseCode::Violation, reason: "no".to_owned() }),
        "05000000 04 01 026e6f",
    );
    frame(&Frame::Heartbeat, "01000000 05");
    let acknowledge = Acknowledge { received: 300, granted: [1, 2, 3] };
    frame(&Frame::Acknowledge(acknowledge), "06000000 06 ac02 010203");
    let changes = vec![
        Change::Announce {
            interest: Interest(5),
            schema: schema(),
            group: Some("g".to_owned()),
            consumer: Consumer::own(Some(300), 9).away(2),
        },
        Change::Withdraw { interest: Interest(5) },
        Change::Load { interest: Interest(5), load: 1 },
        Change::Mismatch { interest: Interest(5), schema: schema() },
        Change::Complete,
    ];
    frame(
        &Frame::Interest(changes),
        "2a000000 07 05 00 05 04613a3a42 02 01 027063 00 010167 01ac02 02 09 01 05 02 05 01 03 05 04613a3a42 02 01 027063 00 04",
    );
    frame(&Frame::Whole { number: 300, message: &[9, 8] }, "05000000 08 ac02 0908");
    frame(&Frame::Part(Part { number: 1, queue: 4, left: 300, bytes: &[9] }), "06000000 09 01 04 ac02 09");
}

#[test]
fn events_and_what_travels_beside_them() {
    let payload = &[0xaa, 0xbb][..];
    message(
        &Message::Notify { to: Interest(3), header: header(), payload },
        "00 03 00 00 00 00 00 00 00 02aabb",
    );
    let full = Header {
        id: postcard::from_bytes::<EventId>(&[42]).ok(),
        key: postcard::from_bytes::<Key>(&[43]).ok(),
        priority: Priority::Control,
        left: Some(1_000),
        trace: TraceContext::new(1, 2, TraceFlags::SAMPLED),
        origin: Some(Origin { router: RouterId::from_bits(300), hops: 2 }),
        reports: Reports::Wanted,
    };
    message(
        &Message::Request { call: 300, to: Interest(3), header: full, payload },
        "01 ac02 03 012a 012b 02 01e807 01010201 01ac0202 01 02aabb",
    );
    message(
        &Message::Open { tunnel: 1, to: Interest(3), header: header(), grant: 300, payload },
        "05 01 03 00 00 00 00 00 00 00 ac02 02aabb",
    );
}

#[test]
fn answers() {
    message(&Message::Answer { call: 1, outcome: Outcome::Response(&[7]) }, "02 01 00 0107");
    let failed = AnswerError::Failed(Failure::new("c", "m"));
    message(&Message::Answer { call: 1, outcome: Outcome::Error(failed) }, "02 01 01 03 0163 016d");
    message(&Message::Answer { call: 1, outcome: Outcome::Error(AnswerError::NoResponder) }, "02 01 01 00");
    message(&Message::Cancel { call: 300 }, "03 ac02");
    message(&Message::Progress { call: 1, progress: Progress { done: 2, total: 300 } }, "04 01 02 ac02");
}

#[test]
fn tunnels() {
    let mine = Route { opener: Party::Sender, number: 1 };
    let yours = Route { opener: Party::Receiver, number: 2 };
    message(&Message::Accept { tunnel: yours, grant: 300 }, "06 0102 ac02");
    message(&Message::Item { tunnel: mine, payload: &[7] }, "07 0001 0107");
    message(&Message::Grant { tunnel: mine, grant: 300 }, "08 0001 ac02");
    message(&Message::End { tunnel: mine, ending: Ending::Finished }, "09 0001 00");
    let aborted = Ending::Aborted(Failure::new("c", "m"));
    message(&Message::End { tunnel: mine, ending: aborted }, "09 0001 01 0163 016d");
    message(&Message::Stop { tunnel: mine, ending: Ending::Lost }, "0a 0001 02");
}
