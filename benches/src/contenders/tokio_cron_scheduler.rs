//! tokio-cron-scheduler: one-shot jobs.

use std::{sync::Arc, time::Duration};

use tokio_cron_scheduler::{Job, JobScheduler};

use crate::{
    contender::Contender,
    drive::timers::{self, Lateness, Timers},
    runtime::on_two_workers,
    scenario::Scenario,
};

/// Adding one takes long: it gets a part of the timers where they are only set.
const SHARE: f64 = 0.02;

pub(crate) fn contenders() -> Vec<Contender> {
    let insert = |timers| {
        on_two_workers(async move { timers::insert(timers, Jobs::start(Lateness::of(0)).await).await })
    };
    let memory = |timers| {
        on_two_workers(async move { timers::memory(timers, Jobs::start(Lateness::of(0)).await).await })
    };
    let lateness = |timers| {
        on_two_workers(async move {
            let lateness = Lateness::of(timers);
            let jobs = Jobs::start(Arc::clone(&lateness)).await;
            timers::lateness(timers, &lateness, jobs).await
        })
    };
    vec![
        Contender::new(Scenario::TimersInsert, "tokio-cron-scheduler", insert).with_share(SHARE),
        Contender::new(Scenario::TimersMemory, "tokio-cron-scheduler", memory).with_share(SHARE),
        Contender::new(Scenario::Timers, "tokio-cron-scheduler", lateness),
    ]
}

struct Jobs {
    scheduler: JobScheduler,
    lateness: Arc<Lateness>,
}

impl Jobs {
    async fn start(lateness: Arc<Lateness>) -> Self {
        let scheduler = JobScheduler::new().await.expect("it can be made");
        scheduler.start().await.expect("it starts");
        Self { scheduler, lateness }
    }
}

impl Timers for Jobs {
    async fn set(&mut self, number: u64, after: Duration) {
        let lateness = Arc::clone(&self.lateness);
        let job = Job::new_one_shot(after, move |_, _| lateness.came(number)).expect("a job can be made");
        self.scheduler.add(job).await.expect("a job can be added");
    }
}
