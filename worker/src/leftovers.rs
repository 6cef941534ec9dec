use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use edri_event::Request;
use edri_router::{Asked, Loss, Message as _, Reason, SharedReceiver};
use tokio::time::Instant;

/// What is left of a pool's jobs, whatever their type.
pub(crate) trait Leftovers: Send + Sync {
    /// Has nobody do what waits. How much of it somebody still waited for.
    fn discard(&self) -> usize;
}

impl<R: Request> Leftovers for SharedReceiver<Asked<R>> {
    fn discard(&self) -> usize {
        let mut waited_for = 0;
        while let Some(asked) = self.try_recv() {
            waited_for += usize::from(!asked.reply.is_cancelled());
            asked.discard(Loss::unhandled(Reason::Stopped), self.office());
        }
        waited_for
    }
}

/// Whether a pool takes jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Closing {
    #[default]
    Open,
    /// It does what waits.
    Closed,
    /// The same, until then.
    Until(Instant),
}

/// Jobs that were given up at their worker because the pool was told to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cut(Arc<AtomicUsize>);

impl Cut {
    #[cfg(target_os = "linux")]
    pub(crate) fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
