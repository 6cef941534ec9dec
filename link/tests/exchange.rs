//! Interest, notifications, requests: what travels, and in which order.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::time::Duration;

use edri_event::{EventId, Key, Priority, Progress, TraceContext, TraceFlags};
use edri_link::{AnswerError, Consumer, Event, Limits, Role, SendError};
use support::{LEFT, Pair, RIGHT, number, of, payload, schema, settings};

const SECOND: Duration = Duration::from_secs(1);

fn notes(events: &[Event]) -> Vec<u64> {
    let notes = events.iter().filter_map(|event| match event {
        Event::Notification { payload, .. } => Some(number(payload)),
        _ => None,
    });
    notes.collect()
}

#[test]
fn only_what_is_wanted_travels_and_only_while_it_is() {
    let mut pair = Pair::ordinary().open();
    let note = schema("note", Role::Subscriber);
    let interest = pair.want(RIGHT, &note);
    pair.ends[LEFT].notify(interest, of(Priority::Normal), payload(1, 8)).unwrap();
    pair.run(SECOND);
    assert_eq!(notes(&pair.take(RIGHT)), [1]);
    pair.ends[RIGHT].withdraw(interest);
    pair.run(SECOND);
    assert_eq!(pair.take(LEFT), [Event::Unwanted { interest }]);
    let refused = pair.ends[LEFT].notify(interest, of(Priority::Normal), payload(2, 8));
    assert_eq!(refused, Err(SendError::Unwanted));
}

#[test]
fn what_was_on_its_way_when_interest_was_withdrawn_is_answered() {
    let mut pair = Pair::ordinary().open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let pipe = pair.want(RIGHT, &schema("pipe", Role::Acceptor));
    pair.ends[RIGHT].withdraw(ask);
    pair.ends[RIGHT].withdraw(pipe);
    let call = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(1, 8)).unwrap();
    let tunnel = pair.ends[LEFT].open_tunnel(pipe, of(Priority::Normal), payload(1, 8), 100).unwrap();
    pair.run(SECOND);
    let events = pair.take(LEFT);
    assert!(events.contains(&Event::Answer { call, outcome: Err(AnswerError::NoResponder) }), "{events:?}");
    assert!(
        events.iter().any(|event| matches!(event, Event::TunnelStopped { tunnel: t, .. } if *t == tunnel))
    );
    assert!(events.iter().any(|event| matches!(event, Event::TunnelEnded { tunnel: t, .. } if *t == tunnel)));
}

#[test]
fn an_event_that_differs_is_named_at_both_ends_and_everything_else_flows() {
    let mut pair = Pair::ordinary().open();
    let mut other = schema("note", Role::Subscriber);
    other.version = 2;
    let differs = pair.want(RIGHT, &other);
    pair.ends[LEFT].differs(differs, schema("note", Role::Subscriber));
    let good = pair.want(RIGHT, &schema("good", Role::Subscriber));
    for end in [LEFT, RIGHT] {
        let [Event::Mismatch(mismatch)] = &pair.take(end)[..] else { panic!("no mismatch at {end}") };
        let (ours, theirs) = if end == LEFT { (1, 2) } else { (2, 1) };
        assert_eq!((mismatch.ours.version, mismatch.theirs.version), (ours, theirs));
    }
    let refused = pair.ends[LEFT].notify(differs, of(Priority::Normal), payload(1, 8));
    assert_eq!(refused, Err(SendError::Unwanted));
    pair.ends[LEFT].notify(good, of(Priority::Normal), payload(2, 8)).unwrap();
    pair.run(SECOND);
    assert_eq!(notes(&pair.take(RIGHT)), [2]);
}

#[test]
fn interests_beyond_what_the_other_end_takes_wait_until_others_are_withdrawn() {
    let mut left = settings(1, "left");
    left.limits.interests = 2;
    let mut pair = Pair::new(left, settings(2, "right")).open();
    let names = ["a", "b", "c"];
    let interests = names
        .map(|name| pair.ends[RIGHT].announce(schema(name, Role::Subscriber), None, Consumer::default()));
    pair.run(SECOND);
    assert_eq!(pair.take(LEFT).len(), 2);
    pair.ends[RIGHT].withdraw(interests[0]);
    pair.run(SECOND);
    let heard = pair.take(LEFT);
    assert!(matches!(heard[1], Event::Wanted { interest, .. } if interest == interests[2]), "{heard:?}");
    assert!(pair.ends[LEFT].is_open());
}

#[test]
fn how_loaded_a_consumer_is_becomes_known() {
    let mut pair = Pair::ordinary().open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    (0..5).for_each(|load| pair.ends[RIGHT].set_load(ask, load));
    pair.run(SECOND);
    // Only the latest was worth a frame.
    assert_eq!(pair.take(LEFT), [Event::Load { interest: ask, load: 4 }]);
}

#[test]
fn an_event_sent_in_another_role_than_announced_is_not_taken() {
    let mut pair = Pair::ordinary().open();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    assert_eq!(pair.ends[LEFT].request(note, of(Priority::Normal), payload(1, 8)), Err(SendError::Unwanted));
}

#[test]
fn what_travels_beside_an_event_arrives_with_it() {
    let mut pair = Pair::ordinary().open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let mut circumstances = of(Priority::High);
    circumstances.id = Some(EventId::fresh());
    circumstances.key = Some(Key::of("key"));
    circumstances.trace = TraceContext::new(7, 8, TraceFlags::SAMPLED);
    circumstances.deadline = Some(pair.now + SECOND);
    pair.ends[LEFT].request(ask, circumstances, payload(1, 8)).unwrap();
    pair.run(Duration::from_millis(100));
    let Event::Request { circumstances: arrived, interest, .. } = &pair.take(RIGHT)[0] else { panic!() };
    assert_eq!(*interest, ask);
    // What the journey takes is not counted: the deadline moves by it.
    let late = arrived.deadline.unwrap() - circumstances.deadline.unwrap();
    assert_eq!(late, pair.latency);
    circumstances.deadline = arrived.deadline;
    assert_eq!(*arrived, circumstances);
}

#[test]
fn a_request_is_answered_with_its_response_or_its_failure() {
    let mut pair = Pair::ordinary().open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let outcomes = [
        Ok(payload(2, 8)),
        Err(AnswerError::Overloaded),
        Err(AnswerError::Panicked { message: "oh".to_owned() }),
        Ok(payload(3, 300_000)),
    ];
    for outcome in outcomes {
        let call = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(1, 8)).unwrap();
        pair.run(SECOND);
        let Event::Request { call: incoming, .. } = pair.take(RIGHT)[0] else { panic!() };
        let progress = Progress { done: 1, total: 2 };
        pair.ends[RIGHT].report(incoming, Progress { done: 0, total: 2 });
        pair.ends[RIGHT].report(incoming, progress);
        pair.run(SECOND);
        pair.ends[RIGHT].answer(incoming, outcome.clone()).unwrap();
        pair.ends[RIGHT].answer(incoming, Err(AnswerError::Cancelled)).unwrap();
        pair.run(SECOND);
        // Of two reports in a row the latest is sent, and of two answers the first.
        assert_eq!(pair.take(LEFT), [Event::Progress { call, progress }, Event::Answer { call, outcome }]);
    }
}

#[test]
fn a_cancelled_request_is_taken_back_or_the_responder_learns_of_it() {
    let mut pair = Pair::ordinary().open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let waiting = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(1, 8)).unwrap();
    pair.ends[LEFT].cancel(waiting);
    pair.run(SECOND);
    assert!(pair.take(RIGHT).is_empty(), "it was sent all the same");
    let sent = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(2, 8)).unwrap();
    pair.run(SECOND);
    let Event::Request { call, .. } = pair.take(RIGHT)[0] else { panic!() };
    pair.ends[LEFT].cancel(sent);
    pair.run(SECOND);
    assert_eq!(pair.take(RIGHT), [Event::Cancelled { call }]);
    pair.ends[RIGHT].answer(call, Ok(payload(3, 8))).unwrap();
    pair.run(SECOND);
    assert!(pair.take(LEFT).is_empty(), "somebody was answered");
}

#[test]
fn a_request_cancelled_while_its_parts_are_sent_is_cancelled_when_they_have_arrived() {
    let mut pair = Pair::ordinary().open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let call = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(1, 3_000_000)).unwrap();
    pair.exchange();
    pair.ends[LEFT].cancel(call);
    pair.run(SECOND);
    let events = pair.take(RIGHT);
    assert!(matches!(events[..], [Event::Request { .. }, Event::Cancelled { .. }]), "{events:?}");
    assert!(pair.take(LEFT).is_empty());
}

#[test]
fn a_request_whose_deadline_passes_while_it_waits_to_be_sent_is_answered_here() {
    let mut right = settings(2, "right");
    right.limits.window = 1;
    let mut pair = Pair::new(settings(1, "left"), right).open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    pair.ends[LEFT].request(ask, of(Priority::Normal), payload(1, 8)).unwrap();
    let mut circumstances = of(Priority::Normal);
    circumstances.deadline = Some(pair.now + SECOND);
    let late = pair.ends[LEFT].request(ask, circumstances, payload(2, 8)).unwrap();
    pair.run(SECOND * 2);
    assert!(pair.take(LEFT).is_empty());
    pair.ends[RIGHT].handled(Priority::Normal, 8);
    pair.run(SECOND);
    assert_eq!(pair.take(LEFT), [Event::Answer { call: late, outcome: Err(AnswerError::Expired) }]);
}

#[test]
fn a_slow_consumer_stops_its_own_lane_within_its_window_and_no_other() {
    let mut right = settings(2, "right");
    right.limits.window = 10_000;
    let mut left = settings(1, "left");
    left.outbox = 20_000;
    let mut pair = Pair::new(left, right).open();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    let mut taken = 0;
    for number in 0..1_000 {
        match pair.ends[LEFT].notify(note, of(Priority::Normal), payload(number, 936)) {
            Ok(()) => taken += 1,
            Err(error) => assert_eq!(error, SendError::Full),
        }
        pair.run(Duration::from_millis(1));
    }
    // A window and what the outbox holds.
    assert_eq!((taken, notes(&pair.take(RIGHT)).len()), (30, 10));
    for priority in [Priority::High, Priority::Control] {
        pair.ends[LEFT].notify(note, of(priority), payload(5_000, 8)).unwrap();
        pair.run(SECOND);
        assert_eq!(notes(&pair.take(RIGHT)), [5_000]);
    }
    // What is handled makes room.
    (0..10).for_each(|_| pair.ends[RIGHT].handled(Priority::Normal, 936));
    pair.run(SECOND);
    assert_eq!(notes(&pair.take(RIGHT)), (10..20).collect::<Vec<_>>());
}

#[test]
fn an_urgent_event_overtakes_a_long_one_between_its_parts() {
    let mut pair = Pair::ordinary().open();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(1, 3_000_000)).unwrap();
    pair.exchange();
    pair.ends[LEFT].notify(note, of(Priority::Control), payload(2, 8)).unwrap();
    pair.ends[LEFT].notify(note, of(Priority::High), payload(3, 200_000)).unwrap();
    pair.run(SECOND);
    assert_eq!(notes(&pair.take(RIGHT)), [2, 3, 1]);
}

#[test]
fn answers_pass_events_that_wait_for_the_other_end() {
    let mut settings = [settings(1, "left"), settings(2, "right")];
    settings.iter_mut().for_each(|settings| settings.limits.window = 1);
    let [left, right] = settings;
    let mut pair = Pair::new(left, right).open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let note = pair.want(LEFT, &schema("note", Role::Subscriber));
    pair.ends[LEFT].request(ask, of(Priority::Normal), payload(1, 8)).unwrap();
    pair.run(SECOND);
    let Event::Request { call, .. } = pair.take(RIGHT)[0] else { panic!() };
    // The left end never says that it has handled a note.
    (0..10).for_each(|n| pair.ends[RIGHT].notify(note, of(Priority::Normal), payload(n, 8)).unwrap());
    pair.ends[RIGHT].answer(call, Ok(payload(9, 8))).unwrap();
    pair.run(SECOND);
    let events = pair.take(LEFT);
    assert_eq!(notes(&events), [0]);
    assert!(events.iter().any(|event| matches!(event, Event::Answer { .. })), "{events:?}");
}

#[test]
fn what_is_too_long_for_the_other_end_is_refused_here() {
    let mut right = settings(2, "right");
    right.limits.message = 100_000;
    right.limits.reassembly = 100_000;
    let mut pair = Pair::new(settings(1, "left"), right).open();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    let refused = pair.ends[LEFT].notify(note, of(Priority::Normal), payload(1, 100_000));
    assert!(matches!(refused, Err(SendError::TooLong { length: 100_000, .. })));
    // Only one such message is put together at a time there.
    for priority in [Priority::Normal, Priority::High, Priority::Control] {
        pair.ends[LEFT].notify(note, of(priority), payload(1, 90_000)).unwrap();
    }
    pair.run(SECOND);
    assert_eq!(notes(&pair.take(RIGHT)).len(), 3);
}

#[test]
fn requests_beyond_what_the_other_end_takes_are_not_sent() {
    let mut right = settings(2, "right");
    right.limits.calls = 2;
    let mut pair = Pair::new(settings(1, "left"), right).open();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    let first = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(1, 8)).unwrap();
    pair.ends[LEFT].request(ask, of(Priority::Normal), payload(2, 8)).unwrap();
    assert!(!pair.ends[LEFT].has_room_for_request(Priority::Normal));
    assert_eq!(pair.ends[LEFT].request(ask, of(Priority::Normal), payload(3, 8)), Err(SendError::Full));
    pair.run(SECOND);
    // A cancelled one takes its place until the other end has let it go.
    pair.ends[LEFT].cancel(first);
    assert!(!pair.ends[LEFT].has_room_for_request(Priority::Normal));
    pair.run(SECOND);
    assert!(pair.ends[LEFT].has_room_for_request(Priority::Normal));
    assert_eq!(Limits::default().calls, 4096);
}
