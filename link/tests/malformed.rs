//! Peers that keep to no protocol: nothing they send makes an end panic, grow, or go on as if nothing was.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::time::Duration;

use edri_event::Priority;
use edri_link::{Closed, Endpoint, Event, Role};
use proptest::prelude::*;
use support::{LEFT, Pair, RIGHT, number, of, payload, schema, settings};

/// An end that has just been opened and consumes things, and what a well-behaved peer would go on to say.
fn conversation() -> (Pair, Vec<u8>) {
    let mut pair = Pair::ordinary().open();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let pipe = pair.want(RIGHT, &schema("pipe", Role::Acceptor));
    for number in 0..5 {
        pair.ends[LEFT].notify(note, of(Priority::Normal), payload(number, 50)).unwrap();
        pair.ends[LEFT].request(ask, of(Priority::High), payload(number, 8)).unwrap();
        pair.ends[LEFT].open_tunnel(pipe, of(Priority::Control), payload(number, 8), 1_000).unwrap();
    }
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(9, 100_000)).unwrap();
    let mut bytes = Vec::new();
    let now = pair.now;
    pair.ends[LEFT].transmit(&mut bytes, usize::MAX, now);
    (pair, bytes)
}

/// All that an end says after `bytes`.
fn receive(end: &mut Endpoint, bytes: &[u8], now: std::time::Instant) -> Vec<Event> {
    end.receive(bytes, now);
    std::iter::from_fn(|| end.poll_event()).collect()
}

proptest! {
    #[test]
    fn any_bytes_on_an_open_link_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let (mut pair, _) = conversation();
        let now = pair.now;
        receive(&mut pair.ends[RIGHT], &bytes, now);
    }

    /// Valid lengths and kinds, any bodies.
    #[test]
    fn any_bodies_on_an_open_link_do_no_harm(
        frames in prop::collection::vec((0..12_u8, prop::collection::vec(any::<u8>(), 0..60)), 1..40),
    ) {
        let (mut pair, _) = conversation();
        let now = pair.now;
        for (kind, body) in frames {
            let mut bytes = (body.len() as u32 + 1).to_le_bytes().to_vec();
            bytes.push(kind);
            bytes.extend(body);
            receive(&mut pair.ends[RIGHT], &bytes, now);
        }
    }

    /// A real conversation with a few bytes changed: it goes on, or ends with a stated reason, and says so.
    #[test]
    fn a_conversation_with_changed_bytes_does_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (mut pair, mut bytes) = conversation();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let now = pair.now;
        let events = receive(&mut pair.ends[RIGHT], &bytes, now);
        prop_assert!(events.len() <= 64, "{} events", events.len());
        if pair.ends[RIGHT].is_closed() {
            let closed = events.last();
            prop_assert!(matches!(closed, Some(Event::Closed(_))), "{:?}", closed);
            let mut last_words = Vec::new();
            pair.ends[RIGHT].transmit(&mut last_words, usize::MAX, now);
            let accused = receive(&mut pair.ends[LEFT], &last_words, now);
            let told = matches!(accused.last(), Some(Event::Closed(_)));
            prop_assert!(told || last_words.is_empty(), "{:?}", accused);
        }
    }
}

proptest! {
    /// A wire that loses or swaps what it carries: nothing arrives that was not sent, nothing twice, nothing out of
    /// order; a frame that is missing is noticed.
    #[test]
    fn lost_and_swapped_frames_end_the_link_before_anything_is_delivered_wrong(
        lost in prop::collection::vec(0..100_usize, 0..4),
        swapped in prop::option::of(0..99_usize),
    ) {
        let mut pair = Pair::ordinary().open();
        let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
        let now = pair.now;
        let mut frames: Vec<(u64, Vec<u8>)> = Vec::new();
        for number in 0..100 {
            pair.ends[LEFT].notify(note, of(Priority::Normal), payload(number, 8)).unwrap();
            let mut bytes = Vec::new();
            pair.ends[LEFT].transmit(&mut bytes, usize::MAX, now);
            frames.push((number, bytes));
        }
        if let Some(first) = swapped {
            frames.swap(first, first + 1);
        }
        frames.retain(|(number, _)| !lost.contains(&(*number as usize)));
        let bytes: Vec<u8> = frames.iter().flat_map(|(_, bytes)| bytes).copied().collect();
        let events = receive(&mut pair.ends[RIGHT], &bytes, now);
        let got = events.iter().filter_map(|event| match event {
            Event::Notification { payload, .. } => Some(number(payload)),
            _ => None,
        });
        let got: Vec<_> = got.collect();
        prop_assert!(got.iter().copied().eq(0..got.len() as u64));
        // Of frames lost at the very end nothing can be known.
        let whole = frames.iter().map(|(number, _)| *number).eq(0..frames.len() as u64);
        prop_assert_eq!(pair.ends[RIGHT].is_open(), whole);
    }
}

#[test]
fn what_is_sent_again_is_dropped() {
    let (mut pair, bytes) = conversation();
    let now = pair.now;
    let first = receive(&mut pair.ends[RIGHT], &bytes, now);
    assert_eq!(first.len(), 16);
    assert!(receive(&mut pair.ends[RIGHT], &bytes, now).is_empty());
    assert!(pair.ends[RIGHT].is_open());
}

#[test]
fn a_peer_that_breaks_the_protocol_is_told_how() {
    let mut pair = Pair::ordinary().open();
    // A numbered frame that leaves a gap.
    let now = pair.now;
    let events = receive(&mut pair.ends[RIGHT], &[3, 0, 0, 0, 32, 7, 0], now);
    let Some(Event::Closed(Closed::Violation { reason })) = events.last() else { panic!("{events:?}") };
    assert_eq!(reason, "frame 7 came: expected 1");
    pair.run(Duration::from_secs(1));
    let said = Closed::Accused { reason: reason.clone() };
    assert_eq!(pair.take(LEFT).last(), Some(&Event::Closed(said)));
}

#[test]
fn a_peer_that_sends_beyond_its_window_is_cut_off() {
    // The left end believes in a window that the right end does not give: as if it did not keep to it.
    let mut generous = Pair::ordinary().open();
    let note = generous.want(RIGHT, &schema("note", Role::Subscriber));
    (0..100).for_each(|n| generous.ends[LEFT].notify(note, of(Priority::Normal), payload(n, 1_000)).unwrap());
    let mut bytes = Vec::new();
    let now = generous.now;
    generous.ends[LEFT].transmit(&mut bytes, usize::MAX, now);

    let mut strict = settings(2, "right");
    strict.limits.window = 10_000;
    let mut pair = Pair::new(settings(1, "left"), strict).open();
    pair.want(RIGHT, &schema("note", Role::Subscriber));
    let events = receive(&mut pair.ends[RIGHT], &bytes, now);
    let notes = events.iter().filter(|event| matches!(event, Event::Notification { .. })).count();
    assert_eq!(notes, 10);
    let Some(Event::Closed(Closed::Violation { reason })) = events.last() else { panic!("{events:?}") };
    assert!(reason.contains("normal"), "{reason}");
}

#[test]
fn a_peer_that_asks_and_cancels_without_reading_cannot_have_answers_pile_up() {
    let mut right = settings(2, "right");
    right.limits.calls = 4;
    let mut pair = Pair::new(settings(1, "left"), right).open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let now = pair.now;
    let mut bytes = Vec::new();
    for number in 0..4 {
        let call = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(number, 8)).unwrap();
        pair.ends[LEFT].transmit(&mut bytes, usize::MAX, now);
        pair.ends[LEFT].cancel(call);
        pair.ends[LEFT].transmit(&mut bytes, usize::MAX, now);
    }
    receive(&mut pair.ends[RIGHT], &bytes, now);
    assert!(pair.ends[RIGHT].is_open());
    // One more, which the left end would not send before it had read: its number goes on from 8, its call from 4.
    let mut message = vec![9, 1, 4, ask_number(ask), 0, 1, 42];
    let mut frame = (message.len() as u32 + 1).to_le_bytes().to_vec();
    frame.push(32);
    frame.append(&mut message);
    let events = receive(&mut pair.ends[RIGHT], &frame, now);
    let Some(Event::Closed(Closed::Violation { reason })) = events.last() else { panic!("{events:?}") };
    assert!(reason.contains("unanswered"), "{reason}");
}

fn ask_number(interest: edri_link::Interest) -> u8 {
    format!("{interest:?}").chars().filter_map(|digit| digit.to_digit(10)).next().unwrap() as u8
}
