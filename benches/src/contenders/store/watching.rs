//! One writer, a hundred watchers of the key, each with a bounded buffer; the writer keeps within it, so that all see all.

use edri::prelude::{Host, Router, Store, StoreHandle, Watched};
use tokio::sync::{broadcast, mpsc};

use crate::{
    contender::Contender,
    measure::{Sample, Stopwatch},
    runtime::on_two_workers,
    scenario::{CAPACITY, Scenario},
};

const WATCHERS: u64 = 100;

/// After so many changes the writer waits until all have seen them.
const STRIDE: u64 = CAPACITY as u64 / 2;

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::KvWatch, "raw broadcast", raw).base(),
        Contender::new(Scenario::KvWatch, "edri", edri),
    ]
}

/// Counts those who have come to the end of a stride.
struct Paces(mpsc::Receiver<()>);

impl Paces {
    async fn all(&mut self) {
        for _ in 0..WATCHERS {
            self.0.recv().await.expect("watchers live as long as there is something to see");
        }
    }
}

fn is_pace(number: u64, changes: u64) -> bool {
    number % STRIDE == STRIDE - 1 || number + 1 == changes
}

fn raw(deliveries: u64) -> Sample {
    on_two_workers(async move {
        let changes = deliveries.div_ceil(WATCHERS);
        let (sender, _) = broadcast::channel(CAPACITY);
        let (pace, paces) = mpsc::channel(WATCHERS as usize);
        for _ in 0..WATCHERS {
            let (mut receiver, pace) = (sender.subscribe(), pace.clone());
            tokio::spawn(async move {
                for number in 0..changes {
                    assert_eq!(receiver.recv().await, Ok(number));
                    if is_pace(number, changes) {
                        pace.send(()).await.expect("the writer waits");
                    }
                }
            });
        }
        let mut paces = Paces(paces);
        let stopwatch = Stopwatch::start();
        for number in 0..changes {
            sender.send(number).expect("there are watchers");
            if is_pace(number, changes) {
                paces.all().await;
            }
        }
        stopwatch.stop(changes * WATCHERS)
    })
}

fn edri(deliveries: u64) -> Sample {
    on_two_workers(async move {
        let changes = deliveries.div_ceil(WATCHERS);
        let router = Router::new();
        let _managed = Host::new(Store::in_memory()).start(&router).await.expect("the store starts");
        let store = StoreHandle::on(&router);
        let (pace, paces) = mpsc::channel(WATCHERS as usize);
        for _ in 0..WATCHERS {
            let mut watcher = store.watch::<u64>("key").await.expect("it can be watched");
            let pace = pace.clone();
            tokio::spawn(async move {
                for number in 0..changes {
                    match watcher.next().await {
                        Some(Ok(Watched::Set { value, .. })) => assert_eq!(value, number),
                        other => panic!("{other:?} in place of {number}"),
                    }
                    if is_pace(number, changes) {
                        pace.send(()).await.expect("the writer waits");
                    }
                }
            });
        }
        let mut paces = Paces(paces);
        let stopwatch = Stopwatch::start();
        for number in 0..changes {
            store.set("key", &number).await.expect("there is room");
            if is_pace(number, changes) {
                paces.all().await;
            }
        }
        stopwatch.stop(changes * WATCHERS)
    })
}
