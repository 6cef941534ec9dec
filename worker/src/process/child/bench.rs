use std::io;
use std::sync::Arc;

use edri_router::{Context, Router};
use tokio::sync::{mpsc, oneshot};

use super::Post;
use super::desk::{Others, Top};
use super::order::Order;
use crate::place::{Busy, Place};
use crate::process::registry::ProcessWorker;
use crate::thread;
use crate::worker::WorkerContext;

type Orders<W> = mpsc::UnboundedSender<Order<<W as crate::Worker>::Job>>;

/// A worker on a thread of its own, which does one job after the other until there are no more: where jobs go, and what is
/// told when the thread has ended.
///
/// How many wait is bounded by how many the parent may have without an answer.
pub(super) fn set_up<W: ProcessWorker>(
    post: &Post,
    router: &Router,
    top: Arc<Top<W>>,
) -> io::Result<(Orders<W>, oneshot::Receiver<()>)> {
    let (orders, taken) = mpsc::unbounded_channel();
    let name: Arc<str> = post.worker.as_str().into();
    let cx = Context::new(router.clone(), Arc::clone(&name));
    let place = Place {
        make: Arc::new(W::make),
        _membership: cx.one_of(name, 1),
        cx: WorkerContext { cx, number: post.number },
        busy: Arc::new(Busy::default()),
    };
    let ended = thread::spawn(post.worker.clone(), work(place, taken, top))?;
    Ok((orders, ended))
}

async fn work<W: ProcessWorker>(
    mut place: Place<W>,
    mut orders: mpsc::UnboundedReceiver<Order<W::Job>>,
    top: Arc<Top<W>>,
) {
    let mut worker = place.hire().await.ok();
    top.take_jobs();
    while let Some(mut order) = orders.recv().await {
        let call = order.call;
        let outcome = match order.begin() {
            Ok(asked) => {
                worker = place.work(worker, asked).await;
                order.end()
            }
            Err(error) => Err(error),
        };
        top.answer(call, outcome, if orders.is_empty() { Others::None } else { Others::Wait });
    }
}
