//! The bytes of version 1, as they stay for as long as there are files of it. They were made by another program, from
//! what is written in the guide.

use super::{FRAME, Frame, HEADER, Header, Holds, Kind, Marks, VERSION, Wrong};
use crate::position::Position;

const SALT: u64 = 0x1122_3344_5566_7788;

const HEADER_BYTES: &str = "\
    454452497365676d0100000000000000e8030000000000008877665544332211\
    e603000000000000840300000000000000000000000000000000000004eed3c3";

/// Each with what it is of, its position, what follows, and how many bytes were not synced.
const FRAMES: [(&str, Kind, u64, &[u8], u32); 4] = [
    ("ea07e2f305000000e8030000000000014cbb719a0000000068656c6c6f", Kind::Record, 1000, b"hello", 0),
    ("6d4746af01000000e9030000000000023043d0c11d00000061", Kind::RecordOfMore, 1001, b"a", 29),
    ("0c30372900000000ea030000000000010000000036000000", Kind::Record, 1002, b"", 54),
    ("13005def0000000003000000000000040000000000000000", Kind::End, 3, b"", 0),
];

const MARKS_BYTES: &str = "f8d3a01610000000eb03000000000003e565fa0b00000000e8030000000000008403000000000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn at(number: u64) -> Position {
    Position::new(number).unwrap()
}

fn header() -> Header {
    Header { position: at(1000), salt: SALT, marks: Marks { confirmed: Some(at(998)), start: at(900) } }
}

fn framed(kind: Kind, position: u64, content: &[u8], unsynced: u32) -> Vec<u8> {
    let mut frame = Frame::unplaced(kind, content);
    Frame::place(&mut frame, SALT, at(position), unsynced);
    [&frame, content].concat()
}

#[test]
fn a_header_is_these_bytes() {
    let expected = bytes(HEADER_BYTES);
    assert_eq!(header().encode(Holds::Segment).to_vec(), expected);
    let there: &[u8; HEADER] = expected.first_chunk().unwrap();
    assert_eq!(Header::decode(there, Holds::Segment), Ok(header()));
    assert!(matches!(Header::decode(there, Holds::Snapshot), Err(Wrong::Damaged(_))));
}

#[test]
fn frames_are_these_bytes() {
    for (hex, kind, position, content, unsynced) in FRAMES {
        let expected = bytes(hex);
        assert_eq!(framed(kind, position, content, unsynced), expected);
        let frame = Frame::decode(expected.first_chunk::<FRAME>().unwrap(), SALT).unwrap();
        let checksum = crc32c::crc32c(content);
        let length = content.len() as u32;
        assert_eq!(frame, Frame { kind, position: at(position), length, checksum, unsynced });
        assert_eq!(Frame::decode(expected.first_chunk().unwrap(), SALT + 1), None, "of another file");
    }
}

#[test]
fn marks_are_these_bytes() {
    let marks = Marks { confirmed: Some(at(1000)), start: at(900) };
    let expected = bytes(MARKS_BYTES);
    assert_eq!(framed(Kind::Marks, 1003, &marks.encode(), 0), expected);
    assert_eq!(Marks::decode(&expected[FRAME..]), Some(marks));
    assert_eq!(Marks::decode(&[0; 16]), None, "a journal begins somewhere");
}

#[test]
fn zeros_are_neither_header_nor_frame() {
    assert!(Header::decode(&[0; HEADER], Holds::Segment).is_err());
    assert_eq!(Frame::decode(&[0; FRAME], 0), None);
    assert_eq!(Frame::decode(&[0; FRAME], SALT), None);
}

#[test]
fn another_version_is_said_to_be_one_and_not_damage() {
    let mut there = header().encode(Holds::Segment);
    there[8] = 7;
    let checksum = crc32c::crc32c(&there[..60]);
    there[60..].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(VERSION, 1);
    assert_eq!(Header::decode(&there, Holds::Segment), Err(Wrong::Version(7)));
}
