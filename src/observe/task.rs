use std::time::Duration;

use edri_router::Router;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::figures::Figures;
use super::publish::Publisher;

/// The tasks that tell; they end when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Observing(Vec<JoinHandle<()>>);

impl Observing {
    pub(super) fn add(&mut self, task: JoinHandle<()>) {
        self.0.push(task);
    }
}

impl Drop for Observing {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Publishes what is to be seen of those on a router, now and `every` so often.
pub(super) fn repeat(every: Duration, router: Router) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut publisher = Publisher::new();
        let mut ticks = interval(every.max(SHORTEST));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            publisher.publish(Figures::from(&router.snapshot()));
        }
    })
}

/// More often than this would be work in itself.
const SHORTEST: Duration = Duration::from_millis(10);
