//! `tell`, `tell-batch`, `fanin` and `fanout` to managers.

use std::sync::Arc;

use edri::prelude::{Host, Managed, Router};

use super::{Reached, Receiver};
use crate::{
    contender::Contender,
    drive,
    event::Event,
    measure::{Sample, Stopwatch},
    runtime::on_two_workers,
    scenario::{BATCH, SENDERS, SUBSCRIBERS, Scenario},
    tally::{Tally, tallies, tally},
};

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::Tell, "edri", one_by_one),
        Contender::new(Scenario::TellBatch, "edri", batches),
        Contender::new(Scenario::Fanin, "edri", fanin),
        Contender::new(Scenario::Fanout, "edri", fanout),
    ]
}

/// A receiver for each tally, all of them subscribed to the same event.
pub(super) async fn start(tallies: impl IntoIterator<Item = Tally>) -> Reached<Arc<Vec<Managed>>> {
    let router = Router::new();
    let mut receivers = Vec::new();
    for tally in tallies {
        receivers.push(Host::new(Receiver(tally)).start(&router).await.expect("a receiver starts"));
    }
    Reached { router, _kept: Arc::new(receivers) }
}

fn one_by_one(events: u64) -> Sample {
    on_two_workers(async move {
        let (tally, arrivals) = tally(events);
        drive::tell(events, start([tally]).await, arrivals).await
    })
}

fn batches(events: u64) -> Sample {
    on_two_workers(async move {
        let (tally, arrivals) = tally(events);
        let reached = start([tally]).await;
        let stopwatch = Stopwatch::start();
        for batch in 0..events / BATCH as u64 {
            let events = (batch * BATCH as u64..).take(BATCH).map(Event::numbered);
            reached.router.notify_all(events).await.expect("nobody refuses");
        }
        arrivals.all().await;
        stopwatch.stop(events)
    })
}

fn fanin(events: u64) -> Sample {
    on_two_workers(async move {
        let (tally, arrivals) = tally(events);
        drive::tell_from_tasks(events, SENDERS, start([tally]).await, arrivals).await
    })
}

fn fanout(deliveries: u64) -> Sample {
    on_two_workers(async move {
        let events = deliveries / SUBSCRIBERS as u64;
        let (tallies, arrivals) = tallies(SUBSCRIBERS, events);
        drive::publish(events, start(tallies).await, arrivals).await
    })
}
