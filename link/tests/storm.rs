//! Everything at once, on many threads, over a Unix socket.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edri_event::Priority;
use edri_link::Closed;
use edri_router::{Inbox, InboxSettings, Opening, RequestError, Router, ToInbox};
use support::routers::{Ask, Blob, Ping, Pipe, link_over, until};
use tokio::net::UnixStream;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_request_is_answered_every_tunnel_ends_and_notifications_keep_their_order() {
    let (near, far) = UnixStream::pair().unwrap();
    let routers = link_over([(Router::new(), near), (Router::new(), far)], |settings| {
        settings.limits.window = 30_000;
        settings.limits.calls = 64;
        settings.limits.tunnels = 8;
        settings.inbox = InboxSettings::with_capacity(32);
    })
    .await;
    let (left, right) = (routers.left, routers.right);
    let _adder = right.respond(|ask: Ask| async move {
        if ask.0.is_multiple_of(3) {
            tokio::task::yield_now().await;
        }
        if ask.0 % 100 == 99 { std::future::pending().await } else { Ok(ask.0 + 1) }
    });
    let (inbox, mut openings) = Inbox::<Opening<Pipe>>::new(InboxSettings::default());
    let _place = right.attach_acceptor(Arc::new(ToInbox::new("pipe".into(), inbox, std::convert::identity)));
    let echo = tokio::spawn(async move {
        while let Some(opening) = openings.recv().await {
            tokio::spawn(async move {
                let mut tunnel = opening.tunnel;
                while let Some(Ok(item)) = tunnel.recv().await {
                    if tunnel.send(item.to_string()).await.is_err() {
                        return;
                    }
                }
                tunnel.finish();
            });
        }
    });
    until(|| left.has_responders::<Ask>()).await;
    until(|| left.has_acceptors::<Pipe>()).await;
    let mut pings = right.subscribe_with::<Ping>(InboxSettings::with_capacity(16));
    let mut blobs = left.subscribe::<Blob>();
    tokio::spawn(async move { while blobs.recv().await.is_some() {} });
    until(|| left.has_subscribers::<Ping>()).await;
    until(|| right.has_subscribers::<Blob>()).await;
    let mut tasks = Vec::new();
    let answered = Arc::new(AtomicU64::new(0));
    for task in 0..8_u64 {
        let (left, right, answered) = (left.clone(), right.clone(), Arc::clone(&answered));
        tasks.push(tokio::spawn(async move {
            for number in 0..400 {
                let number = task * 1_000 + number;
                // One of a hundred is never answered: it is given up, and cancelled there.
                let asking = left.request(Ask(number)).timeout(Duration::from_millis(5));
                match asking.await {
                    Ok(answer) => assert_eq!(answer, number + 1),
                    Err(RequestError::TimedOut { .. } | RequestError::Expired) => {}
                    Err(other) => panic!("{other}"),
                }
                answered.fetch_add(1, Ordering::Relaxed);
                if number % 50 == 0 {
                    right.notify(Blob(vec![task as u8; 100_000])).await.unwrap();
                }
            }
        }));
    }
    for task in 0..4_u64 {
        let left = left.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..20 {
                let mut tunnel = left.open(Pipe(task)).await.unwrap();
                for item in 0..30 {
                    tunnel.send(item).await.unwrap();
                }
                if round % 4 == 3 {
                    continue;
                }
                tunnel.finish();
                for item in 0..30 {
                    assert_eq!(tunnel.recv().await.unwrap().unwrap(), u64::to_string(&item));
                }
                assert!(tunnel.recv().await.is_none());
            }
        }));
    }
    let pinging = left.clone();
    tasks.push(tokio::spawn(async move {
        for number in 0..5_000 {
            let priority = if number % 2 == 0 { Priority::Normal } else { Priority::High };
            pinging.notify(Ping(number)).priority(priority).await.unwrap();
        }
    }));
    let mut last = [None, None];
    for _ in 0..5_000 {
        let ping = timeout(LONG, pings.recv()).await.expect("notifications stall").unwrap().0;
        let lane = &mut last[(ping % 2) as usize];
        assert!(lane.is_none_or(|last| last + 2 == ping), "{ping} came after {lane:?}");
        *lane = Some(ping);
    }
    for task in tasks {
        timeout(LONG, task).await.expect("something stalls").unwrap();
    }
    assert_eq!(answered.load(Ordering::Relaxed), 8 * 400);
    routers.links[0].close();
    for link in &routers.links {
        assert_eq!(timeout(LONG, link.closed()).await.expect("it does not close"), Closed::Orderly);
    }
    drop(right);
    echo.abort();
}
