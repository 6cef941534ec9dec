//! What is sent while an event is handled is sent on its behalf: deadlines and cancellation.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::pin::pin;
use std::sync::Arc;
use std::task::Wake;
use std::time::Duration;

use edri_event::{Event as _, Failure, Meta, Request};
use edri_router::{
    Context, InboxSettings, OpenError, Overflow, RequestError, Router, TunnelError, has_expired,
};
use futures_util::StreamExt as _;
use proptest::prelude::*;
use support::{Ask, Ping, Pipe, acceptor, responder, settings, subscriber};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};

const SECOND: Duration = Duration::from_secs(1);

/// Asks, while it is handled, what `Ask` answers.
#[derive(Request)]
#[request(response = u64)]
struct Outer(u64);

/// A handler's context for an event with this deadline, whose requester never goes away.
fn handling(router: &Router, deadline: Option<Instant>) -> Context {
    let mut meta = Meta::new();
    if let Some(deadline) = deadline {
        meta.set_deadline(deadline.into_std());
    }
    let mut cx = Context::new(router.clone(), "handler".into());
    cx.begin(meta);
    cx
}

#[tokio::test(start_paused = true)]
async fn a_nested_request_inherits_the_earlier_deadline() {
    for (outer, own, expected) in [
        (None, None, None),
        (Some(3), None, Some(3)),
        (Some(3), Some(2), Some(2)),
        (Some(3), Some(5), Some(3)),
    ] {
        let router = Router::new();
        let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
        let now = Instant::now();
        let cx = handling(&router, outer.map(|seconds: u32| now + SECOND * seconds));
        let asking = cx.router().request(Ask(1));
        let mut asking = task::spawn(match own {
            Some(seconds) => asking.timeout(SECOND * seconds),
            None => asking,
        });
        assert_pending!(asking.poll());
        let asked = receiver.try_recv().unwrap();
        let expected = expected.map(|seconds: u32| now + SECOND * seconds);
        assert_eq!(asked.meta.deadline(), expected.map(Instant::into_std), "{outer:?} {own:?}");
        if let Some(expected) = expected {
            let timed_out = asking.await.unwrap_err();
            assert_eq!(timed_out, RequestError::TimedOut { event: Ask::name(), after: expected - now });
            assert_eq!(Instant::now(), expected);
            assert!(asked.reply.is_cancelled());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_is_an_error_at_once_and_nobody_is_asked() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let cx = handling(&router, Some(Instant::now() + SECOND));
    advance(SECOND).await;
    assert_eq!(cx.router().request(Ask(1)).await, Err(RequestError::Expired));
    assert_eq!(router.request(Ask(1)).deadline(Instant::now()).await, Err(RequestError::Expired));
    assert_eq!(router.request(Ask(1)).deadline(std::time::Instant::now()).await, Err(RequestError::Expired));
    assert!(receiver.try_recv().is_none());
    assert_eq!(receiver.tally().accepted, 0);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_reaches_through_closures() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let _outer =
        router.respond_with(|outer: Outer, cx| async move { Ok(cx.router().request(Ask(outer.0)).await?) });
    let deadline = Instant::now() + SECOND;
    let mut asking = task::spawn(router.request(Outer(1)).deadline(deadline));
    assert_pending!(asking.poll());
    let asked = receiver.try_recv().unwrap();
    assert_eq!(asked.meta.deadline(), Some(deadline.into_std()));
    asked.reply.answer(Ok(7));
    assert!(asking.is_woken());
    assert_eq!(assert_ready_ok!(asking.poll()), 7);
}

#[tokio::test(start_paused = true)]
async fn what_fails_of_the_deadline_is_a_time_out_to_whoever_set_it() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    for (seconds, answer, expected) in [
        (1, Ok(7), Ok(7)),
        (0, Err(RequestError::Failed(Failure::new("late", "no time"))), Err("failed")),
        (1, Err(RequestError::Failed(Failure::new("late", "no time"))), Err("timed out")),
        (1, Err(RequestError::Cancelled), Err("timed out")),
        (1, Err(RequestError::Expired), Err("expired")),
    ] {
        let mut asking = task::spawn(router.request(Ask(1)).timeout(SECOND));
        assert_pending!(asking.poll());
        // All at the same moment: the answer, and the end of the time.
        advance(SECOND * seconds).await;
        receiver.try_recv().unwrap().reply.answer(answer);
        let outcome = assert_ready!(asking.poll()).map_err(|error| match error {
            RequestError::Failed(_) => "failed",
            RequestError::TimedOut { .. } => "timed out",
            RequestError::Expired => "expired",
            _ => "otherwise",
        });
        assert_eq!(outcome, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_the_router_is_on_nobodys_behalf() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let cx = handling(&router, Some(Instant::now() + SECOND));
    let free = cx.router().clone();
    let mut asking = task::spawn(free.request(Ask(1)));
    assert_pending!(asking.poll());
    assert_eq!(receiver.try_recv().unwrap().meta.deadline(), None);
    assert!(router.wait_graph().is_empty());
    // A clone of the context keeps the circumstances.
    let clone = cx.clone();
    drop(cx);
    let mut asking = task::spawn(clone.router().request(Ask(1)));
    assert_pending!(asking.poll());
    assert!(receiver.try_recv().unwrap().meta.deadline().is_some());
}

#[tokio::test(start_paused = true)]
async fn notifications_do_not_inherit_and_expire_only_if_told() {
    let router = Router::new();
    let (mut receiver, _inbox, _registration) = subscriber::<Ping>(&router, InboxSettings::default());
    let cx = handling(&router, Some(Instant::now() + SECOND));
    cx.router().notify(Ping(1)).await.unwrap();
    assert_eq!(receiver.try_recv().unwrap().meta.deadline(), None);
    cx.router().notify(Ping(2)).expires_in(SECOND * 2).await.unwrap();
    let expiring = receiver.try_recv().unwrap().meta;
    assert_eq!(expiring.deadline(), Some((Instant::now() + SECOND * 2).into_std()));
    assert!(!has_expired(&expiring));
    cx.router().notify(Ping(3)).expires_in(Duration::MAX).await.unwrap();
    assert_eq!(receiver.try_recv().unwrap().meta.deadline(), None);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_leaves_out_what_has_expired() {
    let router = Router::new();
    let mut received = router.subscribe::<Ping>();
    let send = async |from| {
        for number in from..from + 3 {
            let seconds = if number % 3 == 1 { 2 } else { 1 };
            router.notify(Ping(number)).expires_in(SECOND * seconds).await.unwrap();
        }
        advance(SECOND).await;
    };
    send(0).await;
    assert_eq!(received.try_recv().unwrap().0, 1);
    assert!(received.try_recv().is_none());
    send(3).await;
    assert_eq!(received.recv().await.unwrap().0, 4);
    assert_pending!(task::spawn(received.recv()).poll());
    send(6).await;
    assert_eq!(received.next().await.unwrap().0, 7);
    assert_eq!(received.tally().accepted, 9);
}

/// A context that handles a request, whose requester the test holds.
macro_rules! requested {
    ($router:ident, $cx:ident, $requester:ident, $reply:ident) => {
        let (mut outer, _outer_inbox, _outer_registration) =
            responder::<Outer>(&$router, InboxSettings::default());
        let mut $requester = Box::pin($router.request(Outer(1)));
        assert_pending!(task::spawn($requester.as_mut()).poll());
        let asked = outer.try_recv().unwrap();
        let mut $cx = Context::new($router.clone(), "outer".into());
        $cx.begin_request::<Outer>(asked.meta, &asked.reply);
        let $reply = asked.reply;
    };
}

#[test]
fn a_nested_request_is_cancelled_with_the_outer_one() {
    let router = Router::new();
    requested!(router, cx, requester, _reply);
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, settings(1, Overflow::Wait));
    let mut nested = task::spawn(cx.router().request(Ask(1)));
    let mut in_line = task::spawn(cx.router().request(Ask(2)));
    assert_pending!(nested.poll());
    assert_pending!(in_line.poll());
    let asked = receiver.try_recv().unwrap();
    drop(requester);
    assert!(nested.is_woken() && in_line.is_woken());
    assert_eq!(assert_ready_err!(nested.poll()), RequestError::Cancelled);
    assert_eq!(assert_ready_err!(in_line.poll()), RequestError::Cancelled);
    assert!(asked.reply.is_cancelled());
    assert_eq!(receiver.len(), 1, "what it had let in is skipped by whoever comes to it");
    assert!(receiver.try_recv().unwrap().is_abandoned());
    assert_eq!(
        assert_ready_err!(task::spawn(cx.router().request(Ask(3))).poll()),
        RequestError::Cancelled,
        "nothing is begun on behalf of somebody who has gone away"
    );
    assert!(receiver.try_recv().is_none());
}

#[test]
fn an_answered_outer_request_cancels_nothing() {
    let router = Router::new();
    requested!(router, cx, requester, reply);
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let mut nested = task::spawn(cx.router().request(Ask(1)));
    assert_pending!(nested.poll());
    reply.answer(Ok(1));
    assert_eq!(assert_ready_ok!(task::spawn(requester.as_mut()).poll()), 1);
    drop(requester);
    receiver.try_recv().unwrap().reply.answer(Ok(2));
    assert_eq!(assert_ready_ok!(nested.poll()), 2);
}

#[test]
fn cancellation_reaches_what_runs_on_the_askers_own_task() {
    let router = Router::new();
    requested!(router, cx, requester, _reply);
    let held = Arc::new(());
    let holder = Arc::downgrade(&held);
    let _closure = router.respond(move |_: Ask| {
        let held = Arc::clone(&held);
        async move {
            std::future::pending::<()>().await;
            drop(held);
            Ok(0)
        }
    });
    let mut nested = task::spawn(cx.router().request(Ask(1)));
    assert_pending!(nested.poll());
    assert_eq!(holder.strong_count(), 2);
    drop(requester);
    assert!(nested.is_woken());
    assert_eq!(assert_ready_err!(nested.poll()), RequestError::Cancelled);
    assert_eq!(holder.strong_count(), 1, "the closure ends where it stands");
}

#[test]
fn a_notification_is_sent_all_the_same() {
    let router = Router::new();
    requested!(router, cx, requester, _reply);
    let (mut receiver, _inbox, _registration) = subscriber::<Ping>(&router, settings(1, Overflow::Wait));
    assert_ready_ok!(task::spawn(cx.router().notify(Ping(1))).poll());
    let mut waits = task::spawn(cx.router().notify(Ping(2)));
    assert_pending!(waits.poll());
    drop(requester);
    assert_pending!(waits.poll());
    assert_eq!(receiver.try_recv().unwrap().event.0, 1);
    assert_eq!(receiver.try_recv().unwrap().event.0, 2);
    assert_ready_ok!(waits.poll());
}

#[test]
fn a_nested_opening_that_waits_is_cancelled() {
    let router = Router::new();
    requested!(router, cx, requester, _reply);
    let (mut receiver, _registration) = acceptor::<Pipe>(&router, settings(1, Overflow::Wait));
    assert_ready_ok!(task::spawn(cx.router().open(Pipe)).poll());
    let mut waits = task::spawn(cx.router().open(Pipe));
    assert_pending!(waits.poll());
    drop(requester);
    assert!(waits.is_woken());
    assert_eq!(assert_ready_err!(waits.poll()), OpenError::Cancelled { event: Pipe::name() });
    assert_eq!(
        assert_ready_err!(task::spawn(cx.router().open(Pipe)).poll()),
        OpenError::Cancelled { event: Pipe::name() }
    );
    assert!(receiver.try_recv().is_some() && receiver.try_recv().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_opening_has_a_deadline_until_it_is_taken_in() {
    let router = Router::new();
    let (mut receiver, _registration) = acceptor::<Pipe>(&router, settings(1, Overflow::Wait));
    let cx = handling(&router, Some(Instant::now() + SECOND * 3));
    let mut opened = cx.router().open(Pipe).await.unwrap();
    let begun = Instant::now();
    let timed_out = router.open(Pipe).timeout(SECOND).await.unwrap_err();
    assert_eq!(timed_out, OpenError::TimedOut { event: Pipe::name(), after: SECOND });
    assert_eq!(begun.elapsed(), SECOND);
    let timed_out = cx.router().open(Pipe).deadline(begun + SECOND * 5).await.unwrap_err();
    assert_eq!(timed_out, OpenError::TimedOut { event: Pipe::name(), after: SECOND * 2 });
    assert_eq!(cx.router().open(Pipe).await.unwrap_err(), OpenError::Expired { event: Pipe::name() });
    let opening = receiver.try_recv().unwrap();
    assert!(has_expired(&opening.meta));
    assert!(receiver.try_recv().is_none());
    opening.tunnel.abort(Failure::new("late", "too late"));
    assert!(matches!(opened.recv().await, Some(Err(TunnelError::Aborted(_)))));
}

#[test]
fn those_who_ask_no_longer_leave_nothing_with_the_requester() {
    struct Counted;

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {}
    }

    let router = Router::new();
    requested!(router, cx, _requester, _reply);
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    for number in 0..100 {
        let counted = Arc::new(Counted);
        let waker = Arc::clone(&counted).into();
        let mut task = std::task::Context::from_waker(&waker);
        {
            let mut cancelled = pin!(cx.cancelled());
            let mut nested = pin!(cx.router().request(Ask(number)));
            assert!(nested.as_mut().poll(&mut task).is_pending());
            assert!(cancelled.as_mut().poll(&mut task).is_pending());
            if number % 2 == 0 {
                receiver.try_recv().unwrap().reply.answer(Ok(number));
                assert!(nested.as_mut().poll(&mut task).is_ready());
            }
        }
        drop(waker);
        drop(receiver.try_recv());
        assert_eq!(Arc::strong_count(&counted), 1, "its waker is still kept");
    }
}

#[test]
fn a_context_of_a_closure_does_not_keep_the_router() {
    let router = Router::new();
    let held = Arc::new(());
    let holder = Arc::downgrade(&held);
    router
        .respond_with(move |_: Ask, cx| {
            let _held = Arc::clone(&held);
            async move { Ok(cx.name().len() as u64) }
        })
        .keep();
    assert!(assert_ready!(task::spawn(router.request(Ask(1))).poll()).unwrap() > 0);
    drop(router);
    assert_eq!(holder.strong_count(), 0);
}

proptest! {
    /// Each asker polls only when it is woken: a wake-up that is lost shows as a chain that is not cancelled.
    #[test]
    fn a_chain_is_cancelled_from_where_it_was_given_up_and_no_higher(
        (depth, given_up) in (1..8_usize).prop_flat_map(|depth| (Just(depth), 0..depth)),
        answered in prop::option::of(0..8_usize),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let router = Router::new();
            let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
            let mut askers = Vec::new();
            let mut replies = Vec::new();
            let mut contexts = vec![Context::new(router.clone(), "first".into())];
            for _ in 0..depth {
                let asker = contexts.last().unwrap().clone();
                askers.push(tokio::spawn(async move { asker.router().request(Ask(1)).await }));
                let asked = receiver.recv().await.unwrap();
                let mut cx = Context::new(router.clone(), "responder".into());
                cx.begin_request::<Ask>(asked.meta, &asked.reply);
                contexts.push(cx);
                replies.push(asked.reply);
            }
            // The deepest may have its answer at the same moment.
            let answered = answered == Some(depth - 1);
            if answered {
                replies.pop().unwrap().answer(Ok(7));
            }
            askers[given_up].abort();
            support::turns(4 * depth).await;
            for (at, asker) in askers.iter().enumerate() {
                let ends = at >= given_up || (answered && at + 1 == depth);
                prop_assert_eq!(asker.is_finished(), ends, "the asker at {}", at);
            }
            for (at, reply) in replies.iter().enumerate() {
                prop_assert_eq!(reply.is_cancelled(), at >= given_up, "the responder at {}", at);
                prop_assert_eq!(contexts[at + 1].is_cancelled(), at >= given_up);
            }
            prop_assert_eq!(router.wait_graph().waits.len(), given_up.min(askers.len() - usize::from(answered)));
            Ok(())
        })?;
    }
}
