//! The bytes of every message: they are the protocol. A change here is a new version of it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use edri_event::{EventId, Failure, Key, Origin, Priority, Progress, RouterId, TraceContext, TraceFlags};

use super::*;
use crate::wire::Interest;

/// Both ways.
#[track_caller]
fn message(message: &Message<'_>, expected: &str) {
    let now = Instant::now();
    let mut bytes = Vec::new();
    message.encode(&mut bytes, now);
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    assert_eq!(hex, expected.replace([' ', '\n'], ""));
    for length in 0..bytes.len() {
        let cut = Message::decode(&mut Cursor::new(&bytes[..length]), Some(now));
        assert!(cut.is_err(), "its first {length} bytes are a message");
    }
    // Messages follow one another.
    bytes.extend_from_within(..);
    let mut cursor = Cursor::new(&bytes);
    for _ in 0..2 {
        assert_eq!(Message::decode(&mut cursor, Some(now)).as_ref(), Ok(message));
    }
    assert!(cursor.is_at_end());
}

#[test]
fn events_and_what_travels_beside_them() {
    let payload = &[0xaa, 0xbb][..];
    let plain = Circumstances::default();
    message(&Message::Notify { to: Interest(300), circumstances: plain, payload }, "00 ac02 00 02aabb");
    let long = [7; 300];
    message(
        &Message::Notify { to: Interest(3), circumstances: plain, payload: &long },
        &format!("00 03 00 ac02 {}", "07".repeat(300)),
    );
    message(
        &Message::Request { call: 300, to: Interest(3), circumstances: plain, payload },
        "01 ac02 03 00 02aabb",
    );
    message(
        &Message::Open { tunnel: 1, to: Interest(3), circumstances: plain, grant: 300, payload },
        "02 01 03 00 ac02 02aabb",
    );
    for (priority, flags) in [(Priority::Normal, "00"), (Priority::High, "40"), (Priority::Control, "80")] {
        let circumstances = Circumstances { priority, ..plain };
        message(
            &Message::Notify { to: Interest(3), circumstances, payload },
            &format!("00 03 {flags} 02aabb"),
        );
    }
}

#[test]
fn everything_that_may_travel_beside_an_event() {
    let now = Instant::now();
    let full = Circumstances {
        id: postcard::from_bytes::<EventId>(&[0xac, 0x02]).ok(),
        key: postcard::from_bytes::<Key>(&[43]).ok(),
        priority: Priority::Control,
        deadline: Some(now + Duration::from_micros(1_000)),
        trace: TraceContext::new(1, 2, TraceFlags::SAMPLED),
        origin: None,
        reports: Reports::Wanted,
        redelivered: true,
        idempotent: false,
    };
    let request = Message::Request { call: 1, to: Interest(3), circumstances: full, payload: &[7] };
    let mut bytes = Vec::new();
    request.encode(&mut bytes, now);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let expected =
        "01 01 03 bf ac02 2b e803000000000000 01000000000000000000000000000000 0200000000000000 01 0107";
    assert_eq!(hex, expected.replace(' ', ""));
    let later = now + Duration::from_secs(7);
    let decoded = Message::decode(&mut Cursor::new(&bytes), Some(later));
    // The deadline is as far away as it was when the message was sent.
    let moved = Circumstances { deadline: full.deadline.map(|at| at + Duration::from_secs(7)), ..full };
    assert_eq!(
        decoded,
        Ok(Message::Request { call: 1, to: Interest(3), circumstances: moved, payload: &[7] })
    );
    // What is past is no less than nothing.
    request.encode(&mut bytes, later);
    let again = &bytes[bytes.len() / 2..];
    assert_eq!(again[7..15], [0; 8]);
}

#[test]
fn an_event_that_came_from_further_away_says_from_where() {
    let origin = Some(Origin { router: RouterId::from_bits(5), hops: 2 });
    let circumstances = Circumstances { origin, priority: Priority::High, ..Circumstances::default() };
    message(
        &Message::Notify { to: Interest(3), circumstances, payload: &[7] },
        "00 03 c0 41 05000000000000000000000000000000 02 0107",
    );
}

#[test]
fn answers() {
    message(&Message::Answer { call: 300, outcome: Ok(&[7]) }, "03 ac02 0107");
    let failed = AnswerError::Failed(Failure::new("c", "m"));
    message(&Message::Answer { call: 1, outcome: Err(failed) }, "04 01 03 0163 016d");
    let after = Duration::new(300, 7);
    let errors = [
        (AnswerError::NoResponder, "00"),
        (AnswerError::TimedOut { after }, "01 ac02 07"),
        (AnswerError::Overloaded, "02"),
        (AnswerError::Panicked { message: "m".to_owned() }, "04 016d"),
        (AnswerError::Stopped, "05"),
        (AnswerError::Abandoned, "06"),
        (AnswerError::Expired, "07"),
        (AnswerError::Cancelled, "08"),
        (AnswerError::Codec { reason: "r".to_owned() }, "09 0172"),
        (AnswerError::LinkLost { peer: None, reason: "r".to_owned() }, "0a 00 0172"),
        (AnswerError::LinkLost { peer: Some("p".to_owned()), reason: "r".to_owned() }, "0a 010170 0172"),
        (AnswerError::Restarted, "0b"),
    ];
    for (error, expected) in errors {
        message(&Message::Answer { call: 1, outcome: Err(error) }, &format!("04 01 {expected}"));
    }
    message(&Message::Cancel { call: 300 }, "05 ac02");
    message(&Message::Progress { call: 1, progress: Progress { done: 2, total: 300 } }, "06 01 02 ac02");
}

#[test]
fn tunnels() {
    let mine = Route { opener: Party::Sender, number: 1 };
    let yours = Route { opener: Party::Receiver, number: 150 };
    message(&Message::Accept { tunnel: yours, grant: 300 }, "07 ad02 ac02");
    message(&Message::Item { tunnel: mine, payload: &[7] }, "08 02 0107");
    message(&Message::Grant { tunnel: mine, grant: 300 }, "09 02 ac02");
    message(&Message::End { tunnel: mine, ending: Ending::Finished }, "0a 02 00");
    let aborted = Ending::Aborted(Failure::new("c", "m"));
    message(&Message::End { tunnel: mine, ending: aborted }, "0a 02 01 0163 016d");
    message(&Message::Stop { tunnel: mine, ending: Ending::Lost }, "0b 02 02");
    message(&Message::Durable { word: &[3, 7, 9, 8] }, "0c 04 03 07 09 08");
}
