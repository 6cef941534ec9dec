use std::io;
use std::sync::Arc;

use edri_router::{Context, Router};
use tokio::sync::oneshot;

use super::Post;
use super::order::outcome;
use super::top::Top;
use crate::place::{Busy, Place};
use crate::process::registry::ProcessWorker;
use crate::thread;
use crate::worker::WorkerContext;

/// A worker on a thread of its own, which does one job after the other until there are no more; what is told when the thread
/// has ended.
///
/// How many wait is bounded by how many the parent may have without an answer.
pub(super) fn set_up<W: ProcessWorker>(
    post: &Post,
    router: &Router,
    top: Arc<Top<W>>,
) -> io::Result<oneshot::Receiver<()>> {
    let name: Arc<str> = post.worker.as_str().into();
    let cx = Context::new(router.clone(), Arc::clone(&name));
    let place = Place {
        make: Arc::new(W::make),
        _membership: cx.one_of(name, 1),
        cx: WorkerContext { cx, number: post.number },
        busy: Arc::new(Busy::default()),
    };
    thread::spawn(post.worker.clone(), work(place, top))
}

async fn work<W: ProcessWorker>(mut place: Place<W>, top: Arc<Top<W>>) {
    let mut worker = place.hire().await.ok();
    top.take_jobs();
    // Waited for on the thread itself, which is the worker's own: to be woken by another would take longer than many a job.
    while let Some(order) = top.next() {
        let call = order.call;
        let outcome = match order.open::<W::Job>() {
            Ok((asked, reply)) => {
                top.begin(reply);
                worker = place.work(worker, asked).await;
                outcome::<W::Job>(top.end())
            }
            Err(error) => {
                top.end();
                Err(error)
            }
        };
        top.answer(call, outcome);
    }
}
