//! Links whose connection is lost and comes back, and routers that are gone and are there again.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::time::Duration;

use edri_event::Priority;
use edri_link::{
    AnswerError, Circumstances, Closed, Ending, Endpoint, Event, Refusal, Role, SendError, Settings,
    Undelivered,
};
use support::{LEFT, Pair, RIGHT, number, of, payload, schema, settings};

const SECOND: Duration = Duration::from_secs(1);

fn over_a_network(bits: u128, name: &str) -> Settings {
    let mut settings = settings(bits, name);
    settings.rejoin = Some(SECOND * 60);
    settings
}

fn pair() -> Pair {
    Pair::new(over_a_network(1, "left"), over_a_network(2, "right")).open()
}

/// What arrived, and whether it may have before.
fn notes(events: &[Event]) -> Vec<(u64, bool)> {
    let notes = events.iter().filter_map(|event| match event {
        Event::Notification { circumstances, payload, .. } => {
            Some((number(payload), circumstances.redelivered))
        }
        _ => None,
    });
    notes.collect()
}

#[test]
fn what_is_sent_while_there_is_no_connection_waits_for_one() {
    let mut pair = pair();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(1, 8)).unwrap();
    let early = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(2, 8)).unwrap();
    pair.run(SECOND);
    let Event::Request { call, .. } = pair.take(RIGHT)[1] else { panic!() };
    pair.lose([0, 0]);
    assert!(pair.ends.iter().all(|end| end.is_open() && end.is_suspended()));
    assert!(matches!(pair.take(LEFT)[..], [Event::Suspended { .. }]));
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(3, 8)).unwrap();
    pair.ends[RIGHT].answer(call, Ok(payload(4, 8))).unwrap();
    pair.run(SECOND * 30);
    assert_eq!(notes(&pair.take(RIGHT)), []);
    pair.reconnect();
    pair.run(SECOND);
    // It was acknowledged before, or else would come once more and be dropped.
    assert_eq!(notes(&pair.take(RIGHT)), [(3, false)]);
    let events = pair.take(LEFT);
    assert_eq!(events[0], Event::Resumed);
    assert!(events.contains(&Event::Answer { call: early, outcome: Ok(payload(4, 8)) }), "{events:?}");
    assert!(pair.ends.iter().all(Endpoint::is_settled));
}

#[test]
fn b29_what_was_on_its_way_arrives_once_and_a_tunnel_does_not_notice() {
    for arrive in [0, 1, 50_000, 150_000, 1_000_000] {
        let mut pair = pair();
        let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
        let pipe = pair.want(RIGHT, &schema("pipe", Role::Acceptor));
        let tunnel = pair.ends[LEFT].open_tunnel(pipe, of(Priority::Normal), payload(1, 8), 1_000).unwrap();
        pair.run(SECOND);
        let Event::TunnelOpened { tunnel: there, .. } = pair.take(RIGHT)[0] else { panic!() };
        pair.ends[RIGHT].accept_tunnel(there, 1_000_000);
        pair.run(SECOND);
        for number in 0..100 {
            let size = if number % 10 == 0 { 100_000 } else { 100 };
            pair.ends[LEFT].notify(note, of(Priority::Normal), payload(number, size)).unwrap_or_default();
            pair.ends[LEFT].send_item(tunnel, payload(number, 500)).unwrap();
        }
        pair.exchange();
        pair.lose([arrive, 0]);
        pair.reconnect();
        pair.run(SECOND);
        let events = pair.take(RIGHT);
        let expected: Vec<_> = notes(&events).iter().map(|(number, _)| (*number, false)).collect();
        assert_eq!(notes(&events), expected);
        assert!(expected.windows(2).all(|two| two[0].0 < two[1].0) && expected.len() > 10, "{expected:?}");
        let items = events.iter().filter_map(|event| match event {
            Event::TunnelItem { payload, .. } => Some(number(payload)),
            _ => None,
        });
        assert!(items.eq(0..100));
        assert!(pair.ends.iter().all(Endpoint::is_settled));
    }
}

#[test]
fn an_end_that_hears_nothing_waits_for_another_connection_and_then_gives_up() {
    let mut pair = pair();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    pair.cut_off();
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(1, 8)).unwrap();
    let call = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(2, 8)).unwrap();
    pair.run(SECOND * 16);
    assert!(pair.ends.iter().all(Endpoint::is_suspended));
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(3, 8)).unwrap();
    pair.run(SECOND * 58);
    assert!(pair.ends.iter().all(Endpoint::is_open));
    pair.run(SECOND * 2);
    let events = pair.take(LEFT);
    let Some(Event::Closed(Closed::Lost { reason })) = events.last() else { panic!("{events:?}") };
    assert!(reason.contains("no other in time"), "{reason}");
    let lost = events.iter().filter_map(|event| match event {
        Event::Undelivered { circumstances, payload, cause: Undelivered::LinkLost, .. } => {
            Some((number(payload), circumstances.redelivered))
        }
        _ => None,
    });
    // The first may have arrived.
    assert!(lost.eq([(1, true), (3, false)]));
    assert!(events.iter().any(|event| matches!(
        event,
        Event::Answer { call: ended, outcome: Err(AnswerError::LinkLost { .. }) } if *ended == call
    )));
}

#[test]
fn a_room_that_is_full_stays_full_while_there_is_no_connection() {
    let mut left = over_a_network(1, "left");
    left.outbox = 10_000;
    let mut pair = Pair::new(left, over_a_network(2, "right")).open();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    pair.lose([0, 0]);
    let mut taken = 0;
    while pair.ends[LEFT].notify(note, of(Priority::Normal), payload(taken, 936)).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 10);
    assert_eq!(pair.ends[LEFT].notify(note, of(Priority::Normal), payload(0, 8)), Err(SendError::Full));
    pair.reconnect();
    pair.run(SECOND);
    assert_eq!(notes(&pair.take(RIGHT)).len(), 10);
    assert!(pair.ends[LEFT].has_room(Priority::Normal));
}

#[test]
fn a_router_that_was_started_anew_gets_again_what_may_be_sent_again() {
    let mut pair = pair();
    let (note, ask, pipe) =
        (schema("note", Role::Subscriber), schema("ask", Role::Responder), schema("pipe", Role::Acceptor));
    let to_note = pair.want(RIGHT, &note);
    let to_ask = pair.want(RIGHT, &ask);
    let to_pipe = pair.want(RIGHT, &pipe);
    let idempotent = || {
        let mut circumstances = of(Priority::Normal);
        circumstances.idempotent = true;
        circumstances
    };
    let end = &mut pair.ends[LEFT];
    // Acknowledged, and then the router is gone.
    end.notify(to_note, of(Priority::Normal), payload(1, 8)).unwrap();
    let heard = end.request(to_ask, of(Priority::Normal), payload(2, 8)).unwrap();
    let again = end.request(to_ask, idempotent(), payload(3, 8)).unwrap();
    let tunnel = end.open_tunnel(to_pipe, of(Priority::Normal), payload(4, 8), 1_000).unwrap();
    pair.run(SECOND);
    assert_eq!(notes(&pair.take(RIGHT)), [(1, false)]);
    // Sent, and never acknowledged.
    let end = &mut pair.ends[LEFT];
    end.notify(to_note, of(Priority::Normal), payload(5, 8)).unwrap();
    let unheard = end.request(to_ask, of(Priority::Normal), payload(6, 8)).unwrap();
    // Of this one, only a part is.
    end.notify(to_note, of(Priority::Normal), payload(7, 300_000)).unwrap();
    pair.exchange();
    pair.lose([0, 0]);
    // Never sent.
    let end = &mut pair.ends[LEFT];
    end.notify(to_note, of(Priority::Normal), payload(8, 8)).unwrap();
    let unsent = end.request(to_ask, of(Priority::Normal), payload(9, 8)).unwrap();
    pair.take(LEFT);

    pair.restart(RIGHT);
    pair.take(LEFT);
    // It numbers what it wants in another way.
    let other = pair.ends[RIGHT].announce(schema("other", Role::Subscriber), None, Default::default());
    let asked = pair.ends[RIGHT].announce(ask.clone(), None, Default::default());
    let noted = pair.ends[RIGHT].announce(note.clone(), None, Default::default());
    pair.meet();
    pair.run(SECOND);

    let events = pair.take(LEFT);
    let restarted = |call| Event::Answer { call, outcome: Err(AnswerError::Restarted) };
    assert!(events.contains(&restarted(heard)) && events.contains(&restarted(unheard)), "{events:?}");
    assert!(events.contains(&Event::TunnelEnded { tunnel, ending: Ending::Lost }));
    let opened = events.iter().position(|event| matches!(event, Event::Opened(_))).unwrap();
    assert!(events[..opened].contains(&Event::Unwanted { interest: to_note }));
    let wanted = events[opened..].iter().filter_map(|event| match event {
        Event::Wanted { interest, .. } => Some(*interest),
        _ => None,
    });
    assert!(wanted.eq([other, asked, noted]));

    let events = pair.take(RIGHT);
    // 1 had been acknowledged, and is not sent again.
    assert_eq!(notes(&events), [(5, true), (7, false), (8, false)]);
    let requests: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Request { call, circumstances, payload, .. } => {
                Some((*call, number(payload), circumstances.redelivered))
            }
            _ => None,
        })
        .collect();
    let numbers: Vec<_> = requests.iter().map(|(_, number, again)| (*number, *again)).collect();
    assert_eq!(numbers, [(3, true), (9, false)]);
    for (call, number, _) in requests {
        pair.ends[RIGHT].answer(call, Ok(payload(number, 8))).unwrap();
    }
    pair.run(SECOND);
    let answers = pair.take(LEFT);
    assert!(answers.contains(&Event::Answer { call: again, outcome: Ok(payload(3, 8)) }));
    assert!(answers.contains(&Event::Answer { call: unsent, outcome: Ok(payload(9, 8)) }));
}

#[test]
fn what_a_router_does_not_want_any_more_after_it_was_started_anew_is_given_back() {
    let mut pair = pair();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    pair.lose([0, 0]);
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(1, 8)).unwrap();
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(2, 200_000)).unwrap();
    let call = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(3, 8)).unwrap();
    let cancelled = pair.ends[LEFT].request(ask, of(Priority::Normal), payload(4, 8)).unwrap();
    pair.restart(RIGHT);
    pair.take(LEFT);
    pair.ends[LEFT].cancel(cancelled);
    pair.meet();
    pair.run(SECOND * 61);
    let events = pair.take(LEFT);
    let undelivered = events.iter().filter_map(|event| match event {
        Event::Undelivered { payload, cause, .. } => Some((number(payload), *cause)),
        _ => None,
    });
    assert!(undelivered.eq([(1, Undelivered::Unwanted), (2, Undelivered::Unwanted)]), "{events:?}");
    let answers: Vec<_> = events.iter().filter(|event| matches!(event, Event::Answer { .. })).collect();
    assert_eq!(answers, [&Event::Answer { call, outcome: Err(AnswerError::NoResponder) }]);
}

#[test]
fn a_link_that_one_end_gave_up_begins_anew_and_what_may_have_come_is_marked() {
    let mut pair = pair();
    let (note, ask) = (schema("note", Role::Subscriber), schema("ask", Role::Responder));
    let (to_note, to_ask) = (pair.want(RIGHT, &note), pair.want(RIGHT, &ask));
    for number in 0..3 {
        pair.ends[LEFT].notify(to_note, of(Priority::Normal), payload(number, 8)).unwrap();
    }
    pair.run(SECOND);
    let call = pair.ends[LEFT].request(to_ask, of(Priority::Normal), payload(3, 8)).unwrap();
    pair.ends[LEFT].notify(to_note, of(Priority::Normal), payload(4, 8)).unwrap();
    pair.exchange();
    pair.lose([usize::MAX, 0]);
    assert_eq!(notes(&pair.take(RIGHT)).len(), 4);
    // The same router, and it has forgotten everything.
    pair.forget(RIGHT);
    pair.take(LEFT);
    pair.ends[RIGHT].announce(note, None, Default::default());
    pair.ends[RIGHT].announce(ask, None, Default::default());
    pair.meet();
    pair.run(SECOND);
    let events = pair.take(LEFT);
    let lost = |event: &Event| matches!(event, Event::Answer { call: of, outcome: Err(AnswerError::LinkLost { .. }) } if *of == call);
    assert!(events.contains(&Event::Resumed) && events.iter().any(lost), "{events:?}");
    assert_eq!(notes(&pair.take(RIGHT)), [(4, true)]);
    pair.ends[LEFT].notify(to_note, of(Priority::Normal), payload(5, 8)).unwrap();
    pair.run(SECOND);
    assert_eq!(notes(&pair.take(RIGHT)), [(5, false)]);
    assert!(pair.ends.iter().all(Endpoint::is_settled));
}

#[test]
fn a_connection_takes_the_place_of_one_that_is_not_known_to_be_lost_if_it_is_of_the_same_router() {
    let mut pair = pair();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(1, 8)).unwrap();
    // The left end alone knows that it is lost.
    let now = pair.now;
    pair.ends[LEFT].transport_lost("cable pulled", now);
    pair.reconnect();
    pair.run(SECOND);
    assert_eq!(notes(&pair.take(RIGHT)), [(1, false)]);
    assert!(pair.ends.iter().all(Endpoint::is_settled));
}

#[test]
fn whoever_claims_to_be_a_router_that_is_there_is_refused_and_harms_nobody() {
    let mut pair = pair();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    let now = pair.now;
    let mut same = over_a_network(1, "left");
    same.identity.incarnation = pair.ends[RIGHT].peer().unwrap().identity.incarnation;
    let other_incarnation = over_a_network(1, "left");
    let another = over_a_network(3, "another");
    for settings in [same, other_incarnation, another] {
        let mut thief = Endpoint::connecting(settings, now);
        let mut door = Endpoint::accepting(over_a_network(2, "right"), now);
        let mut wire = Vec::new();
        thief.transmit(&mut wire, usize::MAX, now);
        door.receive(&wire, now);
        assert!(matches!(door.poll_event(), Some(Event::Opened(_))));
        let mut door = pair.ends[RIGHT].take_over(door, now).unwrap_err();
        door.refuse(Refusal::Taken, "it is there already");
        wire.clear();
        door.transmit(&mut wire, usize::MAX, now);
        thief.receive(&wire, now);
        // It may try again: perhaps the other is gone then.
        assert!(thief.wants_connection());
    }
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(1, 8)).unwrap();
    pair.run(SECOND);
    assert_eq!(notes(&pair.take(RIGHT)), [(1, false)]);
}

#[test]
fn a_refusal_ends_a_link_for_good_unless_it_may_pass() {
    let refuse = |code| {
        let mut pair = pair();
        pair.lose([0, 0]);
        let now = pair.now;
        pair.ends[LEFT].reconnect(now);
        let mut door = Endpoint::accepting(over_a_network(2, "right"), now);
        door.refuse(code, "not now");
        let mut wire = Vec::new();
        door.transmit(&mut wire, usize::MAX, now);
        pair.ends[LEFT].receive(&wire, now);
        pair
    };
    for code in [Refusal::Busy, Refusal::Taken] {
        let mut pair = refuse(code);
        assert!(pair.ends[LEFT].wants_connection());
        pair.reconnect();
        pair.run(SECOND);
        assert!(!pair.ends[LEFT].is_suspended());
    }
    assert!(refuse(Refusal::Token).ends[LEFT].is_closed());
}

#[test]
fn a_link_closed_while_there_is_no_connection_is_closed_in_order_when_there_is() {
    let mut pair = pair();
    let note = pair.want(RIGHT, &schema("note", Role::Subscriber));
    pair.lose([0, 0]);
    pair.ends[LEFT].notify(note, of(Priority::Normal), payload(1, 8)).unwrap();
    let now = pair.now;
    pair.ends[LEFT].close(now);
    pair.run(SECOND);
    pair.reconnect();
    pair.run(SECOND);
    for (end, expected) in [(LEFT, 0), (RIGHT, 1)] {
        let events = pair.take(end);
        assert_eq!(events.last(), Some(&Event::Closed(Closed::Orderly)));
        assert_eq!(notes(&events).len(), expected);
    }
}

#[test]
fn a_handshake_that_comes_to_nothing_is_tried_again() {
    let mut pair = pair();
    pair.lose([0, 0]);
    for _ in 0..3 {
        let now = pair.now;
        pair.ends[LEFT].reconnect(now);
        pair.cut_off();
        pair.run(SECOND * 6);
        assert!(pair.ends[LEFT].wants_connection());
    }
    pair.broken = false;
    pair.reconnect();
    pair.run(SECOND);
    assert!(pair.ends.iter().all(|end| end.is_open() && !end.is_suspended()));
}

#[test]
fn deadlines_go_on_while_there_is_no_connection() {
    let mut pair = pair();
    let ask = pair.want(RIGHT, &schema("ask", Role::Responder));
    pair.lose([0, 0]);
    let mut circumstances = Circumstances::default();
    circumstances.deadline = Some(pair.now + SECOND * 2);
    let in_time = pair.ends[LEFT].request(ask, circumstances, payload(1, 8)).unwrap();
    circumstances.deadline = Some(pair.now + SECOND / 2);
    let late = pair.ends[LEFT].request(ask, circumstances, payload(2, 8)).unwrap();
    pair.run(SECOND);
    pair.reconnect();
    pair.run(SECOND / 10);
    let events = pair.take(LEFT);
    assert!(events.contains(&Event::Answer { call: late, outcome: Err(AnswerError::Expired) }), "{events:?}");
    let arrived = pair.take(RIGHT);
    let Some(Event::Request { circumstances: arrived, .. }) = arrived.last() else { panic!("{arrived:?}") };
    let left = arrived.deadline.unwrap() - pair.now;
    assert!(left <= SECOND, "{left:?} left of {in_time:?}");
}
