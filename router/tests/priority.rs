//! Which of those that wait is next.

mod support;

use edri_event::{Notification, Priority};
use edri_router::{Overflow, Router};
use support::{Ping, settings, waiting};
use tokio_test::{assert_ready_ok, task};

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
