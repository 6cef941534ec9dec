//! Everything at once, on many threads.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use edri_router::{InboxSettings, RequestError, Router};
use support::{Ask, Fate, Ping, Pipe, acceptor, impatient, responder, subscriber, turns};

/// Says when the storm is over, also when a test fails.
struct Calm(Arc<AtomicBool>);

impl Drop for Calm {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_steady_subscriber_gets_every_event_while_others_come_and_go() {
    const EVENTS: u64 = 6_000;
    let router = Router::new();
    let mut steady = router.subscribe_with::<Ping>(InboxSettings::with_capacity(16));
    let over = Arc::new(AtomicBool::new(false));
    let calm = Calm(Arc::clone(&over));
    let churners: Vec<_> = (0..3_usize)
        .map(|churner| {
            let (router, over) = (router.clone(), Arc::clone(&over));
            std::thread::spawn(move || {
                let mut rounds = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    let capacity = 1 + (rounds as usize + churner) % 50;
                    let mut brief = router.subscribe_with::<Ping>(InboxSettings::with_capacity(capacity));
                    // From its first event to its last it misses none.
                    let mut next = None;
                    for _ in 0..rounds % 7 {
                        if let Some(ping) = brief.try_recv() {
                            assert_eq!(ping.0, next.unwrap_or(ping.0));
                            next = Some(ping.0 + 1);
                        }
                    }
                    rounds += 1;
                }
                rounds
            })
        })
        .collect();
    let sender = router.clone();
    let sending = tokio::spawn(async move {
        for event in 0..EVENTS / 2 {
            sender.notify(Ping(event)).await.unwrap();
        }
        sender.notify_all((EVENTS / 2..EVENTS).map(Ping)).await.unwrap();
    });
    for event in 0..EVENTS {
        assert_eq!(steady.recv().await.unwrap().0, event);
    }
    sending.await.unwrap();
    drop(calm);
    let rounds: u64 = churners.into_iter().map(|churner| churner.join().unwrap()).sum();
    assert!(rounds > 0);
    assert!(steady.try_recv().is_none());
    drop(steady);
    assert_eq!(router.try_notify(Ping(0)).unwrap().accepted, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_request_is_answered_while_responders_and_observers_come_and_go() {
    let router = Router::new();
    let steady = router.respond(|ask: Ask| async move { Ok(ask.0) });
    let over = Arc::new(AtomicBool::new(false));
    let calm = Calm(Arc::clone(&over));
    let churners: Vec<_> = (0..2)
        .map(|_| {
            let (router, over) = (router.clone(), Arc::clone(&over));
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let brief = router.respond(|ask: Ask| async move { Ok(ask.0) });
                    let observer = router.responses::<Ask>();
                    // Nobody takes from this one: what waits when it goes is answered as stopped.
                    let inbox = responder::<Ask>(&router, InboxSettings::with_capacity(2));
                    drop((brief, observer, inbox));
                }
            })
        })
        .collect();
    let asking: Vec<_> = (0..3)
        .map(|_| {
            let router = router.clone();
            tokio::spawn(async move {
                let mut answered = 0;
                for number in 0..2_000 {
                    match router.request(Ask(number)).await {
                        Ok(answer) => {
                            assert_eq!(answer, number);
                            answered += 1;
                        }
                        Err(error) => assert_eq!(error, RequestError::Stopped),
                    }
                }
                answered
            })
        })
        .collect();
    for asking in asking {
        assert!(asking.await.unwrap() > 0);
    }
    drop((calm, steady));
    churners.into_iter().for_each(|churner| churner.join().unwrap());
    assert!(matches!(router.request(Ask(0)).await, Err(RequestError::NoResponder { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_doubled_when_sends_and_receives_are_dropped_on_many_threads() {
    for capacity in [1, 2, 5] {
        let router = Router::new();
        let (mut receiver, inbox, registration) =
            subscriber::<Ping>(&router, InboxSettings::with_capacity(capacity));
        let completed = Arc::new(AtomicU64::new(0));
        let senders: Vec<_> = (0..4_u64)
            .map(|sender| {
                let (router, completed) = (router.clone(), Arc::clone(&completed));
                tokio::spawn(async move {
                    let mut certain = Vec::new();
                    for number in 0..400 {
                        let event = sender * 1_000 + number;
                        let polls = (number as usize * 7 + sender as usize) % 5;
                        if let Fate::Completed(sent) =
                            impatient(polls, router.notify(Ping(event)), drop).await
                        {
                            assert_eq!(sent.unwrap().accepted, 1);
                            completed.fetch_add(1, Ordering::Relaxed);
                            certain.push(event);
                        }
                        if number % 11 == 0 {
                            turns(3).await;
                        }
                    }
                    certain
                })
            })
            .collect();
        drop((inbox, router));
        let receiving = tokio::spawn(async move {
            let mut seen = Vec::new();
            for round in 0.. {
                match impatient(round % 4, receiver.recv(), drop).await {
                    Fate::Completed(Some(envelope)) => seen.push(envelope.event.0),
                    Fate::Completed(None) => break,
                    Fate::Dropped(()) => {}
                }
            }
            (seen, receiver.tally().accepted)
        });
        let mut certain = Vec::new();
        for sender in senders {
            certain.extend(sender.await.unwrap());
        }
        drop(registration);
        let (seen, accepted) = receiving.await.unwrap();
        assert_eq!(seen.len() as u64, accepted);
        for sender in 0..4 {
            let of_sender = |all: &[u64]| -> Vec<u64> {
                all.iter().copied().filter(|event| event / 1_000 == sender).collect()
            };
            let (seen, certain) = (of_sender(&seen), of_sender(&certain));
            assert!(seen.is_sorted_by(|one, two| one < two), "in order and not doubled");
            assert!(certain.iter().all(|event| seen.binary_search(event).is_ok()), "none is lost");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pool_whose_receivers_are_dropped_at_random_takes_everything() {
    const EVENTS: u64 = 3_000;
    let router = Router::new();
    let (inbox, receiver) = edri_router::Inbox::shared(InboxSettings::with_capacity(3));
    let to = edri_router::ToInbox::new("pool".into(), inbox, std::convert::identity);
    let registration = router.attach_subscriber::<Ping>(Arc::new(to));
    let workers: Vec<_> = (0..4_usize)
        .map(|worker| {
            let receiver = receiver.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                for round in worker.. {
                    match impatient(round % 5, receiver.recv(), drop).await {
                        Fate::Completed(Some(envelope)) => seen.push(envelope.event.0),
                        Fate::Completed(None) => break,
                        // Another has to take what this one was woken for.
                        Fate::Dropped(()) => turns(round % 3).await,
                    }
                }
                seen
            })
        })
        .collect();
    let all = async {
        for event in 0..EVENTS / 2 {
            router.notify(Ping(event)).await.unwrap();
        }
        router.notify_all((EVENTS / 2..EVENTS).map(Ping)).await.unwrap();
        drop(registration);
        let mut seen = Vec::new();
        for worker in workers {
            seen.extend(worker.await.unwrap());
        }
        seen.sort_unstable();
        seen
    };
    let seen = tokio::time::timeout(Duration::from_secs(30), all).await.expect("a wake-up was lost");
    assert_eq!(seen, (0..EVENTS).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tunnels_at_once_carry_everything_both_ways() {
    let router = Router::new();
    let (mut openings, registration) = acceptor::<Pipe>(&router, InboxSettings::with_capacity(2));
    let accepting = tokio::spawn(async move {
        while let Some(opening) = openings.recv().await {
            tokio::spawn(async move {
                let mut tunnel = opening.tunnel;
                while let Some(item) = tunnel.recv().await {
                    tunnel.send(item.unwrap() + 1).await.unwrap();
                }
                tunnel.finish();
            });
        }
    });
    let opening: Vec<_> = (0..20_usize)
        .map(|number| {
            let router = router.clone();
            tokio::spawn(async move {
                let (mut sender, mut receiver) =
                    router.open(Pipe).window(1 + number % 3).await.unwrap().split();
                let sending = tokio::spawn(async move {
                    for item in 0..200 {
                        sender.send(item).await.unwrap();
                    }
                    sender.finish();
                });
                for item in 0..200 {
                    assert_eq!(receiver.recv().await, Some(Ok(item + 1)));
                }
                assert_eq!(receiver.recv().await, None);
                sending.await.unwrap();
            })
        })
        .collect();
    for opening in opening {
        opening.await.unwrap();
    }
    drop(registration);
    accepting.await.unwrap();
}
