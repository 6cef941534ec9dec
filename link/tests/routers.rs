//! Two routers of one process with a link between them: what works on one works across two.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edri_event::{Event as _, Failure, Notification, Priority, Progress};
use edri_link::memory::{Conditions, pair};
use edri_link::{Closed, End, Link};
use edri_router::{
    Asked, DeathCause, Inbox, InboxSettings, LinkLost, Overflow, Receiver, Registration, RequestError,
    Router, ToInbox, WorkerDeath,
};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use support::routers::{Ask, Blob, Local, Ping, Routers, link_over, linked, rest, settings_of};

const SECOND: Duration = Duration::from_secs(1);

fn slow() -> Conditions {
    let mut conditions = Conditions::default();
    conditions.latency = Duration::from_millis(3);
    conditions.pieces = vec![1, 7, 100_000, 3];
    conditions
}

fn responder(router: &Router, settings: InboxSettings) -> (Receiver<Asked<Ask>>, Registration) {
    let (inbox, receiver) = Inbox::new(settings);
    let to = ToInbox::new("responder".into(), inbox, std::convert::identity);
    (receiver, router.attach_responder(Arc::new(to)))
}

#[tokio::test(start_paused = true)]
async fn notifications_arrive_once_in_order_and_do_not_come_back() {
    let Routers { left, right, links: _links } = linked(slow()).await;
    let (mut here, mut there) = (left.subscribe::<Ping>(), right.subscribe::<Ping>());
    rest().await;
    for number in 0..500 {
        left.notify(Ping(number)).await.unwrap();
        right.notify(Ping(1_000 + number)).await.unwrap();
    }
    rest().await;
    for subscription in [&mut here, &mut there] {
        let got: Vec<_> = std::iter::from_fn(|| subscription.try_recv()).map(|ping| ping.0).collect();
        assert_eq!(got.len(), 1_000);
        assert!(got.iter().copied().filter(|number| *number < 1_000).eq(0..500));
        assert!(got.iter().copied().filter(|number| *number >= 1_000).eq(1_000..1_500));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_answer_a_notification_with_another_of_its_type() {
    let Routers { left, right, links: _links } = linked(Conditions::default()).await;
    let mut here = left.subscribe::<Ping>();
    let mut there = right.subscribe::<Ping>();
    let answering = right.clone();
    tokio::spawn(async move {
        while let Some(ping) = there.recv().await {
            if ping.0 < 10 {
                answering.notify(Ping(ping.0 + 100)).await.unwrap();
            }
        }
    });
    rest().await;
    left.notify(Ping(1)).await.unwrap();
    rest().await;
    assert_eq!(here.try_recv().map(|ping| ping.0), Some(1));
    assert_eq!(here.try_recv().map(|ping| ping.0), Some(101));
    assert!(here.try_recv().is_none());
}

#[tokio::test(start_paused = true)]
async fn large_notifications_arrive_whole_while_small_urgent_ones_pass() {
    let Routers { left, right, links: _links } = linked(slow()).await;
    let mut blobs = right.subscribe::<Blob>();
    let mut pings = right.subscribe::<Ping>();
    rest().await;
    let blob: Vec<u8> = (0..3_000_000_u32).map(|byte| byte as u8).collect();
    left.notify(Blob(blob.clone())).await.unwrap();
    left.notify(Ping(1)).priority(Priority::Control).await.unwrap();
    pings.recv().await.unwrap();
    assert!(blobs.is_empty(), "the urgent one came behind the large one");
    assert_eq!(blobs.recv().await.unwrap().0, blob);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_across_the_link_with_every_outcome() {
    let Routers { left, right, links: _links } = linked(slow()).await;
    assert!(matches!(left.request(Ask(0)).await, Err(RequestError::NoResponder { .. })));
    let adder = right.respond(|ask: Ask| async move {
        match ask.0 {
            0 => Err(Failure::new("zero", "expected more than nothing")),
            1 => panic!("oh no"),
            number => Ok(number + 1),
        }
    });
    rest().await;
    assert_eq!(left.request(Ask(7)).await, Ok(8));
    let failed = left.request(Ask(0)).await.unwrap_err();
    assert_eq!(failed.failure().map(Failure::code), Some("zero"));
    assert_eq!(left.request(Ask(1)).await, Err(RequestError::Panicked { message: "oh no".to_owned() }));
    drop(adder);
    rest().await;
    assert!(matches!(left.request(Ask(7)).await, Err(RequestError::NoResponder { .. })));

    let (mut asked, place) = responder(&right, InboxSettings::with_capacity(1).overflow(Overflow::Reject));
    rest().await;
    let waits = tokio::spawn({
        let left = left.clone();
        async move { left.request(Ask(2)).await }
    });
    rest().await;
    assert_eq!(left.request(Ask(3)).await, Err(RequestError::Overloaded));
    drop(asked.recv().await);
    assert_eq!(waits.await.unwrap(), Err(RequestError::Cancelled));
    let stops = tokio::spawn({
        let left = left.clone();
        async move { left.request(Ask(2)).await }
    });
    rest().await;
    drop((asked, place));
    assert_eq!(stops.await.unwrap(), Err(RequestError::Stopped));
}

#[tokio::test(start_paused = true)]
async fn many_requests_in_flight_each_get_their_own_answer() {
    let Routers { left, right, links: _links } = linked(slow()).await;
    let _adder = right.respond(|ask: Ask| async move {
        tokio::time::sleep(Duration::from_millis(ask.0 * 7919 % 50)).await;
        Ok(ask.0 * 2)
    });
    rest().await;
    let answers = join_all((0..2_000).map(|number| left.request(Ask(number)))).await;
    assert!(answers.into_iter().map(Result::unwrap).eq((0..2_000).map(|number| number * 2)));
}

#[tokio::test(start_paused = true)]
async fn dropping_a_request_cancels_it_at_the_other_end() {
    let Routers { left, right, links: _links } = linked(slow()).await;
    let (mut asked, _place) = responder(&right, InboxSettings::default());
    rest().await;
    let asking = tokio::spawn({
        let left = left.clone();
        async move { left.request(Ask(1)).await }
    });
    let asked = asked.recv().await.unwrap();
    assert!(!asked.reply.is_cancelled());
    asking.abort();
    rest().await;
    assert!(asked.reply.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_and_reports_of_progress_cross_the_link() {
    let Routers { left, right, links: _links } = linked(slow()).await;
    let (mut asked, _place) = responder(&right, InboxSettings::default());
    rest().await;
    let done = Arc::new(AtomicU64::new(0));
    let asking = tokio::spawn({
        let (left, done) = (left.clone(), Arc::clone(&done));
        async move {
            let report = move |progress: Progress| done.store(progress.done, Ordering::Relaxed);
            left.request(Ask(1)).timeout(SECOND).on_progress(report).await
        }
    });
    let asked = asked.recv().await.unwrap();
    let left_until = asked.meta.deadline().unwrap() - tokio::time::Instant::now().into_std();
    assert!(left_until <= SECOND && left_until > SECOND / 2, "{left_until:?}");
    asked.meta.progress().unwrap().report(Progress { done: 3, total: 4 });
    rest().await;
    assert_eq!(done.load(Ordering::Relaxed), 3);
    let outcome = asking.await.unwrap();
    assert!(matches!(outcome, Err(RequestError::TimedOut { .. })), "{outcome:?}");
    rest().await;
    assert!(asked.reply.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_at_the_other_end_holds_up_the_sender_by_the_policy_of_the_link() {
    async fn sent(overflow: Overflow) -> (u64, u64) {
        let (near, far) = pair(Conditions::default());
        let routers = link_over([(Router::new(), near), (Router::new(), far)], |settings| {
            settings.inbox = InboxSettings::with_capacity(4).overflow(overflow);
            settings.limits.window = 10 * 65;
            settings.outbox = 10 * 65;
        })
        .await;
        let _slow = routers.right.subscribe_with::<Ping>(InboxSettings::with_capacity(3));
        rest().await;
        let (mut accepted, mut dropped) = (0, 0);
        for number in 0..200 {
            let sending = tokio::time::timeout(SECOND, routers.left.notify(Ping(number)));
            match sending.await {
                Err(_) => break,
                Ok(Ok(delivered)) => {
                    accepted += delivered.accepted as u64;
                    dropped += delivered.dropped as u64;
                }
                Ok(Err(_)) => dropped += 1,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        (accepted, dropped)
    }
    let (waits, none) = sent(Overflow::Wait).await;
    // The window there, the outbox and the inbox here, and what is in hand between.
    assert!((20..40).contains(&waits) && none == 0, "{waits} {none}");
    let (rejects, rejected) = sent(Overflow::Reject).await;
    assert_eq!((rejects, rejected), (waits, 200 - waits));
    let (newest, dropped) = sent(Overflow::DropNewest).await;
    assert_eq!((newest, dropped), (waits, 200 - waits));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_over_a_link_is_not_sent_back_over_it() {
    let Routers { left, right, links: _links } = linked(Conditions::default()).await;
    // Each router has the other as its only responder.
    assert!(matches!(left.request(Ask(1)).await, Err(RequestError::NoResponder { .. })));
    let _adder = right.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    rest().await;
    for number in 0..10 {
        assert_eq!(left.request(Ask(number)).await, Ok(number + 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_fails_what_is_under_way_and_leaves_the_routes() {
    let (near, far) = pair(Conditions::default());
    let (left, right) = (Router::new(), Router::new());
    let near = Link::start(&left, near, End::Connecting, settings_of(&left, "left"));
    let mut settings = settings_of(&right, "right");
    settings.heartbeat = SECOND;
    let far_link = Link::start(&right, far, End::Accepting, settings);
    near.opened().await.unwrap();
    let (mut asked, _place) = responder(&right, InboxSettings::default());
    rest().await;
    let asking = tokio::spawn({
        let left = left.clone();
        async move { left.request(Ask(1)).await }
    });
    let _asked = asked.recv().await.unwrap();
    drop(far_link);
    let outcome = asking.await.unwrap();
    let Err(RequestError::LinkLost(lost)) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(lost.peer, "right");
    assert_eq!(near.closed().await, Closed::Orderly);
    assert!(matches!(left.request(Ask(1)).await, Err(RequestError::NoResponder { .. })));
    assert_eq!(left.notify(Ping(1)).await.unwrap().accepted, 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_ends_both_links() {
    let conditions = |after| {
        let mut conditions = Conditions::default();
        conditions.breaks_after = Some(after);
        conditions
    };
    let Routers { left, right, links } = linked(conditions(20_000)).await;
    let mut there = right.subscribe::<Ping>();
    rest().await;
    for number in 0..10_000 {
        left.notify(Ping(number)).await.unwrap();
    }
    for link in &links {
        let closed = link.closed().await;
        assert!(matches!(closed, Closed::Lost { .. }), "{closed:?}");
    }
    // What came is a beginning of what was sent.
    let got: Vec<_> = std::iter::from_fn(|| there.try_recv()).map(|ping| ping.0).collect();
    assert!(!got.is_empty() && got.iter().copied().eq(0..got.len() as u64));
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_loses_or_swaps_is_noticed_and_nothing_wrong_is_delivered() {
    for swaps in [false, true] {
        let mut conditions = Conditions::default();
        // Long enough for writes to be on their way together.
        conditions.latency = Duration::from_millis(20);
        let every = Some(40);
        if swaps {
            conditions.swaps = every;
        } else {
            conditions.loses = every;
        }
        let Routers { left, right, links } = linked(conditions).await;
        let mut there = right.subscribe::<Ping>();
        rest().await;
        for number in 0..500 {
            left.notify(Ping(number)).await.unwrap();
            if number % 3 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let closed = tokio::time::timeout(SECOND * 60, links[1].closed()).await.expect("it was not noticed");
        assert!(matches!(closed, Closed::Violation { .. }), "{closed}");
        let told = tokio::time::timeout(SECOND * 60, links[0].closed()).await.expect("it was not told");
        assert!(matches!(told, Closed::Accused { .. }), "{told}");
        let got: Vec<_> = std::iter::from_fn(|| there.try_recv()).map(|ping| ping.0).collect();
        assert!(!got.is_empty() && got.iter().copied().eq(0..got.len() as u64));
    }
}

#[tokio::test(start_paused = true)]
async fn an_orderly_close_loses_nothing_that_was_sent_before() {
    let Routers { left, right, links } = linked(slow()).await;
    let mut there = right.subscribe_with::<Ping>(InboxSettings::with_capacity(10_000));
    rest().await;
    for number in 0..5_000 {
        left.notify(Ping(number)).await.unwrap();
    }
    links[0].close();
    assert_eq!(links[0].closed().await, Closed::Orderly);
    assert_eq!(links[1].closed().await, Closed::Orderly);
    let got: Vec<_> = std::iter::from_fn(|| there.try_recv()).map(|ping| ping.0).collect();
    assert!(got.into_iter().eq(0..5_000));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_shareable_stays_in_its_process() {
    let Routers { left, right, links: _links } = linked(Conditions::default()).await;
    let mut there = right.subscribe::<Local>();
    rest().await;
    assert_eq!(left.notify(Local).await.unwrap().accepted, 0);
    rest().await;
    assert!(there.try_recv().is_none());
}

#[derive(Notification, Serialize, Deserialize)]
#[notification(shareable, name = "changed", version = 1)]
struct Before {
    number: u64,
}

#[derive(Notification, Serialize, Deserialize)]
#[notification(shareable, name = "changed", version = 1)]
struct After {
    number: u64,
    more: String,
}

#[tokio::test(start_paused = true)]
async fn an_event_of_another_shape_is_named_on_both_sides_and_the_rest_flows() {
    let (near, far) = pair(Conditions::default());
    let routers = link_over([(Router::new(), near), (Router::new(), far)], |_| {}).await;
    let mut there = routers.right.subscribe::<Ping>();
    let _after = routers.right.subscribe::<After>();
    rest().await;
    assert_eq!(routers.left.notify(Before { number: 1 }).await.unwrap().accepted, 0);
    rest().await;
    for link in &routers.links {
        let mismatches = link.status().mismatches;
        assert_eq!(mismatches.len(), 1);
        assert_eq!((&*mismatches[0].ours.name, &*mismatches[0].theirs.name), ("changed", "changed"));
        assert_ne!(mismatches[0].ours.shapes, mismatches[0].theirs.shapes);
    }
    routers.left.notify(Ping(3)).await.unwrap();
    assert_eq!(there.recv().await.unwrap().0, 3);
}

#[tokio::test(start_paused = true)]
async fn every_reason_for_a_failure_survives_two_crossings() {
    let death = WorkerDeath::new(
        "resize-0",
        DeathCause::CrashLoop { deaths: 3, last: Box::new(DeathCause::Exited { code: 7 }) },
        vec!["out of paper".to_owned()],
    );
    let event = Ask::name();
    let reasons = [
        RequestError::NoResponder { event },
        RequestError::Overloaded,
        RequestError::Failed(Failure::new("code", "message")),
        RequestError::Panicked { message: "oh no".to_owned() },
        RequestError::WorkerDied(Box::new(death)),
        RequestError::Stopped,
        RequestError::Abandoned,
        RequestError::Expired,
        RequestError::LinkLost(Box::new(LinkLost::new("elsewhere", "cut"))),
        RequestError::Cancelled,
    ];
    let [a, b, c] = [Router::new(), Router::new(), Router::new()];
    let _links = [support::net::link_apart(&a, &b).await, support::net::link(&b, &c).await];
    let (mut asked, _place) = responder(&c, InboxSettings::default());
    support::net::settle().await;
    for reason in reasons {
        let asking = tokio::spawn({
            let a = a.clone();
            async move { a.request(Ask(1)).await }
        });
        let asked = asked.recv().await.unwrap();
        asked.reply.answer(Err(reason.clone()));
        assert_eq!(asking.await.unwrap(), Err(reason));
    }
    let timed_out = a.request(Ask(1)).timeout(SECOND).await;
    assert!(
        matches!(timed_out, Err(RequestError::TimedOut { after, .. }) if after == SECOND),
        "{timed_out:?}"
    );
}

/// Plain ones go together, and all others alone: a window that is smaller than what goes together takes part of it.
#[tokio::test(start_paused = true)]
async fn plain_notifications_and_others_keep_their_order_however_narrow_the_way_is() {
    for window in [1, 100, 1_000, 100_000] {
        let (left, right) = (Router::new(), Router::new());
        let (near, far) = pair(slow());
        let mut settings = settings_of(&right, "right");
        settings.limits.window = window;
        let links = (
            Link::start(&left, near, End::Connecting, settings_of(&left, "left")),
            Link::start(&right, far, End::Accepting, settings),
        );
        let mut there = right.subscribe_with::<Ping>(InboxSettings::with_capacity(10_000));
        rest().await;
        for number in (0..2_000).step_by(4) {
            left.notify(Ping(number)).await.unwrap();
            left.notify(Ping(number + 1)).key(&number).await.unwrap();
            left.notify_all([Ping(number + 2), Ping(number + 3)]).await.unwrap();
        }
        tokio::time::sleep(60 * SECOND).await;
        let got: Vec<_> = std::iter::from_fn(|| there.try_recv()).map(|ping| ping.0).collect();
        assert!(got.iter().copied().eq(0..2_000), "{} of 2,000 by a window of {window}", got.len());
        drop(links);
    }
}
