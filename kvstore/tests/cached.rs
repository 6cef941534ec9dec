//! What is computed once for many.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use edri_event::Failure;
use edri_kvstore::{Bounds, Refusal, Store, StoreError, StoreHandle};
use tokio::sync::{Barrier, oneshot};
use tokio::time::{advance, sleep, timeout};

use support::{in_memory, ms, start};

type Computed<T> = Result<T, Failure>;

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_get_what_was_computed_once() {
    let running = in_memory().await;
    let calls = Arc::new(AtomicU32::new(0));
    let barrier = Arc::new(Barrier::new(20));
    let callers: Vec<_> = (0..20)
        .map(|number| {
            // Half of them through another handle, which finds the same store.
            let store =
                if number % 2 == 0 { running.store.clone() } else { StoreHandle::on(&running.router) };
            let (calls, barrier) = (Arc::clone(&calls), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                let compute = move || async move {
                    calls.fetch_add(1, Ordering::SeqCst);
                    sleep(ms(100)).await;
                    Computed::Ok("slow".to_owned())
                };
                store.cached("k", ms(1000), compute).await.unwrap()
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "slow");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    // Kept for a second, and then computed again.
    let again = || async { Computed::Ok("again".to_owned()) };
    assert_eq!(running.store.cached("k", ms(1000), again).await.unwrap(), "slow");
    advance(ms(1000)).await;
    assert_eq!(running.store.cached("k", ms(1000), again).await.unwrap(), "again");
}

#[tokio::test(start_paused = true)]
async fn all_share_a_failure_and_who_asks_afterwards_computes_anew() {
    let running = in_memory().await;
    let calls = Arc::new(AtomicU32::new(0));
    let ask = || {
        let (store, calls) = (running.store.clone(), Arc::clone(&calls));
        async move {
            let compute = move || async move {
                calls.fetch_add(1, Ordering::SeqCst);
                sleep(ms(10)).await;
                Computed::<u8>::Err(Failure::new("down", "the source is down"))
            };
            store.cached("k", ms(1000), compute).await
        }
    };
    let (one, other) = tokio::join!(ask(), ask());
    assert_eq!(one, Err(StoreError::Computation(Failure::new("down", "the source is down"))));
    assert_eq!(one, other);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(ask().await.is_err());
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(running.store.get::<u8>("k").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn that_the_first_caller_goes_away_does_not_fail_the_others() {
    let running = in_memory().await;
    let calls = Arc::new(AtomicU32::new(0));
    let ask = || {
        let (store, calls) = (running.store.clone(), Arc::clone(&calls));
        async move {
            let compute = move || async move {
                calls.fetch_add(1, Ordering::SeqCst);
                sleep(ms(100)).await;
                Computed::Ok(7u8)
            };
            store.cached("k", ms(1000), compute).await
        }
    };
    let first = tokio::spawn(ask());
    sleep(ms(10)).await;
    let second = tokio::spawn(ask());
    sleep(ms(10)).await;
    first.abort();
    assert_eq!(second.await.unwrap(), Ok(7));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_computation_that_nobody_waits_for_any_more_is_given_up() {
    let running = in_memory().await;
    let (alive, ended) = oneshot::channel::<()>();
    let compute = move || async move {
        let _alive = alive;
        pending::<Computed<u8>>().await
    };
    assert!(timeout(ms(10), running.store.cached("k", ms(1000), compute)).await.is_err());
    assert!(ended.await.is_err(), "it was dropped");
    assert_eq!(running.store.cached("k", ms(1000), || async { Computed::Ok(1u8) }).await.unwrap(), 1);
}

#[tokio::test]
async fn a_panic_is_a_failure_for_all() {
    let running = in_memory().await;
    let compute = || async {
        tokio::task::yield_now().await;
        if true {
            panic!("no source");
        }
        Computed::Ok(1u8)
    };
    let (one, other) = tokio::join!(
        running.store.cached("k", ms(1000), compute),
        running.store.cached("k", ms(1000), compute)
    );
    let Err(StoreError::Computation(failure)) = &one else { panic!("{one:?}") };
    assert_eq!(failure.code(), "panicked");
    assert!(failure.message().contains("no source"));
    assert_eq!(one, other);
}

#[tokio::test]
async fn a_value_for_which_there_is_no_room_is_given_all_the_same() {
    let running = start(Store::in_memory().bounds(Bounds::new().entries(1))).await;
    running.store.set("other", &1).await.unwrap();
    assert_eq!(running.store.cached("k", ms(1000), || async { Computed::Ok(5u8) }).await.unwrap(), 5);
    assert_eq!(running.store.get::<u8>("k").await.unwrap(), None);
}

#[tokio::test]
async fn what_is_kept_as_another_type_is_told() {
    let running = in_memory().await;
    running.store.set("k", &"text".to_owned()).await.unwrap();
    let error = running.store.cached("k", ms(1000), || async { Computed::Ok(5u8) }).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::TypeMismatch));
}
