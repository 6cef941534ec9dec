//! `table`: the events of `tell`, while others subscribe to the same event and leave again.

use std::time::Duration;

use edri::prelude::Router;
use tokio::time::{MissedTickBehavior, interval};

use super::tell;
use crate::{
    contender::Contender, drive, event::Event, measure::Sample, runtime::on_two_workers, scenario::Scenario,
    tally::tally,
};

/// Changes of the table each second: half of them come, half leave.
const CHANGES: u32 = 10_000;

/// The timer's grain.
const TICK: Duration = Duration::from_millis(1);

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::Table, "edri steady", |events| run(events, false)).base(),
        Contender::new(Scenario::Table, "edri while changing", |events| run(events, true)),
    ]
}

fn run(events: u64, changing: bool) -> Sample {
    on_two_workers(async move {
        let (tally, arrivals) = tally(events);
        let reached = tell::start([tally]).await;
        let changes = changing.then(|| tokio::spawn(change(reached.router.clone())));
        let sample = drive::tell(events, reached, arrivals).await;
        if let Some(changes) = changes {
            changes.abort();
        }
        sample
    })
}

/// Comes and leaves until it is aborted. What is sent in between it takes along.
async fn change(router: Router) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        ticks.tick().await;
        for _ in 0..CHANGES / 2 * TICK.as_millis() as u32 / 1000 {
            drop(router.subscribe::<Event>());
        }
    }
}
