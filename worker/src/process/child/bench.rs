use std::io;
use std::sync::Arc;

use edri_event::{Origin, ProgressSink};
use edri_router::{Context, Router};
use tokio::sync::{mpsc, oneshot};

use super::Post;
use super::order::{News, Order};
use crate::place::{Busy, Place};
use crate::process::registry::ProcessWorker;
use crate::thread;
use crate::worker::WorkerContext;

/// A worker on a thread of its own, one job after the other.
pub(super) struct Bench<W: ProcessWorker> {
    pub(super) orders: mpsc::UnboundedSender<Order<W::Job>>,
    pub(super) news: mpsc::UnboundedReceiver<News>,
    pub(super) ended: oneshot::Receiver<()>,
}

impl<W: ProcessWorker> Bench<W> {
    /// Orders are bounded by how many jobs the parent may have without an answer.
    pub(super) fn set_up(post: &Post, router: &Router) -> io::Result<Self> {
        let (orders, taken) = mpsc::unbounded_channel();
        let (tell, news) = mpsc::unbounded_channel();
        let name: Arc<str> = post.worker.as_str().into();
        let cx = Context::new(router.clone(), Arc::clone(&name));
        let place = Place {
            make: Arc::new(W::make),
            _membership: cx.one_of(name, 1),
            cx: WorkerContext { cx, number: post.number },
            busy: Arc::new(Busy::default()),
        };
        let ended = thread::spawn(post.worker.clone(), work(place, taken, tell))?;
        Ok(Self { orders, news, ended })
    }
}

async fn work<W: ProcessWorker>(
    mut place: Place<W>,
    mut orders: mpsc::UnboundedReceiver<Order<W::Job>>,
    tell: mpsc::UnboundedSender<News>,
) {
    let mut worker = place.hire().await.ok();
    // The other end is there for as long as it matters.
    let _ = tell.send(News::SetUp);
    while let Some(mut order) = orders.recv().await {
        let call = order.call;
        let outcome = match order.begin() {
            Ok(asked) => {
                worker = place.work(worker, asked).await;
                order.end()
            }
            Err(error) => Err(error),
        };
        let _ = tell.send(News::Done(call, outcome));
    }
}

/// Where a job came from, as its worker sees it.
pub(super) fn origin(before: Option<Origin>, parent: edri_event::RouterId) -> Origin {
    match before {
        Some(Origin { router, hops }) => Origin { router, hops: hops.saturating_add(1) },
        None => Origin { router: parent, hops: 1 },
    }
}

/// Where its reports go.
pub(super) fn sink(reports: &Arc<super::order::Reports>, call: edri_link::IncomingCall) -> ProgressSink {
    let reports = Arc::clone(reports);
    ProgressSink::new(move |progress| reports.put(call, progress))
}
