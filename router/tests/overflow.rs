//! What a full inbox does, what its sender learns, and that capacity is exact.

mod support;

use edri_event::Priority;
use edri_router::{Capacity, Overflow, Router, Tally};
use proptest::prelude::*;
use support::{Ping, settings, subscriber, waiting};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};

fn counts(tally: Tally) -> (u64, u64, u64) {
    (tally.accepted, tally.rejected, tally.dropped)
}

#[test]
fn wait_holds_up_its_sender_and_no_other_subscriber() {
    let router = Router::new();
    let mut stalled = router.subscribe_with::<Ping>(settings(2, Overflow::Wait));
    let mut steady = router.subscribe::<Ping>();
    for event in 0..2 {
        assert_ready_ok!(task::spawn(router.notify(Ping(event))).poll());
    }
    let mut held = task::spawn(router.notify(Ping(2)));
    assert_pending!(held.poll());
    assert_eq!(waiting(&mut steady), [0, 1, 2]);
    assert_eq!((stalled.len(), counts(stalled.tally())), (3, (2, 0, 0)));

    let refusal = router.try_notify(Ping(3)).unwrap_err();
    assert_eq!((refusal.refused, refusal.delivered.accepted), (1, 1));
    assert_eq!(waiting(&mut steady), [3]);

    assert_eq!(waiting(&mut stalled), [0, 1, 2]);
    assert_ready_ok!(held.poll());
    assert_eq!(counts(stalled.tally()), (3, 0, 0));
}

#[test]
fn reject_tells_its_sender_at_once_and_keeps_nothing() {
    let router = Router::new();
    let mut stalled = router.subscribe_with::<Ping>(settings(2, Overflow::Reject));
    let mut steady = router.subscribe::<Ping>();
    for event in 0..2 {
        assert_ready_ok!(task::spawn(router.notify(Ping(event))).poll());
    }
    let refusal = assert_ready_err!(task::spawn(router.notify(Ping(2))).poll());
    assert_eq!((refusal.refused, refusal.delivered.accepted), (1, 1));
    assert!(refusal.to_string().contains("a subscription to"), "{refusal}");
    let refusal = assert_ready_err!(task::spawn(router.notify_all((3..6).map(Ping))).poll());
    assert_eq!((refusal.refused, refusal.delivered.accepted), (3, 3));

    assert_eq!(waiting(&mut steady), [0, 1, 2, 3, 4, 5]);
    assert_eq!(waiting(&mut stalled), [0, 1]);
    assert_eq!(counts(stalled.tally()), (2, 4, 0));
}

#[test]
fn drop_oldest_keeps_the_newest_and_counts_the_others() {
    let router = Router::new();
    let mut stalled = router.subscribe_with::<Ping>(settings(3, Overflow::DropOldest));
    let mut steady = router.subscribe::<Ping>();
    for event in 0..8 {
        let delivered = assert_ready_ok!(task::spawn(router.notify(Ping(event))).poll());
        assert_eq!((delivered.accepted, delivered.dropped), (2, usize::from(event >= 3)));
    }
    let delivered = assert_ready_ok!(task::spawn(router.notify_all((8..10).map(Ping))).poll());
    assert_eq!((delivered.accepted, delivered.dropped), (4, 2));

    assert_eq!(waiting(&mut stalled), [7, 8, 9]);
    assert_eq!(counts(stalled.tally()), (10, 0, 7));
    assert_eq!(waiting(&mut steady), (0..10).collect::<Vec<_>>());
}

#[test]
fn drop_newest_keeps_the_oldest_and_counts_the_others() {
    let router = Router::new();
    let mut stalled = router.subscribe_with::<Ping>(settings(3, Overflow::DropNewest));
    let mut steady = router.subscribe::<Ping>();
    for event in 0..8 {
        let delivered = assert_ready_ok!(task::spawn(router.notify(Ping(event))).poll());
        let kept = event < 3;
        assert_eq!((delivered.accepted, delivered.dropped), (1 + usize::from(kept), usize::from(!kept)));
    }
    assert_eq!(waiting(&mut stalled), [0, 1, 2]);
    assert_eq!(counts(stalled.tally()), (3, 0, 5));
    assert_eq!(waiting(&mut steady), (0..8).collect::<Vec<_>>());
}

#[test]
fn drop_oldest_spares_the_higher_lanes() {
    let router = Router::new();
    let mut stalled = router.subscribe_with::<Ping>(settings(3, Overflow::DropOldest));
    for (event, lane) in
        [(1, Priority::Control), (2, Priority::Normal), (3, Priority::High), (4, Priority::Normal)]
    {
        assert_ready_ok!(task::spawn(router.notify(Ping(event)).priority(lane)).poll());
    }
    assert_eq!(waiting(&mut stalled), [1, 3, 4]);
}

#[test]
fn exactly_as_many_fit_as_the_capacity_says() {
    for capacity in [1, 2, 3, 7, 8, 31, 32, 33, 100, 1_024] {
        let router = Router::new();
        let mut stalled = router.subscribe_with::<Ping>(settings(capacity, Overflow::Wait));
        let fill = || (0..).take_while(|&event| router.try_notify(Ping(event)).is_ok()).count();
        assert_eq!(fill(), capacity);
        // What the receiver has in hand counts until it is handed out: room comes one by one.
        for taken in [1, 2, capacity / 2, capacity - 1, capacity, 1] {
            let taken = (0..taken).filter_map(|_| stalled.try_recv()).count();
            assert_eq!(fill(), taken, "after {taken} of {capacity} were taken");
            assert_eq!(stalled.len(), capacity);
        }
    }
}

#[test]
fn a_batch_fills_an_inbox_exactly() {
    for capacity in [1, 2, 5, 300, 1_024] {
        let router = Router::new();
        let mut stalled = router.subscribe_with::<Ping>(settings(capacity, Overflow::Wait));
        let mut sending = task::spawn(router.notify_all((0..2_000).map(Ping)));
        assert_pending!(sending.poll());
        assert_eq!(stalled.len(), capacity + 1, "one stands in line");
        drop(sending);
        assert_eq!(stalled.len(), capacity);
        assert_eq!(waiting(&mut stalled), (0..capacity as u64).collect::<Vec<_>>());
    }
}

#[test]
fn closing_lets_in_those_who_stand_in_line() {
    let router = Router::new();
    let (mut receiver, inbox, _registration) = subscriber::<Ping>(&router, settings(1, Overflow::Wait));
    let mut sending: Vec<_> = (0..4).map(|event| task::spawn(router.notify(Ping(event)))).collect();
    assert_ready_ok!(sending[0].poll());
    sending[1..].iter_mut().for_each(|sending| assert!(sending.poll().is_pending()));
    inbox.close();
    sending[1..].iter_mut().for_each(|sending| assert!(sending.is_woken() && sending.poll().is_ready()));
    let left: Vec<_> = std::iter::from_fn(|| receiver.try_recv()).map(|ping| ping.event.0).collect();
    assert_eq!(left, [0, 1, 2, 3]);
    assert_eq!(router.try_notify(Ping(4)).unwrap().accepted, 0);
}

#[test]
fn an_inbox_is_occupied_until_its_last_event_is_taken() {
    let router = Router::new();
    let (mut receiver, inbox, _registration) = subscriber::<Ping>(&router, settings(4, Overflow::Wait));
    assert!(!inbox.is_occupied());
    (0..3).for_each(|event| assert!(router.try_notify(Ping(event)).is_ok()));
    assert!(inbox.is_occupied());
    receiver.try_recv().unwrap();
    inbox.close();
    assert!(inbox.is_occupied(), "two are in hand");
    assert_eq!(std::iter::from_fn(|| receiver.try_recv()).count(), 2);
    assert!(!inbox.is_occupied());
}

#[test]
fn an_inbox_that_is_shared_is_not_occupied_when_all_was_taken() {
    let (inbox, receiver) = edri_router::Inbox::shared(settings(4, Overflow::Wait));
    let router = Router::new();
    let to = edri_router::ToInbox::new("pool".into(), inbox.clone(), std::convert::identity);
    let _registration = router.attach_subscriber::<Ping>(std::sync::Arc::new(to));
    router.try_notify(Ping(1)).unwrap();
    assert!(inbox.is_occupied());
    assert!(receiver.try_recv().is_some());
    assert!(receiver.try_recv().is_none());
    assert!(!inbox.is_occupied());
}

#[test]
fn nothing_occupies_an_inbox_whose_receiver_is_gone() {
    let router = Router::new();
    let (receiver, inbox, _registration) = subscriber::<Ping>(&router, settings(4, Overflow::Wait));
    router.try_notify(Ping(1)).unwrap();
    drop(receiver);
    assert!(!inbox.is_occupied() && inbox.is_empty() && inbox.is_closed());
}

#[test]
fn a_monitor_sees_an_inbox_without_keeping_it_open() {
    let router = Router::new();
    let (mut receiver, inbox, registration) = subscriber::<Ping>(&router, settings(4, Overflow::Wait));
    let monitor = inbox.monitor();
    router.try_notify(Ping(1)).unwrap();
    assert_eq!((monitor.len(), monitor.tally().accepted), (1, 1));
    drop((inbox, registration));
    let mut receiving = task::spawn(receiver.recv());
    assert!(matches!(receiving.poll(), std::task::Poll::Ready(Some(_))));
    drop(receiving);
    assert!(matches!(task::spawn(receiver.recv()).poll(), std::task::Poll::Ready(None)));
}

#[test]
#[should_panic(expected = "at least 1")]
fn a_capacity_of_nothing_is_refused() {
    let _capacity = Capacity::new(0);
}

proptest! {
    /// Against a plain list that knows nothing of hands, batches and hints.
    #[test]
    fn an_inbox_is_a_bounded_list(
        capacity in 1_usize..6,
        policy in prop::sample::select(vec![
            Overflow::Wait, Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest,
        ]),
        takes in prop::collection::vec(any::<bool>(), 0..200),
    ) {
        let router = Router::new();
        let mut subscription = router.subscribe_with::<Ping>(settings(capacity, policy));
        let mut model = std::collections::VecDeque::new();
        for (event, take) in (0..).zip(takes) {
            if take {
                prop_assert_eq!(subscription.try_recv().map(|ping| ping.0), model.pop_front());
                continue;
            }
            let sent = router.try_notify(Ping(event));
            let full = model.len() == capacity;
            match (policy, full) {
                (Overflow::Wait | Overflow::Reject, true) => prop_assert!(sent.is_err()),
                (_, false) => prop_assert_eq!(sent.unwrap().accepted, 1),
                (_, true) => prop_assert_eq!(sent.unwrap().dropped, 1),
            }
            if full && policy == Overflow::DropOldest {
                model.pop_front();
            }
            if model.len() < capacity {
                model.push_back(event);
            }
            prop_assert_eq!(subscription.len(), model.len());
        }
        prop_assert_eq!(waiting(&mut subscription), Vec::from(model));
    }
}
