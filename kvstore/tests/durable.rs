//! What is on disk: there after a restart, compacted, and found when it is damaged.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edri_kvstore::{
    Bounds, Expiry, Get, Namespace, Range, Refusal, Set, Store, StoreHandle, Version, Watched,
};
use edri_manager::Host;
use edri_router::{Router, Value as Figure};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use support::{Running, ms, next, start};

async fn stop(running: Running) {
    assert_eq!(running.managed.stop(Instant::now() + Duration::from_secs(10)).await, 0);
}

/// Ended without a word, as by a crash of the process: nothing is written that was not written.
fn crash(running: Running) {
    std::mem::forget(running);
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Order {
    item: String,
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart_with_version_type_and_time_to_live() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(Store::durable(directory.path())).await;
    let orders = running.store.namespace("orders");
    let version = orders.set("1", &Order { item: "tea".into() }).await.unwrap();
    orders.set("2", &1).await.unwrap();
    orders.delete("2").await.unwrap();
    orders.set("3", &1).ttl(Duration::from_secs(3600)).await.unwrap();
    orders.set("4", &1).ttl(Duration::from_secs(3600)).await.unwrap();
    orders.touch("4", Expiry::Never).await.unwrap();
    running.store.increment("n", 5).await.unwrap();
    stop(running).await;

    let running = start(Store::durable(directory.path())).await;
    let orders = running.store.namespace("orders");
    let entry = running.router.request(Get::new("1").namespace("orders")).await.unwrap().unwrap();
    assert_eq!((entry.version, entry.expires_in), (version, None));
    assert_eq!(entry.decode::<Order>().unwrap().item, "tea");
    let error = orders.get::<u8>("1").await.unwrap_err();
    assert!(error.to_string().contains("Order"), "the name of the type is there, too: {error}");
    assert_eq!(orders.get::<i32>("2").await.unwrap(), None);
    let left = orders.get_entry("3").await.unwrap().unwrap().expires_in.unwrap();
    assert!(left > Duration::from_secs(3590) && left <= Duration::from_secs(3600), "{left:?}");
    assert_eq!(orders.get_entry("4").await.unwrap().unwrap().expires_in, None);
    assert_eq!(running.store.increment("n", 1).await.unwrap(), 6);
    // Versions go on.
    assert!(orders.set("5", &1).await.unwrap() > version);
    stop(running).await;
}

#[tokio::test]
async fn what_expires_while_nothing_runs_is_gone_and_watchers_are_told_when_it_runs_again() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(Store::durable(directory.path())).await;
    running.store.set("k", &1).ttl(ms(30)).await.unwrap();
    stop(running).await;
    // The world's clock is meant here: there is no other that goes on without a process.
    std::thread::sleep(ms(40));
    let running = start(Store::durable(directory.path())).await;
    assert_eq!(running.store.get::<i32>("k").await.unwrap(), None);
    assert_eq!(running.store.set("k", &2).if_absent().await.unwrap().applied(), Some(Version::new(3)));
    stop(running).await;
}

#[tokio::test]
async fn events_are_answered_when_they_are_durable_and_watchers_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(Store::durable(directory.path())).await;
    let mut watcher = running.store.watch_prefix::<u64>("").await.unwrap();
    let writes = (0..100u64).map(|number| {
        let (router, store) = (running.router.clone(), running.store.clone());
        tokio::spawn(async move {
            let key = format!("{}", number % 10);
            let outcome = router.request(Set::new(&*key, &number).unwrap()).await.unwrap();
            let entry = store.get_entry(&key).await.unwrap().unwrap();
            assert!(entry.version >= outcome.applied().unwrap(), "it is seen when it is acknowledged");
            outcome.applied().unwrap()
        })
    });
    let writes: Vec<_> = writes.collect();
    let mut versions = Vec::new();
    for write in writes {
        versions.push(write.await.unwrap());
    }
    let mut told = Vec::new();
    for _ in 0..100 {
        told.push(next(&mut watcher).await.version().unwrap());
    }
    versions.sort_unstable();
    assert_eq!(told, versions, "in the order of the journal");
    crash(running);
}

#[tokio::test]
async fn writes_that_build_on_each_other_share_a_sync() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(Store::durable(directory.path())).await;
    let increments: Vec<_> = (0..200)
        .map(|_| {
            let store = running.store.clone();
            tokio::spawn(async move { store.increment("n", 1).await.unwrap() })
        })
        .collect();
    let mut sums = Vec::new();
    for increment in increments {
        sums.push(increment.await.unwrap());
    }
    sums.sort_unstable();
    assert_eq!(sums, (1..=200).collect::<Vec<_>>());
    // Clearing sees what is on its way, too.
    let set = running.store.set("x", &1);
    let clear = async {
        tokio::task::yield_now().await;
        running.store.clear("").await
    };
    let (set, clear) = tokio::join!(biased; set, clear);
    set.unwrap();
    assert_eq!(clear.unwrap(), 2);
    assert_eq!(running.store.scan::<i64>(Range::All).all().await.unwrap(), []);
    stop(running).await;
}

#[tokio::test]
async fn a_write_that_is_not_waited_for_becomes_durable_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(Store::durable(directory.path())).await;
    let handle = running.store.clone();
    let dropped = tokio::time::timeout(Duration::ZERO, handle.set("k", &1)).await;
    let expected = if dropped.is_ok_and(|set| set.is_ok()) { vec![Some(1)] } else { vec![Some(1), None] };
    stop(running).await;
    let running = start(Store::durable(directory.path())).await;
    assert!(expected.contains(&running.store.get::<i32>("k").await.unwrap()));
    stop(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_is_compacted_while_writes_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = || Store::durable(directory.path()).compact_after(8 << 10);
    let running = start(store()).await;
    let writers: Vec<_> = (0..4u64)
        .map(|writer| {
            let store = running.store.clone();
            tokio::spawn(async move {
                for number in 0..400u64 {
                    let key = format!("{writer}:{}", number % 7);
                    store.set(&key, &vec![number; 10]).await.unwrap();
                    if number % 5 == 0 {
                        store.delete(&key).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let files = files(&directory.path().join("log"));
    assert!(files.iter().any(|file| file.to_string_lossy().contains("snapshot")), "{files:?}");
    let before = running.store.page(edri_kvstore::Scan::new(Range::All)).await.unwrap();
    crash(running);
    // Its journal is still open in this process: it is read where it was copied to.
    let copy = tempfile::tempdir().unwrap();
    copy_of(directory.path(), copy.path());
    let running = start(Store::durable(copy.path())).await;
    assert_eq!(running.store.page(edri_kvstore::Scan::new(Range::All)).await.unwrap(), before);
    stop(running).await;
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn copy_of(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy_of(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_is_found_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(Store::durable(directory.path())).await;
    for number in 0..50 {
        running.store.set(&format!("key {number}"), &format!("value {number}")).await.unwrap();
    }
    stop(running).await;
    let files = files(&directory.path().join("log"));
    let segment = files.iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap();
    let whole = fs::read(segment).unwrap();
    let mut found = 0;
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(segment, &flipped).unwrap();
        let router = Router::new();
        match Host::new(Store::durable(directory.path())).start(&router).await {
            Err(error) => {
                let name = segment.file_name().unwrap().to_string_lossy();
                assert!(error.to_string().contains(&*name), "byte {at} of {}: {error}", whole.len());
                found += 1;
            }
            // In what ends the file: that looks like an end that was not written, behind which there is nothing.
            Ok(managed) => {
                for number in 0..50 {
                    let value =
                        StoreHandle::on(&router).get::<String>(&format!("key {number}")).await.unwrap();
                    assert_eq!(value.unwrap(), format!("value {number}"), "byte {at} of {}", whole.len());
                }
                managed.stop(Instant::now() + Duration::from_secs(10)).await;
            }
        }
    }
    assert!(found > 35, "{found}");
}

#[tokio::test]
async fn a_flipped_bit_in_a_picture_is_found_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let store = || Store::snapshots(directory.path(), Duration::from_secs(3600));
    let running = start(store()).await;
    running.store.set("k", &vec![7u64; 100]).await.unwrap();
    stop(running).await;
    let files = files(&directory.path().join("snapshots"));
    let picture = files.iter().find(|file| file.to_string_lossy().contains("snapshot")).unwrap();
    let mut bytes = fs::read(picture).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(picture, &bytes).unwrap();
    let error = Host::new(store()).start(&Router::new()).await.unwrap_err();
    assert!(error.to_string().contains("damaged") && error.to_string().contains("snapshot"), "{error}");
}

#[tokio::test]
async fn a_picture_is_taken_now_and_then_and_at_an_orderly_end() {
    let directory = tempfile::tempdir().unwrap();
    let store = || Store::snapshots(directory.path(), ms(20));
    let running = start(store()).await;
    running.store.set("early", &1).await.unwrap();
    let pictures = directory.path().join("snapshots");
    let taken = async {
        while !files(&pictures).iter().any(|file| file.extension().is_some_and(|kind| kind == "snapshot")) {
            tokio::time::sleep(ms(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken).await.expect("a picture is taken");
    // As a crash would leave it.
    let copy = tempfile::tempdir().unwrap();
    copy_of(directory.path(), copy.path());
    let recovered = start(Store::snapshots(copy.path(), ms(20))).await;
    assert_eq!(recovered.store.get::<i32>("early").await.unwrap(), Some(1));
    stop(recovered).await;

    running.store.set("late", &2).await.unwrap();
    stop(running).await;
    let running = start(store()).await;
    assert_eq!(running.store.get::<i32>("late").await.unwrap(), Some(2));
    assert!(running.store.set("k", &1).await.unwrap() > Version::new(2));
    stop(running).await;
}

#[tokio::test]
async fn each_namespace_is_kept_as_it_was_said() {
    let directory = tempfile::tempdir().unwrap();
    let store = || {
        Store::in_memory()
            .directory(directory.path())
            .namespace("orders", Namespace::logged())
            .namespace("pages", Namespace::snapshots(Duration::from_secs(3600)))
    };
    let running = start(store()).await;
    for name in ["", "orders", "pages"] {
        running.store.namespace(name).set("k", &1).await.unwrap();
    }
    stop(running).await;
    let running = start(store()).await;
    let mut found = Vec::new();
    for name in ["", "orders", "pages"] {
        found.push(running.store.namespace(name).get::<i32>("k").await.unwrap());
    }
    assert_eq!(found, [None, Some(1), Some(1)]);
    let values = running.managed.health(ms(5000)).await.values;
    assert!(matches!(values["disk_bytes"], Figure::Integer(bytes) if bytes > 0));
    stop(running).await;

    let other = Store::durable(directory.path()).namespace("orders", Namespace::in_memory());
    let error = Host::new(other).start(&Router::new()).await.unwrap_err();
    assert!(error.to_string().contains("orders"), "{error}");
}

#[tokio::test]
async fn a_directory_is_for_one_process_and_is_needed_for_what_is_to_last() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(Store::durable(directory.path())).await;
    let error = Host::new(Store::durable(directory.path())).start(&Router::new()).await.unwrap_err();
    assert!(error.to_string().contains("lock"), "{error}");
    stop(running).await;
    let store = Store::in_memory().namespace("orders", Namespace::logged());
    let error = Host::new(store).start(&Router::new()).await.unwrap_err();
    assert!(error.to_string().contains("directory"), "{error}");
    // A store that was dropped without being stopped lets go of it, too.
    drop(start(Store::durable(directory.path())).await.managed);
    let again = async {
        loop {
            let router = Router::new();
            match Host::new(Store::durable(directory.path())).start(&router).await {
                Ok(managed) => break managed,
                Err(error) => assert!(error.to_string().contains("lock"), "{error}"),
            }
            tokio::time::sleep(ms(1)).await;
        }
    };
    drop(tokio::time::timeout(Duration::from_secs(10), again).await.unwrap());
}

#[tokio::test]
async fn a_namespace_that_evicts_is_within_its_bounds_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let bounds = |entries| {
        let bounds = Bounds::new().entries(entries).evict();
        Store::durable(directory.path()).bounds(bounds)
    };
    let running = start(bounds(10)).await;
    let mut watcher = running.store.watch_prefix::<i32>("").await.unwrap();
    for number in 0..25 {
        running.store.set(&format!("{number:02}"), &number).await.unwrap();
    }
    let mut evicted = 0;
    for _ in 0..40 {
        evicted += u32::from(matches!(next(&mut watcher).await, Watched::Evicted { .. }));
    }
    assert_eq!(evicted, 15);
    stop(running).await;
    let running = start(bounds(4)).await;
    let kept = running.store.scan::<i32>(Range::All).all().await.unwrap();
    assert_eq!(kept.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [21, 22, 23, 24]);
    stop(running).await;
}

#[tokio::test]
async fn after_the_end_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(Store::durable(directory.path())).await;
    let store: StoreHandle = running.store.clone();
    store.set("k", &1).await.unwrap();
    stop(running).await;
    assert_eq!(store.set("k", &2).await.unwrap_err().refusal(), Some(Refusal::Closed));
    assert_eq!(store.clear("").await.unwrap_err().refusal(), Some(Refusal::Closed));
    assert_eq!(store.get::<i32>("k").await.unwrap(), Some(1), "what is in memory can still be read");
}
