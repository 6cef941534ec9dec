//! Tunnels: two directions, each with a window of its own, each ending on its own.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::time::Duration;

use edri_event::{Failure, Priority};
use edri_link::{Ending, Event, Role, SendError, TunnelId};
use support::{LEFT, Pair, RIGHT, number, of, payload, schema, settings};

const SECOND: Duration = Duration::from_secs(1);

/// An open tunnel with windows of so much: its two names.
fn tunnel(pair: &mut Pair, window: u32) -> [TunnelId; 2] {
    let pipe = pair.want(RIGHT, &schema("pipe", Role::Acceptor));
    let left = pair.ends[LEFT].open_tunnel(pipe, of(Priority::Normal), payload(1, 8), window).unwrap();
    pair.run(SECOND);
    let Event::TunnelOpened { tunnel: right, granted, .. } = pair.take(RIGHT)[0] else { panic!() };
    assert_eq!(granted, u64::from(window));
    assert!(pair.take(LEFT).is_empty(), "it was accepted before it was");
    assert_eq!(pair.ends[LEFT].send_item(left, payload(0, 8)), Err(SendError::Full));
    pair.ends[RIGHT].accept_tunnel(right, window);
    pair.ends[RIGHT].handled(Priority::Normal, 8);
    pair.run(SECOND);
    assert_eq!(pair.take(LEFT), [Event::TunnelGranted { tunnel: left, granted: window.into() }]);
    [left, right]
}

fn items(events: &[Event]) -> Vec<u64> {
    let items = events.iter().filter_map(|event| match event {
        Event::TunnelItem { payload, .. } => Some(number(payload)),
        _ => None,
    });
    items.collect()
}

#[test]
fn items_flow_both_ways_in_order_and_each_direction_ends_on_its_own() {
    let mut pair = Pair::ordinary().open();
    let tunnels = tunnel(&mut pair, 100_000);
    for end in [LEFT, RIGHT] {
        for item in 0..10 {
            pair.ends[end].send_item(tunnels[end], payload(item, 8)).unwrap();
        }
        pair.ends[end].end_tunnel(tunnels[end], Ending::Finished);
        assert_eq!(pair.ends[end].send_item(tunnels[end], payload(0, 8)), Err(SendError::TunnelClosed));
        pair.run(SECOND);
        let events = pair.take(1 - end);
        assert_eq!(items(&events), (0..10).collect::<Vec<_>>());
        let ended = Event::TunnelEnded { tunnel: tunnels[1 - end], ending: Ending::Finished };
        assert_eq!(events.last(), Some(&ended));
    }
}

#[test]
fn a_receiver_that_is_behind_stops_its_sender_and_no_other_tunnel() {
    let mut pair = Pair::ordinary().open();
    let slow = tunnel(&mut pair, 10_000);
    let quick = tunnel(&mut pair, 10_000);
    let mut sent = 0;
    while pair.ends[LEFT].send_item(slow[LEFT], payload(sent, 936)).is_ok() {
        sent += 1;
        pair.run(Duration::from_millis(1));
    }
    assert_eq!(sent, 10);
    for item in 0..100 {
        pair.ends[LEFT].send_item(quick[LEFT], payload(item, 936)).unwrap();
        pair.run(Duration::from_millis(10));
        pair.ends[RIGHT].item_handled(quick[RIGHT], 936);
        pair.run(Duration::from_millis(10));
    }
    pair.take(RIGHT);
    pair.take(LEFT);
    (0..5).for_each(|_| pair.ends[RIGHT].item_handled(slow[RIGHT], 936));
    pair.run(SECOND);
    assert_eq!(pair.take(LEFT), [Event::TunnelGranted { tunnel: slow[LEFT], granted: 15_000 }]);
}

#[test]
fn an_end_that_aborts_is_heard_after_what_it_sent_and_both_directions_end() {
    let mut pair = Pair::ordinary().open();
    let [left, right] = tunnel(&mut pair, 100_000);
    let failure = Failure::new("broken", "the file is broken");
    pair.ends[LEFT].send_item(left, payload(1, 8)).unwrap();
    pair.ends[LEFT].refuse_tunnel(left, failure.clone());
    pair.run(SECOND);
    let aborted = Ending::Aborted(failure);
    let events = pair.take(RIGHT);
    assert_eq!(items(&events), [1]);
    assert!(events.contains(&Event::TunnelEnded { tunnel: right, ending: aborted.clone() }));
    assert!(events.contains(&Event::TunnelStopped { tunnel: right, ending: aborted }));
    assert_eq!(pair.ends[RIGHT].send_item(right, payload(1, 8)), Err(SendError::TunnelClosed));
    assert!(pair.take(LEFT).is_empty(), "what it ended itself it need not hear of");
}

#[test]
fn a_refused_tunnel_ends_with_the_reason() {
    let mut pair = Pair::ordinary().open();
    let pipe = pair.want(RIGHT, &schema("pipe", Role::Acceptor));
    let left = pair.ends[LEFT].open_tunnel(pipe, of(Priority::Normal), payload(1, 8), 100).unwrap();
    pair.run(SECOND);
    let Event::TunnelOpened { tunnel: right, .. } = pair.take(RIGHT)[0] else { panic!() };
    let failure = Failure::new("no", "not today");
    pair.ends[RIGHT].refuse_tunnel(right, failure.clone());
    pair.run(SECOND);
    let ending = Ending::Aborted(failure);
    let events = pair.take(LEFT);
    assert!(events.contains(&Event::TunnelStopped { tunnel: left, ending: ending.clone() }), "{events:?}");
    assert!(events.contains(&Event::TunnelEnded { tunnel: left, ending }));
}

#[test]
fn an_end_said_before_the_tunnel_was_accepted_does_not_overtake_the_opening() {
    let mut pair = Pair::ordinary().open();
    let pipe = pair.want(RIGHT, &schema("pipe", Role::Acceptor));
    let left = pair.ends[LEFT].open_tunnel(pipe, of(Priority::Normal), payload(1, 3_000_000), 100).unwrap();
    pair.ends[LEFT].end_tunnel(left, Ending::Finished);
    pair.ends[LEFT].stop_tunnel(left, Ending::Lost);
    pair.run(SECOND);
    let Event::TunnelOpened { tunnel: right, .. } = pair.take(RIGHT)[0] else { panic!() };
    pair.ends[RIGHT].accept_tunnel(right, 100);
    pair.run(SECOND);
    let events = pair.take(RIGHT);
    assert!(events.contains(&Event::TunnelEnded { tunnel: right, ending: Ending::Finished }), "{events:?}");
    assert!(events.contains(&Event::TunnelStopped { tunnel: right, ending: Ending::Lost }), "{events:?}");
}

#[test]
fn tunnels_beyond_what_the_other_end_takes_wait_until_others_have_ended() {
    let mut right = settings(2, "right");
    right.limits.tunnels = 1;
    let mut pair = Pair::new(settings(1, "left"), right).open();
    for _ in 0..50 {
        let [left, right] = tunnel(&mut pair, 1_000);
        assert!(!pair.ends[LEFT].has_room_for_tunnel(Priority::Normal));
        pair.ends[LEFT].end_tunnel(left, Ending::Finished);
        pair.ends[RIGHT].end_tunnel(right, Ending::Finished);
        pair.run(SECOND);
        assert!(pair.ends[LEFT].has_room_for_tunnel(Priority::Normal));
        pair.take(LEFT);
        pair.take(RIGHT);
    }
    assert!(pair.ends.iter().all(|end| end.is_open()));
}

#[test]
fn a_gigabyte_through_a_tunnel_does_not_delay_a_request() {
    let mut pair = Pair::ordinary().open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let [left, right] = tunnel(&mut pair, 4_000_000);
    let mut item = 0;
    let mut asked = Vec::new();
    for turn in 0..200 {
        while pair.ends[LEFT].send_item(left, payload(item, 500_000)).is_ok() {
            item += 1;
        }
        if turn % 10 == 0 {
            pair.ends[LEFT].request(ask, of(Priority::Normal), payload(turn, 8)).unwrap();
            asked.push(pair.now);
        }
        pair.exchange();
        pair.advance(pair.now + Duration::from_millis(1));
        for event in pair.take(RIGHT) {
            match event {
                Event::TunnelItem { payload, .. } => pair.ends[RIGHT].item_handled(right, payload.len()),
                Event::Request { .. } => {
                    let delay = pair.now - asked.remove(0);
                    assert!(delay <= Duration::from_millis(20), "{delay:?}");
                }
                _ => {}
            }
        }
    }
    pair.run(SECOND);
    assert!(item > 10, "{item} items");
}
