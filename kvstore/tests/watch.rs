//! Watching keys, by handles and by tunnels.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::collections::HashMap;
use std::time::Duration;

use edri_kvstore::{Condition, Refusal, Store, StoreError, StoreHandle, Version, Watch, Watched, Watcher};
use edri_router::{Opened, Router, TunnelError, Value as Figure};
use tokio::time::{Instant, timeout};

use support::{in_memory, ms, next, nothing_more, start};

/// The watcher at the other end of the tunnel is there.
async fn live(tunnel: &mut Opened<Watch>) {
    assert_eq!(tunnel.recv().await.unwrap().unwrap(), Watched::Live);
}

/// 74.
#[tokio::test]
async fn a_watcher_with_a_condition_is_told_a_matching_value_once_and_no_other() {
    let running = in_memory().await;
    let store = &running.store;
    let late = Condition::value().is_above(10);
    let mut watcher = store.watch::<i32>("k").when(late.clone()).await.unwrap();
    let mut tunnel = running.router.open(Watch::key("k").when(late)).await.unwrap();
    live(&mut tunnel).await;
    store.set("k", &5).await.unwrap();
    let version = store.set("k", &11).await.unwrap();
    store.set("k", &7).await.unwrap();
    store.set("other", &12).await.unwrap();
    let expected = Watched::Set { key: "k".into(), version, value: 11 };
    assert_eq!(next(&mut watcher).await, expected);
    nothing_more(&mut watcher).await;
    let told = tunnel.recv().await.unwrap().unwrap();
    assert_eq!(told.value().unwrap().decode::<i32>().unwrap(), 11);
    assert!(timeout(ms(20), tunnel.recv()).await.is_err());
}

#[tokio::test]
async fn a_watcher_sees_every_change_of_a_key_in_order() {
    let running = in_memory().await;
    let store = &running.store;
    let mut watcher = store.watch::<i32>("k").await.unwrap();
    store.set("k", &1).await.unwrap();
    store.set("k", &2).await.unwrap();
    store.delete("k").await.unwrap();
    store.set("other", &0).await.unwrap();
    store.increment("k", 3).await.unwrap();
    store.clear("").await.unwrap();
    let key = "k".to_owned();
    let v = Version::new;
    for expected in [
        Watched::Set { key: key.clone(), version: v(1), value: 1 },
        Watched::Set { key: key.clone(), version: v(2), value: 2 },
        Watched::Deleted { key: key.clone(), version: v(3) },
        Watched::Set { key: key.clone(), version: v(5), value: 3 },
    ] {
        assert_eq!(next(&mut watcher).await, expected);
    }
    assert!(matches!(next(&mut watcher).await, Watched::Deleted { .. }));
    nothing_more(&mut watcher).await;
}

#[tokio::test]
async fn the_current_value_comes_first_if_it_is_asked_for() {
    let running = in_memory().await;
    let store = &running.store;
    let mut absent = store.watch::<i32>("k").with_current().await.unwrap();
    assert_eq!(next(&mut absent).await, Watched::Live);
    let version = store.set("k", &1).await.unwrap();
    let mut present = store.watch::<i32>("k").with_current().await.unwrap();
    store.set("k", &2).await.unwrap();
    // The first look is made when it is first asked: what is there then, and nothing twice.
    assert_eq!(next(&mut present).await.value(), Some(&2));
    assert_eq!(next(&mut present).await, Watched::Live);
    nothing_more(&mut present).await;
    assert_eq!(next(&mut absent).await.version(), Some(version));
    assert_eq!(next(&mut absent).await.value(), Some(&2));
    let mut changes = store.watch::<i32>("k").await.unwrap();
    nothing_more(&mut changes).await;
}

#[tokio::test]
async fn a_prefix_begins_with_all_that_is_there_without_a_gap_or_an_overlap() {
    let running = in_memory().await;
    let store = &running.store;
    for number in 0..1000 {
        store.set(&format!("k{number:04}"), &0u32).await.unwrap();
    }
    store.set("other", &0u32).await.unwrap();
    let mut watcher = store.watch_prefix::<u32>("k").with_current().buffer(100_000).await.unwrap();
    let mut seen = HashMap::new();
    // Between two looks at pages, everything is changed.
    for round in 1..=5u32 {
        for _ in 0..300 {
            take(&mut watcher, &mut seen).await;
        }
        for number in 0..1000 {
            store.set(&format!("k{number:04}"), &round).await.unwrap();
        }
    }
    while seen.get("k0999") != Some(&(Version::new(6001), 5)) {
        take(&mut watcher, &mut seen).await;
    }
    nothing_more(&mut watcher).await;
    assert_eq!(seen.len(), 1000);
    assert!(seen.values().all(|(_, round)| *round == 5));
}

/// Takes what is told, and checks that no key goes back.
async fn take(watcher: &mut Watcher<u32>, seen: &mut HashMap<String, (Version, u32)>) {
    if let Watched::Current { key, version, value } | Watched::Set { key, version, value } =
        next(watcher).await
    {
        let before = seen.insert(key.clone(), (version, value));
        assert!(before.is_none_or(|(before, _)| before < version), "{key}: {version} after {before:?}");
    }
}

#[tokio::test]
async fn a_watcher_that_is_too_slow_is_told_from_which_version_it_has_missed_changes() {
    let running = in_memory().await;
    let store = &running.store;
    let mut watcher = store.watch::<i32>("k").buffer(3).await.unwrap();
    let mut with_current = store.watch::<i32>("k").with_current().buffer(1).await.unwrap();
    assert_eq!(next(&mut with_current).await, Watched::Live);
    for number in 1..=10 {
        store.set("k", &number).await.unwrap();
    }
    for number in 1..=3 {
        assert_eq!(next(&mut watcher).await.value(), Some(&number));
    }
    assert_eq!(next(&mut watcher).await, Watched::Lagged { from: Version::new(4), missed: 7 });
    nothing_more(&mut watcher).await;
    store.set("k", &11).await.unwrap();
    assert_eq!(next(&mut watcher).await.value(), Some(&11));

    assert_eq!(next(&mut with_current).await.value(), Some(&1));
    assert!(matches!(next(&mut with_current).await, Watched::Lagged { from, .. } if from.get() == 2));
    let current = Watched::Current { key: "k".into(), version: Version::new(11), value: 11 };
    assert_eq!(next(&mut with_current).await, current, "what is there now comes after it");
    assert_eq!(next(&mut with_current).await, Watched::Live);
    assert_eq!(running.managed.health(ms(5000)).await.values["changes_missed"], Figure::Integer(7 + 10));
}

#[tokio::test]
async fn a_watcher_that_is_dropped_or_finished_is_removed() {
    let running = in_memory().await;
    let store = &running.store;
    let watcher = store.watch::<i32>("k").await.unwrap();
    let of_prefix = store.watch_prefix::<i32>("k").await.unwrap();
    let mut tunnel = running.router.open(Watch::key("k")).await.unwrap();
    let mut finished = running.router.open(Watch::prefix("k")).await.unwrap();
    live(&mut tunnel).await;
    live(&mut finished).await;
    assert_eq!(watchers(&running).await, 4);
    drop(watcher);
    drop(of_prefix);
    drop(tunnel);
    finished.finish();
    assert_eq!(finished.recv().await, None);
    while watchers(&running).await > 0 {
        tokio::task::yield_now().await;
    }
    store.set("k", &1).await.unwrap();
}

async fn watchers(running: &support::Running) -> i64 {
    match running.managed.health(ms(5000)).await.values["watchers"] {
        Figure::Integer(watchers) => watchers,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tunnel_holds_a_slow_watcher_back_within_bounds() {
    let running = in_memory().await;
    let mut tunnel = running.router.open(Watch::key("k").buffer(10)).window(5).await.unwrap();
    live(&mut tunnel).await;
    for number in 0..1000 {
        running.store.set("k", &number).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut told = 0;
    let missed = loop {
        match tunnel.recv().await.unwrap().unwrap() {
            Watched::Set { version, .. } => {
                told += 1;
                assert_eq!(version.get(), told);
            }
            Watched::Lagged { from, missed } => {
                assert_eq!(from.get(), told + 1);
                break missed;
            }
            other => panic!("{other:?}"),
        }
    };
    // What was in the tunnel, in the hand of who tells, and in the buffer.
    assert!(told <= 5 + 1 + 10, "{told}");
    assert_eq!(told + missed, 1000);
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused_with_the_reason() {
    let running = in_memory().await;
    let refused = running.store.watch::<i32>("").await.unwrap_err();
    assert_eq!(refused.refusal(), Some(Refusal::Invalid));
    let refused = running.store.watch::<i32>("k").buffer(0).await.unwrap_err();
    assert!(refused.to_string().contains("buffer"), "{refused}");
    let mut tunnel = running.router.open(Watch::key("")).await.unwrap();
    let Some(Err(error @ TunnelError::Aborted(_))) = tunnel.recv().await else { panic!("it is aborted") };
    assert_eq!(StoreError::from(error).refusal(), Some(Refusal::Invalid));
}

#[tokio::test]
async fn a_value_of_another_type_is_an_error_in_its_place() {
    let running = in_memory().await;
    let mut watcher = running.store.watch::<u8>("k").await.unwrap();
    running.store.set("k", &"text".to_owned()).await.unwrap();
    running.store.set("k", &1u8).await.unwrap();
    assert_eq!(watcher.next().await.unwrap().unwrap_err().refusal(), Some(Refusal::TypeMismatch));
    assert_eq!(next(&mut watcher).await.value(), Some(&1));
}

#[tokio::test]
async fn watchers_end_when_the_store_stops() {
    let running = in_memory().await;
    let mut watcher = running.store.watch::<i32>("k").await.unwrap();
    let mut tunnel = running.router.open(Watch::key("k")).await.unwrap();
    live(&mut tunnel).await;
    running.store.set("k", &1).await.unwrap();
    let begun = Instant::now();
    running.managed.stop(Instant::now() + Duration::from_secs(10)).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(next(&mut watcher).await.value(), Some(&1), "what was told is not lost");
    assert!(watcher.next().await.is_none());
    assert!(tunnel.recv().await.unwrap().is_ok());
    let Some(Err(error)) = tunnel.recv().await else { panic!("it ends with an error") };
    assert_eq!(StoreError::from(error).refusal(), Some(Refusal::Closed));
}

/// The row `watch` of what has to be reached: one writer, a hundred watchers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_watchers_of_one_writer_lose_no_change() {
    const CHANGES: u64 = 2000;
    let running = start(Store::in_memory()).await;
    let watching: Vec<_> = (0..100)
        .map(|number| {
            let store = running.store.clone();
            tokio::spawn(async move {
                let mut watcher = match number % 2 {
                    0 => store.watch::<u64>("k").buffer(CHANGES as u32).await.unwrap(),
                    _ => store.watch_prefix::<u64>("").buffer(CHANGES as u32).await.unwrap(),
                };
                store.increment("ready", 1).await.unwrap();
                let mut expected = 0;
                while expected < CHANGES {
                    let told = next(&mut watcher).await;
                    if told.key() == Some("k") {
                        assert_eq!(told.value(), Some(&expected));
                        expected += 1;
                    } else if matches!(told, Watched::Lagged { .. }) {
                        panic!("{told:?}");
                    }
                }
            })
        })
        .collect();
    while running.store.get::<u64>("ready").await.unwrap() != Some(100) {
        tokio::task::yield_now().await;
    }
    for number in 0..CHANGES {
        running.store.set("k", &number).await.unwrap();
    }
    for watcher in watching {
        watcher.await.unwrap();
    }
}

#[tokio::test]
async fn a_cell_is_watched() {
    let router = Router::new();
    let running = edri_manager::Host::new(Store::in_memory()).start(&router).await.unwrap();
    let cell = StoreHandle::on(&router).namespace("settings").cell::<u16>("limit");
    let mut watcher = cell.watch().with_current().await.unwrap();
    assert_eq!(next(&mut watcher).await, Watched::Live);
    cell.set(&7).await.unwrap();
    assert_eq!(next(&mut watcher).await.value(), Some(&7));
    drop(running);
}
