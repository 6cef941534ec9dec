//! The store in memory: by its handle, and by its events.

use std::{collections::HashMap, future::Future, hint::black_box, sync::Arc};

use edri::{
    event::Failure,
    kvstore::{Get, Set, Value},
    prelude::{Bounds, Host, Managed, Request, Router, Store, StoreHandle, manager},
};
use serde::{Deserialize, Serialize};

use super::keys::{KEYS, Operation, Operations, THREADS, VALUE, keys, on_threads};
use crate::{
    contender::Contender,
    measure::{Sample, Stopwatch},
    runtime::on_two_workers,
    scenario::Scenario,
};

/// The same 64 bytes as a type.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Record {
    numbers: [u64; 8],
}

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::Kv, "edri handle", |operations| bytes(Store::in_memory(), operations)),
        Contender::new(Scenario::Kv, "edri handle, evicting", |operations| {
            bytes(Store::in_memory().bounds(Bounds::new().entries(2 * KEYS).evict()), operations)
        }),
        Contender::new(Scenario::Kv, "edri handle, typed", typed),
        Contender::new(Scenario::Kv, "edri events", events).with_share(0.25),
        Contender::new(Scenario::Kv, "edri ask, a map", ask_a_map).with_share(0.25),
        Contender::new(Scenario::Kv, "edri ask, nothing kept", ask).with_share(0.25),
    ]
}

struct Running {
    router: Router,
    store: StoreHandle,
    _managed: Managed,
}

async fn start(store: Store) -> Running {
    let router = Router::new();
    let managed = Host::new(store).start(&router).await.expect("the store starts");
    let store = StoreHandle::on(&router);
    Running { router, store, _managed: managed }
}

fn bytes(store: Store, operations: u64) -> Sample {
    on_two_workers(async move {
        let Running { store, _managed, .. } = &start(store).await;
        let keys = keys();
        for key in keys.iter() {
            store.set_bytes(key, VALUE).await.expect("there is room");
        }
        tokio::task::block_in_place(|| {
            on_threads(operations, |thread, count| {
                let keys = &keys;
                async move {
                    for operation in Operations::new(keys, thread, count) {
                        match operation {
                            Operation::Get(key) => {
                                let value = store.get_bytes(key).await.expect("it can be read");
                                drop(black_box(value.expect("it is there")));
                            }
                            Operation::Set(key) => {
                                store.set_bytes(key, VALUE).await.expect("there is room");
                            }
                        }
                    }
                }
            })
        })
    })
}

fn typed(operations: u64) -> Sample {
    on_two_workers(async move {
        let Running { store, _managed, .. } = &start(Store::in_memory()).await;
        let keys = keys();
        let record = Record { numbers: [u64::MAX; 8] };
        for key in keys.iter() {
            store.set(key, &record).await.expect("there is room");
        }
        tokio::task::block_in_place(|| {
            on_threads(operations, |thread, count| {
                let keys = &keys;
                async move {
                    for operation in Operations::new(keys, thread, count) {
                        match operation {
                            Operation::Get(key) => {
                                let value = store.get::<Record>(key).await.expect("it can be read");
                                black_box(value.expect("it is there").numbers);
                            }
                            Operation::Set(key) => {
                                store.set(key, &record).await.expect("there is room");
                            }
                        }
                    }
                }
            })
        })
    })
}

/// Two tasks that ask one request after the other.
async fn on_tasks<F>(operations: u64, work: impl Fn(u64, u64) -> F) -> Sample
where
    F: Future<Output = ()> + Send + 'static,
{
    let each = operations / THREADS;
    let stopwatch = Stopwatch::start();
    let tasks: Vec<_> = (0..THREADS).map(|task| tokio::spawn(work(task, each))).collect();
    for task in tasks {
        task.await.expect("a task panicked");
    }
    stopwatch.stop(each * THREADS)
}

fn events(operations: u64) -> Sample {
    on_two_workers(async move {
        let Running { router, store, _managed } = start(Store::in_memory()).await;
        let keys = keys();
        let value: Arc<[u8]> = VALUE.as_slice().into();
        for key in keys.iter() {
            store.set_bytes(key, VALUE).await.expect("there is room");
        }
        on_tasks(operations, |task, count| {
            let (router, keys, value) = (router.clone(), Arc::clone(&keys), Arc::clone(&value));
            async move {
                for operation in Operations::new(&keys, task, count) {
                    match operation {
                        Operation::Get(key) => {
                            let entry = router.request(Get::new(key)).await.expect("it can be read");
                            drop(black_box(entry.expect("it is there")));
                        }
                        Operation::Set(key) => {
                            let set = Set::value(key, Value::bytes(Arc::clone(&value)));
                            assert!(router.request(set).await.expect("there is room").is_applied());
                        }
                    }
                }
            }
        })
        .await
    })
}

/// A manager that owns a map and is asked in the same way: what one would write without the store.
#[derive(Default)]
struct Map(HashMap<String, Arc<[u8]>>);

#[derive(Request)]
#[request(response = Option<Arc<[u8]>>)]
struct Read(String);

#[derive(Request)]
#[request(response = ())]
struct Write(String, Arc<[u8]>);

#[manager]
impl Map {
    #[request]
    fn read(&mut self, event: Read) -> Option<Arc<[u8]>> {
        self.0.get(&event.0).cloned()
    }

    #[request]
    fn write(&mut self, event: Write) {
        self.0.insert(event.0, event.1);
    }
}

fn ask_a_map(operations: u64) -> Sample {
    on_two_workers(async move {
        let keys = keys();
        let value: Arc<[u8]> = VALUE.as_slice().into();
        let map = keys.iter().map(|key| (key.clone(), Arc::from(VALUE.as_slice()))).collect();
        let router = Router::new();
        let _managed = Host::new(Map(map)).start(&router).await.expect("it starts");
        on_tasks(operations, |task, count| {
            let (router, keys, value) = (router.clone(), Arc::clone(&keys), Arc::clone(&value));
            async move {
                for operation in Operations::new(&keys, task, count) {
                    match operation {
                        Operation::Get(key) => {
                            let value = router.request(Read(key.to_owned())).await.expect("it can be read");
                            drop(black_box(value.expect("it is there")));
                        }
                        Operation::Set(key) => {
                            let write = Write(key.to_owned(), Arc::clone(&value));
                            router.request(write).await.expect("there is room");
                        }
                    }
                }
            }
        })
        .await
    })
}

/// A manager that is asked in the same way and keeps nothing: what a request costs.
struct Nothing;

#[manager]
impl Nothing {
    #[request]
    fn get(&mut self, _event: Get) -> Result<Option<edri::kvstore::Entry>, Failure> {
        Ok(None)
    }
}

fn ask(operations: u64) -> Sample {
    on_two_workers(async move {
        let router = Router::new();
        let _managed = Host::new(Nothing).start(&router).await.expect("it starts");
        let keys = keys();
        on_tasks(operations, |task, count| {
            let (router, keys) = (router.clone(), Arc::clone(&keys));
            async move {
                for operation in Operations::new(&keys, task, count) {
                    let (Operation::Get(key) | Operation::Set(key)) = operation;
                    drop(black_box(router.request(Get::new(key)).await.expect("it is answered")));
                }
            }
        })
        .await
    })
}
