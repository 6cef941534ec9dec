use std::convert::Infallible;

use edri_event::Meta;
use proptest::prelude::*;

use super::super::departure::Back;
use super::super::description::Description;
use super::*;
use crate::router::Router;
use crate::snapshot::RouteKind;

fn event(router: &Router, name: &str) -> Shareable {
    router.foreign(Description {
        name: name.to_owned(),
        kind: RouteKind::Notification,
        version: 1,
        codec: "postcard".to_owned(),
        shapes: Vec::new(),
    })
}

fn head(bytes: &[u8]) -> Head {
    Head::new(bytes).expect("it is short")
}

/// What an event is: its identity, where it goes, and its payload.
type Sent = (u64, u64, Vec<u8>);

/// As a row has it, after a head of two bytes.
fn read(mut row: &[u8], to: u64) -> Vec<Sent> {
    let number = |bytes: &mut &[u8]| {
        let (number, rest) = postcard::take_from_bytes::<u64>(bytes).expect("there is a number");
        *bytes = rest;
        number
    };
    let mut all = Vec::new();
    while let Some((before, mut rest)) = row.split_first_chunk::<2>() {
        assert_eq!(before, b"ab");
        let (identity, length) = (number(&mut rest), number(&mut rest) as usize);
        all.push((identity, to, rest[..length].to_vec()));
        row = &rest[length..];
    }
    all
}

proptest! {
    /// Whether they are in rows or not, and however they are taken: they are what they were, in order.
    #[test]
    fn what_departs_is_what_was_sent_in_order(
        steps in prop::collection::vec((0..6_u8, 0..2_u64, prop_oneof![0..200_usize, 1_000..1_100_usize]), 1..200),
    ) {
        let router = Router::new();
        let events = [event(&router, "one"), event(&router, "other")];
        let (mut departures, mut others) = (Departures::default(), Departures::default());
        let (mut sent, mut later, mut gone) = (VecDeque::<Sent>::new(), Vec::new(), 0);
        for (number, (step, to, length)) in (1_000_u64..).zip(steps) {
            let identity = EventId::from_number(number).expect("it is not zero");
            let payload = vec![number as u8; length];
            let event = &events[to as usize];
            let departure = || {
                let mut meta = Meta::new();
                meta.set_id(identity);
                Departure::new(event.clone(), to, meta, Back::Nothing)
            };
            let this = (number, to, payload.clone());
            match step {
                0 if length <= Row::LONGEST => {
                    departures.push_plain((event, to), head(b"ab"), identity, &payload);
                    sent.push_back(this);
                }
                1 => {
                    let toward = Toward { event, to, head: head(b"ab") };
                    let write = |out: &mut Vec<u8>| {
                        out.extend_from_slice(&payload);
                        Ok::<_, Infallible>(())
                    };
                    prop_assert!(others.push_plain_with(toward, identity, departure, write).is_ok());
                    later.push(this);
                }
                2 => {
                    departures.push(departure(), Payload::Short(&payload));
                    sent.push_back(this);
                }
                3 => {
                    departures.append(&mut others);
                    sent.extend(later.drain(..));
                    prop_assert!(others.is_empty() && others.bytes() == 0);
                }
                4 => {
                    let taken = departures.take_first(|departure, payload| {
                        let identity = departure.meta.id().map_or(0, EventId::get);
                        (identity, departure.to, payload.to_vec())
                    });
                    prop_assert_eq!(taken, sent.pop_front());
                    gone += 1;
                }
                _ => {
                    let is_row = matches!(departures.first(), Some(First::Row(_)));
                    let row = departures.take_row(|row, bytes| {
                        let all = read(bytes, row.to());
                        assert_eq!((row.count(), row.bytes()), (all.len(), bytes.len()));
                        assert_eq!(row.payloads(), all.iter().map(|(.., payload)| payload.len()).sum::<usize>());
                        assert!(all.len() <= Row::MOST && bytes.len() <= Row::MOST_BYTES);
                        all
                    });
                    prop_assert_eq!(row.is_some(), is_row);
                    for taken in row.into_iter().flatten() {
                        prop_assert_eq!(Some(taken), sent.pop_front());
                    }
                }
            }
            prop_assert_eq!(departures.len(), sent.len());
            prop_assert_eq!(departures.is_empty(), sent.is_empty());
        }
        let left = departures.bytes();
        prop_assert!(left >= sent.iter().map(|(.., payload)| payload.len()).sum::<usize>(), "{} after {}", left, gone);
    }
}

#[test]
fn those_for_one_place_are_one_row_and_others_are_another() {
    let router = Router::new();
    let (one, other) = (event(&router, "one"), event(&router, "other"));
    let mut departures = Departures::default();
    let mut push = |event, to, bytes| {
        departures.push_plain((event, to), head(bytes), EventId::fresh(), b"payload");
    };
    for (event, to, bytes) in [
        (&one, 1, b"ab"),
        (&one, 1, b"ab"),
        (&one, 2, b"ab"),
        (&other, 2, b"ab"),
        (&other, 2, b"cd"),
        (&other, 2, b"cd"),
        (&other, 2, b"cd"),
    ] {
        push(event, to, bytes);
    }
    let rows: Vec<usize> = std::iter::from_fn(|| departures.take_row(|row, _| row.count())).collect();
    assert_eq!(rows, [2, 1, 1, 3]);
    assert_eq!((departures.len(), departures.bytes()), (0, 0));
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let router = Router::new();
    let event = event(&router, "one");
    let mut departures = Departures::default();
    let toward = Toward { event: &event, to: 1, head: head(b"ab") };
    let unused = || unreachable!("it is not added");
    let failed = departures.push_plain_with(toward, EventId::fresh(), unused, |out| {
        out.extend_from_slice(b"half");
        Err("the codec fails")
    });
    assert_eq!(failed, Err("the codec fails"));
    assert_eq!((departures.len(), departures.bytes()), (0, 0));
    assert!(Head::new(&[0; Head::MOST + 1]).is_none());
}
