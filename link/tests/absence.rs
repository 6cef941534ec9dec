//! How long is waited for members that a switch which was started anew has never known.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "support/hall.rs"]
mod hall;
#[path = "support/network/mod.rs"]
mod network;

use std::time::Duration;

use bytes::Bytes;
use edri_event::RouterId;
use edri_link::{
    Circumstances, Consumer, Event, Identity, Interest, MemberGone, NetworkEvent, Role, Schema, Settings,
    Undelivered,
};
use hall::Hall;
use network::switch::Switch;

const SECOND: Duration = Duration::from_secs(1);
const NOTE: Interest = Interest::from_number(0);

fn settings(bits: u128) -> Settings {
    let mut settings = Settings::network(Identity::new(RouterId::from_bits(bits), format!("router {bits}")));
    settings.absence = SECOND * 5;
    settings
}

/// Three routers that want notes; the first has sent one to each of the others, which has arrived.
fn hall() -> Hall {
    let mut hall = Hall::new();
    for bits in 1..=3 {
        let guest = hall.enter(settings(bits));
        let schema = Schema {
            name: "note".to_owned(),
            version: 1,
            role: Role::Subscriber,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        };
        hall.guests[guest].membership.announce(schema, None, Consumer::default());
    }
    hall.exchange();
    for guest in [1, 2] {
        notify(&mut hall, guest, 1);
    }
    hall.pass(SECOND);
    assert!([1, 2].into_iter().all(|guest| arrived(&mut hall, guest) == [1]));
    hall.take(0);
    hall
}

/// From the first to that one.
fn notify(hall: &mut Hall, to: usize, number: u8) {
    let (member, now) = (hall.id(0, to), hall.now);
    let mut line = hall.guests[0].membership.to(member, now).unwrap();
    line.notify(NOTE, Circumstances::default(), Bytes::from(vec![number])).unwrap();
}

fn arrived(hall: &mut Hall, guest: usize) -> Vec<u8> {
    let notes = hall.take_events(guest).into_iter().filter_map(|event| match event {
        Event::Notification { payload, .. } => Some(payload[0]),
        _ => None,
    });
    notes.collect()
}

/// The switch dies, and another is there, which knows nobody.
fn another_switch(hall: &mut Hall) {
    (0..3).for_each(|guest| hall.lose(guest));
    hall.switch = Switch::new(2_000, usize::MAX, None);
}

/// What the first has learned of those that are gone, and of what came back.
fn given_up(hall: &mut Hall) -> (Vec<MemberGone>, usize) {
    let (mut gone, mut back) = (Vec::new(), 0);
    for event in hall.take(0) {
        match event {
            NetworkEvent::MemberLeft { cause, .. } => gone.push(cause),
            NetworkEvent::From { event: Event::Undelivered { cause, .. }, .. } => {
                assert_eq!(cause, Undelivered::LinkLost);
                back += 1;
            }
            _ => {}
        }
    }
    (gone, back)
}

#[test]
fn a_router_that_left_while_no_switch_could_hear_it_is_given_up_before_long() {
    let mut hall = hall();
    another_switch(&mut hall);
    hall.connect(0);
    hall.connect(1);
    notify(&mut hall, 1, 2);
    notify(&mut hall, 2, 2);
    hall.pass(SECOND * 4);
    assert_eq!(given_up(&mut hall), (Vec::new(), 0));
    hall.pass(SECOND * 2);
    assert_eq!(given_up(&mut hall), (vec![MemberGone::AwayTooLong], 1));
    assert_eq!(arrived(&mut hall, 1), [2]);
    assert!(hall.guests[0].membership.is_settled());
}

#[test]
fn a_router_that_merely_comes_later_than_the_others_has_lost_nothing_and_gets_nothing_twice() {
    let mut hall = hall();
    // On its way when the switch dies.
    notify(&mut hall, 2, 2);
    another_switch(&mut hall);
    hall.connect(0);
    hall.connect(1);
    notify(&mut hall, 2, 3);
    hall.pass(SECOND * 4);
    hall.connect(2);
    notify(&mut hall, 2, 4);
    hall.pass(SECOND * 20);
    assert_eq!(given_up(&mut hall), (Vec::new(), 0));
    assert_eq!(arrived(&mut hall, 2), [2, 3, 4]);
    assert!(hall.guests.iter().all(|guest| guest.membership.is_settled()));
}

#[test]
fn one_that_comes_after_it_was_given_up_is_a_member_again_and_gets_nothing_of_before() {
    let mut hall = hall();
    another_switch(&mut hall);
    hall.connect(0);
    notify(&mut hall, 2, 2);
    hall.pass(SECOND * 6);
    assert_eq!(given_up(&mut hall), (vec![MemberGone::AwayTooLong; 2], 1));
    hall.connect(2);
    notify(&mut hall, 2, 3);
    hall.pass(SECOND);
    assert_eq!(arrived(&mut hall, 2), [3]);
    assert!(hall.guests[0].membership.is_settled());
}

#[test]
fn one_that_the_switch_has_lost_itself_is_waited_for_as_long_as_it_may_take_to_rejoin() {
    let mut hall = hall();
    hall.lose(2);
    notify(&mut hall, 2, 2);
    hall.pass(SECOND * 50);
    assert_eq!(given_up(&mut hall), (Vec::new(), 0));
    hall.connect(2);
    hall.pass(SECOND);
    assert_eq!(arrived(&mut hall, 2), [2]);
}

#[test]
fn while_there_is_no_switch_nobody_is_absent_from_one() {
    let mut hall = hall();
    another_switch(&mut hall);
    hall.connect(0);
    notify(&mut hall, 2, 2);
    hall.pass(SECOND * 4);
    // It dies, too, and no other comes for long.
    another_switch(&mut hall);
    hall.pass(SECOND * 40);
    assert_eq!(given_up(&mut hall), (Vec::new(), 0));
    hall.connect(0);
    hall.pass(SECOND * 4);
    hall.connect(2);
    hall.pass(SECOND);
    assert_eq!(arrived(&mut hall, 2), [2]);
}

#[test]
fn nobody_is_waited_for_longer_than_it_may_take_to_rejoin() {
    let mut hall = Hall::new();
    for bits in 1..=3 {
        let mut settings = settings(bits);
        (settings.rejoin, settings.absence) = (Some(SECOND * 3), SECOND * 60);
        hall.enter(settings);
    }
    another_switch(&mut hall);
    hall.connect(0);
    hall.pass(SECOND * 4);
    assert_eq!(given_up(&mut hall).0, [MemberGone::AwayTooLong, MemberGone::AwayTooLong]);
}
