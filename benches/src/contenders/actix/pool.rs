//! The pools of threads with actix's SyncArbiter.

use actix::{Actor, Addr, Handler, SyncArbiter, SyncContext};

use super::on_an_arbiter;
use crate::{
    contender::Contender,
    drive::{self, Asker},
    event::{Request, Work},
    scenario::{JOBS_IN_FLIGHT, Scenario, WORKERS},
};

pub(crate) fn contenders() -> Vec<Contender> {
    [Work::None, Work::Microsecond]
        .into_iter()
        .map(|work| {
            Contender::new(Scenario::PoolThreads(work), "actix SyncArbiter", move |jobs| {
                on_an_arbiter(async move {
                    let pool = SyncArbiter::start(WORKERS, move || Worker(work));
                    drive::ask_in_flight(jobs, JOBS_IN_FLIGHT, pool).await
                })
            })
        })
        .collect()
}

struct Worker(Work);

impl Actor for Worker {
    type Context = SyncContext<Self>;
}

impl Handler<Request> for Worker {
    type Result = u64;

    fn handle(&mut self, request: Request, _: &mut Self::Context) -> u64 {
        self.0.answer(request)
    }
}

impl Asker for Addr<Worker> {
    async fn ask(&self, request: Request) -> u64 {
        self.send(request).await.expect("every job is answered")
    }
}
