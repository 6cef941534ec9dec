//! Events of one sender to one subscriber arrive in the order sent, per lane, whatever the crowd.

mod support;

use std::collections::HashMap;
use std::sync::Arc;

use edri_event::{Notification, Priority};
use edri_router::{InboxSettings, Router, Subscription};
use support::Ping;
use tokio_test::{assert_pending, task};

const LANES: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Control];

#[derive(Notification, Clone, Copy, Debug)]
struct Numbered {
    sender: usize,
    lane: usize,
    number: usize,
}

/// Receives until the router is gone, with a pause now and then that lets lines grow; how many came from each
/// sender on each lane, each in order.
async fn in_order(mut subscription: Subscription<Numbered>) -> HashMap<(usize, usize), usize> {
    let mut next = HashMap::new();
    while let Some(event) = subscription.recv().await {
        let expected = next.entry((event.sender, event.lane)).or_default();
        assert_eq!(event.number, *expected, "from sender {} on lane {}", event.sender, event.lane);
        *expected += 1;
        support::turns(event.number % 3).await;
    }
    next
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn order_is_kept_per_sender_and_lane_through_lines_and_lanes() {
    const SENDERS: usize = 4;
    const EVENTS: usize = 300;
    let router = Router::new();
    let subscribers: Vec<_> = [1, 2, 3, 1_000]
        .into_iter()
        .map(|capacity| {
            let subscription = router.subscribe_with(InboxSettings::with_capacity(capacity));
            tokio::spawn(in_order(subscription))
        })
        .collect();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let router = router.clone();
            tokio::spawn(async move {
                let mut next = [0; 3];
                for step in 0..EVENTS * 3 {
                    let lane = (step * 7 + sender) % 3;
                    let event = Numbered { sender, lane, number: next[lane] };
                    next[lane] += 1;
                    assert_eq!(router.notify(event).priority(LANES[lane]).await.unwrap().accepted, 4);
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    drop(router);
    for subscriber in subscribers {
        let seen = subscriber.await.unwrap();
        assert_eq!(seen.len(), SENDERS * 3);
        assert!(seen.values().all(|&count| count == EVENTS), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn order_is_kept_where_batches_and_single_events_mix() {
    const SENDERS: usize = 3;
    const BATCHES: usize = 4;
    const BATCH: usize = 300;
    let router = Router::new();
    let subscribers: Vec<_> = [1, 3, 40]
        .into_iter()
        .map(|capacity| tokio::spawn(in_order(router.subscribe_with(InboxSettings::with_capacity(capacity)))))
        .collect();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let router = router.clone();
            tokio::spawn(async move {
                let mut numbers = (0..).map(|number| Numbered { sender, lane: 0, number });
                for _ in 0..BATCHES {
                    let batch: Vec<_> = numbers.by_ref().take(BATCH).collect();
                    assert_eq!(router.notify_all(batch).await.unwrap().accepted, 3 * BATCH);
                    for event in numbers.by_ref().take(3) {
                        router.notify(event).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    drop(router);
    for subscriber in subscribers {
        let seen = subscriber.await.unwrap();
        assert!(seen.values().all(|&count| count == BATCHES * (BATCH + 3)), "{seen:?}");
        assert_eq!(seen.len(), SENDERS);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pool_takes_events_in_order() {
    let router = Router::new();
    let (inbox, receiver) = edri_router::Inbox::shared(InboxSettings::with_capacity(2));
    let to = edri_router::ToInbox::new("pool".into(), inbox, std::convert::identity);
    let registration = router.attach_subscriber::<Numbered>(Arc::new(to));
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let receiver = receiver.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while let Some(envelope) = receiver.recv().await {
                    seen.push(envelope.event.number);
                }
                seen
            })
        })
        .collect();
    for number in 0..1_000 {
        router.notify(Numbered { sender: 0, lane: 0, number }).await.unwrap();
    }
    drop(registration);
    let mut all = Vec::new();
    for worker in workers {
        let seen = worker.await.unwrap();
        assert!(seen.is_sorted());
        all.extend(seen);
    }
    all.sort_unstable();
    assert_eq!(all, (0..1_000).collect::<Vec<_>>());
}

#[test]
fn a_newcomer_does_not_overtake_those_who_stand_in_line() {
    let router = Router::new();
    let mut subscription = router.subscribe_with::<Ping>(InboxSettings::with_capacity(8));
    let mut sending: Vec<_> = (0..10).map(|event| task::spawn(router.notify(Ping(event)))).collect();
    sending[..8].iter_mut().for_each(|sending| assert!(sending.poll().is_ready()));
    sending[8..].iter_mut().for_each(|sending| assert_pending!(sending.poll()));
    // The first makes room that is given away at once; that of the second is kept for the line.
    let mut seen: Vec<_> = (0..2).filter_map(|_| subscription.try_recv()).map(|ping| ping.0).collect();
    assert!(sending[8].poll().is_ready());
    assert_pending!(sending[9].poll());

    assert!(router.try_notify(Ping(99)).is_err());
    let mut one = task::spawn(router.notify(Ping(10)));
    let mut many = task::spawn(router.notify_all([Ping(11), Ping(12)]));
    assert_pending!(one.poll());
    assert_pending!(many.poll());
    let mut all_sent = false;
    while let Some(ping) = subscription.try_recv() {
        seen.push(ping.0);
        all_sent = all_sent || many.poll().is_ready();
    }
    assert_eq!(seen, (0..13).collect::<Vec<_>>());
    assert!(all_sent && sending[9].poll().is_ready() && one.poll().is_ready());
}
