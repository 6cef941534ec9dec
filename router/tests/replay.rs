//! What is retained, and what late subscribers get of it.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use edri_event::{Failure, Key, Notification, Retention};
use edri_router::{
    Answer, Inbox, InboxSettings, Overflow, Replay, RequestError, Retained, Router, Subscription, ToInbox,
};
use futures_util::FutureExt as _;
use proptest::prelude::*;
use support::{Ask, Holding, Ping, responder, settings, turns, waiting};
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

#[derive(Notification, Clone, Copy, Debug, PartialEq, Eq)]
#[notification(retain = 3)]
struct Kept(u64);

#[derive(Notification)]
#[notification(retain(age = "30s", bytes = 100, measure = Self::bytes))]
struct Sized(usize);

impl Sized {
    fn bytes(&self) -> usize {
        self.0
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn kept(mut subscription: Subscription<Kept>) -> Vec<u64> {
    std::iter::from_fn(|| subscription.try_recv()).map(|event| event.0).collect()
}

fn replayed(router: &Router, from: Replay) -> Vec<u64> {
    waiting(&mut router.subscribe::<Ping>().from(from))
}

#[tokio::test]
async fn a_retained_event_is_kept_with_no_subscriber_at_all() {
    let router = Router::new();
    assert_eq!(router.notify(Kept(1)).await.unwrap().accepted, 0);
    router.try_notify(Kept(2)).unwrap();
    assert_eq!(kept(router.subscribe::<Kept>().from(Replay::All)), [1, 2]);
    router.notify_all([Kept(3), Kept(4)]).await.unwrap();
    assert_eq!(kept(router.subscribe::<Kept>().from(Replay::All)), [2, 3, 4]);
    assert_eq!(router.retained::<Kept>().events, 3);
}

#[tokio::test]
async fn without_being_asked_for_the_past_is_not_replayed() {
    let router = Router::new();
    router.notify(Kept(1)).await.unwrap();
    let subscription = router.subscribe::<Kept>();
    router.notify(Kept(2)).await.unwrap();
    assert_eq!(kept(subscription), [2]);
}

#[tokio::test]
async fn of_a_type_that_is_not_retained_nothing_is_replayed() {
    let router = Router::new();
    router.notify(Ping(1)).await.unwrap();
    let subscription = router.subscribe::<Ping>();
    router.notify(Ping(2)).await.unwrap();
    let mut subscription = subscription.from(Replay::All);
    router.notify(Ping(3)).await.unwrap();
    assert_eq!(waiting(&mut subscription), [2, 3]);
    assert_eq!(router.retained::<Ping>(), Retained::default());
}

#[tokio::test]
async fn the_past_comes_in_order_and_then_what_is_live() {
    let router = Router::new();
    router.retain::<Ping>(Retention::last(100));
    router.notify_all((0..10).map(Ping)).await.unwrap();
    let subscription = router.subscribe::<Ping>();
    router.notify(Ping(10)).await.unwrap();
    let mut subscription = subscription.from(Replay::Last(4));
    assert_eq!(subscription.len(), 4);
    router.notify_all([Ping(11), Ping(12)]).await.unwrap();
    assert_eq!(subscription.recv().await.unwrap().0, 7);
    assert_eq!(subscription.recv_envelope().await.unwrap().meta.sequence(), Some(9));
    assert_eq!(waiting(&mut subscription), [9, 10, 11, 12]);
    assert!(subscription.is_empty());
}

/// Behaviour 17.
#[tokio::test(start_paused = true)]
async fn a_subscriber_from_a_time_gets_exactly_what_was_sent_then_or_after_in_order() {
    let router = Router::new();
    router.retain::<Ping>(Retention::within(60 * SECOND));
    let start = Instant::now();
    for number in 0..10 {
        router.notify(Ping(number)).await.unwrap();
        advance(SECOND).await;
    }
    assert_eq!(replayed(&router, Replay::Since(start + 7 * SECOND)), [7, 8, 9]);
    assert_eq!(replayed(&router, Replay::Since(start + 7 * SECOND + SECOND / 2)), [8, 9]);
    assert_eq!(replayed(&router, Replay::Within(3 * SECOND)), [7, 8, 9]);
    assert_eq!(replayed(&router, Replay::Since(start + 60 * SECOND)), [] as [u64; 0]);
}

/// Behaviour 18.
#[tokio::test(start_paused = true)]
async fn a_subscriber_that_names_no_time_gets_all_that_is_kept() {
    let router = Router::new();
    router.retain::<Ping>(Retention::within(60 * SECOND));
    for number in 0..10 {
        router.notify(Ping(number)).await.unwrap();
        advance(SECOND).await;
    }
    assert_eq!(replayed(&router, Replay::All), (0..10).collect::<Vec<_>>());
}

/// Behaviour 27. Nobody has to send or to clean up for it: an idle route does not show what has expired.
#[tokio::test(start_paused = true)]
async fn an_event_older_than_the_window_is_gone() {
    let router = Router::new();
    let held = Arc::new(());
    router.retain::<Holding>(Retention::within(10 * SECOND));
    router.notify(Holding(Arc::clone(&held))).await.unwrap();
    advance(9 * SECOND).await;
    router.notify(Holding(Arc::clone(&held))).await.unwrap();
    assert_eq!(router.retained::<Holding>().events, 2);
    advance(SECOND).await;
    assert_eq!(router.subscribe::<Holding>().from(Replay::All).len(), 1);
    assert_eq!(Arc::strong_count(&held), 2, "it is dropped when its route is looked at");
    advance(9 * SECOND).await;
    assert_eq!(router.subscribe::<Holding>().from(Replay::All).len(), 0);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test(start_paused = true)]
async fn whichever_bound_is_reached_first_counts() {
    let router = Router::new();
    let bytes = |router: &Router| (router.retained::<Sized>().events, router.retained::<Sized>().bytes);
    for size in [40, 40, 20] {
        router.notify(Sized(size)).await.unwrap();
    }
    assert_eq!(bytes(&router), (3, 100));
    router.notify(Sized(1)).await.unwrap();
    assert_eq!(bytes(&router), (3, 61));
    router.notify(Sized(101)).await.unwrap();
    assert_eq!(bytes(&router), (0, 0), "what is larger than all that may be kept leaves nothing");
    router.notify(Sized(5)).await.unwrap();
    advance(30 * SECOND).await;
    assert_eq!(bytes(&router), (0, 0));
}

#[tokio::test]
async fn bounds_may_be_changed_and_taken_away_at_any_time() {
    let router = Router::new();
    router.notify_all((0..3).map(Kept)).await.unwrap();
    router.retain::<Kept>(Retention::last(2));
    assert_eq!(kept(router.subscribe::<Kept>().from(Replay::All)), [1, 2]);
    router.retain::<Kept>(Retention::last(5).and_sized(2 * size_of::<Kept>()));
    router.notify(Kept(3)).await.unwrap();
    assert_eq!(kept(router.subscribe::<Kept>().from(Replay::All)), [2, 3]);

    let late = router.subscribe::<Kept>().from(Replay::All);
    router.retain::<Kept>(Retention::NOTHING);
    router.notify(Kept(4)).await.unwrap();
    assert_eq!(router.retained::<Kept>(), Retained::default());
    router.retain::<Kept>(Retention::last(5));
    router.notify(Kept(5)).await.unwrap();
    assert_eq!(kept(router.subscribe::<Kept>().from(Replay::All)), [5]);
    assert_eq!(kept(late), [2, 3, 4, 5], "numbers go on where they were");
}

#[tokio::test]
async fn a_retained_event_that_could_not_be_kept_is_a_dead_letter_where_nobody_subscribes() {
    let router = Router::new();
    let lost = || router.dead_letter_counts().no_subscriber;
    router.notify(Sized(100)).await.unwrap();
    router.try_notify(Sized(99)).unwrap();
    router.notify_all([Sized(1), Sized(2)]).await.unwrap();
    assert_eq!((lost(), router.retained::<Sized>().bytes), (0, 3), "what has made room for others was kept");
    router.notify(Sized(101)).await.unwrap();
    router.try_notify(Sized(200)).unwrap();
    router.notify_all([Sized(10), Sized(101), Sized(20)]).await.unwrap();
    assert_eq!((lost(), router.retained::<Sized>().bytes), (3, 20));

    router.notify(Kept(1)).await.unwrap();
    router.retain::<Kept>(Retention::NOTHING);
    router.notify(Kept(2)).await.unwrap();
    router.notify_all([Kept(3), Kept(4)]).await.unwrap();
    assert_eq!(lost(), 6);
    let _subscriber = router.subscribe::<Kept>();
    router.notify(Kept(5)).await.unwrap();
    router.notify_all([Kept(6), Kept(7)]).await.unwrap();
    assert_eq!(lost(), 6);
}

#[tokio::test]
async fn an_event_that_a_subscriber_refuses_or_drops_is_kept_all_the_same() {
    let router = Router::new();
    let _full = router.subscribe_with::<Kept>(settings(1, Overflow::Reject));
    let _dropping = router.subscribe_with::<Kept>(settings(1, Overflow::DropNewest));
    router.try_notify(Kept(1)).unwrap();
    router.try_notify(Kept(2)).unwrap_err();
    assert_eq!(kept(router.subscribe::<Kept>().from(Replay::All)), [1, 2]);
}

#[tokio::test]
async fn what_is_replayed_says_which_event_it_is() {
    #[derive(Notification, serde::Serialize, serde::Deserialize)]
    #[notification(shareable, retain = 10)]
    struct Travels;

    let router = Router::new();
    let mut live = router.subscribe::<Travels>();
    router.notify(Travels).key("tea").await.unwrap();
    let live = live.recv_envelope().await.unwrap().meta;
    let mut late = router.subscribe::<Travels>().from(Replay::All);
    let late = late.recv_envelope().await.unwrap().meta;
    assert_eq!(late.key(), Some(Key::of("tea")));
    assert!(late.id().is_some());
    assert_eq!((late.id(), late.sequence()), (live.id(), live.sequence()));
}

#[tokio::test]
async fn the_past_outlives_the_router_for_those_who_have_asked_for_it() {
    let router = Router::new();
    router.notify_all((0..3).map(Kept)).await.unwrap();
    let mut subscription = router.subscribe::<Kept>().from(Replay::All);
    router.notify(Kept(3)).await.unwrap();
    drop(router);
    let mut all = Vec::new();
    while let Some(event) = subscription.recv().await {
        all.push(event.0);
    }
    assert_eq!(all, [0, 1, 2, 3]);
    assert!(kept(subscription.from(Replay::All)).is_empty());
}

#[tokio::test]
async fn the_past_is_dropped_with_the_router() {
    let held = Arc::new(());
    let router = Router::new();
    router.retain::<Holding>(Retention::last(2));
    for _ in 0..3 {
        router.notify(Holding(Arc::clone(&held))).await.unwrap();
    }
    assert_eq!(Arc::strong_count(&held), 3, "what is no longer kept is dropped at once");
    drop(router);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// Behaviour 20.
#[tokio::test]
async fn a_taker_that_is_gone_gets_no_past_and_nothing_live_and_routing_goes_on() {
    let router = Router::new();
    router.notify(Kept(1)).await.unwrap();
    let (inbox, receiver) = Inbox::new(InboxSettings::default());
    let monitor = inbox.monitor();
    let to = ToInbox::new("gone".into(), inbox, std::convert::identity);
    drop(receiver);
    let gone = router.attach_subscriber_from::<Kept>(Arc::new(to), Replay::All);
    let late = router.subscribe::<Kept>().from(Replay::All);
    assert_eq!(router.notify(Kept(2)).await.unwrap().accepted, 1);
    assert_eq!(monitor.tally().accepted, 0);
    assert_eq!(kept(late), [1, 2]);
    drop(gone);
    assert_eq!(router.notify(Kept(3)).await.unwrap().accepted, 0);
}

/// The code of an event that makes room for another may send in turn.
#[tokio::test]
async fn an_event_that_sends_when_it_is_dropped_from_the_past_does_no_harm() {
    #[derive(Notification)]
    #[notification(retain = 1)]
    struct Parting(Router, bool);
    impl Drop for Parting {
        fn drop(&mut self) {
            if self.1 {
                self.0.try_notify(Parting(Router::new(), false)).unwrap();
            }
        }
    }

    let router = Router::new();
    router.notify(Parting(router.clone(), true)).await.unwrap();
    router.notify(Parting(router.clone(), false)).await.unwrap();
    assert_eq!(router.retained::<Parting>().events, 1);
    router.notify(Parting(router.clone(), true)).await.unwrap();
    router.retain::<Parting>(Retention::NOTHING);
    assert_eq!(router.retained::<Parting>().events, 0);
}

/// A sender, its number and how it sends.
fn send(router: &Router, sender: u64, events: u64, how: u64) -> tokio::task::JoinHandle<()> {
    let router = router.clone();
    tokio::spawn(async move {
        let number = |event: u64| Ping(sender * 1_000 + event);
        match how % 3 {
            0 => {
                for event in 0..events {
                    router.notify(number(event)).await.unwrap();
                }
            }
            1 => {
                for event in 0..events {
                    router.try_notify(number(event)).unwrap();
                    turns(1).await;
                }
            }
            _ => {
                for first in (0..events).step_by(7) {
                    router.notify_all((first..events.min(first + 7)).map(number)).await.unwrap();
                    turns(1).await;
                }
            }
        }
    })
}

/// What one subscriber got of each sender.
fn by_sender(all: &[u64], senders: u64) -> Vec<Vec<u64>> {
    let of = |sender| all.iter().filter(move |number| *number / 1_000 == sender).map(|number| number % 1_000);
    (0..senders).map(|sender| of(sender).collect()).collect()
}

async fn late_subscribers(
    senders: u64,
    events: u64,
    retention: Retention,
    waits: Vec<usize>,
) -> Vec<Vec<Vec<u64>>> {
    let router = Router::new();
    router.retain::<Ping>(retention);
    let sending: Vec<_> = (0..senders).map(|sender| send(&router, sender, events, sender)).collect();
    let subscribers: Vec<_> = waits
        .into_iter()
        .map(|wait| {
            let router = router.clone();
            tokio::spawn(async move {
                turns(wait).await;
                let mut subscription = router.subscribe::<Ping>().from(Replay::All);
                drop(router);
                let mut all = Vec::new();
                while let Some(event) = subscription.recv().await {
                    all.push(event.0);
                }
                by_sender(&all, senders)
            })
        })
        .collect();
    for sending in sending {
        sending.await.unwrap();
    }
    drop(router);
    let mut got = Vec::new();
    for subscriber in subscribers {
        got.push(subscriber.await.unwrap());
    }
    got
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn late_subscribers_get_every_event_once_and_in_order_while_senders_go_on(
        senders in 1..5_u64,
        events in 1..200_u64,
        waits in prop::collection::vec(0..120_usize, 1..8),
        threads in 1..3_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).build().unwrap();
        let everything = Retention::last(10_000);
        let got = runtime.block_on(late_subscribers(senders, events, everything, waits));
        for got in got.into_iter().flatten() {
            prop_assert_eq!(got, (0..events).collect::<Vec<_>>());
        }
    }

    #[test]
    fn however_little_is_kept_late_subscribers_miss_nothing_after_the_first_they_get(
        senders in 1..5_u64,
        events in 1..200_u64,
        kept in 1..20_usize,
        waits in prop::collection::vec(0..120_usize, 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let got = runtime.block_on(late_subscribers(senders, events, Retention::last(kept), waits));
        for got in got.into_iter().flatten() {
            let first = got.first().copied().unwrap_or(events);
            prop_assert_eq!(got, (first..events).collect::<Vec<_>>());
        }
    }
}

/// As many joins as sends, on threads that race.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_all_who_join_while_senders_go_on_nobody_misses_or_doubles_an_event() {
    const EVENTS: u64 = 900;
    let router = Router::new();
    router.retain::<Ping>(Retention::last(10_000));
    let sending: Vec<_> = (0..3).map(|sender| send(&router, sender, EVENTS, sender)).collect();
    let joining: Vec<_> = (0..2)
        .map(|_| {
            let router = router.clone();
            tokio::task::spawn_blocking(move || {
                let inbox = InboxSettings::with_capacity(10_000);
                let join = |_| router.subscribe_with::<Ping>(inbox).from(Replay::All);
                (0..100).map(join).collect::<Vec<_>>()
            })
        })
        .collect();
    for sending in sending {
        sending.await.unwrap();
    }
    for joining in joining {
        for mut subscription in joining.await.unwrap() {
            for got in by_sender(&waiting(&mut subscription), 3) {
                assert_eq!(got, (0..EVENTS).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn an_attached_inbox_gets_the_past_first_beyond_its_capacity_and_then_bounds_what_is_live() {
    let router = Router::new();
    router.try_notify(Kept(0)).unwrap();
    router.try_notify(Kept(1)).unwrap();
    let (inbox, mut receiver) = Inbox::new(settings(1, Overflow::Wait));
    let to = ToInbox::new("late".into(), inbox, std::convert::identity);
    let _late = router.attach_subscriber_from::<Kept>(Arc::new(to), Replay::All);
    let mut sending = task::spawn(router.notify(Kept(2)));
    assert_pending!(sending.poll());
    assert_eq!(receiver.len(), 3);
    assert_eq!(receiver.try_recv().unwrap().event.0, 0);
    assert_eq!(receiver.try_recv().unwrap().event.0, 1);
    assert!(sending.is_woken());
    assert_ready_ok!(sending.poll());
    assert_eq!(receiver.try_recv().unwrap().event.0, 2);
    assert!(receiver.try_recv().is_none());
}

/// What it has in hand may be all of the past, and the lanes empty while a sender stands in line.
#[test]
fn a_sender_in_line_behind_a_past_in_hand_is_let_in() {
    let router = Router::new();
    for number in 0..3 {
        router.try_notify(Kept(number)).unwrap();
    }
    let (inbox, mut receiver) = Inbox::new(settings(1, Overflow::Wait));
    let to = ToInbox::new("late".into(), inbox, std::convert::identity);
    let _late = router.attach_subscriber_from::<Kept>(Arc::new(to), Replay::All);
    assert_eq!(receiver.try_recv().unwrap().event.0, 0);
    let mut sending = task::spawn(router.notify(Kept(3)));
    assert_pending!(sending.poll());
    for number in 1..4 {
        assert_eq!(receiver.try_recv().unwrap().event.0, number);
    }
    assert_ready_ok!(sending.poll());
}

fn answered(answers: &mut Subscription<Answer<Ask>>) -> Vec<(u64, Result<u64, RequestError>)> {
    std::iter::from_fn(|| answers.try_recv())
        .map(|answer| (answer.request.0, answer.outcome.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn answers_are_kept_with_their_requests_failures_included() {
    let router = Router::new();
    router.retain_responses::<Ask>(Retention::last(4));
    let nobody = router.request(Ask(0)).await.unwrap_err();
    let registration = router.respond(|ask: Ask| async move {
        match ask.0 {
            1 => Ok(10),
            2 => Err(Failure::new("odd", "two")),
            _ => std::future::pending().await,
        }
    });
    for number in 1..4 {
        let _outcome = router.request(Ask(number)).timeout(SECOND).await;
    }
    let mut answers = router.responses::<Ask>().from(Replay::All);
    let timed_out = RequestError::TimedOut { event: "replay::support::Ask", after: SECOND };
    let failed = RequestError::Failed(Failure::new("odd", "two"));
    let expected = [(0, Err(nobody)), (1, Ok(10)), (2, Err(failed)), (3, Err(timed_out))];
    assert_eq!(answered(&mut answers), expected);

    let mut dropped = Box::pin(router.request(Ask(4)));
    assert!(dropped.as_mut().now_or_never().is_none());
    drop(dropped);
    assert_eq!(answered(&mut answers), [(4, Err(RequestError::Cancelled))]);
    drop(registration);
    assert_eq!(router.retained_responses::<Ask>().events, 4);
    assert_eq!(answered(&mut router.responses::<Ask>().from(Replay::Last(2))).len(), 2);
    router.retain_responses::<Ask>(Retention::NOTHING);
    assert_eq!(router.retained_responses::<Ask>().events, 0);
}

/// Between the past and what is live there is no gap: the answer was not known when it subscribed.
#[tokio::test]
async fn an_observer_that_comes_while_a_retained_request_is_worked_on_sees_its_answer() {
    let router = Router::new();
    router.retain_responses::<Ask>(Retention::last(4));
    let (mut receiver, _inbox, _registration) = responder::<Ask>(&router, InboxSettings::default());
    let mut asking = task::spawn(router.request(Ask(1)));
    assert_pending!(asking.poll());
    let mut late = router.responses::<Ask>().from(Replay::All);
    receiver.try_recv().unwrap().reply.answer(Ok(1));
    assert_eq!(assert_ready!(asking.poll()), Ok(1));
    assert_eq!(answered(&mut late), [(1, Ok(1))]);
}

#[tokio::test]
async fn what_was_only_replayed_and_not_read_is_no_dead_letter() {
    let router = Router::new();
    for number in 0..3 {
        router.notify(Kept(number)).await.unwrap();
    }
    let late = router.subscribe::<Kept>().from(Replay::All);
    router.notify(Kept(3)).await.unwrap();
    assert_eq!(late.len(), 4);
    drop(late);
    assert_eq!(router.dead_letter_counts().total(), 1, "only what had come live");
    assert_eq!(kept(router.subscribe::<Kept>().from(Replay::All)), [1, 2, 3]);
}
