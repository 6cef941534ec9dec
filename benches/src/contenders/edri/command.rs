//! Pools of commands.

use edri::prelude::{Invocation, Pool, Router};
use serde::Serialize;

use crate::{
    contender::Contender,
    drive::{self, AskerInTurn},
    event::{Request, SED, Work},
    runtime::on_two_workers_with_io,
    scenario::Scenario,
};

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::Command, "edri", |jobs| {
            on_two_workers_with_io(async move {
                let router = Router::new();
                let pool = Pool::command::<Number>("sed", SED).start(&router).expect("the pool starts");
                drive::ask(jobs, Commanded { router, _kept: pool }).await
            })
        }),
        Contender::new(Scenario::CommandPerJob, "edri", |jobs| {
            on_two_workers_with_io(async move {
                let router = Router::new();
                let pool = Pool::command::<Number>("cat", [""; 0])
                    .per_job_with(
                        |job| Ok(Invocation::new().stdin(job.0.to_string())),
                        |output| Ok(output.text()?.parse()?),
                    )
                    .start(&router)
                    .expect("the pool starts");
                drive::ask(jobs, Commanded { router, _kept: pool }).await
            })
        }),
    ]
}

/// The request of these scenarios: the other process gives back the number itself.
#[derive(Serialize, edri::event::Request)]
#[request(response = u64)]
struct Number(u64);

struct Commanded<K> {
    router: Router,
    _kept: K,
}

impl<K: Send + 'static> AskerInTurn for Commanded<K> {
    async fn ask(&mut self, request: Request) -> u64 {
        let number = self.router.request(Number(request.number)).await.expect("every request is answered");
        Work::None.answer(Request { number })
    }
}
