//! A process that is a worker has a router of its own, linked with that of the program.

use std::convert::identity;
use std::sync::Arc;
use std::time::Duration;

use edri_router::{DeathCause, Inbox, InboxSettings, Opening, Router, ToInbox};
use futures_util::FutureExt as _;
use tokio::time::{sleep, timeout};

use crate::processes;
use crate::program::{death, until, within};
use crate::smith::{Call, Forged, Noise, Smith, Store, job};

#[tokio::test]
async fn a_worker_hears_what_is_published_here_and_by_other_workers() {
    within(async {
        let router = Router::new();
        let mut told = router.subscribe::<Forged>();
        let _pool = processes::<Smith>(1).start(&router).unwrap();
        let mut listening = Box::pin(router.request(job("listen").number(1)));
        assert!((&mut listening).now_or_never().is_none());
        let heard = tokio::select! {
            told = told.recv() => told,
            answer = &mut listening => panic!("{answer:?}"),
        };
        assert_eq!(heard.map(|told| told.number), Some(1));
        let call = async {
            loop {
                router.notify(Call(7)).await.unwrap();
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            answer = listening => assert_eq!(answer, Ok("7".into())),
            () = call => unreachable!("it has no end"),
        }
        // What one process tells comes to another through the program.
        let other = processes::<Smith>(1).name("other").start_private(&router).unwrap();
        let listening = other.request(job("listen"));
        let tell = async {
            loop {
                router.notify(Call(8)).await.unwrap();
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            answer = listening => assert_eq!(answer, Ok("8".into())),
            () = tell => unreachable!("it has no end"),
        }
    })
    .await;
}

/// What nobody in a process wants is not written to it.
#[tokio::test]
async fn events_that_no_worker_wants_do_not_go_to_its_process() {
    within(async {
        let router = Router::new();
        let mut noise = router.subscribe::<Noise>();
        let _pool = processes::<Smith>(1).start(&router).unwrap();
        let read =
            async || router.request(job("received").text("rchar")).await.unwrap().parse::<u64>().unwrap();
        let before = read().await;
        for _ in 0..64 {
            router.notify(Noise(vec![0; 64 * 1024])).await.unwrap();
            noise.recv().await.unwrap();
        }
        let between = read().await - before;
        assert!(between < 256 * 1024, "{between} bytes were read");
    })
    .await;
}

/// Behaviour 77 of the original: a stream from one process to another arrives whole, the last partial piece included, at the
/// pace of whoever reads it, and ends; and what it took is gone then.
#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_streams_from_a_process_with_back_pressure_and_nothing_of_it_is_left() {
    within(async {
        let router = Router::new();
        let (inbox, mut openings) = Inbox::<Opening<Store>>::new(InboxSettings::default());
        let acceptor = router.attach_acceptor(Arc::new(ToInbox::new("store".into(), inbox, identity)));
        let pool = processes::<Smith>(1).start(&router).unwrap();
        router.request(job("pid")).await.unwrap();
        let descriptors = crate::program::descriptors();
        let storing = tokio::spawn(async move {
            let mut tunnel = openings.recv().await.unwrap().tunnel;
            let mut bytes = 0;
            while let Some(piece) = tunnel.recv().await {
                let piece = piece.unwrap();
                let is_last = piece.len() < 64 * 1024;
                assert!(piece.iter().all(|byte| *byte == if is_last { 8 } else { 7 }));
                bytes += piece.len() as u64;
                if bytes % (1 << 20) == 0 {
                    // A slow reader slows the writer, and nothing piles up.
                    sleep(Duration::from_millis(1)).await;
                }
            }
            tunnel.send(bytes).await.unwrap();
            tunnel.finish();
        });
        let bytes = (32 << 20) + 12_345;
        assert_eq!(router.request(job("store").number(bytes)).await, Ok(bytes.to_string()));
        storing.await.unwrap();
        drop(acceptor);
        until("its descriptors are closed", || crate::program::descriptors() <= descriptors).await;
        assert_eq!(pool.vitals().counts.failed, 0);
    })
    .await;
}

#[tokio::test]
async fn what_a_worker_has_told_before_it_died_is_heard() {
    within(async {
        let router = Router::new();
        let mut told = router.subscribe::<Forged>();
        let _pool = processes::<Smith>(1).start(&router).unwrap();
        let death = death(router.request(job("notify-and-die").number(5)).await);
        assert_eq!(death.cause, DeathCause::Signalled { signal: 6 });
        let told = timeout(Duration::from_secs(5), told.recv()).await.unwrap();
        assert_eq!(told.map(|told| told.number), Some(5));
    })
    .await;
}

#[tokio::test]
async fn what_a_dead_worker_consumed_is_not_sent_to_it_any_more() {
    within(async {
        let router = Router::new();
        let mut told = router.subscribe::<Forged>();
        let _ours = router.subscribe::<Call>();
        let _pool = processes::<Smith>(1).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        let asked = router.request(job("listen"));
        let kill = async {
            told.recv().await.unwrap();
            until("it is subscribed", || subscribers(&router) == 2).await;
            crate::program::kill(&pid);
        };
        let (answer, ()) = futures_util::future::join(asked, kill).await;
        assert_eq!(death(answer).signal(), Some(9));
        until("it is no more", || subscribers(&router) == 1).await;
    })
    .await;
}

fn subscribers(router: &Router) -> usize {
    let snapshot = router.snapshot();
    let route = snapshot.routes.iter().find(|route| route.event == "test::Call");
    route.map_or(0, |route| route.consumers.len())
}
