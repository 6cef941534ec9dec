use std::fmt;
use std::marker::PhantomData;

use super::{StoreHandle, WatchSetup};
use crate::entry::{Expiry, OnlyIf, Outcome};
use crate::error::{Refusal, StoreError};
use crate::value::Storable;
use crate::version::Version;

/// One key as a variable of one type. Made by [`StoreHandle::cell`]; clones are cheap, and the same variable.
///
/// ```
/// # use edri_kvstore::{Store, StoreHandle};
/// # use edri_manager::Host;
/// # use edri_router::Router;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let router = Router::new();
/// # let _running = Host::new(Store::in_memory()).start(&router).await?;
/// # let store = StoreHandle::on(&router);
/// let limit = store.cell::<u32>("limit");
/// limit.set(&10).await?;
/// assert_eq!(limit.update(|limit| limit.unwrap_or(0) + 1).await?, 11);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct StoreCell<T> {
    handle: StoreHandle,
    key: String,
    of: PhantomData<fn() -> T>,
}

/// How often an update is tried again because somebody else was faster.
const TRIES: u32 = 1000;

impl<T: Storable> StoreCell<T> {
    pub(super) fn new(handle: StoreHandle, key: String) -> Self {
        Self { handle, key, of: PhantomData }
    }

    /// The key under which it is kept.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its value, if it has one.
    ///
    /// # Errors
    /// As [`StoreHandle::get`].
    pub async fn get(&self) -> Result<Option<T>, StoreError> {
        self.handle.get(&self.key).await
    }

    /// Gives it a value. Its time to live stays as it is.
    ///
    /// # Errors
    /// As [`StoreHandle::set`].
    pub async fn set(&self, value: &T) -> Result<Version, StoreError> {
        self.handle.set(&self.key, value).expiry(Expiry::Keep).await
    }

    /// Takes its value away.
    ///
    /// # Errors
    /// As [`StoreHandle::delete`].
    pub async fn clear(&self) -> Result<(), StoreError> {
        self.handle.delete(&self.key).await.map(drop)
    }

    /// Makes its value out of the one it has, and answers with it. `change` is called again if somebody else has written it
    /// meanwhile; nobody's change is lost. Its time to live stays as it is.
    ///
    /// # Errors
    /// As [`StoreHandle::get`] and [`StoreHandle::set`]; [`Contended`](Refusal::Contended) when others were faster a thousand
    /// times.
    pub async fn update(&self, mut change: impl FnMut(Option<T>) -> T) -> Result<T, StoreError> {
        for _ in 0..TRIES {
            let entry = self.handle.get_entry(&self.key).await?;
            let only_if = entry.as_ref().map_or(OnlyIf::Absent, |entry| OnlyIf::Version(entry.version));
            let value = change(entry.map(|entry| entry.decode()).transpose()?);
            let setting = self.handle.set(&self.key, &value).expiry(Expiry::Keep).only_if(only_if);
            match setting.await? {
                Outcome::Applied(_) => return Ok(value),
                Outcome::Conflict(_) => tokio::task::yield_now().await,
            }
        }
        let text =
            format!("{:?} was written by others each of {TRIES} times that it was to be updated", self.key);
        Err(StoreError::refused(Refusal::Contended, text))
    }

    /// Its changes as a stream.
    pub fn watch(&self) -> WatchSetup<T> {
        self.handle.watch(&self.key)
    }
}

impl<T> fmt::Debug for StoreCell<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StoreCell").field("key", &self.key).finish()
    }
}
