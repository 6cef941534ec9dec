//! Pools of threads: workers that share one channel, and workers with a channel each.
//!
//! Their channels hold more than are ever in flight, so sending never waits and never blocks the runtime.

use std::thread;

use super::Job;
use crate::{
    contender::Contender,
    drive::{self, Asker},
    event::{Request, Work},
    runtime::on_two_workers,
    scenario::{CAPACITY, JOBS_IN_FLIGHT, Scenario, WORKERS},
};

const _: () = assert!(CAPACITY > JOBS_IN_FLIGHT);

/// The shared ones are bases: a worker that goes away leaves its jobs to the others.
pub(crate) fn contenders() -> Vec<Contender> {
    [Work::None, Work::Microsecond]
        .into_iter()
        .flat_map(|work| {
            [
                pool(work, "raw-crossbeam", crossbeam).base(),
                pool(work, "raw-flume-threads", flume).base(),
                pool(work, "raw-roundrobin-threads", round_robin),
            ]
        })
        .collect()
}

fn pool<A: Asker>(work: Work, name: &'static str, start: fn(Work) -> A) -> Contender {
    Contender::new(Scenario::PoolThreads(work), name, move |jobs| {
        on_two_workers(async move { drive::ask_in_flight(jobs, JOBS_IN_FLIGHT, start(work)).await })
    })
}

/// Starts a thread that does the jobs until their senders are gone.
fn start_worker(work: Work, jobs: impl IntoIterator<Item = Job> + Send + 'static) {
    thread::spawn(move || {
        for job in jobs {
            // An asker that is gone needs no answer.
            let _ = job.answer.send(work.answer(job.request));
        }
    });
}

struct Crossbeam(crossbeam_channel::Sender<Job>);

impl Asker for Crossbeam {
    async fn ask(&self, request: Request) -> u64 {
        let (job, answered) = Job::new(request);
        self.0.try_send(job).expect("there is room for every job in flight");
        answered.await.expect("every job is answered")
    }
}

fn crossbeam(work: Work) -> Crossbeam {
    let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
    for _ in 0..WORKERS {
        start_worker(work, receiver.clone());
    }
    Crossbeam(sender)
}

struct Flume(flume::Sender<Job>);

impl Asker for Flume {
    async fn ask(&self, request: Request) -> u64 {
        let (job, answered) = Job::new(request);
        self.0.try_send(job).expect("there is room for every job in flight");
        answered.await.expect("every job is answered")
    }
}

fn flume(work: Work) -> Flume {
    let (sender, receiver) = flume::bounded(CAPACITY);
    for _ in 0..WORKERS {
        start_worker(work, receiver.clone());
    }
    Flume(sender)
}

/// A channel for each worker. It loses the jobs queued for a worker whose receiver is dropped, which is
/// why it is a reference and no base.
struct RoundRobin(Vec<Crossbeam>);

impl Asker for RoundRobin {
    async fn ask(&self, request: Request) -> u64 {
        self.0[request.number as usize % WORKERS].ask(request).await
    }
}

fn round_robin(work: Work) -> RoundRobin {
    let start = |_| {
        let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
        start_worker(work, receiver);
        Crossbeam(sender)
    };
    RoundRobin((0..WORKERS).map(start).collect())
}
