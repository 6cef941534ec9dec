//! Routers in a network, through a switch.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "support/hall.rs"]
mod hall;
#[path = "support/network/mod.rs"]
mod network;

use std::time::Duration;

use bytes::Bytes;
use edri_event::{Priority, RouterId};
use edri_link::{
    AnswerError, Circumstances, Closed, Consumer, Ending, Event, Identity, Interest, MemberGone,
    NetworkEvent, Role, Schema, SendError, Settings, Undelivered,
};
use hall::Hall;

const SECOND: Duration = Duration::from_secs(1);

fn settings(bits: u128) -> Settings {
    let mut settings = Settings::network(Identity::new(RouterId::from_bits(bits), format!("router {bits}")));
    settings.rejoin = Some(SECOND * 10);
    settings
}

fn schema(name: &str, role: Role) -> Schema {
    Schema { name: name.to_owned(), version: 1, role, codec: "postcard".to_owned(), shapes: Vec::new() }
}

fn payload(number: u64, size: usize) -> Bytes {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(size.max(8), 7);
    bytes.into()
}

fn number(payload: &[u8]) -> u64 {
    u64::from_le_bytes(payload[..8].try_into().unwrap())
}

/// So many routers, each of which subscribes to notes, as interest 0, and answers, as interest 1.
fn hall(guests: u128) -> Hall {
    let mut hall = Hall::new();
    for bits in 1..=guests {
        let guest = hall.enter(settings(bits));
        announce(&mut hall, guest);
    }
    hall.exchange();
    (0..guests as usize).for_each(|guest| drop(hall.take(guest)));
    hall
}

fn announce(hall: &mut Hall, guest: usize) {
    for (name, role) in [("note", Role::Subscriber), ("ask", Role::Responder), ("pipe", Role::Acceptor)] {
        hall.guests[guest].membership.announce(schema(name, role), None, Consumer::default());
    }
}

const NOTE: Interest = Interest::from_number(0);
const ASK: Interest = Interest::from_number(1);
const PIPE: Interest = Interest::from_number(2);

fn notify(hall: &mut Hall, from: usize, to: usize, number: u64, size: usize) -> Result<(), SendError> {
    let (member, now) = (hall.id(from, to), hall.now);
    let mut line = hall.guests[from].membership.to(member, now).unwrap();
    line.notify(NOTE, Circumstances::default(), payload(number, size))
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

fn undelivered(events: &[NetworkEvent]) -> Vec<(u64, bool, Undelivered)> {
    let lost = events.iter().filter_map(|event| match event {
        NetworkEvent::From { event: Event::Undelivered { circumstances, payload, cause, .. }, .. } => {
            Some((number(payload), circumstances.redelivered, *cause))
        }
        _ => None,
    });
    lost.collect()
}

#[test]
fn who_joins_learns_who_is_there_and_what_they_want_and_they_learn_of_it() {
    let mut hall = hall(2);
    let third = hall.enter_with(settings(3), announce);
    let events = hall.take(third);
    assert!(matches!(events[0], NetworkEvent::Joined { .. }));
    let joined = events.iter().filter_map(|event| match event {
        NetworkEvent::MemberJoined { peer, .. } => Some(peer.identity.name.clone()),
        _ => None,
    });
    assert!(joined.eq(["router 1", "router 2"]));
    let wanted = |events: &[NetworkEvent]| {
        let wanted = events
            .iter()
            .filter(|event| matches!(event, NetworkEvent::From { event: Event::Wanted { .. }, .. }));
        wanted.count()
    };
    assert_eq!(wanted(&events), 6);
    assert_eq!(events.last(), Some(&NetworkEvent::Informed));
    for guest in [0, 1] {
        let events = hall.take(guest);
        assert!(matches!(events[0], NetworkEvent::MemberJoined { .. }));
        assert_eq!(wanted(&events), 3);
        let member = hall.id(guest, third);
        assert_eq!(events.last(), Some(&NetworkEvent::From { member, event: Event::Informed }));
    }
}

#[test]
fn many_who_have_nothing_to_say_to_each_other_have_no_channels() {
    let mut hall = hall(40);
    notify(&mut hall, 3, 8, 1, 8).unwrap();
    hall.pass(SECOND);
    let channels: Vec<_> = hall.guests.iter().map(|guest| guest.membership.channels()).collect();
    assert_eq!(channels.iter().sum::<usize>(), 2, "{channels:?}");
    assert_eq!(notes(&hall.take_events(8)), [(1, false)]);
}

#[test]
fn everything_goes_through_a_switch_that_does_not_look_into_it() {
    let mut hall = hall(2);
    let (there, now) = (hall.id(0, 1), hall.now);
    let mut line = hall.guests[0].membership.to(there, now).unwrap();
    let call = line.request(ASK, Circumstances::default(), payload(1, 1_000_000)).unwrap();
    let tunnel = line.open_tunnel(PIPE, Circumstances::default(), payload(2, 8), 100_000).unwrap();
    hall.exchange();
    let back = hall.id(1, 0);
    for event in hall.take_events(1) {
        let mut line = hall.guests[1].membership.to(back, now).unwrap();
        match event {
            Event::Request { call, payload, .. } => line.answer(call, Ok(payload)).unwrap(),
            Event::TunnelOpened { tunnel, .. } => {
                line.accept_tunnel(tunnel, 100_000);
                line.send_item(tunnel, payload(3, 50_000)).unwrap();
                line.end_tunnel(tunnel, Ending::Finished);
            }
            other => panic!("{other:?}"),
        }
    }
    hall.exchange();
    let events = hall.take_events(0);
    assert!(events.contains(&Event::Answer { call, outcome: Ok(payload(1, 1_000_000)) }));
    assert!(events.contains(&Event::TunnelItem { tunnel, payload: payload(3, 50_000) }));
    assert!(events.contains(&Event::TunnelEnded { tunnel, ending: Ending::Finished }));
    hall.pass(SECOND);
    assert!(hall.guests.iter().all(|guest| guest.membership.is_settled()));
}

#[test]
fn a_slow_member_stops_those_who_send_to_it_and_nobody_else() {
    let mut hall = Hall::new();
    for bits in 1..=3 {
        let mut settings = settings(bits);
        settings.limits.window = 10_000;
        settings.outbox = 10_000;
        let guest = hall.enter(settings);
        announce(&mut hall, guest);
    }
    hall.exchange();
    (0..3).for_each(|guest| drop(hall.take(guest)));
    // Guest 1 takes nothing out of its windows.
    let mut taken = 0;
    while notify(&mut hall, 0, 1, taken, 936).is_ok() {
        taken += 1;
        hall.exchange();
        assert!(taken < 100, "nothing stops it");
    }
    // A window, and what the lane holds.
    assert_eq!(taken, 20);
    for number in 0..100 {
        notify(&mut hall, 0, 2, number, 936).unwrap();
        hall.exchange();
        let (back, now) = (hall.id(2, 0), hall.now);
        hall.guests[2].membership.to(back, now).unwrap().handled(Priority::Normal, 936);
        hall.exchange();
    }
    assert_eq!(notes(&hall.take_events(2)).len(), 100);
    // One that reads nothing at all is found out by the switch; until then it is the same.
    hall.guests[1].stalls = true;
    notify(&mut hall, 0, 2, 100, 936).unwrap();
    hall.exchange();
    assert_eq!(notes(&hall.take_events(2)), [(100, false)]);
}

#[test]
fn a_member_that_is_away_is_waited_for() {
    let mut hall = hall(2);
    notify(&mut hall, 0, 1, 1, 8).unwrap();
    hall.pass(SECOND);
    hall.lose(1);
    let there = hall.id(0, 1);
    assert_eq!(hall.take(0), [NetworkEvent::MemberAway { member: there }]);
    notify(&mut hall, 0, 1, 2, 8).unwrap();
    hall.pass(SECOND * 5);
    hall.connect(1);
    assert_eq!(
        hall.take(0),
        [
            NetworkEvent::MemberBack { member: there },
            NetworkEvent::From { member: there, event: Event::Informed }
        ]
    );
    assert_eq!(notes(&hall.take_events(1)), [(1, false), (2, false)]);
}

#[test]
fn a_member_that_is_away_for_too_long_or_leaves_in_order_is_gone_with_all_that_was_under_way() {
    for in_order in [false, true] {
        let mut hall = hall(2);
        let (there, now) = (hall.id(0, 1), hall.now);
        notify(&mut hall, 0, 1, 1, 8).unwrap();
        hall.pass(SECOND);
        let mut line = hall.guests[0].membership.to(there, now).unwrap();
        let call = line.request(ASK, Circumstances::default(), payload(2, 8)).unwrap();
        hall.pass(SECOND);
        if in_order {
            hall.guests[1].membership.close(hall.now);
            hall.exchange();
            assert_eq!(hall.take(1).last(), Some(&NetworkEvent::Closed(Closed::Orderly)));
        } else {
            hall.lose(1);
            notify(&mut hall, 0, 1, 3, 8).unwrap();
            hall.pass(SECOND * 9);
            assert!(hall.guests[0].membership.peer(there).is_some());
            hall.pass(SECOND * 2);
        }
        let events = hall.take(0);
        let expected: &[_] = if in_order { &[] } else { &[(3, false, Undelivered::LinkLost)] };
        assert_eq!(undelivered(&events), expected);
        assert!(events.iter().any(|event| matches!(
            event,
            NetworkEvent::From { event: Event::Answer { call: of, outcome: Err(AnswerError::LinkLost { .. }) }, .. } if *of == call
        )));
        let cause = if in_order { MemberGone::Left } else { MemberGone::AwayTooLong };
        assert_eq!(events.last(), Some(&NetworkEvent::MemberLeft { member: there, cause }));
        assert!(hall.guests[0].membership.to(there, now).is_none());
        assert!(hall.guests[0].membership.is_settled());
    }
}

#[test]
fn a_member_that_comes_back_after_it_was_given_up_gets_nothing_twice_without_a_mark() {
    let mut hall = hall(2);
    notify(&mut hall, 0, 1, 1, 8).unwrap();
    hall.exchange();
    // It has arrived, and the sender is never told so.
    assert_eq!(notes(&hall.take_events(1)), [(1, false)]);
    hall.lose(1);
    // The receiver gives the sender up, who is patient.
    let sender = hall.id(1, 0);
    hall.guests[1].membership.handle_timeout(hall.now + SECOND * 11);
    let events = std::iter::from_fn(|| hall.guests[1].membership.poll_event());
    assert!(events.into_iter().any(|event| {
        event == NetworkEvent::MemberLeft { member: sender, cause: MemberGone::AwayTooLong }
    }));
    hall.connect(1);
    hall.pass(SECOND);
    assert_eq!(notes(&hall.take_events(1)), [(1, true)]);
    notify(&mut hall, 0, 1, 2, 8).unwrap();
    hall.pass(SECOND);
    assert_eq!(notes(&hall.take_events(1)), [(2, false)]);
    assert!(hall.guests.iter().all(|guest| guest.membership.is_settled()));
}

#[test]
fn a_member_that_was_started_anew_is_another_and_gets_what_may_be_sent_again_first() {
    let mut hall = hall(2);
    let before = hall.id(0, 1);
    notify(&mut hall, 0, 1, 1, 8).unwrap();
    hall.pass(SECOND);
    hall.lose(1);
    notify(&mut hall, 0, 1, 2, 8).unwrap();
    let (member, now) = (before, hall.now);
    let mut line = hall.guests[0].membership.to(member, now).unwrap();
    let call = line.request(ASK, Circumstances::default(), payload(3, 8)).unwrap();
    let cancelled = line.request(ASK, Circumstances::default(), payload(4, 8)).unwrap();
    hall.take(0);
    // The same router, another incarnation.
    let anew = hall.enter(settings(2));
    hall.guests[0].membership.cancel(before, cancelled);
    assert_eq!(undelivered(&hall.guests[0].events), []);
    // It wants it only when it has been there for a while.
    announce(&mut hall, anew);
    hall.pass(SECOND);
    let events = hall.take(0);
    let left = NetworkEvent::MemberLeft { member: before, cause: MemberGone::Restarted };
    let gone = events.iter().position(|event| *event == left).unwrap();
    assert!(matches!(events[gone + 1], NetworkEvent::MemberJoined { .. }));
    let arrived = hall.take_events(anew);
    assert_eq!(notes(&arrived), [(2, false)]);
    let requests = arrived.iter().filter_map(|event| match event {
        Event::Request { call, payload, .. } => Some((*call, number(payload))),
        _ => None,
    });
    let requests: Vec<_> = requests.collect();
    let [(asked, 3)] = requests[..] else { panic!("{requests:?}") };
    let (back, now) = (hall.id(anew, 0), hall.now);
    hall.guests[anew].membership.to(back, now).unwrap().answer(asked, Ok(payload(5, 8))).unwrap();
    hall.exchange();
    assert_eq!(hall.take_events(0), [Event::Answer { call, outcome: Ok(payload(5, 8)) }]);
}

#[test]
fn what_a_member_does_not_want_after_it_was_started_anew_is_given_back_in_the_end() {
    let mut hall = hall(2);
    hall.lose(1);
    notify(&mut hall, 0, 1, 1, 8).unwrap();
    hall.enter(settings(2));
    hall.pass(SECOND * 9);
    assert_eq!(undelivered(&hall.take(0)), []);
    assert!(!hall.guests[0].membership.is_settled());
    hall.pass(SECOND * 2);
    assert_eq!(undelivered(&hall.take(0)), [(1, false, Undelivered::Unwanted)]);
    assert!(hall.guests[0].membership.is_settled());
}

#[test]
fn members_that_know_an_event_as_something_else_are_told_and_the_rest_flows() {
    let mut hall = hall(2);
    let (there, now) = (hall.id(0, 1), hall.now);
    let mut ours = schema("note", Role::Subscriber);
    ours.version = 2;
    hall.guests[0].membership.differs(there, NOTE, ours);
    hall.exchange();
    for (guest, versions) in [(0, (2, 1)), (1, (1, 2))] {
        let events = hall.take_events(guest);
        let [Event::Mismatch(mismatch)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((mismatch.ours.version, mismatch.theirs.version), versions);
    }
    assert_eq!(notify(&mut hall, 0, 1, 1, 8), Err(SendError::Unwanted));
    let mut line = hall.guests[0].membership.to(there, now).unwrap();
    line.request(ASK, Circumstances::default(), payload(1, 8)).unwrap();
    hall.exchange();
    assert_eq!(hall.take_events(1).len(), 1);
}

#[test]
fn when_the_connection_to_the_switch_is_lost_everything_waits_and_goes_on_through_another() {
    let mut hall = hall(3);
    notify(&mut hall, 0, 1, 1, 8).unwrap();
    hall.pass(SECOND);
    // The switch is gone, and another in its place: it knows nobody.
    (0..3).for_each(|guest| hall.lose(guest));
    hall.switch = network::switch::Switch::new(2_000, usize::MAX, None);
    notify(&mut hall, 0, 1, 2, 8).unwrap();
    notify(&mut hall, 1, 0, 3, 8).unwrap();
    let there = hall.id(0, 2);
    (0..3).for_each(|guest| drop(hall.take(guest)));
    hall.pass(SECOND);
    hall.connect(0);
    // The others are not there yet.
    assert!(hall.take(0).contains(&NetworkEvent::MemberAway { member: there }));
    hall.connect(1);
    hall.connect(2);
    hall.pass(SECOND);
    assert!(hall.take(0).contains(&NetworkEvent::MemberBack { member: there }));
    assert_eq!(notes(&hall.take_events(1)), [(2, false)]);
    assert!(hall.guests.iter().all(|guest| guest.membership.is_settled()));
}

#[test]
fn a_router_that_leaves_in_order_says_all_it_had_to_say_before() {
    let mut hall = hall(2);
    for number in 0..50 {
        notify(&mut hall, 0, 1, number, 10_000).unwrap();
    }
    hall.guests[0].membership.close(hall.now);
    hall.pass(SECOND);
    assert_eq!(notes(&hall.take_events(1)).len(), 50);
    assert_eq!(hall.take(0).last(), Some(&NetworkEvent::Closed(Closed::Orderly)));
}

#[test]
fn frames_keep_to_the_shortest_limit_on_their_way() {
    let mut hall = Hall::new();
    for (bits, frame) in [(1, 16 * 1024), (2, 64 * 1024)] {
        let mut settings = settings(bits);
        settings.limits.frame = frame;
        let guest = hall.enter(settings);
        announce(&mut hall, guest);
    }
    hall.exchange();
    for (from, to) in [(0, 1), (1, 0)] {
        for size in [10, 4_000, 4_100, 15_000, 17_000, 300_000] {
            notify(&mut hall, from, to, size as u64, size).unwrap();
        }
        hall.pass(SECOND);
        assert_eq!(notes(&hall.take_events(to)).len(), 6);
    }
}
