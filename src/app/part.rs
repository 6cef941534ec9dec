use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use edri_event::Request;
use edri_manager::{End, Managed};
use edri_worker::RunningPool;
use tokio::time::Instant;

use super::report::Left;
use crate::error::Error;

/// A started part of a program.
pub(super) trait Part: Send {
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
    fn stop(self: Box<Self>, deadline: Instant) -> Pin<Box<dyn Future<Output = Left> + Send>> {
        Box::pin(async move {
            let name = self.name().to_owned();
            Left { events: (*self).stop(deadline).await, running: 0, name }
        })
    }
}

impl<R: Request> Part for RunningPool<R> {
    fn stop(self: Box<Self>, deadline: Instant) -> Pin<Box<dyn Future<Output = Left> + Send>> {
        Box::pin(async move {
            let name = self.name().to_owned();
            let unfinished = (*self).stop(deadline).await;
            Left { events: unfinished.waiting, running: unfinished.running, name }
        })
    }
}
