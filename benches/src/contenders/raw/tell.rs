//! `tell`, `tell-batch` and `fanin` on a tokio channel.

use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::{
    contender::Contender,
    drive::{self, Teller},
    event::Event,
    measure::{Sample, Stopwatch},
    runtime::on_two_workers,
    scenario::{BATCH, CAPACITY, DRAIN, SENDERS, Scenario},
    tally::{Tally, tally},
};

pub(crate) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::Tell, "raw", one_by_one).base(),
        Contender::new(Scenario::Tell, "raw-recv_many", received_many),
        Contender::new(Scenario::TellBatch, "raw", one_by_one).base(),
        Contender::new(Scenario::TellBatch, "raw-reserve_many", reserved_many),
        Contender::new(Scenario::Fanin, "raw", fanin).base(),
    ]
}

impl Teller for Sender<Event> {
    async fn tell(&mut self, event: Event) {
        self.send(event).await.expect("the receiver waits for the last event");
    }
}

fn one_by_one(events: u64) -> Sample {
    on_two_workers(async move {
        let (tally, arrivals) = tally(events);
        let (sender, receiver) = mpsc::channel(CAPACITY);
        tokio::spawn(receive(receiver, tally));
        drive::tell(events, sender, arrivals).await
    })
}

fn received_many(events: u64) -> Sample {
    on_two_workers(async move {
        let (tally, arrivals) = tally(events);
        let (sender, receiver) = mpsc::channel(CAPACITY);
        tokio::spawn(receive_many(receiver, tally));
        drive::tell(events, sender, arrivals).await
    })
}

fn reserved_many(events: u64) -> Sample {
    on_two_workers(async move {
        let (tally, arrivals) = tally(events);
        let (sender, receiver) = mpsc::channel(CAPACITY);
        tokio::spawn(receive_many(receiver, tally));

        let stopwatch = Stopwatch::start();
        for batch in 0..events / BATCH as u64 {
            let permits = sender.reserve_many(BATCH).await.expect("the receiver waits for the last event");
            for (permit, number) in permits.zip(batch * BATCH as u64..) {
                permit.send(Event::numbered(number));
            }
        }
        arrivals.all().await;
        stopwatch.stop(events)
    })
}

fn fanin(events: u64) -> Sample {
    on_two_workers(async move {
        let (tally, arrivals) = tally(events);
        let (sender, receiver) = mpsc::channel(CAPACITY);
        tokio::spawn(receive(receiver, tally));
        drive::tell_from_tasks(events, SENDERS, sender, arrivals).await
    })
}

async fn receive(mut receiver: Receiver<Event>, mut tally: Tally) {
    while let Some(event) = receiver.recv().await {
        tally.count(&event);
    }
}

async fn receive_many(mut receiver: Receiver<Event>, mut tally: Tally) {
    let mut events = Vec::with_capacity(DRAIN);
    while receiver.recv_many(&mut events, DRAIN).await > 0 {
        for event in events.drain(..) {
            tally.count(&event);
        }
    }
}
