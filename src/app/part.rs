use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use edri_event::Request;
use edri_manager::{End, Managed};
use edri_router::PartKind;
use edri_worker::RunningPool;
use tokio::time::{Instant, sleep_until};

use super::report::Left;
use crate::error::Error;

/// A started part of a program.
pub(super) trait Part: Send + Sync {
    /// Takes no more in from here on.
    fn close(&mut self);

    /// Stops it, at the deadline wherever it stands, and says what was left.
    fn stop(self: Box<Self>, deadline: Instant) -> Pin<Box<dyn Future<Output = Left> + Send>>;

    /// Ready when it has ended by itself, and the program is not to go on without it.
    fn poll_lost(&mut self, _cx: &mut Context<'_>) -> Poll<Error> {
        Poll::Pending
    }
}

/// A manager without which the program is not to go on.
pub(super) struct Essential(pub(super) Managed);

impl Part for Essential {
    fn close(&mut self) {
        Part::close(&mut self.0);
    }

    fn stop(self: Box<Self>, deadline: Instant) -> Pin<Box<dyn Future<Output = Left> + Send>> {
        Part::stop(Box::new(self.0), deadline)
    }

    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        match ready!(self.0.poll_stopped(cx)) {
            // Whoever told it to stop has not lost it.
            End::InOrder => Poll::Pending,
            end => Poll::Ready(Error::Lost { name: self.0.name().to_owned(), end }),
        }
    }
}

impl Part for Managed {
    fn close(&mut self) {
        Managed::close(self);
    }

    fn stop(self: Box<Self>, deadline: Instant) -> Pin<Box<dyn Future<Output = Left> + Send>> {
        Box::pin(async move {
            let name = self.name().to_owned();
            let part = self.part();
            let on = || part.current().map(|current| current.event.to_owned());
            let (events, on) = noting(on, deadline, (*self).stop(deadline)).await;
            Left { kind: PartKind::Manager, events, running: 0, on: on.filter(|_| events > 0), name }
        })
    }
}

impl<R: Request> Part for RunningPool<R> {
    fn close(&mut self) {
        RunningPool::close(self);
    }

    fn stop(self: Box<Self>, deadline: Instant) -> Pin<Box<dyn Future<Output = Left> + Send>> {
        Box::pin(async move {
            let name = self.name().to_owned();
            let on = || Some(R::name().to_owned());
            let (unfinished, on) = noting(on, deadline, (*self).stop(deadline)).await;
            let (events, running) = (unfinished.waiting, unfinished.running);
            Left { kind: PartKind::Pool, events, running, on: on.filter(|_| running > 0), name }
        })
    }
}

/// Stops a part, and notes at the deadline what it is `on`: the moment before it is ended.
async fn noting<T>(
    on: impl FnOnce() -> Option<String>,
    deadline: Instant,
    stopping: impl Future<Output = T>,
) -> (T, Option<String>) {
    let mut stopping = std::pin::pin!(stopping);
    tokio::select! {
        biased;
        () = sleep_until(deadline) => {
            let on = on();
            (stopping.await, on)
        }
        stopped = &mut stopping => (stopped, None),
    }
}
