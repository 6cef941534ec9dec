use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use edri_router::Opened;
use futures_core::Stream;

use super::{Place, StoreHandle};
use crate::condition::Condition;
use crate::error::StoreError;
use crate::event::{Begin, Target, Watch, Watched};
use crate::value::{Storable, Value};
use crate::watch::Watching;

/// A watcher about to be set up: await it. Made by [`StoreHandle::watch`] and [`StoreHandle::watch_prefix`].
///
/// When it is ready, the watcher is there: it is told every change that is made from then on.
#[must_use = "nothing is watched until it is awaited"]
pub struct WatchSetup<T> {
    handle: StoreHandle,
    watch: Watch,
    of: PhantomData<fn() -> T>,
}

impl<T: Storable> WatchSetup<T> {
    pub(super) fn new(handle: StoreHandle, target: Target) -> Self {
        let watch = Watch::target(target).namespace(&*handle.namespace);
        Self { handle, watch, of: PhantomData }
    }

    /// Only changes after which that holds.
    pub fn when(self, condition: Condition) -> Self {
        Self { watch: self.watch.when(condition), ..self }
    }

    /// What is there comes first, then [`Watched::Live`], then changes; the same after the watcher has lagged.
    pub fn with_current(self) -> Self {
        Self { watch: self.watch.with_current(), ..self }
    }

    /// With room for so many changes that have not been received: 1,024 unless told otherwise.
    pub fn buffer(self, changes: u32) -> Self {
        Self { watch: self.watch.buffer(changes), ..self }
    }

    async fn begin(self) -> Result<Watcher<T>, StoreError> {
        let source = match self.handle.place().await? {
            Place::Here(space) => Source::Here(Watching::new(space.clone(), self.watch)?),
            Place::Elsewhere(router) => {
                let begin = self.watch.begin;
                let mut tunnel = router.open(self.watch).await?;
                let first = tunnel.recv().await.transpose()?;
                // Told to whoever has asked for what is there.
                let first = first.filter(|first| begin == Begin::Current || *first != Watched::Live);
                Source::Elsewhere { first, tunnel }
            }
        };
        Ok(Watcher { source, of: PhantomData })
    }
}

impl<T: Storable> IntoFuture for WatchSetup<T> {
    type Output = Result<Watcher<T>, StoreError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

/// What happens to keys: a `Stream`. Dropping it removes the watcher.
///
/// The changes of one key come in order, each once; or [`Watched::Lagged`] says from which on they do not. It ends when the
/// store stops, with [`Closed`](crate::Refusal::Closed) where the store is elsewhere.
#[must_use = "dropping it removes the watcher"]
pub struct Watcher<T> {
    source: Source,
    of: PhantomData<fn() -> T>,
}

enum Source {
    Here(Watching),
    Elsewhere {
        /// What came first: it was waited for, so that the watcher is there.
        first: Option<Watched>,
        tunnel: Opened<Watch>,
    },
}

impl<T: Storable> Watcher<T> {
    /// What happened next; `None` when the store has stopped.
    ///
    /// Cancel safe: dropped before it is ready, it has taken nothing.
    ///
    /// # Errors
    /// [`TypeMismatch`](crate::Refusal::TypeMismatch) for a value of another type; the next change comes after it. When the
    /// store is elsewhere and not reached any more, once.
    pub async fn next(&mut self) -> Option<Result<Watched<T>, StoreError>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Watched<T>, StoreError>>> {
        let next: Option<Result<Watched<Value>, StoreError>> = match &mut self.source {
            Source::Here(watching) => ready!(watching.poll_next(cx)).map(Ok),
            Source::Elsewhere { first, tunnel } => match first.take() {
                Some(first) => Some(Ok(first)),
                None => {
                    ready!(Pin::new(tunnel).poll_next(cx)).map(|watched| watched.map_err(StoreError::from))
                }
            },
        };
        Poll::Ready(next.map(|watched| watched?.try_map(|value| value.decode())))
    }
}

impl<T: Storable> Stream for Watcher<T> {
    type Item = Result<Watched<T>, StoreError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }
}

impl<T> fmt::Debug for WatchSetup<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WatchSetup").field("watch", &self.watch).finish()
    }
}

impl<T> fmt::Debug for Watcher<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Watcher")
    }
}
