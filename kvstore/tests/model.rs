//! The store beside a map that is obviously right, under random operations.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use edri_kvstore::{
    Expiry, Namespace, OnlyIf, Outcome, Range, Refusal, Store, StoreHandle, Swapped, Version, Watched,
    Watcher,
};
use edri_router::Value as Figure;
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use support::{Running, ms, next, start};

/// Two letters at the most: few keys, so that operations meet, and prefixes of each other.
fn keys() -> impl Strategy<Value = String> {
    "[abc]{1,2}"
}

#[derive(Clone, Debug)]
enum Operation {
    Get(String),
    Set(String, i64, Expiry, Condition),
    Delete(String, Condition),
    Swap(String, Option<i64>, Option<i64>),
    Increment(String, i64, Expiry),
    Touch(String, Expiry),
    Scan(Range, u32),
    Clear(String),
    Wait(u64),
    /// The store is stopped and started again, if it is kept anywhere.
    Restart,
}

/// A condition before it is known which versions there are.
#[derive(Clone, Copy, Debug)]
enum Condition {
    Any,
    Absent,
    Present,
    Current,
    Other,
}

fn expiries() -> impl Strategy<Value = Expiry> {
    prop_oneof![
        4 => Just(Expiry::Never),
        3 => (1u64..50).prop_map(|time| Expiry::After(ms(time))),
        1 => Just(Expiry::Keep),
        1 => (1u64..50).prop_map(|time| Expiry::KeepOr(ms(time))),
    ]
}

fn conditions() -> impl Strategy<Value = Condition> {
    prop_oneof![
        4 => Just(Condition::Any),
        1 => Just(Condition::Absent),
        1 => Just(Condition::Present),
        1 => Just(Condition::Current),
        1 => Just(Condition::Other),
    ]
}

fn ranges() -> impl Strategy<Value = Range> {
    prop_oneof![
        Just(Range::All),
        keys().prop_map(Range::Prefix),
        keys().prop_map(Range::From),
        (keys(), keys()).prop_map(|(from, to)| Range::Between(from, to)),
    ]
}

fn operations() -> impl Strategy<Value = Operation> {
    let value = || 0i64..5;
    prop_oneof![
        4 => keys().prop_map(Operation::Get),
        8 => (keys(), value(), expiries(), conditions())
            .prop_map(|(key, value, expiry, condition)| Operation::Set(key, value, expiry, condition)),
        3 => (keys(), conditions()).prop_map(|(key, condition)| Operation::Delete(key, condition)),
        2 => (keys(), prop::option::of(value()), prop::option::of(value()))
            .prop_map(|(key, expected, new)| Operation::Swap(key, expected, new)),
        2 => (keys(), -3i64..3, expiries()).prop_map(|(key, by, expiry)| Operation::Increment(key, by, expiry)),
        2 => (keys(), expiries()).prop_map(|(key, expiry)| Operation::Touch(key, expiry)),
        2 => (ranges(), 1u32..5).prop_map(|(range, limit)| Operation::Scan(range, limit)),
        1 => "[abc]{0,1}".prop_map(Operation::Clear),
        3 => (1u64..40).prop_map(Operation::Wait),
        1 => Just(Operation::Restart),
    ]
}

/// The map, with what the store keeps beside each value.
#[derive(Default)]
struct Model {
    entries: BTreeMap<String, (i64, Version, Option<Instant>)>,
}

impl Model {
    /// Drops what is over.
    fn now(&mut self) -> &mut BTreeMap<String, (i64, Version, Option<Instant>)> {
        let now = Instant::now();
        self.entries.retain(|_, (_, _, due)| due.is_none_or(|due| due > now));
        &mut self.entries
    }

    fn version(&mut self, key: &str) -> Option<Version> {
        self.now().get(key).map(|entry| entry.1)
    }

    fn only_if(&mut self, key: &str, condition: Condition) -> OnlyIf {
        match (condition, self.version(key)) {
            (Condition::Any, _) => OnlyIf::Any,
            (Condition::Absent, _) => OnlyIf::Absent,
            (Condition::Present, _) => OnlyIf::Present,
            (Condition::Current, Some(version)) => OnlyIf::Version(version),
            (Condition::Current | Condition::Other, _) => OnlyIf::Version(Version::new(u64::MAX)),
        }
    }

    fn holds(&mut self, key: &str, only_if: OnlyIf) -> bool {
        match (only_if, self.version(key)) {
            (OnlyIf::Any, _) | (OnlyIf::Absent, None) | (OnlyIf::Present, Some(_)) => true,
            (OnlyIf::Version(wanted), Some(version)) => wanted == version,
            _ => false,
        }
    }

    fn due(&mut self, key: &str, expiry: Expiry) -> Option<Instant> {
        let old = self.now().get(key).map(|entry| entry.2);
        match (expiry, old) {
            (Expiry::Never, _) | (Expiry::Keep, None) => None,
            (Expiry::After(ttl), _) | (Expiry::KeepOr(ttl), None) => Some(Instant::now() + ttl),
            (Expiry::Keep | Expiry::KeepOr(_), Some(due)) => due,
        }
    }

    fn put(&mut self, key: &str, value: i64, version: Version, expiry: Expiry) {
        let due = self.due(key, expiry);
        self.entries.insert(key.to_owned(), (value, version, due));
    }

    fn check_outcome(&mut self, key: &str, only_if: OnlyIf, outcome: Outcome) -> Option<Version> {
        let there = self.version(key);
        match outcome {
            Outcome::Applied(version) => {
                assert!(self.holds(key, only_if), "{key}: {only_if:?} with {there:?}");
                assert!(there.is_none_or(|there| there < version));
                Some(version)
            }
            Outcome::Conflict(found) => {
                assert_eq!(found, there);
                None
            }
        }
    }
}

/// Carries an operation out on both, and compares.
async fn apply(store: &StoreHandle, model: &mut Model, operation: Operation) {
    match operation {
        Operation::Get(key) => {
            let expected = model.now().get(&key).cloned();
            let entry = store.get_entry(&key).await.unwrap();
            let found = entry.map(|entry| {
                let due = entry.expires_in.map(|time| Instant::now() + time);
                (entry.decode::<i64>().unwrap(), entry.version, due)
            });
            assert_eq!(found, expected, "{key}");
        }
        Operation::Set(key, value, expiry, condition) => {
            let only_if = model.only_if(&key, condition);
            let outcome = store.set(&key, &value).expiry(expiry).only_if(only_if).await.unwrap();
            if let Some(version) = model.check_outcome(&key, only_if, outcome) {
                model.put(&key, value, version, expiry);
            }
        }
        Operation::Delete(key, condition) => {
            let only_if = model.only_if(&key, condition);
            let outcome = store.delete_if(&key, only_if).await.unwrap();
            let there = model.version(&key);
            if there.is_none() {
                assert_eq!(outcome, Outcome::Conflict(None));
            } else if model.check_outcome(&key, only_if, outcome).is_some() {
                model.entries.remove(&key);
            }
        }
        Operation::Swap(key, expected, new) => {
            let there = model.now().get(&key).map(|entry| entry.0);
            match store.compare_and_swap(&key, expected.as_ref(), new.as_ref()).await.unwrap() {
                Swapped::Applied(version) => {
                    assert_eq!(there, expected);
                    match new {
                        Some(new) => model.put(&key, new, version, Expiry::Keep),
                        None => drop(model.entries.remove(&key)),
                    }
                }
                Swapped::Differs(found) => {
                    assert_ne!(there, expected);
                    assert_eq!(found.map(|entry| entry.decode::<i64>().unwrap()), there);
                }
            }
        }
        Operation::Increment(key, by, expiry) => {
            let before = model.now().get(&key).map_or(0, |entry| entry.0);
            assert_eq!(store.increment_with(&key, by, expiry).await.unwrap(), before + by);
            let version = store.get_entry(&key).await.unwrap().unwrap().version;
            model.put(&key, before + by, version, expiry);
        }
        Operation::Touch(key, expiry) => {
            let due = model.due(&key, expiry);
            let touched = store.touch(&key, expiry).await.unwrap();
            let there = model.now().get_mut(&key);
            assert_eq!(touched, there.is_some());
            if let Some(entry) = there {
                entry.2 = due;
            }
        }
        Operation::Scan(range, limit) => {
            let scanned = store.scan::<i64>(range.clone()).page_size(limit).all().await.unwrap();
            let expected = model.now().iter().filter(|(key, _)| range.contains(key));
            let expected: Vec<_> = expected.map(|(key, entry)| (key.clone(), entry.0)).collect();
            assert_eq!(scanned, expected, "{range:?}");
        }
        Operation::Clear(prefix) => {
            let before = model.now().len();
            model.entries.retain(|key, _| !key.starts_with(&prefix));
            let cleared = before - model.entries.len();
            assert_eq!(store.clear(&prefix).await.unwrap(), cleared as u64);
        }
        Operation::Wait(time) => sleep(ms(time)).await,
        Operation::Restart => unreachable!("that is for who has the store"),
    }
}

/// What a watcher of everything makes of what it is told.
#[derive(Default)]
struct Mirror(BTreeMap<String, (i64, Version)>);

impl Mirror {
    fn take(&mut self, watched: Watched<i64>) {
        match watched {
            Watched::Set { key, version, value } | Watched::Current { key, version, value } => {
                let old = self.0.insert(key, (value, version));
                assert!(old.is_none_or(|(_, old)| old < version));
            }
            Watched::Deleted { key, version } | Watched::Expired { key, version } => {
                let (_, old) = self.0.remove(&key).expect("only what is there comes to its end");
                assert!(old < version);
            }
            Watched::Live => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn compare_all(running: &Running, model: &mut Model, watcher: &mut Watcher<i64>, mirror: &mut Mirror) {
    // What is over has been taken away by now.
    sleep(ms(10)).await;
    let expected: BTreeMap<_, _> =
        model.now().iter().map(|(key, entry)| (key.clone(), (entry.0, entry.1))).collect();
    while mirror.0 != expected {
        mirror.take(next(watcher).await);
    }
    let values = running.managed.health(ms(5000)).await.values;
    assert_eq!(values["entries"], Figure::Integer(expected.len() as i64));
    let bytes: usize = expected.keys().map(|key| 128 + key.len() + 1).sum();
    // Integers up to 127, and down to -32, take one byte.
    assert_eq!(values["bytes"], Figure::Integer(bytes as i64));
}

fn on_paused_clock(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_memory_it_does_what_a_map_does(operations in prop::collection::vec(operations(), 1..120)) {
        on_paused_clock(async {
            let running = start(Store::in_memory()).await;
            let mut watcher = running.store.watch_prefix::<i64>("").await.unwrap();
            let (mut model, mut mirror) = (Model::default(), Mirror::default());
            for operation in operations {
                if !matches!(operation, Operation::Restart) {
                    apply(&running.store, &mut model, operation).await;
                }
            }
            compare_all(&running, &mut model, &mut watcher, &mut mirror).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The clock of the deadlines that are written down is the world's, which does not stand still: nothing expires here.
    #[test]
    fn kept_on_disk_it_does_what_a_map_does_also_after_restarts(
        operations in prop::collection::vec(operations(), 1..60),
        namespace in prop_oneof![
            Just(Namespace::logged()),
            Just(Namespace::snapshots(Duration::from_millis(5))),
        ],
        compact_after in prop_oneof![Just(1u64), Just(200), Just(1 << 30)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let store = || {
                let store = Store::in_memory().namespace("", namespace);
                store.directory(directory.path()).compact_after(compact_after)
            };
            let mut running = start(store()).await;
            let mut model = Model::default();
            for operation in operations {
                match operation {
                    Operation::Restart => {
                        let before = running.store.set("version", &0).await.unwrap();
                        running.managed.stop(Instant::now() + Duration::from_secs(10)).await;
                        running = start(store()).await;
                        let version = running.store.get_entry("version").await.unwrap().unwrap().version;
                        assert_eq!(version, before);
                        running.store.delete("version").await.unwrap();
                    }
                    Operation::Set(key, value, _, condition) => {
                        let operation = Operation::Set(key, value, Expiry::Never, condition);
                        apply(&running.store, &mut model, operation).await;
                    }
                    Operation::Increment(key, by, _) => {
                        let operation = Operation::Increment(key, by, Expiry::Keep);
                        apply(&running.store, &mut model, operation).await;
                    }
                    Operation::Touch(..) | Operation::Wait(_) => {}
                    other => apply(&running.store, &mut model, other).await,
                }
            }
            let mut mirror = Mirror::default();
            let mut watcher = running.store.watch_prefix::<i64>("").with_current().await.unwrap();
            compare_all(&running, &mut model, &mut watcher, &mut mirror).await;
            running.managed.stop(Instant::now() + Duration::from_secs(10)).await;
        });
    }
}

/// Refusals change nothing, whatever the model would say of them.
#[tokio::test]
async fn a_refused_operation_changes_nothing() {
    let running = start(Store::in_memory()).await;
    let store = &running.store;
    let version = store.set("k", &"text".to_owned()).await.unwrap();
    assert_eq!(store.increment("k", 1).await.unwrap_err().refusal(), Some(Refusal::NotANumber));
    assert_eq!(store.set("k", &1).ttl(Duration::ZERO).await.unwrap_err().refusal(), Some(Refusal::Invalid));
    let entry = store.get_entry("k").await.unwrap().unwrap();
    assert_eq!((entry.version, entry.decode::<String>().unwrap()), (version, "text".to_owned()));
}
