use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edri_event::Failure;
use edri_router::{RequestError, caught};
use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};
use parking_lot::Mutex;

use super::{StoreHandle, Way};
use crate::error::StoreError;
use crate::value::{Storable, Value};

/// Values that are being computed, by namespace and key.
#[derive(Default)]
pub(crate) struct Flights {
    under_way: Mutex<HashMap<Name, (u64, WeakShared<Computing>)>>,
    next: AtomicU64,
}

type Name = (Arc<str>, String);
type Computing = Pin<Box<dyn Future<Output = Result<Value, StoreError>> + Send>>;

impl StoreHandle {
    /// The value under a key; if there is none, `compute` makes it, and it is kept for that time.
    ///
    /// However many ask for it meanwhile in this process, it is computed once; all get the value, or the failure. It is
    /// computed by those who wait for it: that the first goes away does not keep the others waiting, and when all have gone
    /// away it is given up. A failure is not kept: who asks afterwards computes anew. A value that the store has no room for
    /// is given to who asked, and the log is told.
    ///
    /// # Errors
    /// [`Computation`](StoreError::Computation) if it failed or panicked; and as [`get`](Self::get).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use edri_event::Failure;
    /// # use edri_kvstore::{Store, StoreHandle};
    /// # use edri_manager::Host;
    /// # use edri_router::Router;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let router = Router::new();
    /// # let _running = Host::new(Store::in_memory()).start(&router).await?;
    /// # let store = StoreHandle::on(&router);
    /// let minute = Duration::from_secs(60);
    /// let price = store.cached("price:tea", minute, || async { Ok::<_, Failure>(3u64) }).await?;
    /// assert_eq!(price, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn cached<T, E, C, F>(&self, key: &str, ttl: Duration, compute: C) -> Result<T, StoreError>
    where
        T: Storable,
        E: Into<Failure> + 'static,
        C: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        if let Some(value) = self.get(key).await? {
            return Ok(value);
        }
        let flights = match &self.way {
            Way::Router(_, flights) => match self.inside().await? {
                Some(inside) => Arc::clone(&inside.flights),
                None => Arc::clone(flights),
            },
            Way::Door(door) => {
                door.inside().map(|inside| Arc::clone(&inside.flights)).ok_or_else(StoreError::closed)?
            }
        };
        let name = (Arc::clone(&self.namespace), key.to_owned());
        let flight = flights.join(name, || compute_and_keep(self.clone(), key.to_owned(), ttl, compute));
        flight.await?.decode()
    }
}

async fn compute_and_keep<T, E, C, F>(
    handle: StoreHandle,
    key: String,
    ttl: Duration,
    compute: C,
) -> Result<Value, StoreError>
where
    T: Storable,
    E: Into<Failure> + 'static,
    C: FnOnce() -> F + Send,
    F: Future<Output = Result<T, E>> + Send,
{
    // The flight before may have landed since it was looked for.
    if let Some(entry) = handle.get_entry(&key).await? {
        return Ok(entry.value);
    }
    let computing = async { compute().await.map_err(Into::into) };
    let value = caught(computing).await.map_err(|error| {
        StoreError::Computation(match error {
            RequestError::Failed(failure) => failure,
            panicked => Failure::new("panicked", panicked.to_string()),
        })
    })?;
    let value = Value::of(&value)?;
    if let Err(error) = super::Setting::new(&handle, &key, Ok(value.clone())).ttl(ttl).await {
        tracing::warn!(key, %error, "a computed value could not be kept");
    }
    Ok(value)
}

impl Flights {
    /// The computation of that name that is under way, or a new one.
    fn join<F>(self: &Arc<Self>, name: Name, new: impl FnOnce() -> F) -> Shared<Computing>
    where
        F: Future<Output = Result<Value, StoreError>> + Send + 'static,
    {
        let mut under_way = self.under_way.lock();
        if let Some(flight) = under_way.get(&name).and_then(|(_, flight)| flight.upgrade()) {
            return flight;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let landing = Landing { flights: Arc::clone(self), name: name.clone(), number };
        // Created under the lock, and begun without it.
        let computing = new();
        let flight = async move {
            let _landing = landing;
            computing.await
        };
        let flight: Shared<Computing> = (Box::pin(flight) as Computing).shared();
        if let Some(weak) = flight.downgrade() {
            under_way.insert(name, (number, weak));
        }
        flight
    }
}

/// Takes a computation off the list when it is over or given up.
struct Landing {
    flights: Arc<Flights>,
    name: Name,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut under_way = self.flights.under_way.lock();
        if under_way.get(&self.name).is_some_and(|(number, _)| *number == self.number) {
            under_way.remove(&self.name);
        }
    }
}
