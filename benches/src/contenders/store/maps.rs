//! Maps and caches of other crates.

use std::{
    collections::HashMap,
    hint::black_box,
    sync::{Arc, RwLock},
};

use super::keys::{KEYS, Operation, Operations, VALUE, keys, on_threads};
use crate::{contender::Contender, measure::Sample, runtime::on_two_workers, scenario::Scenario};

type Bytes = Arc<[u8]>;

/// What they have in common here.
trait Map: Send + Sync + 'static {
    fn get(&self, key: &str) -> Option<Bytes>;
    fn set(&self, key: &str, value: Bytes);
}

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::Kv, "dashmap", |operations| run(dashmap::DashMap::new(), operations)).base(),
        Contender::new(Scenario::Kv, "RwLock<HashMap>", |operations| {
            run(RwLock::new(HashMap::new()), operations)
        }),
        Contender::new(Scenario::Kv, "moka", |operations| {
            run(moka::sync::Cache::new(2 * KEYS as u64), operations)
        })
        .with_share(0.3),
    ]
}

fn run(map: impl Map, operations: u64) -> Sample {
    on_two_workers(async move {
        let keys = keys();
        keys.iter().for_each(|key| map.set(key, VALUE.as_slice().into()));
        let map = &map;
        tokio::task::block_in_place(|| {
            on_threads(operations, |thread, count| {
                let keys = &keys;
                async move {
                    for operation in Operations::new(keys, thread, count) {
                        match operation {
                            Operation::Get(key) => drop(black_box(map.get(key).expect("it is there"))),
                            Operation::Set(key) => map.set(key, VALUE.as_slice().into()),
                        }
                    }
                }
            })
        })
    })
}

impl Map for dashmap::DashMap<String, Bytes> {
    fn get(&self, key: &str) -> Option<Bytes> {
        dashmap::DashMap::get(self, key).map(|value| Arc::clone(&value))
    }

    fn set(&self, key: &str, value: Bytes) {
        match self.get_mut(key) {
            Some(mut old) => *old = value,
            None => drop(self.insert(key.to_owned(), value)),
        }
    }
}

impl Map for RwLock<HashMap<String, Bytes>> {
    fn get(&self, key: &str) -> Option<Bytes> {
        self.read().expect("nobody panics").get(key).cloned()
    }

    fn set(&self, key: &str, value: Bytes) {
        let mut map = self.write().expect("nobody panics");
        match map.get_mut(key) {
            Some(old) => *old = value,
            None => drop(map.insert(key.to_owned(), value)),
        }
    }
}

impl Map for moka::sync::Cache<String, Bytes> {
    fn get(&self, key: &str) -> Option<Bytes> {
        moka::sync::Cache::get(self, key)
    }

    fn set(&self, key: &str, value: Bytes) {
        self.insert(key.to_owned(), value);
    }
}
