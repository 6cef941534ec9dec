//! How much a namespace holds, and what happens when it is full.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use edri_kvstore::{Bounds, Expiry, Namespace, Range, Refusal, Store, Watched};
use edri_router::Value as Figure;

use support::{ms, next, start};

async fn keys(store: &edri_kvstore::StoreHandle) -> Vec<String> {
    store.scan::<i32>(Range::All).all().await.unwrap().into_iter().map(|(key, _)| key).collect()
}

#[tokio::test]
async fn a_full_namespace_refuses_what_is_more_and_takes_what_is_not() {
    let running = start(Store::in_memory().bounds(Bounds::new().entries(2))).await;
    let store = &running.store;
    store.set("a", &1).await.unwrap();
    store.set("b", &1).await.unwrap();
    let error = store.set("c", &1).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::Full));
    assert!(error.to_string().contains("2 entries"), "{error}");
    store.set("a", &2).await.unwrap();
    assert_eq!(store.increment("a", 1).await.unwrap(), 3);
    store.delete("b").await.unwrap();
    store.set("c", &1).await.unwrap();
    assert_eq!(keys(store).await, ["a", "c"]);
}

#[tokio::test]
async fn bytes_and_values_are_bounded() {
    let bounds = Bounds::new().bytes(2 * Bounds::ENTRY_BYTES + 100).value(60);
    let running = start(Store::in_memory().bounds(bounds)).await;
    let store = &running.store;
    let error = store.set_bytes("a", [0; 61]).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::TooLarge));
    assert!(error.to_string().contains("61 bytes") && error.to_string().contains("60"), "{error}");
    store.set_bytes("a", [0; 60]).await.unwrap();
    store.set_bytes("b", [0; 38]).await.unwrap();
    assert_eq!(store.set_bytes("b", [0; 39]).await.unwrap_err().refusal(), Some(Refusal::Full));
    store.set_bytes("a", [0; 59]).await.unwrap();
    store.set_bytes("b", [0; 39]).await.unwrap();
    let bytes = running.managed.health(ms(5000)).await.values["bytes"].clone();
    assert_eq!(bytes, Figure::Integer(2 * Bounds::ENTRY_BYTES as i64 + 100));
    store.clear("").await.unwrap();
    assert_eq!(running.managed.health(ms(5000)).await.values["bytes"], Figure::Integer(0));
}

#[tokio::test]
async fn what_was_not_used_for_the_longest_time_makes_room() {
    let running = start(Store::in_memory().bounds(Bounds::new().entries(3).evict())).await;
    let store = &running.store;
    for key in ["a", "b", "c"] {
        store.set(key, &1).await.unwrap();
    }
    store.get::<i32>("a").await.unwrap();
    let mut watcher = store.watch_prefix::<i32>("").await.unwrap();
    store.set("d", &1).await.unwrap();
    assert_eq!(keys(store).await, ["a", "c", "d"]);
    assert!(matches!(next(&mut watcher).await, Watched::Evicted { key, .. } if key == "b"));
    assert!(matches!(next(&mut watcher).await, Watched::Set { key, .. } if key == "d"));
    store.set("c", &2).await.unwrap();
    store.touch("a", Expiry::Never).await.unwrap();
    store.set("e", &1).await.unwrap();
    assert_eq!(keys(store).await, ["a", "c", "e"]);
    assert_eq!(running.managed.health(ms(5000)).await.values["evictions"], Figure::Integer(2));
}

#[tokio::test]
async fn a_large_value_makes_several_go() {
    let bounds = Bounds::new().bytes(10 * (Bounds::ENTRY_BYTES + 10)).evict();
    let running = start(Store::in_memory().namespace("pages", Namespace::in_memory().bounds(bounds))).await;
    let pages = running.store.namespace("pages");
    for number in 0..10 {
        pages.set_bytes(&number.to_string(), [0; 9]).await.unwrap();
    }
    pages.set_bytes("x", vec![0; 3 * (Bounds::ENTRY_BYTES + 10)]).await.unwrap();
    assert_eq!(pages.get_bytes("3").await.unwrap(), None);
    assert!(pages.get_bytes("4").await.unwrap().is_some());
    let error = pages.set_bytes("y", vec![0; 2000]).await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::TooLarge), "nothing could make room for it");
    assert!(pages.get_bytes("4").await.unwrap().is_some(), "and nothing has");
}

#[tokio::test]
async fn what_is_used_stays_among_many_that_are_not() {
    let running = start(Store::in_memory().bounds(Bounds::new().entries(1000).evict())).await;
    let store = &running.store;
    for number in 0..20_000 {
        store.set(&format!("cold{number}"), &number).await.unwrap();
        if number < 100 {
            store.set(&format!("hot{number}"), &number).await.unwrap();
        }
        if number >= 100 {
            store.get::<i32>(&format!("hot{}", number % 100)).await.unwrap();
        }
    }
    let hot = store.scan::<i32>(Range::prefix("hot")).all().await.unwrap();
    assert_eq!(hot.len(), 100);
    assert_eq!(keys(store).await.len(), 1000);
    assert!(store.get::<i32>("cold19999").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bound_holds_for_many_writers_at_once() {
    for bounds in [Bounds::new().entries(50), Bounds::new().entries(50).evict()] {
        let running = start(Store::in_memory().bounds(bounds)).await;
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let store = running.store.clone();
                tokio::spawn(async move {
                    for number in 0..500 {
                        let key = format!("{writer}:{}", number % 40);
                        if let Err(error) = store.set(&key, &number).await {
                            assert_eq!(error.refusal(), Some(Refusal::Full));
                        }
                        if number % 7 == 0 {
                            store.delete(&key).await.unwrap();
                        }
                        assert!(
                            store.page(edri_kvstore::Scan::new(Range::All)).await.unwrap().entries.len()
                                <= 50
                        );
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let values = running.managed.health(ms(5000)).await.values;
        let entries = keys(&running.store).await.len();
        assert_eq!(values["entries"], Figure::Integer(entries as i64), "what is counted is what there is");
    }
}
