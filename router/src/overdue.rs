use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use crate::request::{RequestError, caught_now};

/// How long each handler of one manager may take, and what happens to one that takes longer. Give it to the
/// manager's [`Context`](crate::Context).
///
/// What is measured is a handler that waits: one that blocks its thread cannot be seen, told or given up.
#[derive(Debug)]
pub struct HandlerLimit {
    after: Duration,
    overdue: Overdue,
    seen: AtomicU64,
}

/// What happens to a handler that takes longer than it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overdue {
    /// It is told, by [`Context::overdue`](crate::Context::overdue), and goes on.
    #[default]
    Tell,
    /// It is given up: its future is dropped at the `await` where it stands.
    Abandon,
}

impl HandlerLimit {
    /// A limit of `after`.
    pub fn new(after: Duration, overdue: Overdue) -> Self {
        Self { after, overdue, seen: AtomicU64::new(0) }
    }

    /// How many handlers have taken longer.
    pub fn overdue(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }
}

/// Whether the handler of one event has taken longer than it may.
#[derive(Debug)]
pub(crate) struct Watch {
    limit: Arc<HandlerLimit>,
    is_overdue: AtomicBool,
    told: Notify,
}

impl Watch {
    pub(crate) fn new(limit: Arc<HandlerLimit>) -> Self {
        Self { limit, is_overdue: AtomicBool::new(false), told: Notify::new() }
    }

    /// The same for the next event, in the same place if nobody else looks at this one any more.
    #[cold]
    pub(crate) fn renew(this: &mut Arc<Self>) {
        match Arc::get_mut(this) {
            Some(watch) => *watch.is_overdue.get_mut() = false,
            None => *this = Arc::new(Self::new(Arc::clone(&this.limit))),
        }
    }

    pub(crate) fn is_overdue(&self) -> bool {
        self.is_overdue.load(Ordering::Acquire)
    }

    pub(crate) async fn overdue(&self) {
        let told = self.told.notified();
        // Looked at after `told` was made, which hears of all that is said from then on.
        if !self.is_overdue() {
            told.await;
        }
    }

    fn tell(&self) {
        self.limit.seen.fetch_add(1, Ordering::Relaxed);
        self.is_overdue.store(true, Ordering::Release);
        self.told.notify_waiters();
    }
}

/// The watch over a handler that is about to begin; made by [`Context::watch`](crate::Context::watch).
pub struct Watching {
    watch: Arc<Watch>,
    event: &'static str,
    manager: Arc<str>,
    until: Instant,
    /// From the first time the handler waits until it is told.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Later than any handler ends.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

impl Watching {
    /// Kept out of the way of those who are not limited.
    #[cold]
    pub(crate) fn over(watch: &mut Arc<Watch>, event: &'static str, manager: &Arc<str>) -> Box<Self> {
        Watch::renew(watch);
        let now = Instant::now();
        let until = now.checked_add(watch.limit.after).unwrap_or(now + FAR);
        let (watch, manager) = (Arc::clone(watch), Arc::clone(manager));
        Box::new(Self { watch, event, manager, until, sleep: None })
    }

    /// Called while the handler waits; ready when it is to be given up.
    fn poll_abandoned(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        if self.watch.is_overdue() {
            return Poll::Pending;
        }
        let until = self.until;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        ready!(sleep.as_mut().poll(task));
        self.sleep = None;
        self.watch.tell();
        let HandlerLimit { after, overdue, .. } = *self.watch.limit;
        tracing::warn!(
            event = self.event,
            manager = &*self.manager,
            "a handler has taken longer than {after:?}"
        );
        match overdue {
            Overdue::Tell => Poll::Pending,
            Overdue::Abandon => Poll::Ready(()),
        }
    }
}

/// A handler under watch: ready with its outcome, or with [`RequestError::Abandoned`] when it has taken longer than
/// it may and is to be given up; it has been dropped then.
#[must_use = "a handler runs when it is awaited"]
pub struct Watched<'w, F> {
    handling: Pin<&'w mut Option<F>>,
    watching: &'w mut Option<Box<Watching>>,
}

impl<'w, F> Watched<'w, F> {
    /// Watches over `handling`; without `watching` it is just run.
    #[inline]
    pub fn new(handling: Pin<&'w mut Option<F>>, watching: &'w mut Option<Box<Watching>>) -> Self {
        Self { handling, watching }
    }

    fn abandon(&mut self) -> RequestError {
        // What the handler has in hand is the user's, and may panic when it is dropped.
        match caught_now(|| {
            self.handling.set(None);
            Ok(())
        }) {
            Ok(()) => RequestError::Abandoned,
            Err(panicked) => panicked,
        }
    }
}

impl<T, F: Future<Output = Result<T, RequestError>>> Future for Watched<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(handling) = this.handling.as_mut().as_pin_mut() else { return Poll::Pending };
        if let Poll::Ready(outcome) = handling.poll(task) {
            return Poll::Ready(outcome);
        }
        match this.watching {
            None => Poll::Pending,
            Some(watching) => {
                ready!(watching.poll_abandoned(task));
                Poll::Ready(Err(this.abandon()))
            }
        }
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watching").field("event", &self.event).field("watch", &self.watch).finish()
    }
}

impl<F> fmt::Debug for Watched<'_, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watched").field("watching", &self.watching).finish()
    }
}
