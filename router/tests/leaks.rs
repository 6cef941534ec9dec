//! Whatever is dropped, in whatever order: nothing stays behind.

mod support;

use std::sync::Arc;
use std::task::Poll;

use edri_event::{Request, Tunnel};
use edri_router::{InboxSettings, Overflow, Router};
use support::{Holding, acceptor, responder, settings};
use tokio_test::{assert_pending, assert_ready_ok, task};

/// Asks with something alive, and is answered with it.
#[derive(Request, Clone)]
#[request(response = Arc<()>)]
struct Lend(#[expect(dead_code, reason = "it only has to be dropped")] Arc<()>);

/// Carries living things both ways.
#[derive(Tunnel)]
#[tunnel(send = Arc<()>, receive = Arc<()>)]
struct Carry(#[expect(dead_code, reason = "it only has to be dropped")] Arc<()>);

#[test]
fn a_thousand_routers_leave_nothing_behind() {
    let held = Arc::new(());
    let lend = || Arc::clone(&held);
    for round in 0..1_000 {
        let router = Router::new();
        let mut subscription = router.subscribe::<Holding>();
        let stalled = router.subscribe_with::<Holding>(settings(1, Overflow::Wait));
        let newest = router.subscribe_with::<Holding>(settings(1, Overflow::DropNewest));
        let oldest = router.subscribe_with::<Holding>(settings(1, Overflow::DropOldest));
        let answers = router.responses::<Lend>();
        let captured = lend();
        let closure = router.respond(move |lend: Lend| {
            let captured = Arc::clone(&captured);
            async move {
                drop(lend);
                Ok(captured)
            }
        });
        drop(assert_ready_ok!(task::spawn(router.request(Lend(lend()))).poll()));
        if round % 2 == 0 {
            closure.keep()
        } else {
            drop(closure)
        }
        let (mut asked, inbox, responding) = responder::<Lend>(&router, InboxSettings::with_capacity(2));
        let (mut openings, accepting) = acceptor::<Carry>(&router, InboxSettings::default());

        let mut sending: Vec<_> = (0..3).map(|_| task::spawn(router.notify(Holding(lend())))).collect();
        sending.iter_mut().for_each(|sending| drop(sending.poll()));
        drop(subscription.try_recv());

        let mut asking: Vec<_> =
            (0..8).map(|_| task::spawn(router.request(Lend(lend())).key(&round))).collect();
        asking.iter_mut().for_each(|asking| drop(asking.poll()));
        let working = asked.try_recv();

        let mut opened = assert_ready_ok!(task::spawn(router.open(Carry(lend())).window(1)).poll());
        let mut accepted = openings.try_recv().unwrap().tunnel;
        let _unaccepted = assert_ready_ok!(task::spawn(router.open(Carry(lend()))).poll());
        assert!(task::spawn(opened.send(lend())).poll().is_ready());
        assert!(task::spawn(accepted.send(lend())).poll().is_ready());
        let mut in_line = task::spawn(accepted.send(lend()));
        assert_pending!(in_line.poll());

        // Each round lets them go in another order.
        match round % 5 {
            0 => drop((subscription, stalled)),
            1 => drop(openings),
            2 => drop((asked, working)),
            3 => drop((sending, asking)),
            _ => drop((opened, responding, accepting, inbox, newest, oldest, answers)),
        }
    }
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn an_event_is_dropped_as_soon_as_its_last_subscriber_has_dropped_it() {
    let held = Arc::new(());
    let router = Router::new();
    let mut one = router.subscribe::<Holding>();
    let mut other = router.subscribe::<Holding>();
    router.try_notify(Holding(Arc::clone(&held))).unwrap();
    assert_eq!(Arc::strong_count(&held), 2, "they share one");
    drop(one.try_recv());
    assert_eq!(Arc::strong_count(&held), 2);
    drop(other.try_recv());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn what_nobody_takes_is_dropped_at_once() {
    let held = Arc::new(());
    let lend = || Holding(Arc::clone(&held));
    let router = Router::new();
    router.try_notify(lend()).unwrap();
    assert_eq!(Arc::strong_count(&held), 1, "nobody is registered");

    let full = router.subscribe_with::<Holding>(settings(1, Overflow::Reject));
    router.try_notify(lend()).unwrap();
    router.try_notify(lend()).unwrap_err();
    assert_eq!(Arc::strong_count(&held), 2, "it was refused");
    drop(full);
    assert_eq!(Arc::strong_count(&held), 1, "the subscriber is gone");
}

#[test]
fn a_responder_is_dropped_with_its_registration() {
    let held = Arc::new(());
    let router = Router::new();
    let captured = Arc::clone(&held);
    let registration = router.respond(move |_: Lend| {
        let captured = Arc::clone(&captured);
        async move { Ok(captured) }
    });
    assert_eq!(Arc::strong_count(&held), 2);
    drop(registration);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_responder_that_is_kept_is_dropped_with_the_last_router() {
    let held = Arc::new(());
    let router = Router::new();
    let captured = Arc::clone(&held);
    let respond = move |_: Lend| std::future::ready(Ok(Arc::clone(&captured)));
    router.respond(respond).keep();
    let clone = router.clone();
    drop(router);
    assert!(matches!(task::spawn(clone.request(Lend(Arc::new(())))).poll(), Poll::Ready(Ok(_))));
    drop(clone);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn an_answer_that_comes_too_late_is_dropped() {
    let held = Arc::new(());
    let router = Router::new();
    let (mut asked, _inbox, _registration) = responder::<Lend>(&router, InboxSettings::default());
    let mut asking = task::spawn(router.request(Lend(Arc::clone(&held))));
    assert_pending!(asking.poll());
    let asked = asked.try_recv().unwrap();
    drop(asking);
    asked.reply.answer(Ok(Arc::clone(&held)));
    drop(asked.event);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn an_answer_that_nobody_takes_is_dropped_with_its_request() {
    let held = Arc::new(());
    let router = Router::new();
    let (mut asked, _inbox, _registration) = responder::<Lend>(&router, InboxSettings::default());
    let mut asking = task::spawn(router.request(Lend(Arc::new(()))));
    assert_pending!(asking.poll());
    asked.try_recv().unwrap().reply.answer(Ok(Arc::clone(&held)));
    assert_eq!(Arc::strong_count(&held), 2);
    drop(asking);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn items_in_a_tunnel_are_dropped_with_their_receiver() {
    let held = Arc::new(());
    let router = Router::new();
    let (mut openings, _registration) = acceptor::<Carry>(&router, InboxSettings::default());
    let mut opened = assert_ready_ok!(task::spawn(router.open(Carry(Arc::new(())))).poll());
    let accepted = openings.try_recv().unwrap().tunnel;
    assert!(task::spawn(opened.send(Arc::clone(&held))).poll().is_ready());
    drop(accepted);
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(task::spawn(opened.send(Arc::clone(&held))).poll().is_ready());
    assert_eq!(Arc::strong_count(&held), 1);
}
