//! Tunnels: bounded both ways, and each end knows how the other ended.

mod support;

use std::task::Poll;

use edri_event::{Failure, Tunnel};
use edri_router::{Accepted, OpenError, Opened, Overflow, Router, TunnelError};
use futures_util::{SinkExt, StreamExt as _, stream};
use support::{Pipe, acceptor, settings};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};

const LOST: TunnelError = TunnelError::Lost { reason: "it was dropped without `finish` or `abort`" };

fn aborted() -> TunnelError {
    TunnelError::Aborted(failure())
}

fn failure() -> Failure {
    Failure::new("full", "the disk is full")
}

/// Both ends of a tunnel with this window.
#[expect(clippy::unwrap_used, reason = "a test's own")]
fn tunnel(window: usize) -> (Opened<Pipe>, Accepted<Pipe>) {
    let router = Router::new();
    let (mut openings, _registration) = acceptor::<Pipe>(&router, settings(1, Overflow::Wait));
    let opened = assert_ready_ok!(task::spawn(router.open(Pipe).window(window)).poll());
    (opened, openings.try_recv().unwrap().tunnel)
}

/// Sends as many as go without waiting.
fn fill<S, R>(end: &mut edri_router::TunnelEnd<S, R>, items: impl Iterator<Item = S>) -> usize {
    let mut sent = 0;
    for item in items {
        match task::spawn(end.send(item)).poll() {
            Poll::Ready(Ok(())) => sent += 1,
            _ => break,
        }
    }
    sent
}

#[tokio::test]
async fn the_acceptor_gets_what_the_opener_said_and_both_talk() {
    #[derive(Tunnel)]
    #[tunnel(send = String, receive = u64, key = name)]
    struct Upload {
        name: String,
    }

    let router = Router::new();
    let (mut openings, _registration) = acceptor::<Upload>(&router, settings(1, Overflow::Wait));
    let mut opened = router.open(Upload { name: "a".into() }).key("given").await.unwrap();
    let mut opening = openings.recv().await.unwrap();
    assert_eq!(opening.event.name, "a");
    assert_eq!(opening.meta.key(), Some(edri_event::Key::of("given")));
    opened.send("hello".into()).await.unwrap();
    assert_eq!(opening.tunnel.recv().await, Some(Ok("hello".into())));
    opening.tunnel.send(5).await.unwrap();
    assert_eq!(opened.recv().await, Some(Ok(5)));
}

#[test]
fn a_window_is_exact_in_both_directions() {
    for window in [1, 2, 3, 64, 100] {
        let (mut opened, mut accepted) = tunnel(window);
        assert_eq!(fill(&mut opened, 0..), window);
        assert_eq!(fill(&mut accepted, 0..), window);
        for taken in [1, window / 2, window] {
            for _ in 0..taken {
                assert!(matches!(task::spawn(accepted.recv()).poll(), Poll::Ready(Some(Ok(_)))));
                assert!(matches!(task::spawn(opened.recv()).poll(), Poll::Ready(Some(Ok(_)))));
            }
            assert_eq!((fill(&mut opened, 0..), fill(&mut accepted, 0..)), (taken, taken));
        }
    }
}

#[test]
fn a_sender_that_waits_is_woken_when_an_item_is_taken() {
    let (mut opened, mut accepted) = tunnel(1);
    assert_eq!(fill(&mut opened, 0..1), 1);
    let mut sending = task::spawn(opened.send(1));
    assert_pending!(sending.poll());
    assert_eq!(assert_ready!(task::spawn(accepted.recv()).poll()), Some(Ok(0)));
    assert!(sending.is_woken());
    assert_ready_ok!(sending.poll());
    assert_eq!(assert_ready!(task::spawn(accepted.recv()).poll()), Some(Ok(1)));
}

#[test]
fn a_receiver_that_waits_is_woken_by_an_item_and_by_the_end() {
    let (mut opened, mut accepted) = tunnel(1);
    let mut receiving = task::spawn(accepted.recv());
    assert_pending!(receiving.poll());
    assert_eq!(fill(&mut opened, 0..1), 1);
    assert!(receiving.is_woken());
    assert_eq!(assert_ready!(receiving.poll()), Some(Ok(0)));
    drop(receiving);

    let mut receiving = task::spawn(accepted.recv());
    assert_pending!(receiving.poll());
    opened.finish();
    assert!(receiving.is_woken());
    assert_eq!(assert_ready!(receiving.poll()), None);
}

#[tokio::test]
async fn an_end_that_finished_may_go_on_receiving() {
    let (mut opened, mut accepted) = tunnel(4);
    opened.send(1).await.unwrap();
    opened.finish();
    assert_eq!(opened.send(2).await, Err(TunnelError::Finished));
    assert_eq!(accepted.recv().await, Some(Ok(1)));
    assert_eq!(accepted.recv().await, None);
    assert_eq!(accepted.recv().await, None);

    accepted.send(3).await.unwrap();
    accepted.finish();
    drop(accepted);
    assert_eq!(opened.recv().await, Some(Ok(3)));
    assert_eq!(opened.recv().await, None);
}

#[tokio::test]
async fn what_was_sent_before_an_abort_arrives_and_then_the_reason_once() {
    let (mut opened, mut accepted) = tunnel(4);
    opened.send(1).await.unwrap();
    opened.send(2).await.unwrap();
    accepted.send(3).await.unwrap();
    opened.abort(failure());
    assert_eq!(accepted.recv().await, Some(Ok(1)));
    assert_eq!(accepted.recv().await, Some(Ok(2)));
    assert_eq!(accepted.recv().await, Some(Err(aborted())));
    assert_eq!(accepted.recv().await, None);
    assert_eq!(accepted.send(4).await, Err(aborted()));
}

#[tokio::test]
async fn an_abort_by_the_acceptor_reaches_the_opener() {
    let (mut opened, mut accepted) = tunnel(4);
    opened.send(1).await.unwrap();
    accepted.send(2).await.unwrap();
    accepted.abort(failure());
    assert_eq!(opened.send(3).await, Err(aborted()));
    assert_eq!(opened.recv().await, Some(Ok(2)));
    assert_eq!(opened.recv().await, Some(Err(aborted())));
    assert_eq!(opened.recv().await, None);
}

#[tokio::test]
async fn an_end_that_is_dropped_shows_as_lost() {
    let (mut opened, mut accepted) = tunnel(4);
    opened.send(1).await.unwrap();
    drop(opened);
    assert_eq!(accepted.recv().await, Some(Ok(1)));
    assert_eq!(accepted.recv().await, Some(Err(LOST)));
    assert_eq!(accepted.recv().await, None);
    assert_eq!(accepted.send(2).await, Err(LOST));

    let (mut opened, mut accepted) = tunnel(4);
    accepted.send(1).await.unwrap();
    drop(accepted);
    assert_eq!(opened.recv().await, Some(Ok(1)));
    assert_eq!(opened.recv().await, Some(Err(LOST)));
    assert_eq!(opened.send(2).await, Err(LOST));
}

#[tokio::test]
async fn an_end_that_is_dropped_shows_while_the_other_end_is_supervised() {
    let (opened, mut accepted) = tunnel(1);
    let verdict = accepted.supervise();
    drop(opened);
    assert_eq!(accepted.recv().await, Some(Err(LOST)));
    assert_eq!(accepted.send(1).await, Err(LOST));

    // What it means that the supervised end is dropped is for the verdict to say, as ever.
    let (mut opened, accepted) = tunnel(1);
    let other = accepted.supervise();
    drop(accepted);
    assert_pending!(task::spawn(opened.recv()).poll());
    other.failed(failure());
    assert_eq!(opened.recv().await, Some(Err(aborted())));
    drop(verdict);
}

#[tokio::test]
async fn what_was_said_first_stands() {
    let (mut opened, mut accepted) = tunnel(4);
    opened.finish();
    opened.abort(failure());
    assert_eq!(accepted.recv().await, None, "it had finished");
    assert_eq!(accepted.send(1).await, Err(aborted()));
}

#[test]
fn an_end_that_a_panic_drops_says_so() {
    let (opened, mut accepted) = tunnel(4);
    let handler = std::thread::spawn(move || {
        let _opened = opened;
        panic!("a handler without a net");
    });
    handler.join().unwrap_err();
    match assert_ready!(task::spawn(accepted.recv()).poll()) {
        Some(Err(TunnelError::Aborted(failure))) => assert_eq!(failure.code(), "panicked"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn dropping_an_end_wakes_a_sender_and_a_receiver_that_wait() {
    let (opened, mut accepted) = tunnel(1);
    assert_eq!(fill(&mut accepted, 0..1), 1);
    let (mut sender, mut receiver) = accepted.split();
    let mut sending = task::spawn(sender.send(1));
    let mut receiving = task::spawn(receiver.recv());
    assert_pending!(sending.poll());
    assert_pending!(receiving.poll());
    drop(opened);
    assert!(sending.is_woken() && receiving.is_woken());
    assert_eq!(assert_ready_err!(sending.poll()), LOST);
    assert_eq!(assert_ready!(receiving.poll()), Some(Err(LOST)));
}

#[test]
fn a_dropped_send_takes_back_its_item() {
    let (mut opened, mut accepted) = tunnel(1);
    assert_eq!(fill(&mut opened, 0..1), 1);
    let mut sending = task::spawn(opened.send(1));
    assert_pending!(sending.poll());
    drop(sending);
    let mut sending = task::spawn(opened.send(2));
    assert_pending!(sending.poll());
    assert_eq!(assert_ready!(task::spawn(accepted.recv()).poll()), Some(Ok(0)));
    assert_ready_ok!(sending.poll());
    assert_eq!(assert_ready!(task::spawn(accepted.recv()).poll()), Some(Ok(2)));
}

#[tokio::test]
async fn halves_work_and_end_on_their_own() {
    let (opened, accepted) = tunnel(2);
    let (mut sender, mut receiver) = opened.split();
    let (back, mut there) = accepted.split();
    sender.send(1).await.unwrap();
    sender.finish();
    assert_eq!(there.recv().await, Some(Ok(1)));
    assert_eq!(there.recv().await, None);
    back.abort(failure());
    assert_eq!(receiver.recv().await, Some(Err(aborted())));
    assert_eq!(receiver.recv().await, None);

    let (opened, accepted) = tunnel(2);
    let ((mut sender, receiver), (mut back, there)) = (opened.split(), accepted.split());
    drop(there);
    assert_eq!(sender.send(1).await, Err(LOST));
    back.send(2).await.unwrap();
    drop(receiver);
    assert_eq!(back.send(3).await, Err(LOST));
}

#[tokio::test]
async fn an_end_is_a_sink_and_a_stream() {
    let (mut opened, accepted) = tunnel(3);
    let echo = tokio::spawn(async move {
        let (sink, stream) = accepted.split();
        stream.map(|item| item.map(|number| number * 2)).forward(sink).await
    });
    let mut doubled = Vec::new();
    for chunk in 0..10 {
        opened.send_all(&mut stream::iter((chunk * 3..chunk * 3 + 3).map(Ok))).await.unwrap();
        for _ in 0..3 {
            doubled.push(opened.next().await.unwrap().unwrap());
        }
    }
    opened.close().await.unwrap();
    assert_eq!(opened.next().await, None);
    assert_eq!(doubled, (0..30).map(|number| number * 2).collect::<Vec<_>>());
    assert_eq!(echo.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_long_stream_goes_through_a_small_window() {
    let (opened, accepted) = tunnel(1);
    let (mut sender, _receiver) = opened.split();
    let sending = tokio::spawn(async move {
        sender.send_all(&mut stream::iter((0..1_000).map(Ok))).await?;
        sender.close().await
    });
    let received: Vec<_> = accepted.map(|item| item.unwrap()).collect().await;
    assert_eq!(received, (0..1_000).collect::<Vec<_>>());
    sending.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_item_fed_to_a_full_sink_arrives_even_if_the_sink_finishes() {
    let (mut opened, accepted) = tunnel(1);
    opened.feed(1).await.unwrap();
    opened.feed(2).await.unwrap();
    opened.finish();
    let received: Vec<_> = accepted.collect().await;
    assert_eq!(received, [Ok(1), Ok(2)]);
}

#[tokio::test]
async fn a_sink_whose_other_end_is_gone_says_so() {
    let (mut opened, accepted) = tunnel(1);
    drop(accepted);
    assert_eq!(SinkExt::send(&mut opened, 1).await, Err(LOST));
    assert_eq!(opened.feed(1).await, Err(LOST));
}

#[test]
fn opening_without_an_acceptor_fails_at_once() {
    let router = Router::new();
    let error = assert_ready_err!(task::spawn(router.open(Pipe)).poll());
    assert_eq!(error, OpenError::NoAcceptor { event: "tunnel::support::Pipe" });
    let (openings, registration) = acceptor::<Pipe>(&router, settings(1, Overflow::Wait));
    drop(openings);
    let error = assert_ready_err!(task::spawn(router.open(Pipe)).poll());
    assert!(matches!(error, OpenError::NoAcceptor { .. }));
    drop(registration);
    let error = assert_ready_err!(task::spawn(router.open(Pipe)).poll());
    assert!(matches!(error, OpenError::NoAcceptor { .. }));
}

#[test]
fn an_overloaded_acceptor_says_so_at_once() {
    for policy in [Overflow::Reject, Overflow::DropNewest] {
        let router = Router::new();
        let (mut openings, _registration) = acceptor::<Pipe>(&router, settings(1, policy));
        let _first = assert_ready_ok!(task::spawn(router.open(Pipe)).poll());
        let error = assert_ready_err!(task::spawn(router.open(Pipe)).poll());
        assert!(matches!(error, OpenError::Overloaded { .. }), "{policy:?}");
        assert!(openings.try_recv().is_some() && openings.try_recv().is_none());
    }
}

#[test]
fn opening_waits_in_line_at_a_full_acceptor_and_can_be_taken_back() {
    let router = Router::new();
    let (mut openings, _registration) = acceptor::<Pipe>(&router, settings(1, Overflow::Wait));
    let _first = assert_ready_ok!(task::spawn(router.open(Pipe)).poll());
    let mut forgotten = task::spawn(router.open(Pipe));
    let mut waiting = task::spawn(router.open(Pipe));
    assert_pending!(forgotten.poll());
    assert_pending!(waiting.poll());
    drop(forgotten);
    assert_eq!(openings.len(), 2);
    assert!(openings.try_recv().is_some());
    assert!(waiting.is_woken());
    let mut opened = assert_ready_ok!(waiting.poll());
    assert_ready_ok!(task::spawn(opened.send(1)).poll());
    let mut accepted = openings.try_recv().unwrap().tunnel;
    assert_eq!(assert_ready!(task::spawn(accepted.recv()).poll()), Some(Ok(1)));
}

#[test]
fn acceptors_take_turns_and_a_full_one_is_passed_over() {
    let router = Router::new();
    let (small, _small) = acceptor::<Pipe>(&router, settings(1, Overflow::Wait));
    let (large, _large) = acceptor::<Pipe>(&router, settings(10, Overflow::Wait));
    let opened: Vec<_> = (0..6).map(|_| assert_ready_ok!(task::spawn(router.open(Pipe)).poll())).collect();
    assert_eq!((small.len(), large.len()), (1, 5));
    drop(opened);
}

#[test]
fn the_same_key_goes_to_the_same_acceptor() {
    let router = Router::new();
    let acceptors: Vec<_> =
        (0..4).map(|_| acceptor::<Pipe>(&router, settings(100, Overflow::Wait))).collect();
    let _opened: Vec<_> =
        (0..8).map(|_| assert_ready_ok!(task::spawn(router.open(Pipe).key("same")).poll())).collect();
    let mut lens: Vec<_> = acceptors.iter().map(|(openings, _)| openings.len()).collect();
    lens.sort_unstable();
    assert_eq!(lens, [0, 0, 0, 8]);
}

#[tokio::test]
async fn an_opening_that_is_discarded_aborts_its_tunnel() {
    let router = Router::new();
    let (openings, _registration) = acceptor::<Pipe>(&router, settings(1, Overflow::DropOldest));
    let mut displaced = router.open(Pipe).await.unwrap();
    let mut stopped = router.open(Pipe).await.unwrap();
    drop(openings);
    for (end, code) in [(&mut displaced, "overloaded"), (&mut stopped, "stopped")] {
        match end.recv().await {
            Some(Err(TunnelError::Aborted(failure))) => assert_eq!(failure.code(), code),
            other => panic!("{other:?}"),
        }
        assert!(matches!(end.send(1).await, Err(TunnelError::Aborted(_))));
    }
}

#[tokio::test]
async fn a_tunnel_outlives_its_router() {
    let (mut opened, mut accepted) = tunnel(1);
    // `tunnel` has dropped the router by now.
    opened.send(1).await.unwrap();
    assert_eq!(accepted.recv().await, Some(Ok(1)));
}
