//! `timers`: a scheduler, set through its handle, which sends notifications to a subscriber.

use std::{sync::Arc, time::Duration};

use edri::{
    event::Notification,
    manager::{IntoHost as _, Managed},
    router::Router,
    scheduler::{Schedule, Scheduler, Schedules},
};

use crate::{
    contender::Contender,
    drive::timers::{self, Lateness, Timers},
    measure::Sample,
    runtime::on_two_workers,
    scenario::Scenario,
};

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::TimersInsert, "edri", |timers| {
            on_two_workers(async move { timers::insert(timers, Scheduled::start().await).await })
        }),
        Contender::new(Scenario::TimersMemory, "edri", |timers| {
            on_two_workers(async move { timers::memory(timers, Scheduled::start().await).await })
        }),
        Contender::new(Scenario::Timers, "edri", |timers| {
            on_two_workers(async move { lateness(timers, Scheduled::start().await).await })
        }),
        Contender::new(Scenario::Timers, "edri-among-a-million", |timers| {
            on_two_workers(async move {
                let mut scheduled = Scheduled::start().await;
                timers::set_far(A_MILLION, &mut scheduled).await;
                lateness(timers, scheduled).await
            })
        }),
    ]
}

/// How many others are set, and not due for an hour.
const A_MILLION: u64 = 1_000_000;

async fn lateness(timers: u64, scheduled: Scheduled) -> Sample {
    let lateness = Lateness::of(timers);
    let mut due = scheduled.router.subscribe::<Due>();
    let seen = Arc::clone(&lateness);
    tokio::spawn(async move {
        while let Some(due) = due.recv().await {
            seen.came(due.0);
        }
    });
    timers::lateness(timers, &lateness, scheduled).await
}

#[derive(Notification, Clone)]
struct Due(u64);

struct Scheduled {
    router: Router,
    schedules: Schedules,
    _scheduler: Managed,
}

impl Scheduled {
    async fn start() -> Self {
        let router = Router::new();
        let scheduler = Scheduler::new().into_host().start(&router).await.expect("it starts");
        // Until its task has put it in its place.
        tokio::task::yield_now().await;
        Self { schedules: Schedules::on(&router), router, _scheduler: scheduler }
    }
}

impl Timers for Scheduled {
    async fn set(&mut self, number: u64, after: Duration) {
        self.schedules.set(Schedule::send(Due(number)).after(after)).await.expect("there is room");
    }
}
