use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use edri_event::{Notification, Request};
use edri_router::Router;
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::{StoreHandle, Way};
use crate::entry::Expiry;
use crate::error::StoreError;
use crate::value::Storable;

/// A value that is kept fresh. Dropping this ends that; the value stays.
#[must_use = "dropping it ends the refreshing"]
pub struct Refreshing {
    task: AbortHandle,
    state: Arc<Mutex<State>>,
    key: String,
}

#[derive(Default)]
struct State {
    refreshed: u64,
    trouble: Option<StoreError>,
}

impl StoreHandle {
    /// Keeps a value fresh: asks `request` at once and then once in so long, and puts the answer under the key. Where the
    /// answer fails, the value stays as it is, the log is told, and it is tried again when it is time.
    ///
    /// A request that takes longer than the time between two is followed by a whole pause. Times as of a calendar are the
    /// scheduler's: see [`refresh_on`](Self::refresh_on).
    ///
    /// # Errors
    /// [`Closed`](crate::Refusal::Closed) if the handle was given by a store that has not been started.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn refresh<R>(&self, key: &str, every: Duration, request: R) -> Result<Refreshing, StoreError>
    where
        R: Request + Clone + Sync,
        R::Response: Storable,
    {
        let mut ticks = interval(every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let source = Source::new(self, key, request)?;
        Ok(source.refreshing(|source| async move {
            loop {
                ticks.tick().await;
                source.refresh().await;
            }
        }))
    }

    /// The same, whenever that notification is sent: such as one that the scheduler sends at its times. Those that come while
    /// it is being refreshed are one more time together.
    ///
    /// # Errors and panics
    /// As [`refresh`](Self::refresh).
    pub fn refresh_on<N, R>(&self, key: &str, request: R) -> Result<Refreshing, StoreError>
    where
        N: Notification,
        R: Request + Clone + Sync,
        R::Response: Storable,
    {
        let source = Source::new(self, key, request)?;
        let mut told = source.router.subscribe::<N>();
        Ok(source.refreshing(|source| async move {
            while told.recv().await.is_some() {
                while told.try_recv().is_some() {}
                source.refresh().await;
            }
        }))
    }

    fn router(&self) -> Result<Router, StoreError> {
        match &self.way {
            Way::Router(router, _) => Ok(router.clone()),
            Way::Door(door) => {
                door.inside().map(|inside| inside.router.clone()).ok_or_else(StoreError::closed)
            }
        }
    }
}

/// Where a value comes from, and where it goes.
struct Source<R> {
    handle: StoreHandle,
    router: Router,
    key: String,
    request: R,
    state: Arc<Mutex<State>>,
}

impl<R> Source<R>
where
    R: Request + Clone + Sync,
    R::Response: Storable,
{
    fn new(handle: &StoreHandle, key: &str, request: R) -> Result<Self, StoreError> {
        let (router, state) = (handle.router()?, Arc::default());
        Ok(Self { handle: handle.clone(), router, key: key.to_owned(), request, state })
    }

    async fn refresh(&self) {
        let refreshed = async {
            let value = self.router.request(self.request.clone()).await?;
            self.handle.set(&self.key, &value).expiry(Expiry::Keep).await
        };
        let refreshed = refreshed.await;
        if let Err(error) = &refreshed {
            tracing::warn!(key = self.key, request = R::name(), %error, "a value could not be refreshed");
        }
        let mut state = self.state.lock();
        state.refreshed += u64::from(refreshed.is_ok());
        state.trouble = refreshed.err();
    }

    fn refreshing<F>(self, run: impl FnOnce(Self) -> F) -> Refreshing
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (state, key) = (Arc::clone(&self.state), self.key.clone());
        Refreshing { task: tokio::spawn(run(self)).abort_handle(), state, key }
    }
}

impl Refreshing {
    /// The key whose value is kept fresh.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How often it has been refreshed.
    pub fn count(&self) -> u64 {
        self.state.lock().refreshed
    }

    /// Why the last attempt failed, if it did.
    pub fn trouble(&self) -> Option<StoreError> {
        self.state.lock().trouble.clone()
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Refreshing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Refreshing").field("key", &self.key).field("count", &self.count()).finish()
    }
}
