//! Heartbeats, silence, and how a link ends.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::time::Duration;

use edri_event::Priority;
use edri_link::{AnswerError, Closed, Ending, Event, Role, SendError};
use support::{LEFT, Pair, RIGHT, number, of, payload, schema, settings};

fn closed(events: &[Event]) -> &Closed {
    match events.last() {
        Some(Event::Closed(closed)) => closed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_idle_link_lives_on_heartbeats_at_the_shorter_interval() {
    let mut left = settings(1, "left");
    left.heartbeat = Duration::from_millis(100);
    let mut pair = Pair::new(left, settings(2, "right")).open();
    let before = pair.written;
    pair.run(Duration::from_secs(10));
    assert!(pair.ends.iter().all(|end| end.is_open()));
    for end in [LEFT, RIGHT] {
        let beats = (pair.written[end] - before[end]) / 5;
        assert!((90..=101).contains(&beats), "{beats} heartbeats");
    }
}

#[test]
fn a_dead_peer_is_found_within_three_intervals_and_everything_pending_ends() {
    let mut pair = Pair::ordinary().open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let pipe = pair.want(RIGHT, &schema("pipe", Role::Acceptor));
    let call = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(1, 8)).unwrap();
    let tunnel = pair.ends[LEFT].open_tunnel(pipe, of(Priority::Normal), payload(1, 8), 1_000).unwrap();
    pair.run(Duration::from_millis(50));
    pair.take(RIGHT);
    pair.cut_off();
    pair.run(Duration::from_millis(14_900));
    assert!(pair.take(LEFT).is_empty());
    pair.run(Duration::from_millis(200));
    let events = pair.take(LEFT);
    assert!(matches!(closed(&events), Closed::Silent { .. }), "{events:?}");
    assert!(matches!(
        &events[0],
        Event::Answer { call: ended, outcome: Err(AnswerError::LinkLost { .. }) } if *ended == call
    ));
    assert_eq!(events[1], Event::TunnelStopped { tunnel, ending: Ending::Lost });
    assert_eq!(events[2], Event::TunnelEnded { tunnel, ending: Ending::Lost });
    assert!(matches!(pair.take(RIGHT)[0], Event::Cancelled { .. }));
}

#[test]
fn an_orderly_close_delivers_what_was_sent_before_from_both_ends() {
    let mut pair = Pair::ordinary().open();
    let to_right = pair.want(RIGHT, &schema("note", Role::Subscriber));
    let to_left = pair.want(LEFT, &schema("note", Role::Subscriber));
    for note in 0..100 {
        pair.ends[LEFT].notify(to_right, of(Priority::Normal), payload(note, 5_000)).unwrap();
        pair.ends[RIGHT].notify(to_left, of(Priority::Normal), payload(note, 5_000)).unwrap();
    }
    let now = pair.now;
    pair.ends[LEFT].close(now);
    let refused = pair.ends[LEFT].notify(to_right, of(Priority::Normal), payload(0, 8));
    assert_eq!(refused, Err(SendError::NotOpen));
    pair.run(Duration::from_secs(1));
    for end in [LEFT, RIGHT] {
        let events = pair.take(end);
        assert_eq!(closed(&events), &Closed::Orderly);
        let notes: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Notification { payload, .. } => Some(number(payload)),
                _ => None,
            })
            .collect();
        assert!(notes.into_iter().eq(0..100));
    }
}

#[test]
fn a_close_that_the_other_end_does_not_let_happen_ends_after_its_time() {
    let mut right = settings(2, "right");
    right.limits.window = 1_000;
    let mut pair = Pair::new(settings(1, "left"), right).open();
    let notes = pair.want(RIGHT, &schema("note", Role::Subscriber));
    for note in 0..10 {
        pair.ends[LEFT].notify(notes, of(Priority::Normal), payload(note, 1_000)).unwrap();
    }
    let now = pair.now;
    pair.ends[LEFT].close(now);
    pair.run(Duration::from_secs(6));
    assert!(matches!(closed(&pair.take(LEFT)), Closed::GivenUpHere { .. }));
    assert!(matches!(closed(&pair.take(RIGHT)), Closed::GivenUpThere { .. }));
}

#[test]
fn a_link_that_is_given_up_tells_the_other_end_why() {
    let mut pair = Pair::ordinary().open();
    pair.ends[RIGHT].give_up("the disk is full");
    pair.run(Duration::from_secs(1));
    assert_eq!(closed(&pair.take(LEFT)), &Closed::GivenUpThere { reason: "the disk is full".to_owned() });
}

#[test]
fn a_lost_connection_ends_the_link_at_once() {
    let mut pair = Pair::ordinary().open();
    pair.ends[LEFT].lost("broken pipe");
    pair.run(Duration::ZERO);
    assert_eq!(closed(&pair.take(LEFT)), &Closed::Lost { reason: "broken pipe".to_owned() });
}
