//! The ask scenarios: a tokio channel with a oneshot for the answer, and plain calls.

use std::{future::Future, hint::black_box, pin::Pin, sync::Arc};

use tokio::sync::mpsc::{self, Sender};

use super::Job;
use crate::{
    contender::Contender,
    drive::{self, Asker},
    event::{Request, Work},
    runtime::on_two_workers,
    scenario::{ASKS_IN_FLIGHT, CAPACITY, Scenario},
};

pub(crate) fn contenders() -> Vec<Contender> {
    let ask = |requests| on_two_workers(async move { drive::ask(requests, channel()).await });
    vec![
        Contender::new(Scenario::Ask, "raw", ask).base(),
        Contender::new(Scenario::AskInline, "raw", ask).base(),
        Contender::new(Scenario::AskInline, "raw-boxed-async", |requests| {
            on_two_workers(async move { drive::ask(requests, boxed()).await })
        })
        .with_share(8.0),
        Contender::new(Scenario::AskInline, "raw-direct-call", |requests| {
            on_two_workers(async move { drive::ask(requests, direct()).await })
        })
        .with_share(32.0),
        Contender::new(Scenario::AskInflight, "raw", |requests| {
            on_two_workers(async move { drive::ask_in_flight(requests, ASKS_IN_FLIGHT, channel()).await })
        })
        .base(),
        Contender::new(Scenario::AskInflightTasks, "raw", |requests| {
            on_two_workers(async move { drive::ask_from_tasks(requests, ASKS_IN_FLIGHT, channel()).await })
        })
        .base(),
    ]
}

impl Asker for Sender<Job> {
    async fn ask(&self, request: Request) -> u64 {
        let (job, answered) = Job::new(request);
        self.send(job).await.expect("the answering task lives as long as its sender");
        answered.await.expect("every request is answered")
    }
}

/// A task that answers, behind a channel.
fn channel() -> Sender<Job> {
    let (sender, mut receiver) = mpsc::channel::<Job>(CAPACITY);
    tokio::spawn(async move {
        while let Some(job) = receiver.recv().await {
            // An asker that is gone needs no answer.
            let _ = job.answer.send(Work::None.answer(job.request));
        }
    });
    sender
}

/// A handler whose asynchronous method is behind a vtable.
trait AsyncHandler: Send + Sync {
    fn handle<'a>(&'a self, request: &'a Request) -> Pin<Box<dyn Future<Output = u64> + Send + 'a>>;
}

impl AsyncHandler for Work {
    fn handle<'a>(&'a self, request: &'a Request) -> Pin<Box<dyn Future<Output = u64> + Send + 'a>> {
        Box::pin(async move { self.answer(*request) })
    }
}

struct Boxed(Arc<dyn AsyncHandler>);

impl Asker for Boxed {
    async fn ask(&self, request: Request) -> u64 {
        self.0.handle(&request).await
    }
}

fn boxed() -> Boxed {
    // The black box keeps the compiler from seeing which handler this is.
    Boxed(black_box(Arc::new(Work::None)))
}

/// A handler whose plain method is behind a vtable.
trait Handler: Send + Sync {
    fn handle(&self, request: &Request) -> u64;
}

impl Handler for Work {
    fn handle(&self, request: &Request) -> u64 {
        self.answer(*request)
    }
}

struct Direct(Arc<dyn Handler>);

impl Asker for Direct {
    async fn ask(&self, request: Request) -> u64 {
        self.0.handle(&request)
    }
}

fn direct() -> Direct {
    Direct(black_box(Arc::new(Work::None)))
}
