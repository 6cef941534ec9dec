//! Pools of tasks: workers that share one channel, and workers with a channel each.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use super::Job;
use crate::{
    contender::Contender,
    drive::{self, Asker},
    event::{Request, Work},
    runtime::on_two_workers,
    scenario::{CAPACITY, JOBS_IN_FLIGHT, Scenario, WORKERS},
};

/// The shared ones are bases: a worker that goes away leaves its jobs to the others.
pub(crate) fn contenders() -> Vec<Contender> {
    [Work::None, Work::Microsecond]
        .into_iter()
        .flat_map(|work| {
            [
                pool(work, "raw-async-channel", async_channel).base(),
                pool(work, "raw-flume", flume).base(),
                pool(work, "raw-mutex-mpsc", mutex).base(),
                pool(work, "raw-roundrobin-mpsc", round_robin),
            ]
        })
        .collect()
}

fn pool<A: Asker>(work: Work, name: &'static str, start: fn(Work) -> A) -> Contender {
    Contender::new(Scenario::PoolTasks(work), name, move |jobs| {
        on_two_workers(async move { drive::ask_in_flight(jobs, JOBS_IN_FLIGHT, start(work)).await })
    })
}

/// Does a job; an asker that is gone needs no answer.
fn perform(work: Work, job: Job) {
    let _ = job.answer.send(work.answer(job.request));
}

impl Asker for async_channel::Sender<Job> {
    async fn ask(&self, request: Request) -> u64 {
        let (job, answered) = Job::new(request);
        self.send(job).await.expect("the workers live as long as their sender");
        answered.await.expect("every job is answered")
    }
}

fn async_channel(work: Work) -> async_channel::Sender<Job> {
    let (sender, receiver) = async_channel::bounded(CAPACITY);
    for _ in 0..WORKERS {
        let receiver = receiver.clone();
        tokio::spawn(async move {
            while let Ok(job) = receiver.recv().await {
                perform(work, job);
            }
        });
    }
    sender
}

struct Flume(flume::Sender<Job>);

impl Asker for Flume {
    async fn ask(&self, request: Request) -> u64 {
        let (job, answered) = Job::new(request);
        self.0.send_async(job).await.expect("the workers live as long as their sender");
        answered.await.expect("every job is answered")
    }
}

fn flume(work: Work) -> Flume {
    let (sender, receiver) = flume::bounded(CAPACITY);
    for _ in 0..WORKERS {
        let receiver = receiver.clone();
        tokio::spawn(async move {
            while let Ok(job) = receiver.recv_async().await {
                perform(work, job);
            }
        });
    }
    Flume(sender)
}

fn mutex(work: Work) -> mpsc::Sender<Job> {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..WORKERS {
        let receiver = receiver.clone();
        tokio::spawn(async move {
            loop {
                // A statement of its own, so that the lock is free while the job is done.
                let next = receiver.lock().await.recv().await;
                let Some(job) = next else { break };
                perform(work, job);
            }
        });
    }
    sender
}

/// A channel for each worker. It loses the jobs queued for a worker whose receiver is dropped, which is
/// why it is a reference and no base.
struct RoundRobin(Vec<mpsc::Sender<Job>>);

impl Asker for RoundRobin {
    async fn ask(&self, request: Request) -> u64 {
        self.0[request.number as usize % WORKERS].ask(request).await
    }
}

fn round_robin(work: Work) -> RoundRobin {
    let start = |_| {
        let (sender, mut receiver) = mpsc::channel(CAPACITY);
        tokio::spawn(async move {
            while let Some(job) = receiver.recv().await {
                perform(work, job);
            }
        });
        sender
    };
    RoundRobin((0..WORKERS).map(start).collect())
}
