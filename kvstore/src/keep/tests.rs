//! The store on a disk that crashes, is full, and fails.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use edri_journal::testing::{Disk, Loss};
use edri_manager::{Host, Managed};
use edri_router::Router;
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::time::Instant;

use crate::{Namespace, Refusal, Store, StoreHandle, Watched};

async fn start(store: Store, disk: &Disk) -> (Managed, StoreHandle) {
    let router = Router::new();
    let managed = Host::new(store.on(disk)).start(&router).await.unwrap();
    (managed, StoreHandle::on(&router))
}

fn durable() -> Store {
    Store::durable("/store")
}

async fn stop(managed: Managed) {
    managed.stop(Instant::now() + Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_change_for_which_the_disk_has_no_room_is_refused_and_never_seen() {
    let disk = Disk::new(1);
    let (managed, store) = start(durable(), &disk).await;
    let mut watcher = store.watch_prefix::<i64>("").await.unwrap();
    store.set("k", &1i64).await.unwrap();
    let room = disk.files("/store/log").iter().map(|(_, bytes)| bytes.len() as u64).sum();
    disk.set_room(room);
    // All of them build on the first, which fails once there is no room in the segment.
    let increments = futures_util::future::join_all((0..50).map(|_| {
        let store = &store;
        async move {
            let padding = store.set_bytes("padding", vec![0; 20_000]);
            let (padded, sum) = tokio::join!(padding, store.increment("k", 1));
            assert_eq!(padded.unwrap_err().refusal(), Some(Refusal::NotDurable));
            sum
        }
    }));
    let failed = increments.await;
    for sum in &failed {
        assert_eq!(sum.as_ref().unwrap_err().refusal(), Some(Refusal::NotDurable), "{sum:?}");
    }
    assert_eq!(store.get::<i64>("k").await.unwrap(), Some(1));
    assert_eq!(store.get_bytes("padding").await.unwrap(), None);
    let health = managed.health(Duration::from_secs(5)).await;
    assert!(health.reason.unwrap().contains("not made durable"));
    assert_eq!(health.values["entries"], edri_router::Value::Integer(1), "what failed is not counted");

    disk.set_room(u64::MAX);
    assert_eq!(store.increment("k", 1).await.unwrap(), 2);
    assert_eq!(managed.health(Duration::from_secs(5)).await.reason, None);
    assert_eq!(watcher.next().await.unwrap().unwrap().value(), Some(&1));
    assert_eq!(watcher.next().await.unwrap().unwrap().value(), Some(&2), "nothing was told of what failed");
    stop(managed).await;
    let (managed, store) = start(durable(), &disk).await;
    assert_eq!(store.get::<i64>("k").await.unwrap(), Some(2));
    stop(managed).await;
}

#[tokio::test]
async fn a_change_is_not_seen_before_it_is_durable() {
    let disk = Disk::new(1);
    let (managed, store) = start(durable(), &disk).await;
    let first = store.set("k", &1).await.unwrap();
    let mut second = std::pin::pin!(store.set("k", &2).into_future());
    // It has its place in the journal from its first poll on, and nobody has written that yet.
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(second.as_mut().poll(cx).is_pending())).await);
    assert_eq!(store.get::<i32>("k").await.unwrap(), Some(1));
    assert_eq!(store.get_entry("k").await.unwrap().unwrap().version, first);
    second.await.unwrap();
    assert_eq!(store.get::<i32>("k").await.unwrap(), Some(2));
    stop(managed).await;
}

#[tokio::test]
async fn when_the_disk_is_down_reads_go_on_and_writes_are_refused() {
    let disk = Disk::new(1);
    let (managed, store) = start(durable(), &disk).await;
    store.set("k", &1).await.unwrap();
    disk.fail_at(disk.calls(), io::ErrorKind::Other);
    let left = disk.crash(Loss::ByChance(3));
    for _ in 0..3 {
        assert_eq!(store.set("k", &2).await.unwrap_err().refusal(), Some(Refusal::NotDurable));
        assert_eq!(store.get::<i32>("k").await.unwrap(), Some(1));
    }
    stop(managed).await;
    let (managed, store) = start(durable(), &left).await;
    assert_eq!(store.get::<i32>("k").await.unwrap(), Some(1));
    stop(managed).await;
}

/// Ready when it is so. The disk and what writes to it are in threads of their own.
async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

#[tokio::test]
async fn a_picture_that_fails_is_taken_later_and_the_one_before_counts() {
    for failing in 0..8 {
        let disk = Disk::new(1);
        let store = || {
            let namespace = Namespace::snapshots(Duration::from_millis(2));
            Store::in_memory().namespace("", namespace).directory("/store")
        };
        let (managed, handle) = start(store(), &disk).await;
        handle.set("k", &1).await.unwrap();
        // The newest: one before it stays for a while, and is removed later.
        let picture = || {
            let files = disk.files("/store/snapshots").into_iter().map(|(path, _)| path);
            files.filter(|path| path.extension().is_some_and(|kind| kind == "snapshot")).max()
        };
        until(|| picture().is_some()).await;
        let first = picture();
        disk.fail_at(disk.calls() + failing, io::ErrorKind::Other);
        handle.set("k", &2).await.unwrap();
        until(|| picture() > first).await;
        let left = disk.crash(Loss::Everything);
        drop(managed);
        let (managed, handle) = start(store(), &left).await;
        // The new one may not have been synced yet.
        assert!([1, 2].contains(&handle.get::<i32>("k").await.unwrap().unwrap()));
        stop(managed).await;
    }
}

/// What each key is known to be, and what was begun with.
#[derive(Default)]
struct Known {
    done: HashMap<String, Option<u64>>,
    begun: HashMap<String, Option<u64>>,
}

/// Writes until the disk is down; each key is written by one.
async fn write(store: StoreHandle, writer: u64, seed: u64, known: Arc<Mutex<Known>>) {
    for number in 0.. {
        let chance = (seed ^ (writer << 40)).wrapping_add(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let key = format!("{writer}:{}", chance % 4);
        let value = (chance % 5 != 0).then_some(number);
        known.lock().begun.insert(key.clone(), value);
        let written = match value {
            Some(value) => store.set(&key, &value).await.map(drop),
            None => store.delete(&key).await.map(drop),
        };
        if written.is_err() {
            return;
        }
        let mut known = known.lock();
        known.begun.remove(&key);
        known.done.insert(key, value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// At any change that is asked of the disk, whatever it does to what was not synced.
    #[test]
    fn a_crash_of_the_machine_loses_nothing_acknowledged_and_revives_nothing_deleted(
        seed in any::<u64>(),
        calls in prop::collection::vec(1u64..60, 1..4),
        compact_after in prop_oneof![Just(300u64), Just(2000), Just(1 << 30)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut disk = Disk::new(seed);
            let known = Arc::new(Mutex::new(Known::default()));
            for (round, call) in calls.into_iter().enumerate() {
                let (managed, store) = start(durable().compact_after(compact_after), &disk).await;
                check(&store, &known).await;
                let mut watcher = store.watch_prefix::<u64>("").buffer(1 << 20).await.unwrap();
                disk.crash_at(disk.calls() + call);
                let writers = (0..4).map(|writer| write(store.clone(), writer, seed ^ round as u64, Arc::clone(&known)));
                futures_util::future::join_all(writers).await;
                stop(managed).await;
                // Nobody was told what was not durable: what was told last of each key is what is there.
                let mut told = HashMap::new();
                while let Some(watched) = watcher.next().await {
                    let watched = watched.unwrap();
                    assert!(!matches!(watched, Watched::Lagged { .. }));
                    told.insert(watched.key().unwrap().to_owned(), watched.value().copied());
                }
                for (key, value) in told {
                    assert_eq!(store.get::<u64>(&key).await.unwrap(), value, "{key}");
                }
                disk = disk.crash(Loss::ByChance(seed.rotate_left(round as u32)));
            }
            let (managed, store) = start(durable(), &disk).await;
            check(&store, &known).await;
            stop(managed).await;
        });
    }
}

async fn check(store: &StoreHandle, known: &Mutex<Known>) {
    for writer in 0..4 {
        for number in 0..4 {
            let key = format!("{writer}:{number}");
            let found = store.get::<u64>(&key).await.unwrap();
            let mut known = known.lock();
            let done = known.done.get(&key).copied().flatten();
            let begun = known.begun.remove(&key);
            assert!(found == done || begun == Some(found), "{key}: {found:?}, not {done:?} or {begun:?}");
            known.done.insert(key, found);
        }
    }
}
