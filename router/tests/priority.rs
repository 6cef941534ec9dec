//! Which of those that wait is next.

mod support;

use edri_event::{Notification, Priority};
use edri_router::{Inbox, Overflow, Router, ToInbox};
use proptest::prelude::*;
use support::{Ping, settings, subscriber, waiting};
use tokio_test::{assert_pending, assert_ready_ok, task};

const LANES: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Control];

fn send(router: &Router, number: u64, lane: Priority) {
    assert_ready_ok!(task::spawn(router.notify(Ping(number)).priority(lane)).poll());
}

#[test]
fn control_goes_before_high_before_normal() {
    let router = Router::new();
    let mut subscription = router.subscribe::<Ping>();
    for round in 0..2 {
        for (number, lane) in (1..).zip(LANES) {
            send(&router, number * 10 + round, lane);
        }
    }
    assert_eq!(waiting(&mut subscription), [30, 31, 20, 21, 10, 11]);
}

#[test]
fn a_higher_lane_goes_before_what_the_receiver_has_in_hand() {
    let router = Router::new();
    let mut subscription = router.subscribe::<Ping>();
    (0..5).for_each(|number| send(&router, number, Priority::Normal));
    assert_eq!(subscription.try_recv().unwrap().0, 0, "the rest is in hand now");
    send(&router, 20, Priority::High);
    send(&router, 30, Priority::Control);
    send(&router, 5, Priority::Normal);
    assert_eq!(subscription.try_recv().unwrap().0, 30);
    assert_eq!(subscription.try_recv().unwrap().0, 20);
    assert_eq!(subscription.try_recv().unwrap().0, 1);
    send(&router, 31, Priority::Control);
    assert_eq!(waiting(&mut subscription), [31, 2, 3, 4, 5]);
}

#[test]
fn an_event_has_the_priority_of_its_type_unless_told_otherwise() {
    #[derive(Notification)]
    #[notification(priority = "high")]
    struct Loud(u64);

    let router = Router::new();
    let mut subscription = router.subscribe::<Loud>();
    let all = [(1, Priority::Normal), (2, Priority::High), (3, Priority::Control)];
    for (number, lane) in all {
        assert_ready_ok!(task::spawn(router.notify(Loud(number)).priority(lane)).poll());
    }
    router.try_notify(Loud(4)).unwrap();
    assert_ready_ok!(task::spawn(router.notify_all([Loud(5)])).poll());
    let order: Vec<_> = std::iter::from_fn(|| subscription.try_recv()).map(|loud| loud.0).collect();
    assert_eq!(order, [3, 2, 4, 5, 1]);
}

#[test]
fn no_lane_starves_while_higher_ones_are_never_empty() {
    let router = Router::new();
    let mut subscription = router.subscribe_with::<Ping>(settings(64, Overflow::Wait));
    for _ in 0..8 {
        (0..).zip(LANES).for_each(|(number, lane)| send(&router, number, lane));
    }
    let mut taken = [0; 3];
    for _ in 0..3_200 {
        let number = subscription.try_recv().unwrap().0;
        taken[number as usize] += 1;
        send(&router, number, LANES[number as usize]);
    }
    assert_eq!(taken, [200, 600, 2_400]);
}

mod in_line {
    use super::*;

    #[test]
    fn a_control_event_does_not_stand_behind_the_normal_ones_that_came_before_it() {
        let router = Router::new();
        let mut subscription = router.subscribe_with::<Ping>(settings(2, Overflow::Wait));
        (0..2).for_each(|number| send(&router, number, Priority::Normal));
        let mut sending = Vec::new();
        for (number, lane) in
            [(2, Priority::Normal), (3, Priority::Normal), (10, Priority::High), (20, Priority::Control)]
        {
            let mut send = task::spawn(router.notify(Ping(number)).priority(lane));
            assert_pending!(send.poll());
            sending.push(send);
        }
        assert_eq!(subscription.try_recv().unwrap().0, 0, "there is room for one now");
        assert!(assert_ready_ok!(sending[3].poll()).accepted == 1);
        assert_pending!(sending[0].poll());
        assert_eq!(waiting(&mut subscription), [20, 10, 1, 2, 3]);
    }

    #[test]
    fn a_control_event_goes_before_what_the_receiver_has_in_hand() {
        let router = Router::new();
        let mut subscription = router.subscribe_with::<Ping>(settings(100, Overflow::Wait));
        (0..100).for_each(|number| send(&router, number, Priority::Normal));
        assert_eq!(subscription.try_recv().unwrap().0, 0, "the others are in hand now");
        send(&router, 100, Priority::Normal);
        let mut urgent = task::spawn(router.notify(Ping(1_000)).priority(Priority::Control));
        assert_pending!(urgent.poll());
        assert_eq!(subscription.try_recv().unwrap().0, 1, "full, until this one was taken");
        assert_eq!(subscription.try_recv().unwrap().0, 1_000);
        assert_ready_ok!(urgent.poll());
        assert_eq!(waiting(&mut subscription), (2..101).collect::<Vec<_>>());
    }

    #[test]
    fn a_control_event_is_let_in_and_taken_as_soon_as_there_is_room() {
        let router = Router::new();
        let mut subscription = router.subscribe_with::<Ping>(settings(100, Overflow::Wait));
        (0..100).for_each(|number| send(&router, number, Priority::Normal));
        let mut normal = task::spawn(router.notify(Ping(100)));
        assert_pending!(normal.poll());
        assert_eq!(subscription.try_recv().unwrap().0, 0);
        let mut in_line = task::spawn(router.notify(Ping(101)));
        assert_pending!(in_line.poll());
        assert_eq!(subscription.try_recv().unwrap().0, 1, "senders are let in some at a time");
        assert_pending!(in_line.poll());
        let mut urgent = task::spawn(router.notify(Ping(1_000)).priority(Priority::Control));
        assert_pending!(urgent.poll());
        assert_eq!(subscription.try_recv().unwrap().0, 1_000);
    }

    #[test]
    fn when_the_last_urgent_event_was_taken_back_the_receiver_goes_on_with_what_it_has_in_hand() {
        let router = Router::new();
        let (mut receiver, _inbox, _registration) = subscriber::<Ping>(&router, settings(4, Overflow::Wait));
        (0..4).for_each(|number| send(&router, number, Priority::Normal));
        assert!(receiver.try_recv().is_some());
        send(&router, 4, Priority::Normal);
        let mut urgent = task::spawn(router.notify(Ping(9)).priority(Priority::High));
        assert_pending!(urgent.poll());
        assert!(receiver.next_in_hand().is_none(), "something urgent waits");
        drop(urgent);
        assert_eq!(receiver.next_in_hand().map(|ping| ping.event.0), Some(1));
    }

    #[test]
    fn an_urgent_event_that_is_taken_back_leaves_the_others_as_they_were() {
        let router = Router::new();
        let mut subscription = router.subscribe_with::<Ping>(settings(4, Overflow::Wait));
        (0..4).for_each(|number| send(&router, number, Priority::Normal));
        let mut urgent = task::spawn(router.notify(Ping(9)).priority(Priority::High));
        assert_pending!(urgent.poll());
        drop(urgent);
        assert_eq!(waiting(&mut subscription), [0, 1, 2, 3]);
    }

    #[test]
    fn no_lane_starves_while_senders_of_higher_ones_never_leave_it() {
        let router = Router::new();
        let mut subscription = router.subscribe_with::<Ping>(settings(1, Overflow::Wait));
        send(&router, 0, Priority::Normal);
        let begin = |number: u64| {
            let mut send = task::spawn(router.notify(Ping(number)).priority(LANES[number as usize]));
            assert_pending!(send.poll());
            send
        };
        let mut sending: Vec<_> = (0..3)
            .flat_map(|number| (0..4).map(move |_| number))
            .map(|number| (number, begin(number)))
            .collect();
        let mut taken = [0_u32; 3];
        for _ in 0..3_200 {
            taken[subscription.try_recv().unwrap().0 as usize] += 1;
            let let_in = sending
                .iter_mut()
                .find(|(_, sending)| sending.is_woken())
                .expect("one for each that is taken");
            assert_ready_ok!(let_in.1.poll());
            let number = let_in.0;
            let_in.1 = begin(number);
        }
        assert!(taken[0].abs_diff(200) <= 1 && taken[1].abs_diff(600) <= 1, "{taken:?}");
    }

    #[test]
    fn receivers_that_share_an_inbox_let_in_by_lane_too() {
        let router = Router::new();
        let (inbox, receiver) = Inbox::shared(settings(1, Overflow::Wait));
        let to = ToInbox::new("pool".into(), inbox, std::convert::identity);
        let _registration = router.attach_subscriber::<Ping>(std::sync::Arc::new(to));
        send(&router, 0, Priority::Normal);
        let mut sending: Vec<_> = [(1, Priority::Normal), (10, Priority::High), (20, Priority::Control)]
            .into_iter()
            .map(|(number, lane)| task::spawn(router.notify(Ping(number)).priority(lane)))
            .collect();
        sending.iter_mut().for_each(|send| assert!(send.poll().is_pending()));
        let order: Vec<_> = std::iter::from_fn(|| receiver.try_recv()).map(|ping| ping.event.0).collect();
        assert_eq!(order, [0, 20, 10, 1]);
    }

    proptest! {
        #[test]
        fn order_is_kept_within_a_lane_whoever_leaves(
            capacity in 1_usize..5,
            steps in prop::collection::vec((0..8_u8, any::<prop::sample::Index>()), 0..200),
        ) {
            let router = Router::new();
            let mut subscription = router.subscribe_with::<Ping>(settings(capacity, Overflow::Wait));
            let mut sending = Vec::new();
            let (mut next, mut certain, mut left, mut seen) = (0, Vec::new(), Vec::new(), Vec::new());
            for (step, index) in steps {
                match step {
                    0..4 => {
                        let lane = index.index(3);
                        let number = lane as u64 * 1_000 + next;
                        next += 1;
                        let mut send = task::spawn(router.notify(Ping(number)).priority(LANES[lane]));
                        if send.poll().is_ready() {
                            certain.push(number);
                        } else {
                            sending.push((number, send));
                        }
                    }
                    4 if !sending.is_empty() => {
                        let (number, mut send) = sending.remove(index.index(sending.len()));
                        // Taken in unnoticed, it is there all the same.
                        if send.poll().is_ready() { certain.push(number) } else { left.push(number) }
                    }
                    _ => seen.extend(subscription.try_recv().map(|ping| ping.0)),
                }
            }
            sending.retain_mut(|(number, send)| {
                let in_line = send.poll().is_pending();
                if !in_line {
                    certain.push(*number);
                }
                in_line
            });
            seen.extend(waiting(&mut subscription));
            certain.extend(sending.iter().map(|(number, _)| *number));
            for lane in 0..3 {
                let of_lane: Vec<_> = seen.iter().filter(|&&number| number / 1_000 == lane).collect();
                prop_assert!(of_lane.is_sorted_by(|one, two| one < two), "{of_lane:?}");
            }
            seen.sort_unstable();
            certain.sort_unstable();
            prop_assert_eq!(seen, certain, "without those that left: {:?}", left);
        }
    }
}
