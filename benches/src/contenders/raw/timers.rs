//! `timers`: a heap and one task that sleeps, `DelayQueue`, and a sleeping task for each.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt as _;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::time::DelayQueue;

use crate::{
    contender::Contender,
    drive::timers::{self, Lateness, Timers},
    measure::Sample,
    runtime::on_two_workers,
    scenario::Scenario,
};

pub(super) fn contenders() -> Vec<Contender> {
    let of = |scenario, name, start: Start| {
        Contender::new(scenario, name, move |timers| match scenario {
            Scenario::TimersInsert => insert(timers, start),
            Scenario::TimersMemory => memory(timers, start),
            _ => lateness(timers, start),
        })
    };
    let mut contenders = Vec::new();
    for scenario in [Scenario::TimersInsert, Scenario::TimersMemory, Scenario::Timers] {
        contenders.push(of(scenario, "raw-heap", |lateness| Running::Heap(Heap::start(lateness))).base());
        contenders.push(of(scenario, "raw-delay_queue", |lateness| Running::Queue(Queue::start(lateness))));
        let tasks = of(scenario, "raw-sleep-tasks", |lateness| Running::Tasks(Tasks { lateness }));
        contenders.push(if scenario == Scenario::Timers { tasks } else { tasks.with_share(0.2) });
    }
    contenders
}

fn insert(timers: u64, start: Start) -> Sample {
    on_two_workers(async move { timers::insert(timers, start(Lateness::of(0))).await })
}

fn memory(timers: u64, start: Start) -> Sample {
    on_two_workers(async move { timers::memory(timers, start(Lateness::of(0))).await })
}

fn lateness(timers: u64, start: Start) -> Sample {
    on_two_workers(async move {
        let lateness = Lateness::of(timers);
        let running = start(Arc::clone(&lateness));
        timers::lateness(timers, &lateness, running).await
    })
}

/// How one of them is started.
type Start = fn(Arc<Lateness>) -> Running;

/// One of the three.
enum Running {
    Heap(Heap),
    Queue(Queue),
    Tasks(Tasks),
}

impl Timers for Running {
    async fn set(&mut self, number: u64, after: Duration) {
        match self {
            Self::Heap(heap) => heap.set(number, after),
            Self::Queue(queue) => queue.set(number, after).await,
            Self::Tasks(tasks) => tasks.set(number, after),
        }
    }
}

/// A heap under a lock, and a task that sleeps until the first of it is due.
struct Heap {
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    heap: Mutex<BinaryHeap<Reverse<(Instant, u64)>>>,
    earlier: Notify,
}

impl Heap {
    fn start(lateness: Arc<Lateness>) -> Self {
        let shared = Arc::new(Shared::default());
        let heap = Arc::clone(&shared);
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let mut due = Vec::new();
                let next = {
                    let mut heap = heap.heap.lock().expect("nobody panics with it");
                    let now = Instant::now();
                    while let Some(Reverse((_, number))) = heap.peek().copied().filter(|next| next.0.0 <= now)
                    {
                        due.push(number);
                        heap.pop();
                    }
                    heap.peek().map(|next| next.0.0)
                };
                due.into_iter().for_each(|number| lateness.came(number));
                let earlier = heap.earlier.notified();
                match next {
                    None => earlier.await,
                    Some(next) => tokio::select! { () = earlier => {} () = sleep_until(next) => {} },
                }
            }
        });
        Self { shared, _task: task }
    }

    fn set(&self, number: u64, after: Duration) {
        let due = Instant::now() + after;
        let mut heap = self.shared.heap.lock().expect("nobody panics with it");
        let is_first = heap.peek().is_none_or(|first| due < first.0.0);
        heap.push(Reverse((due, number)));
        drop(heap);
        if is_first {
            self.shared.earlier.notify_one();
        }
    }
}

/// A task that owns a `DelayQueue`, told by a channel what to put in.
struct Queue {
    sender: mpsc::Sender<(u64, Duration)>,
    _task: JoinSet<()>,
}

impl Queue {
    fn start(lateness: Arc<Lateness>) -> Self {
        let (sender, mut receiver) = mpsc::channel(1024);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut queue = DelayQueue::new();
            let mut told = Vec::new();
            loop {
                tokio::select! {
                    some = receiver.recv_many(&mut told, 256) => {
                        if some == 0 {
                            return;
                        }
                        for (number, after) in told.drain(..) {
                            queue.insert(number, after);
                        }
                    }
                    Some(due) = queue.next(), if !queue.is_empty() => lateness.came(due.into_inner()),
                }
            }
        });
        Self { sender, _task: task }
    }

    async fn set(&mut self, number: u64, after: Duration) {
        self.sender.send((number, after)).await.expect("the queue is there");
    }
}

/// A task for each, which sleeps.
struct Tasks {
    lateness: Arc<Lateness>,
}

impl Tasks {
    fn set(&self, number: u64, after: Duration) {
        let lateness = Arc::clone(&self.lateness);
        tokio::spawn(async move {
            sleep(after).await;
            lateness.came(number);
        });
    }
}
