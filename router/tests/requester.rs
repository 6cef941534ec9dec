//! A handle that keeps its route asks whom the router would ask.

mod support;

use std::collections::HashSet;
use std::sync::Arc;

use edri_event::Event as _;
use edri_router::{InboxSettings, RequestError, Requester, Router};
use support::{Ask, responder, turns};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};

fn answer(requester: &mut Requester<Ask>, number: u64) -> Result<u64, RequestError> {
    match task::spawn(requester.request(Ask(number))).poll() {
        std::task::Poll::Ready(outcome) => outcome,
        std::task::Poll::Pending => panic!("closures answer at once"),
    }
}

#[test]
fn it_sees_responders_come_and_go() {
    let router = Router::new();
    let mut requester = router.requester::<Ask>();
    let nobody = Err(RequestError::NoResponder { event: Ask::name() });
    for round in 0..3 {
        assert_eq!(answer(&mut requester, 1), nobody, "{round}");
        let first = router.respond(|ask: Ask| async move { Ok(ask.0 + 10) });
        assert_eq!(answer(&mut requester, 1), Ok(11), "{round}");
        let second = router.respond(|ask: Ask| async move { Ok(ask.0 + 20) });
        let answers: HashSet<_> = (0..4).map(|_| answer(&mut requester, 1)).map(Result::unwrap).collect();
        assert_eq!(answers, HashSet::from([11, 21]), "they take turns");
        drop(first);
        assert_eq!(answer(&mut requester, 1), Ok(21), "{round}");
        drop(second);
    }
    assert_eq!(answer(&mut requester, 1), nobody);
}

#[test]
fn whoever_comes_before_the_first_poll_is_asked() {
    let router = Router::new();
    let mut requester = router.requester::<Ask>();
    let mut asking = task::spawn(requester.request(Ask(1)));
    let _registration = router.respond(|ask: Ask| async move { Ok(ask.0) });
    assert_eq!(assert_ready_ok!(asking.poll()), 1);
}

#[test]
fn observers_that_come_later_see_its_answers() {
    let router = Router::new();
    let _registration = router.respond(|ask: Ask| async move { Ok(ask.0) });
    let mut requester = router.requester::<Ask>();
    assert_eq!(answer(&mut requester, 1), Ok(1));
    let mut observer = router.responses::<Ask>();
    assert_eq!(answer(&mut requester, 2), Ok(2));
    let seen = observer.try_recv().map(|answer| (answer.request.0, answer.outcome.clone()));
    assert_eq!(seen, Some((2, Ok(2))));
    drop(observer);
    assert_eq!(answer(&mut requester, 3), Ok(3));
}

#[test]
fn a_key_goes_where_the_router_sends_it() {
    let router = Router::new();
    let _responders: Vec<_> =
        (0..5).map(|number| router.respond(move |_: Ask| async move { Ok(number) })).collect();
    let mut requester = router.requester::<Ask>();
    for key in 0..20_u64 {
        let routed = assert_ready_ok!(task::spawn(router.request(Ask(0)).key(&key)).poll());
        let kept = assert_ready_ok!(task::spawn(requester.request(Ask(0)).key(&key)).poll());
        assert_eq!(routed, kept);
    }
}

#[test]
fn a_dropped_request_leaves_the_handle_usable() {
    let router = Router::new();
    let (mut receiver, _inbox, registration) = responder::<Ask>(&router, InboxSettings::default());
    let mut requester = router.requester::<Ask>();
    let mut asking = task::spawn(requester.request(Ask(1)));
    assert_pending!(asking.poll());
    drop(asking);
    assert!(receiver.try_recv().unwrap().reply.is_cancelled());
    let mut asking = task::spawn(requester.request(Ask(2)));
    assert_pending!(asking.poll());
    receiver.try_recv().unwrap().reply.answer(Ok(4));
    assert_eq!(assert_ready_ok!(asking.poll()), 4);
    drop((asking, registration));
    assert_ready_err!(task::spawn(requester.request(Ask(3))).poll());
}

#[test]
fn what_has_left_is_let_go_by_the_next_request() {
    let router = Router::new();
    let held = Arc::new(());
    let holding = Arc::clone(&held);
    let registration = router.respond(move |_: Ask| {
        let _holding = &holding;
        async { Ok(0) }
    });
    let mut requester = router.requester::<Ask>();
    drop(registration);
    assert_eq!(answer(&mut requester, 1), Err(RequestError::NoResponder { event: Ask::name() }));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clones_ask_from_many_tasks_while_responders_change() {
    let router = Router::new();
    let _stays = router.respond(|ask: Ask| async move { Ok(ask.0 * 2) });
    let requester = router.requester::<Ask>();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let mut requester = requester.clone();
            tokio::spawn(async move {
                for number in 0..2_000 {
                    assert_eq!(requester.request(Ask(number)).await, Ok(number * 2));
                }
            })
        })
        .collect();
    for _ in 0..200 {
        let passing = router.respond(|ask: Ask| async move { Ok(ask.0 * 2) });
        turns(1).await;
        drop(passing);
    }
    for task in tasks {
        task.await.unwrap();
    }
}
