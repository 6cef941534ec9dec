//! `idle`: tasks that wait for a channel whose sender is kept.

use tokio::sync::mpsc;

use crate::{
    contender::Contender,
    event::Event,
    measure::Sample,
    memory,
    runtime::on_two_workers,
    scenario::{CAPACITY, Scenario},
};

pub(crate) fn contenders() -> Vec<Contender> {
    vec![Contender::new(Scenario::Idle, "raw", tasks).base()]
}

fn tasks(count: u64) -> Sample {
    on_two_workers(memory::of_each(count, async move {
        let wait = |_| {
            let (sender, mut receiver) = mpsc::channel::<Event>(CAPACITY);
            tokio::spawn(async move { while receiver.recv().await.is_some() {} });
            sender
        };
        (0..count).map(wait).collect::<Vec<_>>()
    }))
}
