use std::future::Future;
use std::pin::Pin;

use edri_event::Request;
use edri_manager::Managed;
use edri_worker::RunningPool;
use tokio::time::Instant;

use super::report::Left;

/// A started part of a program.
pub(super) trait Part: Send {
    /// Stops it, at the deadline wherever it stands, and says what was left.
    fn stop(self: Box<Self>, deadline: Instant) -> Pin<Box<dyn Future<Output = Left> + Send>>;
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
