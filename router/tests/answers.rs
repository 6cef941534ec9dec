//! Those who watch the answers to a request.

mod support;

use std::time::Duration;

use edri_event::Failure;
use edri_router::{Answer, InboxSettings, Overflow, RequestError, Router, Subscription};
use futures_util::FutureExt as _;
use support::{Ask, responder, settings};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

type Outcome = Result<u64, RequestError>;

fn seen(answers: &mut Subscription<Answer<Ask>>) -> Vec<(u64, Outcome)> {
    std::iter::from_fn(|| answers.try_recv())
        .map(|answer| {
            let Answer { request, outcome } = answer.into_owned();
            (request.0, outcome)
        })
        .collect()
}

#[tokio::test]
async fn an_answer_reaches_the_requester_and_observers_and_no_other_responder() {
    let router = Router::new();
    let _answering = router.respond(|ask: Ask| async move { Ok(ask.0 * 2) });
    let (mut idle, _inbox, idling) = responder::<Ask>(&router, InboxSettings::default());
    drop(idling);
    let mut observers: Vec<_> = (0..3).map(|_| router.responses::<Ask>()).collect();
    assert_eq!(router.request(Ask(4)).await, Ok(8));
    for observer in &mut observers {
        assert_eq!(seen(observer), [(4, Ok(8))]);
    }
    assert!(idle.try_recv().is_none());
}

#[tokio::test(start_paused = true)]
async fn observers_see_every_outcome_exactly_once() {
    let router = Router::new();
    let mut answers = router.responses::<Ask>();
    let registration = router.respond(|ask: Ask| async move {
        match ask.0 {
            0 => Ok(0),
            1 => Err(Failure::new("odd", "one")),
            2 => panic!("two"),
            _ => std::future::pending().await,
        }
    });
    let second = Duration::from_secs(1);
    for number in 0..4 {
        let _outcome = router.request(Ask(number)).timeout(second).await;
    }
    let mut dropped = Box::pin(router.request(Ask(4)));
    assert!(dropped.as_mut().now_or_never().is_none());
    drop(dropped);
    drop(router.request(Ask(5)));
    drop(registration);
    let nobody = router.request(Ask(6)).await.unwrap_err();
    let timed_out = RequestError::TimedOut { event: "answers::support::Ask", after: second };
    let expected = [
        (0, Ok(0)),
        (1, Err(RequestError::Failed(Failure::new("odd", "one")))),
        (2, Err(RequestError::Panicked { message: "two".into() })),
        (3, Err(timed_out)),
        (4, Err(RequestError::Cancelled)),
        (6, Err(nobody)),
    ];
    assert_eq!(seen(&mut answers), expected);
}

#[test]
fn observers_see_what_becomes_of_requests_in_an_inbox() {
    let router = Router::new();
    let mut answers = router.responses::<Ask>();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::with_capacity(1));
    let mut asking: Vec<_> = (0..4).map(|number| task::spawn(router.request(Ask(number)))).collect();
    asking.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
    drop(asking.pop());
    assert_eq!(seen(&mut answers), [(3, Err(RequestError::Cancelled))]);
    receiver.try_recv().unwrap().reply.answer(Ok(9));
    drop(receiver.try_recv());
    drop(receiver);
    asking.iter_mut().for_each(|asking| assert!(asking.poll().is_ready()));
    drop(asking);
    let expected = [(0, Ok(9)), (1, Err(RequestError::Cancelled)), (2, Err(RequestError::Stopped))];
    assert_eq!(seen(&mut answers), expected);
}

#[test]
fn observers_see_requests_that_were_refused_or_dropped_for_others() {
    let router = Router::new();
    let mut answers = router.responses::<Ask>();
    let (receiver, _inbox, registration) = responder::<Ask>(&router, settings(1, Overflow::Reject));
    let mut first = task::spawn(router.request(Ask(0)));
    assert_pending!(first.poll());
    let refused = assert_ready!(task::spawn(router.request(Ask(1))).poll());
    assert_eq!(refused, Err(RequestError::Overloaded));
    assert_eq!(seen(&mut answers), [(1, refused)]);
    drop((receiver, registration));

    let (_receiver, _inbox, _registration) = responder::<Ask>(&router, settings(1, Overflow::DropOldest));
    let mut oldest = task::spawn(router.request(Ask(2)));
    let mut newest = task::spawn(router.request(Ask(3)));
    assert_pending!(oldest.poll());
    assert_pending!(newest.poll());
    let dropped = assert_ready!(oldest.poll());
    assert_eq!(dropped, Err(RequestError::Overloaded));
    assert_eq!(assert_ready!(first.poll()), Err(RequestError::Stopped));
    assert_eq!(seen(&mut answers), [(2, dropped), (0, Err(RequestError::Stopped))]);
}

#[test]
fn an_observer_without_room_holds_up_the_requester_and_then_gets_the_answer() {
    let router = Router::new();
    let (inbox, mut receiver) = edri_router::Inbox::new(InboxSettings::with_capacity(1));
    let to = edri_router::ToInbox::new("observer".into(), inbox, std::convert::identity);
    let _observing = router.attach_observer::<Ask>(std::sync::Arc::new(to));
    let mut steady = router.responses::<Ask>();
    let _registration = router.respond(|ask: Ask| async move { Ok(ask.0) });
    assert_ready_ok!(task::spawn(router.request(Ask(1))).poll());
    let mut held = task::spawn(router.request(Ask(2)));
    assert_pending!(held.poll());
    assert_eq!(seen(&mut steady).len(), 2);
    assert!(receiver.try_recv().is_some());
    assert_eq!(assert_ready_ok!(held.poll()), 2);
    assert_eq!(receiver.try_recv().unwrap().event.request.0, 2);
}

#[tokio::test]
async fn dropping_an_observer_stops_exactly_that_one() {
    let router = Router::new();
    let _registration = router.respond(|ask: Ask| async move { Ok(ask.0) });
    let (mut one, other) = (router.responses::<Ask>(), router.responses::<Ask>());
    drop(other);
    assert_eq!(router.request(Ask(1)).await, Ok(1));
    assert_eq!(seen(&mut one), [(1, Ok(1))]);
    drop(one);
    assert_eq!(router.request(Ask(2)).await, Ok(2));
}

#[test]
fn an_observer_that_comes_while_a_request_is_worked_on_sees_the_next() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let mut asking = task::spawn(router.request(Ask(1)));
    assert_pending!(asking.poll());
    let mut late = router.responses::<Ask>();
    receiver.try_recv().unwrap().reply.answer(Ok(1));
    assert_ready!(asking.poll()).unwrap();
    assert!(seen(&mut late).is_empty());
}
