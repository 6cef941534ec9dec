//! Who answers, and how a requester learns of whatever happens, at once.

mod support;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edri_event::{Failure, Key, Priority, Progress, Request};
use edri_router::{Asked, Asking, Context, InboxSettings, Overflow, RequestError, Router, ToInbox};
use support::{Ask, responder, settings};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_closure_answers_on_the_task_of_its_requester() {
    let router = Router::new();
    let _registration = router.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    assert_eq!(assert_ready_ok!(task::spawn(router.request(Ask(1))).poll()), 2);
}

#[test]
fn a_request_reaches_exactly_one_responder_and_they_take_turns() {
    let router = Router::new();
    let mut responders: Vec<_> =
        (0..3).map(|_| responder::<Ask>(&router, InboxSettings::default())).collect();
    let mut asking: Vec<_> = (0..9).map(|number| task::spawn(router.request(Ask(number)))).collect();
    asking.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
    let mut seen = HashSet::new();
    for (receiver, ..) in &mut responders {
        assert_eq!(receiver.len(), 3);
        while let Some(asked) = receiver.try_recv() {
            assert!(seen.insert(asked.event.0), "{} was asked twice", asked.event.0);
            asked.reply.answer(Ok(asked.event.0 * 10));
        }
    }
    for (number, asking) in (0..).zip(&mut asking) {
        assert!(asking.is_woken());
        assert_eq!(assert_ready_ok!(asking.poll()), number * 10);
    }
}

#[test]
fn two_responders_of_the_same_name_both_work() {
    let router = Router::new();
    let respond = |_: Ask| async { Ok(1) };
    let (_one, _other) = (router.respond(respond), router.respond(respond));
    for _ in 0..4 {
        assert_ready_ok!(task::spawn(router.request(Ask(0))).poll());
    }
}

#[test]
fn nobody_registered_is_told_at_once() {
    let router = Router::new();
    let error = assert_ready_err!(task::spawn(router.request(Ask(1))).poll());
    assert_eq!(error, RequestError::NoResponder { event: "request::support::Ask" });

    let registration = router.respond(|_: Ask| async { Ok(0) });
    assert_ready_ok!(task::spawn(router.request(Ask(1))).poll());
    drop(registration);
    let error = assert_ready_err!(task::spawn(router.request(Ask(1))).poll());
    assert!(matches!(error, RequestError::NoResponder { .. }));
}

#[test]
fn dropping_a_registration_leaves_the_other_responders() {
    let router = Router::new();
    let mut registrations: Vec<_> =
        (0..3).map(|number| Some(router.respond(move |_: Ask| async move { Ok(number) }))).collect();
    let ask = |_| assert_ready_ok!(task::spawn(router.request(Ask(0))).poll());
    let asks = || (0..6).map(ask).collect::<HashSet<_>>();
    assert_eq!(asks(), HashSet::from([0, 1, 2]));
    registrations[1] = None;
    assert_eq!(asks(), HashSet::from([0, 2]));
    registrations[0] = None;
    assert_eq!(asks(), HashSet::from([2]));
}

#[test]
fn a_responder_that_closed_its_inbox_is_passed_over() {
    let router = Router::new();
    let (receiver, _inbox, _closed) = responder::<Ask>(&router, InboxSettings::default());
    let _other = router.respond(|ask: Ask| async move { Ok(ask.0) });
    receiver.close();
    for number in 0..4 {
        assert_eq!(assert_ready_ok!(task::spawn(router.request(Ask(number))).poll()), number);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_out_comes_when_it_is_due_and_cancels() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let begun = tokio::time::Instant::now();
    let error = router.request(Ask(1)).timeout(SECOND).await.unwrap_err();
    assert!(matches!(error, RequestError::TimedOut { after: SECOND, .. }));
    assert_eq!(begun.elapsed(), SECOND);
    let asked = receiver.recv().await.unwrap();
    assert!(asked.reply.is_cancelled());
    assert_eq!(asked.meta.deadline(), Some((begun + SECOND).into_std()));
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_takes_too_long_is_timed_out() {
    let router = Router::new();
    let _registration = router.respond(|_: Ask| async {
        tokio::time::sleep(2 * SECOND).await;
        Ok(1)
    });
    let error = router.request(Ask(1)).timeout(SECOND).await.unwrap_err();
    assert!(matches!(error, RequestError::TimedOut { .. }));
    assert_eq!(router.request(Ask(1)).timeout(3 * SECOND).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn the_longest_of_all_time_outs_is_none() {
    let router = Router::new();
    let _registration = router.respond(|_: Ask| async {
        tokio::time::sleep(SECOND).await;
        Ok(1)
    });
    assert_eq!(router.request(Ask(1)).timeout(Duration::MAX).await, Ok(1));
}

#[test]
fn an_overloaded_responder_says_so_at_once() {
    let router = Router::new();
    let (_receiver, inbox, _registration) = responder::<Ask>(&router, settings(1, Overflow::Reject));
    let mut first = task::spawn(router.request(Ask(1)));
    assert_pending!(first.poll());
    assert_eq!(assert_ready_err!(task::spawn(router.request(Ask(2))).poll()), RequestError::Overloaded);
    assert_eq!(inbox.tally().rejected, 1);
}

#[tokio::test]
async fn a_request_that_is_dropped_by_policy_is_answered() {
    let router = Router::new();
    let (_receiver, _inbox, registration) = responder::<Ask>(&router, settings(1, Overflow::DropNewest));
    let mut kept = task::spawn(router.request(Ask(1)));
    assert_pending!(kept.poll());
    assert_eq!(router.request(Ask(2)).await, Err(RequestError::Overloaded));
    drop(registration);

    let (_receiver, _inbox, _registration) = responder::<Ask>(&router, settings(1, Overflow::DropOldest));
    let mut oldest = task::spawn(router.request(Ask(3)));
    let mut newest = task::spawn(router.request(Ask(4)));
    assert_pending!(oldest.poll());
    assert_pending!(newest.poll());
    assert!(oldest.is_woken() && !newest.is_woken());
    assert_eq!(assert_ready_err!(oldest.poll()), RequestError::Overloaded);
}

#[test]
fn a_failure_comes_with_its_code_and_message() {
    let router = Router::new();
    let _registration = router.respond(|_: Ask| async { Err(Failure::new("empty", "nothing left")) });
    let error = assert_ready_err!(task::spawn(router.request(Ask(1))).poll());
    assert_eq!(error, RequestError::Failed(Failure::new("empty", "nothing left")));
    assert!(error.to_string().contains("empty: nothing left"));
}

#[test]
fn a_panic_is_answered_with_its_message_and_the_router_goes_on() {
    let router = Router::new();
    let _registration = router.respond(|ask: Ask| {
        assert_ne!(ask.0, 0, "before the future");
        async move {
            assert_ne!(ask.0, 1, "inside the future");
            Ok(ask.0)
        }
    });
    for (number, when) in [(0, "before the future"), (1, "inside the future"), (0, "before the future")] {
        match assert_ready_err!(task::spawn(router.request(Ask(number))).poll()) {
            RequestError::Panicked { message } => assert!(message.contains(when), "{message}"),
            other => panic!("{other}"),
        }
        assert_eq!(assert_ready_ok!(task::spawn(router.request(Ask(2))).poll()), 2);
    }
}

#[test]
fn a_panic_without_words_is_answered_too() {
    let router = Router::new();
    let _registration = router.respond(|_: Ask| async { std::panic::panic_any(1_u8) });
    let error = assert_ready_err!(task::spawn(router.request(Ask(1))).poll());
    assert!(matches!(error, RequestError::Panicked { .. }));
}

#[test]
fn requests_that_wait_when_their_responder_stops_are_answered() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, settings(3, Overflow::Wait));
    let mut asking: Vec<_> = (0..5).map(|number| task::spawn(router.request(Ask(number)))).collect();
    asking.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
    // One is being handled, two are in hand, and the line has moved up.
    let handled = receiver.try_recv().unwrap();
    drop(receiver);
    assert!(!asking[0].is_woken());
    for asking in &mut asking[1..] {
        assert!(asking.is_woken());
        assert_eq!(assert_ready_err!(asking.poll()), RequestError::Stopped);
    }
    handled.reply.answer(Ok(7));
    assert_eq!(assert_ready_ok!(asking[0].poll()), 7);
    let error = assert_ready_err!(task::spawn(router.request(Ask(9))).poll());
    assert!(matches!(error, RequestError::NoResponder { .. }));
}

#[test]
fn a_request_that_is_dropped_unanswered_is_answered_as_cancelled() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let mut asking = task::spawn(router.request(Ask(1)));
    assert_pending!(asking.poll());
    drop(receiver.try_recv());
    assert!(asking.is_woken());
    assert_eq!(assert_ready_err!(asking.poll()), RequestError::Cancelled);
}

#[test]
fn a_request_that_a_panic_drops_is_answered_as_panicked() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let mut asking = task::spawn(router.request(Ask(1)));
    assert_pending!(asking.poll());
    let asked = receiver.try_recv().unwrap();
    let handler = std::thread::spawn(move || {
        let _asked = asked;
        panic!("a handler without a net");
    });
    handler.join().unwrap_err();
    assert!(matches!(assert_ready_err!(asking.poll()), RequestError::Panicked { .. }));
}

#[test]
fn a_dropped_request_tells_its_responder() {
    let router = Router::new();
    let (mut receiver, inbox, _registration) = responder::<Ask>(&router, settings(1, Overflow::Wait));
    let mut asking = task::spawn(router.request(Ask(1)));
    let mut in_line = task::spawn(router.request(Ask(2)));
    assert_pending!(asking.poll());
    assert_pending!(in_line.poll());
    assert_eq!(inbox.len(), 2);
    drop(in_line);
    assert_eq!(inbox.len(), 1, "what stands in line is taken back");

    let asked = receiver.try_recv().unwrap();
    let mut cx = Context::new(router.clone(), "responder".into());
    cx.begin_request::<Ask>(asked.meta, &asked.reply);
    let mut cancelled = task::spawn(cx.cancelled());
    assert_pending!(cancelled.poll());
    assert!(!asked.reply.is_cancelled() && !cx.is_cancelled());
    drop(asking);
    assert!(cancelled.is_woken());
    assert_ready!(cancelled.poll());
    assert!(asked.reply.is_cancelled() && cx.is_cancelled());
    asked.reply.answer(Ok(1));
}

#[test]
fn a_dropped_request_ends_a_closure_where_it_stands() {
    let router = Router::new();
    let held = Arc::new(());
    let holder = Arc::downgrade(&held);
    let held = Mutex::new(Some(held));
    let _registration = router.respond(move |_: Ask| {
        let held = held.lock().unwrap().take();
        async move {
            std::future::pending::<()>().await;
            drop(held);
            Ok(0)
        }
    });
    let mut asking = task::spawn(router.request(Ask(1)));
    assert_pending!(asking.poll());
    assert_eq!(holder.strong_count(), 1);
    drop(asking);
    assert_eq!(holder.strong_count(), 0);
}

#[test]
fn an_answered_request_is_not_cancelled() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let mut asking = task::spawn(router.request(Ask(1)));
    assert_pending!(asking.poll());
    let asked = receiver.try_recv().unwrap();
    let mut cx = Context::new(router.clone(), "responder".into());
    cx.begin_request::<Ask>(asked.meta, &asked.reply);
    asked.reply.answer(Ok(1));
    assert_ready_ok!(asking.poll());
    drop(asking);
    assert!(!cx.is_cancelled());
    assert_pending!(task::spawn(cx.cancelled()).poll());
}

#[test]
fn the_same_key_goes_to_the_same_responder() {
    let router = Router::new();
    let mut registrations: Vec<_> =
        (0..5).map(|number| router.respond(move |_: Ask| async move { Ok(number) })).collect();
    let who = |key: u64| assert_ready_ok!(task::spawn(router.request(Ask(key)).key(&key)).poll());
    let before: HashMap<u64, u64> = (0..200).map(|key| (key, who(key))).collect();
    assert_eq!(before.values().collect::<HashSet<_>>().len(), 5, "keys are spread over all");
    assert!(before.iter().all(|(&key, &responder)| who(key) == responder));

    drop(registrations.remove(2));
    for (&key, &responder) in before.iter().filter(|&(_, &responder)| responder != 2) {
        assert_eq!(who(key), responder, "only the keys of the one that left move");
    }
}

#[test]
fn the_key_of_the_event_is_used_where_no_other_is_given() {
    #[derive(Request)]
    #[request(response = u64, key = 0)]
    struct Keyed(u64);

    let router = Router::new();
    let _registrations: Vec<_> =
        (0..5).map(|number| router.respond(move |_: Keyed| async move { Ok(number) })).collect();
    for key in 0..50 {
        let who = assert_ready_ok!(task::spawn(router.request(Keyed(key))).poll());
        assert_eq!(assert_ready_ok!(task::spawn(router.request(Keyed(key))).poll()), who);
        let by_other = assert_ready_ok!(task::spawn(router.request(Keyed(99)).key(&key)).poll());
        assert_eq!(by_other, who, "a given key goes before the event's own");
    }
}

#[test]
fn requests_of_one_key_stay_in_order_even_at_a_full_responder() {
    let router = Router::new();
    let mut responders: Vec<_> =
        (0..3).map(|_| responder::<Ask>(&router, settings(1, Overflow::Wait))).collect();
    let mut asking: Vec<_> =
        (0..4).map(|number| task::spawn(router.request(Ask(number)).key("same"))).collect();
    asking.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
    let seen: Vec<Vec<u64>> = responders
        .iter_mut()
        .map(|(receiver, ..)| std::iter::from_fn(|| receiver.try_recv()).map(|asked| asked.event.0).collect())
        .collect();
    assert!(seen.contains(&vec![0, 1, 2, 3]), "{seen:?}");
}

#[test]
fn a_full_responder_is_passed_over_for_one_with_room() {
    for overflow in [Overflow::Wait, Overflow::Reject] {
        let router = Router::new();
        let (_full, full, _registration) = responder::<Ask>(&router, settings(1, overflow));
        let (_roomy, roomy, _registration) = responder::<Ask>(&router, settings(10, overflow));
        let mut asking: Vec<_> = (0..11).map(|number| task::spawn(router.request(Ask(number)))).collect();
        asking.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
        assert_eq!((full.len(), roomy.len()), (1, 10), "{overflow:?}");

        let mut one_more = task::spawn(router.request(Ask(11)));
        match overflow {
            Overflow::Reject => assert_eq!(assert_ready_err!(one_more.poll()), RequestError::Overloaded),
            _ => assert_pending!(one_more.poll()),
        }
    }
}

#[test]
fn a_requester_is_not_woken_by_those_who_have_no_room() {
    let router = Router::new();
    let mut responders: Vec<_> =
        (0..3).map(|_| responder::<Ask>(&router, settings(1, Overflow::Wait))).collect();
    let mut asking: Vec<_> = (0..4).map(|number| task::spawn(router.request(Ask(number)))).collect();
    for asking in &mut asking {
        assert_pending!(asking.poll());
        assert!(!asking.is_woken());
    }
    let line = responders.iter_mut().find(|(receiver, ..)| receiver.len() == 2);
    let (receiver, ..) = line.unwrap();
    receiver.try_recv().unwrap().reply.answer(Ok(0));
    receiver.try_recv().unwrap().reply.answer(Ok(1));
    assert!(asking[3].is_woken());
    assert_eq!(assert_ready_ok!(asking[3].poll()), 1);
}

#[test]
fn progress_reaches_whoever_asked_for_it() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let done = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&done);
    let report = move |Progress { done, total }| {
        assert_eq!(total, 10);
        seen.store(done, Ordering::Relaxed);
    };
    let mut asking = task::spawn(router.request(Ask(1)).on_progress(report));
    let mut other = task::spawn(router.request(Ask(2)));
    assert_pending!(asking.poll());
    assert_pending!(other.poll());
    let mut cx = Context::new(router.clone(), "responder".into());
    for _ in 0..2 {
        let asked = receiver.try_recv().unwrap();
        cx.begin_request::<Ask>(asked.meta, &asked.reply);
        cx.progress(asked.event.0, 10);
        asked.reply.answer(Ok(0));
    }
    assert_eq!(done.load(Ordering::Relaxed), 1, "the other did not ask for it");
    assert_ready_ok!(asking.poll());
}

#[test]
fn what_was_set_travels_beside_the_request() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let mut normal = task::spawn(router.request(Ask(1)).key("tea"));
    let mut control = task::spawn(router.request(Ask(2)).priority(Priority::Control));
    assert_pending!(normal.poll());
    assert_pending!(control.poll());
    assert_eq!(receiver.try_recv().unwrap().event.0, 2);
    assert_eq!(receiver.try_recv().unwrap().meta.key(), Some(Key::of("tea")));
}

#[test]
fn one_responder_can_be_asked_whatever_is_registered() {
    let router = Router::new();
    let _other = router.respond(|_: Ask| async { Ok(0) });
    let (inbox, mut receiver) = edri_router::Inbox::<Asked<Ask>>::new(InboxSettings::default());
    let one: Arc<dyn edri_router::Respond<Ask>> =
        Arc::new(ToInbox::new("one".into(), inbox, std::convert::identity));
    let mut asking = task::spawn(Asking::of(&router, &one, Ask(1)));
    assert_pending!(asking.poll());
    receiver.try_recv().unwrap().reply.answer(Ok(5));
    assert_eq!(assert_ready_ok!(asking.poll()), 5);
}
