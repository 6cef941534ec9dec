//! Plain channels: what everything is compared with, and the floors below it.

mod ask;
#[cfg(target_os = "linux")]
mod command;
mod fanout;
mod idle;
mod pool_tasks;
mod pool_threads;
mod tell;

use tokio::sync::oneshot;

use crate::{contender::Contender, event::Request};

/// Every scenario with plain channels.
pub(crate) fn contenders() -> Vec<Contender> {
    [
        tell::contenders(),
        ask::contenders(),
        fanout::contenders(),
        pool_tasks::contenders(),
        pool_threads::contenders(),
        idle::contenders(),
        #[cfg(target_os = "linux")]
        command::contenders(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A request on its way, with the place for its answer.
#[derive(Debug)]
struct Job {
    request: Request,
    answer: oneshot::Sender<u64>,
}

impl Job {
    fn new(request: Request) -> (Self, oneshot::Receiver<u64>) {
        let (answer, answered) = oneshot::channel();
        (Self { request, answer }, answered)
    }
}
