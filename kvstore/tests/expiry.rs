//! Keys that expire, on a clock that stands still unless it is told.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::time::Duration;

use edri_kvstore::{Expiry, Get, OnlyIf, Outcome, Range, Watched};
use tokio::time::{Instant, advance, sleep};

use support::{in_memory, ms, next};

#[tokio::test(start_paused = true)]
async fn a_key_is_there_until_its_time_is_over_and_not_longer() {
    let running = in_memory().await;
    let store = &running.store;
    store.set("k", &1).ttl(ms(100)).await.unwrap();
    advance(ms(99)).await;
    assert_eq!(store.get::<i32>("k").await.unwrap(), Some(1));
    let entry = running.router.request(Get::new("k")).await.unwrap().unwrap();
    assert_eq!(entry.expires_in, Some(ms(1)));
    advance(ms(1)).await;
    assert_eq!(store.get::<i32>("k").await.unwrap(), None);
    assert_eq!(store.scan::<i32>(Range::All).all().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn watchers_are_told_that_a_key_has_expired_within_10_ms() {
    let running = in_memory().await;
    let store = &running.store;
    let mut watcher = store.watch_prefix::<u64>("k").await.unwrap();
    let begun = Instant::now();
    for number in (1..=50u64).rev() {
        store.set(&format!("k{number}"), &number).ttl(ms(number * 37)).await.unwrap();
        assert!(matches!(next(&mut watcher).await, Watched::Set { .. }));
    }
    for number in 1..=50u64 {
        let Watched::Expired { key, version } = next(&mut watcher).await else { panic!("it expires") };
        assert_eq!(key, format!("k{number}"));
        assert!(version.get() > 50);
        let late = begun.elapsed().checked_sub(ms(number * 37)).expect("not early");
        assert!(late <= ms(10), "{late:?} late");
    }
    // It is gone, and not only unseen.
    assert_eq!(running.managed.health(ms(5000)).await.values["entries"], edri_router::Value::Integer(0));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_touched_or_set_lives_as_long_as_it_was_said_last() {
    let running = in_memory().await;
    let store = &running.store;
    let mut watcher = store.watch::<i32>("k").await.unwrap();
    store.set("k", &1).ttl(ms(100)).await.unwrap();
    for _ in 0..20 {
        advance(ms(60)).await;
        assert!(store.touch("k", Expiry::After(ms(100))).await.unwrap());
    }
    sleep(ms(99)).await;
    assert_eq!(store.get::<i32>("k").await.unwrap(), Some(1));
    // Shorter than before.
    store.set("k", &2).ttl(ms(10_000)).await.unwrap();
    store.set("k", &3).ttl(ms(10)).await.unwrap();
    let begun = Instant::now();
    for expected in 1..=3 {
        assert_eq!(next(&mut watcher).await.value(), Some(&expected));
    }
    assert!(matches!(next(&mut watcher).await, Watched::Expired { .. }));
    assert!(begun.elapsed() <= ms(20));
    // For ever.
    store.set("k", &4).ttl(ms(10)).await.unwrap();
    store.set("k", &5).await.unwrap();
    sleep(Duration::from_secs(1_000_000)).await;
    assert_eq!(store.get::<i32>("k").await.unwrap(), Some(5));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_has_expired_is_absent_for_whoever_writes_it() {
    let running = in_memory().await;
    let store = &running.store;
    let mut watcher = store.watch::<i64>("k").await.unwrap();
    let first = store.set("k", &1i64).ttl(ms(10)).await.unwrap();
    // The sleeper has not had a chance yet.
    advance(ms(10)).await;
    assert_eq!(store.set("k", &9i64).if_version(first).await.unwrap(), Outcome::Conflict(None));
    assert_eq!(store.increment_with("k", 5, Expiry::KeepOr(ms(50))).await.unwrap(), 5);
    assert!(matches!(next(&mut watcher).await, Watched::Set { .. }));
    assert!(matches!(next(&mut watcher).await, Watched::Expired { .. }), "it is told before what follows");
    assert_eq!(next(&mut watcher).await.value(), Some(&5));
    // A count that begins anew after a time: later increments do not prolong it.
    sleep(ms(40)).await;
    assert_eq!(store.increment_with("k", 1, Expiry::KeepOr(ms(50))).await.unwrap(), 6);
    sleep(ms(11)).await;
    assert_eq!(store.increment_with("k", 1, Expiry::KeepOr(ms(50))).await.unwrap(), 1);
    assert!(store.delete_if("k", OnlyIf::Present).await.unwrap().is_applied());
    assert!(!store.touch("k", Expiry::Never).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn very_many_keys_that_expire_at_once_are_all_gone() {
    let running = in_memory().await;
    let store = &running.store;
    for number in 0..20_000 {
        store.set(&format!("k{number}"), &number).ttl(Duration::from_secs(60)).await.unwrap();
    }
    sleep(Duration::from_secs(61)).await;
    let values = running.managed.health(ms(5000)).await.values;
    assert_eq!(values["entries"], edri_router::Value::Integer(0));
    assert_eq!(values["expirations"], edri_router::Value::Integer(20_000));
    assert_eq!(values["bytes"], edri_router::Value::Integer(0));
}

#[tokio::test(start_paused = true)]
async fn keys_that_come_and_go_leave_nothing_behind_among_the_deadlines() {
    let running = in_memory().await;
    let store = &running.store;
    for _ in 0..50_000 {
        store.set("k", &1).ttl(Duration::from_secs(3600)).await.unwrap();
        store.delete("k").await.unwrap();
    }
    // What was left is found at its time, and is nothing.
    sleep(Duration::from_secs(3601)).await;
    assert_eq!(running.managed.health(ms(5000)).await.values["expirations"], edri_router::Value::Integer(0));
}

#[tokio::test(start_paused = true)]
async fn any_time_to_live_can_be_given() {
    let running = in_memory().await;
    running.store.set("k", &1).ttl(Duration::MAX).await.unwrap();
    running.store.set("l", &1).ttl(Duration::from_secs(100 * 365 * 24 * 3600)).await.unwrap();
    sleep(Duration::from_secs(365 * 24 * 3600)).await;
    assert_eq!(running.store.get::<i32>("k").await.unwrap(), Some(1));
    assert_eq!(running.store.get::<i32>("l").await.unwrap(), Some(1));
}
