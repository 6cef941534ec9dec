//! What is kept fresh.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edri_event::{Failure, Notification, Request};
use edri_kvstore::{Refusal, Store, StoreError};
use edri_router::{Registration, RequestError, Router};
use tokio::time::sleep;

use support::{in_memory, ms};

#[derive(Request, Clone)]
#[request(response = u64)]
struct Price;

#[derive(Notification)]
struct Tick;

/// Prices rise with every question, and cannot be told from the third to the fifth time.
fn prices(router: &Router) -> (Registration, Arc<AtomicU64>) {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let answering = router.respond(move |_: Price| {
        let asked = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            match asked {
                3..=5 => Err(Failure::new("down", "no prices today")),
                asked => Ok(asked),
            }
        }
    });
    (answering, asked)
}

#[tokio::test(start_paused = true)]
async fn a_value_is_refreshed_at_once_and_then_once_in_so_long() {
    let running = in_memory().await;
    let (_prices, asked) = prices(&running.router);
    let store = &running.store;
    let refreshing = store.refresh("price", ms(1000), Price).unwrap();
    sleep(ms(1)).await;
    assert_eq!(store.get::<u64>("price").await.unwrap(), Some(1));
    sleep(ms(1000)).await;
    assert_eq!(store.get::<u64>("price").await.unwrap(), Some(2));
    sleep(ms(1000)).await;
    assert_eq!(store.get::<u64>("price").await.unwrap(), Some(2), "it stays when the source is down");
    let Some(StoreError::Request(RequestError::Failed(failure))) = refreshing.trouble() else {
        panic!("told")
    };
    assert_eq!(failure.code(), "down");
    sleep(ms(3000)).await;
    assert_eq!(store.get::<u64>("price").await.unwrap(), Some(6));
    assert_eq!((refreshing.count(), refreshing.trouble()), (3, None));
    drop(refreshing);
    sleep(ms(5000)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 6);
    assert_eq!(store.get::<u64>("price").await.unwrap(), Some(6));
}

#[tokio::test(start_paused = true)]
async fn a_value_is_refreshed_whenever_a_notification_is_sent() {
    let running = in_memory().await;
    let (_prices, _) = prices(&running.router);
    let refreshing = running.store.refresh_on::<Tick, _>("price", Price).unwrap();
    assert_eq!(refreshing.key(), "price");
    sleep(ms(10)).await;
    assert_eq!(running.store.get::<u64>("price").await.unwrap(), None);
    for expected in 1..=2 {
        running.router.notify(Tick).await.unwrap();
        sleep(ms(10)).await;
        assert_eq!(running.store.get::<u64>("price").await.unwrap(), Some(expected));
    }
}

#[tokio::test]
async fn a_store_that_has_not_been_started_refreshes_nothing() {
    let store = Store::in_memory();
    let error = store.handle().refresh("price", ms(1000), Price).unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::Closed));
}
