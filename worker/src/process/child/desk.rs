use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::Poll;

use edri_link::{Closed, Consumer, Endpoint};
use edri_router::Router;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::bench;
use super::top::Top;
use super::{GREETING, Post};
use crate::process::carrier::{Carrier, now, settings};
use crate::process::language::cancel;
use crate::process::registry::ProcessWorker;

/// The first thread's part: it begins, and ends; and in between it does what the worker's thread, being at a job, cannot.
pub(super) struct Desk<W: ProcessWorker> {
    top: Arc<Top<W>>,
    /// The worker's thread has ended.
    ended: oneshot::Receiver<()>,
    terminate: Signal,
}

impl<W: ProcessWorker> Desk<W> {
    pub(super) fn new(post: &Post, router: &Router, socket: OwnedFd) -> io::Result<Self> {
        let mut endpoint = Endpoint::connecting(settings(router.id(), &post.worker, GREETING), now());
        let cancels = endpoint.announce(cancel(), None, Consumer::default());
        let top = Arc::new(Top::new(Carrier::new(socket, endpoint)?, cancels, router.id())?);
        let ended = bench::set_up(post, router, Arc::clone(&top))?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { top, ended, terminate })
    }

    /// Until the parent wants no more, or is gone.
    pub(super) async fn attend(mut self) -> Result<(), String> {
        let top = Arc::clone(&self.top);
        loop {
            if let Some(closed) = top.go_through() {
                return self.leave(closed).await;
            }
            tokio::select! {
                () = moves(&top) => {}
                () = top.look.notified() => {}
                () = top.reports.some.notified() => {}
                () = top.returns.some.notified() => {}
                () = top.watchdog().woken() => top.look_after(),
                // It gets no more jobs, and those that it has are done or cancelled.
                Some(()) = self.terminate.recv() => {
                    let mut papers = top.papers();
                    if let Some(takes) = papers.takes.take() {
                        papers.carrier.endpoint.withdraw(takes);
                    }
                }
            }
        }
    }

    /// The worker is dropped before the process ends, if it was ever set up.
    async fn leave(self, closed: Closed) -> Result<(), String> {
        if closed != Closed::Orderly {
            return Err(format!("its parent is gone: {closed}"));
        }
        if self.top.papers().takes.is_some() {
            let _ = self.ended.await;
        }
        Ok(())
    }
}

/// Ready when there may be something that has come, or what is to be written has got on, as far as that is for this thread.
async fn moves<W: ProcessWorker>(top: &Top<W>) {
    poll_fn(|cx| {
        let mut papers = top.papers();
        if Top::is_read_by_first_thread(&papers) { papers.carrier.poll(cx) } else { Poll::Pending }
    })
    .await;
}
