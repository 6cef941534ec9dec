//! What the store does, by events and by handles.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use edri_kvstore::{
    Clear, CompareAndSwap, Delete, Expiry, Get, GetMany, Increment, OnlyIf, Outcome, Range, Refusal, Scan,
    Set, Store, StoreError, StoreHandle, Swapped, Touch, Value, Version,
};
use edri_manager::Host;
use edri_router::RequestError;
use serde::{Deserialize, Serialize};

use support::{in_memory, ms, start};

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct User {
    name: String,
    age: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Count(u64);

fn refusal<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> Refusal {
    answer.unwrap_err().refusal().unwrap()
}

/// 72.
#[tokio::test]
async fn set_then_get_gives_the_value_and_a_missing_key_is_told_from_an_empty_value() {
    let running = in_memory().await;
    let (router, store) = (&running.router, &running.store);
    let user = User { name: "Ada".into(), age: 36 };

    let set = router.request(Set::new("user", &user).unwrap()).await.unwrap();
    let entry = router.request(Get::new("user")).await.unwrap().unwrap();
    assert_eq!(entry.decode::<User>().unwrap(), user);
    assert_eq!(Outcome::Applied(entry.version), set);
    assert_eq!(entry.expires_in, None);
    assert_eq!(store.get::<User>("user").await.unwrap(), Some(user));

    assert_eq!(router.request(Get::new("nobody")).await.unwrap(), None);
    store.set_bytes("empty", []).await.unwrap();
    let empty = router.request(Get::new("empty")).await.unwrap().unwrap();
    assert!(empty.value.as_bytes().is_empty());
    assert_eq!(store.get_bytes("empty").await.unwrap().as_deref(), Some(&[][..]));
    store.set("nothing", &None::<u8>).await.unwrap();
    assert_eq!(store.get::<Option<u8>>("nothing").await.unwrap(), Some(None));
    assert_eq!(store.get::<Option<u8>>("nobody").await.unwrap(), None);
}

/// 73.
#[tokio::test]
async fn deleting_removes_a_key_and_a_missing_one_is_no_error() {
    let running = in_memory().await;
    let (router, store) = (&running.router, &running.store);
    store.set("a", &1).await.unwrap();
    assert!(router.request(Delete::new("a")).await.unwrap().is_applied());
    assert_eq!(store.get::<i32>("a").await.unwrap(), None);
    assert_eq!(router.request(Delete::new("a")).await.unwrap(), Outcome::Conflict(None));
    assert_eq!(store.delete("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_type_mismatch_is_an_error_that_names_both_types() {
    let running = in_memory().await;
    running.store.set("n", &"seven".to_owned()).await.unwrap();
    let error = running.store.get::<u64>("n").await.unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::TypeMismatch));
    assert!(error.to_string().contains("String") && error.to_string().contains("u64"), "{error}");
    running.store.set_bytes("b", *b"raw").await.unwrap();
    assert_eq!(refusal(running.store.get::<String>("b").await), Refusal::TypeMismatch);
}

#[tokio::test]
async fn versions_rise_with_every_change_of_a_namespace() {
    let running = in_memory().await;
    let store = &running.store;
    let first = store.set("a", &1).await.unwrap();
    let second = store.set("b", &1).await.unwrap();
    let deleted = store.delete("a").await.unwrap().unwrap();
    let again = store.set("a", &1).await.unwrap();
    assert_eq!([first, second, deleted, again].map(Version::get), [1, 2, 3, 4]);
    assert_eq!(store.namespace("other").set("a", &1).await.unwrap().get(), 1);
}

#[tokio::test]
async fn a_key_is_set_only_if_absent_present_or_of_a_version() {
    let running = in_memory().await;
    let store = &running.store;
    assert_eq!(store.set("a", &1).if_present().await.unwrap(), Outcome::Conflict(None));
    let first = store.set("a", &1).if_absent().await.unwrap().applied().unwrap();
    assert_eq!(store.set("a", &2).if_absent().await.unwrap(), Outcome::Conflict(Some(first)));
    let second = store.set("a", &2).if_version(first).await.unwrap().applied().unwrap();
    assert_eq!(store.set("a", &3).if_version(first).await.unwrap(), Outcome::Conflict(Some(second)));
    assert_eq!(store.delete_if("a", OnlyIf::Version(first)).await.unwrap(), Outcome::Conflict(Some(second)));
    assert_eq!(store.get::<i32>("a").await.unwrap(), Some(2));
    assert!(store.delete_if("a", OnlyIf::Version(second)).await.unwrap().is_applied());
}

#[tokio::test]
async fn compare_and_swap_replaces_only_what_is_expected_and_shows_what_is_there() {
    let running = in_memory().await;
    let (router, store) = (&running.router, &running.store);
    let swapped = store.compare_and_swap("a", None, Some(&1)).await.unwrap();
    let Swapped::Applied(version) = swapped else { panic!("{swapped:?}") };
    let Swapped::Differs(Some(there)) = store.compare_and_swap("a", None, Some(&2)).await.unwrap() else {
        panic!("there is something")
    };
    assert_eq!((there.decode::<i32>().unwrap(), there.version), (1, version));
    // Bytes that are the same, of another type, are not the same.
    let bytes = Some(Value::bytes(there.value.as_bytes().clone()));
    let swapped = router.request(CompareAndSwap::new("a", bytes, None)).await.unwrap();
    assert!(matches!(swapped, Swapped::Differs(Some(_))));
    assert!(matches!(store.compare_and_swap("a", Some(&1), None).await.unwrap(), Swapped::Applied(_)));
    assert_eq!(store.compare_and_swap("a", Some(&1), None).await.unwrap(), Swapped::Differs(None));
    assert!(matches!(store.compare_and_swap::<i32>("a", None, None).await.unwrap(), Swapped::Applied(_)));
    assert_eq!(store.get::<i32>("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_number_is_incremented_whatever_integer_it_was_written_as() {
    let running = in_memory().await;
    let (router, store) = (&running.router, &running.store);
    assert_eq!(store.increment("hits", 2).await.unwrap(), 2);
    assert_eq!(store.get::<u64>("hits").await.unwrap(), Some(2));
    store.set("hits", &40u8).await.unwrap();
    assert_eq!(router.request(Increment::new("hits", 300)).await.unwrap().value, 340);
    assert_eq!(store.get::<u16>("hits").await.unwrap(), Some(340));
    assert_eq!(refusal(store.get::<u8>("hits").await), Refusal::TypeMismatch);
    // A type of one's own that is an integer stays that type.
    store.set("count", &Count(1)).await.unwrap();
    assert_eq!(store.increment("count", 1).await.unwrap(), 2);
    assert_eq!(store.get::<Count>("count").await.unwrap(), Some(Count(2)));
    store.set("hits", &i64::MAX).await.unwrap();
    assert_eq!(refusal(store.increment("hits", 1).await), Refusal::OutOfRange);
    store.set("hits", &u64::MAX).await.unwrap();
    assert_eq!(refusal(store.increment("hits", -1).await), Refusal::OutOfRange);
    store.set("hits", &"many".to_owned()).await.unwrap();
    let error = store.increment("hits", 1).await.unwrap_err();
    assert!(error.to_string().contains("String"), "{error}");
    store.set_bytes("raw", [1]).await.unwrap();
    assert_eq!(refusal(store.increment("raw", 1).await), Refusal::NotANumber);
}

#[tokio::test]
async fn increments_from_many_tasks_are_all_counted() {
    let running = in_memory().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = running.store.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    store.increment("n", 1).await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(running.store.get::<i64>("n").await.unwrap(), Some(800));
}

#[tokio::test]
async fn several_keys_are_read_at_once_in_their_order() {
    let running = in_memory().await;
    let (router, store) = (&running.router, &running.store);
    store.set("a", &1).await.unwrap();
    store.set("c", &3).await.unwrap();
    assert_eq!(store.get_many::<i32>(["c", "b", "a"]).await.unwrap(), [Some(3), None, Some(1)]);
    let many = router.request(GetMany::new(vec!["k"; 1001])).await.unwrap_err();
    assert_eq!(StoreError::from(many).refusal(), Some(Refusal::TooLarge));
    store.set_bytes("large", vec![0; 1 << 20]).await.unwrap();
    let large = router.request(GetMany::new(vec!["large"; 65])).await.unwrap_err();
    assert_eq!(StoreError::from(large).refusal(), Some(Refusal::TooLarge));
    assert_eq!(router.request(GetMany::new(vec!["large"; 64])).await.unwrap().len(), 64);
}

#[tokio::test]
async fn keys_are_scanned_in_order_page_by_page() {
    let running = in_memory().await;
    let (router, store) = (&running.router, &running.store);
    for number in (0..250u32).rev() {
        store.set(&format!("item:{number:03}"), &number).await.unwrap();
    }
    store.set("other", &0).await.unwrap();
    let first = router.request(Scan::new(Range::prefix("item:")).limit(100)).await.unwrap();
    assert_eq!(first.entries.len(), 100);
    assert_eq!(first.next.as_deref(), Some("item:099"));
    let all = store.scan::<u32>(Range::prefix("item:")).page_size(100).all().await.unwrap();
    assert_eq!(all.iter().map(|(_, number)| *number).collect::<Vec<_>>(), (0..250).collect::<Vec<_>>());
    let some = store.scan::<u32>(Range::between("item:010", "item:013")).all().await.unwrap();
    assert_eq!(some.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [10, 11, 12]);
    assert_eq!(store.scan::<u32>(Range::All).all().await.unwrap().len(), 251);
    assert_eq!(store.scan::<u32>(Range::From("j".into())).all().await.unwrap(), [("other".to_owned(), 0)]);
    assert_eq!(store.scan::<u32>(Range::prefix("none")).all().await.unwrap(), []);
    assert_eq!(refusal(store.page(Scan::new(Range::All).limit(0)).await), Refusal::Invalid);
    // The last page is known to be the last if it is just full.
    let page = store.page(Scan::new(Range::prefix("item:")).limit(250)).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (250, None));
}

#[tokio::test]
async fn a_page_ends_before_it_becomes_too_large() {
    let running = in_memory().await;
    for number in 0..4 {
        running.store.set_bytes(&format!("{number}"), vec![0; 900_000]).await.unwrap();
    }
    let page = running.store.page(Scan::new(Range::All)).await.unwrap();
    assert_eq!((page.entries.len(), page.next.as_deref()), (2, Some("1")));
}

#[tokio::test]
async fn a_scan_goes_on_behind_a_value_of_another_type() {
    let running = in_memory().await;
    running.store.set("a", &1u8).await.unwrap();
    running.store.set("b", &"two".to_owned()).await.unwrap();
    running.store.set("c", &3u8).await.unwrap();
    let mut scan = running.store.scan::<u8>(Range::All);
    assert_eq!(scan.next().await.unwrap().unwrap().1, 1);
    assert_eq!(refusal(scan.next().await.unwrap()), Refusal::TypeMismatch);
    assert_eq!(scan.next().await.unwrap().unwrap().1, 3);
    assert!(scan.next().await.is_none());
}

#[tokio::test]
async fn a_prefix_is_cleared_and_the_rest_stays() {
    let running = in_memory().await;
    let (router, store) = (&running.router, &running.store);
    for number in 0..2000 {
        store.set(&format!("a:{number}"), &number).await.unwrap();
    }
    store.set("b", &1).await.unwrap();
    assert_eq!(router.request(Clear::new("a:")).await.unwrap(), 2000);
    assert_eq!(store.scan::<i32>(Range::All).all().await.unwrap(), [("b".to_owned(), 1)]);
    assert_eq!(store.clear("").await.unwrap(), 1);
    assert_eq!(store.clear("").await.unwrap(), 0);
}

#[tokio::test]
async fn namespaces_know_nothing_of_each_other() {
    let running = in_memory().await;
    let (router, store) = (&running.router, &running.store);
    let other = store.namespace("other");
    store.set("k", &1).await.unwrap();
    other.set("k", &2).await.unwrap();
    assert_eq!(
        router.request(Get::new("k").namespace("other")).await.unwrap().unwrap().decode::<i32>().unwrap(),
        2
    );
    assert_eq!(other.clear("").await.unwrap(), 1);
    assert_eq!(store.get::<i32>("k").await.unwrap(), Some(1));
    assert_eq!(refusal(store.namespace(&"x".repeat(200)).get::<i32>("k").await), Refusal::TooLarge);
    for number in 0..1022 {
        store.namespace(&format!("n{number}")).get::<i32>("k").await.unwrap();
    }
    assert_eq!(refusal(store.namespace("one more").get::<i32>("k").await), Refusal::Full);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let running = in_memory().await;
    let (router, store) = (&running.router, &running.store);
    assert_eq!(refusal(store.get::<i32>("").await), Refusal::Invalid);
    assert_eq!(refusal(store.set("", &1).await), Refusal::Invalid);
    assert_eq!(refusal(store.set(&"k".repeat(1025), &1).await), Refusal::TooLarge);
    store.set(&"k".repeat(1024), &1).await.unwrap();
    let Err(RequestError::Failed(failure)) = router.request(Get::new("")).await else { panic!("no key") };
    assert_eq!(failure.code(), Refusal::Invalid.code());
    assert_eq!(refusal(store.set("k", &1).ttl(ms(0)).await), Refusal::Invalid);
}

#[tokio::test]
async fn touching_changes_for_how_long_a_key_is_kept_and_nothing_else() {
    let running = in_memory().await;
    let (router, store) = (&running.router, &running.store);
    let version = store.set("a", &1).await.unwrap();
    assert_eq!(router.request(Touch::new("a", Expiry::After(ms(5000)))).await.unwrap(), Some(version));
    let entry = store.get_entry("a").await.unwrap().unwrap();
    assert_eq!(entry.version, version);
    assert!(entry.expires_in.unwrap() > ms(4000));
    assert!(store.touch("a", Expiry::Never).await.unwrap());
    assert_eq!(store.get_entry("a").await.unwrap().unwrap().expires_in, None);
    assert!(!store.touch("b", Expiry::Never).await.unwrap());
}

#[tokio::test]
async fn a_cell_is_a_variable_and_updates_of_many_are_all_there() {
    let running = in_memory().await;
    let cell = running.store.cell::<Vec<u32>>("list");
    assert_eq!(cell.get().await.unwrap(), None);
    cell.set(&vec![]).await.unwrap();
    let tasks: Vec<_> = (0..4u32)
        .map(|task| {
            let cell = cell.clone();
            tokio::spawn(async move {
                for number in 0..25 {
                    cell.update(|list| {
                        let mut list = list.unwrap_or_default();
                        list.push(task * 100 + number);
                        list
                    })
                    .await
                    .unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(cell.get().await.unwrap().unwrap().len(), 100);
    cell.clear().await.unwrap();
    assert_eq!(cell.get().await.unwrap(), None);
}

#[tokio::test]
async fn what_a_handle_wrote_is_there_for_an_event_and_the_other_way_round() {
    let running = in_memory().await;
    for number in 0..100 {
        running.store.set("k", &number).await.unwrap();
        let entry = running.router.request(Get::new("k")).await.unwrap().unwrap();
        assert_eq!(entry.decode::<i32>().unwrap(), number);
        let _ = running.router.request(Set::new("k", &-number).unwrap()).await.unwrap();
        assert_eq!(running.store.get::<i32>("k").await.unwrap(), Some(-number));
    }
}

#[tokio::test]
async fn a_handle_says_that_there_is_no_store_before_it_is_started_and_after_it_has_stopped() {
    let router = edri_router::Router::new();
    let store = Store::in_memory();
    let early = store.handle();
    assert_eq!(refusal(early.get::<i32>("k").await), Refusal::Closed);
    let by_router = StoreHandle::on(&router);
    let unreached = by_router.get::<i32>("k").await.unwrap_err();
    assert!(matches!(unreached, StoreError::Request(RequestError::NoResponder { .. })), "{unreached}");

    let managed = Host::new(store).start(&router).await.unwrap();
    early.set("k", &1).await.unwrap();
    assert_eq!(by_router.get::<i32>("k").await.unwrap(), Some(1));
    let mut watcher = by_router.watch::<i32>("k").await.unwrap();
    managed.stop(tokio::time::Instant::now() + ms(5000)).await;
    assert!(watcher.next().await.is_none());
    assert_eq!(refusal(early.set("k", &2).await), Refusal::Closed);
    assert!(matches!(router.request(Get::new("k")).await, Err(RequestError::NoResponder { .. })));
}

#[tokio::test]
async fn a_second_store_on_a_router_does_not_start() {
    let running = in_memory().await;
    let error = Host::new(Store::in_memory()).start(&running.router).await.unwrap_err();
    assert!(error.to_string().contains("another store"), "{error}");
    running.store.set("still", &1).await.unwrap();
}

#[tokio::test]
async fn health_tells_what_there_is_and_what_has_happened() {
    let running = start(Store::in_memory()).await;
    running.store.set("k", &1).await.unwrap();
    running.store.get::<i32>("k").await.unwrap();
    running.store.get::<i32>("none").await.unwrap();
    let _watcher = running.store.watch::<i32>("k").await.unwrap();
    let health = running.managed.health(ms(5000)).await;
    let values = health.values;
    for (name, expected) in [("entries", 1), ("hits", 1), ("misses", 1), ("watchers", 1), ("evictions", 0)] {
        assert_eq!(values[name], edri_router::Value::Integer(expected), "{name}");
    }
    assert!(health.ready);
}
