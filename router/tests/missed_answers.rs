//! Answers that an observer misses are dead letters.

mod support;

use std::sync::Arc;

use edri_event::Event as _;
use edri_router::{
    Answer, DeadLetterOffice, Envelope, Inbox, InboxSettings, Overflow, Reason, Receiver, Registration,
    RequestError, Router, ToInbox,
};
use support::{Ask, responder, settings};
use tokio_test::{assert_pending, assert_ready_ok, task};

fn answered(router: &Router) -> Registration {
    router.respond(|ask: Ask| async move { Ok(ask.0) })
}

fn observer(router: &Router, settings: InboxSettings) -> (Receiver<Envelope<Answer<Ask>>>, Registration) {
    let office = DeadLetterOffice::new(router, "observer".into());
    let (inbox, receiver) = Inbox::reporting(settings, office);
    let to = ToInbox::new("observer".into(), inbox, std::convert::identity);
    (receiver, router.attach_observer::<Ask>(Arc::new(to)))
}

#[test]
fn an_answer_that_an_observers_inbox_drops_or_refuses_is_a_dead_letter() {
    for policy in [Overflow::DropNewest, Overflow::DropOldest, Overflow::Reject] {
        let router = Router::new();
        let _answering = answered(&router);
        let _observing = observer(&router, settings(1, policy));
        let mut missed = router.dead_letters::<Answer<Ask>>();
        for number in 0..2 {
            assert_ready_ok!(task::spawn(router.request(Ask(number))).poll());
        }
        let missed = missed.try_recv().unwrap_or_else(|| panic!("nothing under {policy:?}"));
        let expected = u64::from(policy != Overflow::DropOldest);
        assert_eq!((missed.event.request.0, &missed.event.outcome), (expected, &Ok(expected)));
        assert_eq!((&*missed.letter.event, &missed.letter.reason), (Ask::name(), &Reason::Overflow));
        assert_eq!(missed.letter.consumer.as_deref(), Some("observer"));
    }
}

#[test]
fn an_answer_that_an_observer_misses_since_the_requester_went_away_is_a_dead_letter() {
    let router = Router::new();
    let _observing = observer(&router, settings(1, Overflow::Wait));
    let mut missed = router.dead_letters::<Answer<Ask>>();
    let (_asked, _inbox, answering) = responder::<Ask>(&router, InboxSettings::default());
    for number in 0..2 {
        let mut asking = task::spawn(router.request(Ask(number)));
        assert_pending!(asking.poll());
    }
    let outcome = missed.try_recv().unwrap();
    assert_eq!((outcome.event.request.0, &outcome.event.outcome), (1, &Err(RequestError::Cancelled)));

    // The same while it waits for the observer.
    drop(answering);
    let _answering = answered(&router);
    let mut asking = task::spawn(router.request(Ask(2)));
    assert_pending!(asking.poll());
    assert!(missed.try_recv().is_none());
    drop(asking);
    let outcome = missed.try_recv().unwrap();
    assert_eq!((outcome.event.request.0, &outcome.event.outcome), (2, &Ok(2)));
    assert_eq!(router.dead_letter_counts().overflow, 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_requester_waited_for_an_observer_long_enough_is_a_dead_letter() {
    let router = Router::new();
    let _answering = answered(&router);
    let _observing = observer(&router, settings(1, Overflow::Wait));
    let mut missed = router.dead_letters::<Answer<Ask>>();
    for number in 0..2 {
        let second = std::time::Duration::from_secs(1);
        assert_eq!(router.request(Ask(number)).timeout(second).await, Ok(number));
    }
    assert_eq!(missed.try_recv().unwrap().event.request.0, 1);
}

#[test]
fn an_observer_that_is_gone_is_taken_off() {
    let router = Router::new();
    let _answering = answered(&router);
    let (gone, _kept) = observer(&router, InboxSettings::default());
    drop(gone);
    let mut steady = router.responses::<Ask>();
    assert_ready_ok!(task::spawn(router.request(Ask(1))).poll());
    assert_eq!(steady.try_recv().unwrap().request.0, 1);
    assert_eq!(router.dead_letter_counts().total(), 0, "it saw no request any more");
}
