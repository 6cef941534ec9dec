use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

/// Jobs that workers which are processes have in hand, and those that were given up there because the pool was told to stop:
/// the former in the lower half, the latter in the upper one, so that a job is never in both nor in none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cut(Arc<AtomicU64>);

/// A job is in hand, until this is dropped.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct InHand {
    all: Cut,
    is_given_up: bool,
}

/// One that was given up.
const GIVEN_UP: u64 = 1 << 32;

impl Cut {
    /// One job more is in hand.
    #[cfg(target_os = "linux")]
    pub(crate) fn take(&self) -> InHand {
        self.0.fetch_add(1, Ordering::Relaxed);
        InHand { all: self.clone(), is_given_up: false }
    }

    /// How many were given up.
    pub(crate) fn given_up(&self) -> usize {
        (self.0.load(Ordering::Relaxed) / GIVEN_UP) as usize
    }

    /// How many were given up, or are by whoever gives up all now.
    #[cfg(target_os = "linux")]
    pub(crate) fn unfinished(&self) -> usize {
        let both = self.0.load(Ordering::Relaxed);
        (both / GIVEN_UP + both % GIVEN_UP) as usize
    }
}

#[cfg(target_os = "linux")]
impl InHand {
    /// It is given up.
    pub(crate) fn give_up(mut self) {
        self.is_given_up = true;
    }
}

#[cfg(target_os = "linux")]
impl Drop for InHand {
    fn drop(&mut self) {
        let given_up = if self.is_given_up { GIVEN_UP } else { 0 };
        self.all.0.fetch_add(given_up.wrapping_sub(1), Ordering::Relaxed);
    }
}
