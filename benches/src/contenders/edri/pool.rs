//! The pools: the same worker as tasks and as threads.

use edri::prelude::{Failure, Pool, Router, RunningPool, Worker, WorkerContext};

use super::Reached;
use crate::{
    contender::Contender,
    drive,
    event::{Request, Work},
    runtime::on_two_workers,
    scenario::{CAPACITY, JOBS_IN_FLIGHT, Scenario, WORKERS},
};

pub(super) fn contenders() -> Vec<Contender> {
    [Work::None, Work::Microsecond]
        .into_iter()
        .flat_map(|work| {
            [
                pool(Scenario::PoolTasks(work), move || Pool::tasks(WORKERS, move || Performer(work))),
                pool(Scenario::PoolThreads(work), move || Pool::threads(WORKERS, move || Performer(work))),
            ]
        })
        .collect()
}

fn pool(scenario: Scenario, make: impl Fn() -> Pool<Performer> + Send + Sync + 'static) -> Contender {
    Contender::new(scenario, "edri", move |jobs| {
        let pool = make();
        on_two_workers(async move { drive::ask_in_flight(jobs, JOBS_IN_FLIGHT, start(pool)).await })
    })
}

fn start(pool: Pool<Performer>) -> Reached<RunningPool<Request>> {
    let router = Router::new();
    let pool = pool.capacity(CAPACITY).start(&router).expect("the pool starts");
    Reached { router, _kept: pool }
}

struct Performer(Work);

impl Worker for Performer {
    type Job = Request;

    async fn run(&mut self, job: Request, _cx: &WorkerContext) -> Result<u64, Failure> {
        Ok(self.0.answer(job))
    }
}
