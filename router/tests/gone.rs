//! Consumers that are gone.

mod support;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use edri_event::Priority;
use edri_router::{
    Deliver, Delivered, Delivery, Envelope, InboxSettings, Overflow, Reason, Router, Ticket, Wait,
};
use support::{Ping, lost, named, settings};
use tokio_test::{assert_pending, assert_ready_ok, task};

/// Behaviour 20: a consumer that is gone is taken off, and routing goes on.
#[test]
fn a_consumer_that_is_gone_is_taken_off_and_routing_goes_on() {
    let router = Router::new();
    let mut undelivered = router.dead_letters::<Ping>();
    let (gone, _kept) = named::<Ping>(&router, "gone", InboxSettings::default());
    let (also_gone, _also_kept) = named::<Ping>(&router, "also gone", InboxSettings::default());
    drop(also_gone);
    assert_eq!(router.try_notify(Ping(1)).unwrap().accepted, 1);
    drop(gone);
    assert_eq!(lost(&mut undelivered), [(1, Reason::Stopped, Some("gone".to_owned()))]);
    assert_eq!(router.try_notify(Ping(2)).unwrap(), Delivered::default());
    assert_eq!(lost(&mut undelivered), [(2, Reason::NoSubscriber, None)]);

    let mut steady = router.subscribe::<Ping>();
    assert_ready_ok!(task::spawn(router.notify(Ping(3))).poll());
    assert_eq!(steady.try_recv().unwrap().0, 3);
    assert!(lost(&mut undelivered).is_empty());
}

/// Has room, and is gone when it is given something.
#[derive(Default)]
struct Fickle(AtomicUsize);

impl Deliver<Envelope<Ping>> for Fickle {
    fn deliver(&self, _: &mut Option<Envelope<Ping>>, _: Priority, _: Wait<'_>) -> Delivery {
        self.0.fetch_add(1, Ordering::Relaxed);
        Delivery::Gone
    }

    fn deliver_many(&self, _: &mut VecDeque<Envelope<Ping>>, _: Priority) -> bool {
        true
    }

    fn taken_in(&self, _: Ticket, _: &Waker) -> bool {
        unreachable!("nothing stands in line here")
    }

    fn withdraw(&self, _: Ticket) {}

    fn name(&self) -> &str {
        "fickle"
    }
}

#[test]
fn one_that_is_gone_is_not_asked_again() {
    for others in 0..2 {
        for batch in [false, true] {
            let router = Router::new();
            let mut undelivered = router.dead_letters::<Ping>();
            let _others: Vec<_> = (0..others).map(|_| router.subscribe::<Ping>()).collect();
            let fickle = Arc::new(Fickle::default());
            let _registration = router.attach_subscriber::<Ping>(Arc::clone(&fickle) as Arc<_>);
            let numbers = 0..3;
            if batch {
                assert_ready_ok!(task::spawn(router.notify_all(numbers.map(Ping))).poll());
            } else {
                numbers.for_each(|number| assert!(router.try_notify(Ping(number)).is_ok()));
            }
            assert_eq!(fickle.0.load(Ordering::Relaxed), 1);
            let lost: Vec<_> = lost(&mut undelivered).into_iter().map(|(number, ..)| number).collect();
            assert_eq!(lost, if others == 0 { vec![0, 1, 2] } else { vec![] });
        }
    }
}

#[test]
fn a_batch_for_consumers_that_are_gone_is_lost_once_and_goes_to_the_others() {
    for gone in 1..4 {
        let router = Router::new();
        let mut undelivered = router.dead_letters::<Ping>();
        let kept: Vec<_> =
            (0..gone).map(|_| named::<Ping>(&router, "gone", settings(2, Overflow::Wait))).collect();
        let mut sending = task::spawn(router.notify_all((0..400).map(Ping)));
        assert_pending!(sending.poll());
        let _registrations: Vec<_> = kept
            .into_iter()
            .map(|(receiver, registration)| {
                drop(receiver);
                registration
            })
            .collect();
        assert!(sending.poll().is_ready());
        drop(sending);
        let (of_them, of_nobody): (Vec<_>, Vec<_>) =
            lost(&mut undelivered).into_iter().partition(|(_, _, consumer)| consumer.is_some());
        assert_eq!(of_them.len(), gone * 2 + 1, "two in each inbox, one in the first line");
        assert_eq!(
            of_nobody.into_iter().map(|(number, ..)| number).collect::<Vec<_>>(),
            (3..400).collect::<Vec<_>>()
        );
    }
}
