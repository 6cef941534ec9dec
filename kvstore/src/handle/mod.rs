//! Typed handles on the store: the same as its events, in fewer words.
//!
//! ```text
//! mod       reading, and the plain writes
//! set       setting, with what may be said of it
//! scan      keys in order, page by page
//! watch     changes as a stream
//! cell      one key as a variable
//! cached    what is computed once for many
//! refresh   what is kept fresh
//! ```

mod cached;
mod cell;
mod refresh;
mod scan;
mod set;
mod watch;

use std::fmt;
use std::sync::{Arc, OnceLock};

use edri_router::{RequestError, Router};

pub(crate) use self::cached::Flights;
pub use self::cell::StoreCell;
pub use self::refresh::Refreshing;
pub use self::scan::Scanning;
pub use self::set::Setting;
pub use self::watch::{WatchSetup, Watcher};

use crate::core::{Content, Space, check_key};
use crate::entry::{Entry, Expiry, OnlyIf, Outcome};
use crate::error::StoreError;
use crate::event::{
    Clear, CompareAndSwap, Delete, Get, GetMany, Increment, Page, Range, Scan, Swapped, Touch,
};
use crate::store::{Door, Inside, Reach};
use crate::value::{Storable, Value, decode};
use crate::version::Version;

/// A handle on one namespace of the store. Clones are cheap.
///
/// Where the store is on the same router it is used directly: a read is a look into a map, on the caller's own task, and sees
/// what the same caller has written. Where it is elsewhere, beyond a link, the handle asks by the store's events.
///
/// # Cancel safety
/// A write whose future is dropped has happened or not, and may happen later where it is still on its way to the disk or to
/// another process. Reads change nothing.
#[derive(Clone)]
pub struct StoreHandle {
    way: Way,
    namespace: Arc<str>,
    /// The namespace, once it has been found on this router.
    space: OnceLock<Arc<Space>>,
}

/// How the store is reached.
#[derive(Clone)]
enum Way {
    /// It is this one.
    Door(Arc<Door>),
    /// By whatever answers on this router.
    Router(Router, Arc<Flights>),
}

/// Where the store is.
enum Place<'h> {
    Here(&'h Arc<Space>),
    Elsewhere(&'h Router),
}

impl StoreHandle {
    /// On the default namespace of the store that answers on this router, now or later: one on the router itself, or one on
    /// another router that it is linked to.
    pub fn on(router: &Router) -> Self {
        Self::by(Way::Router(router.clone(), Arc::default()))
    }

    pub(crate) fn of(door: Arc<Door>) -> Self {
        Self::by(Way::Door(door))
    }

    fn by(way: Way) -> Self {
        Self { way, namespace: "".into(), space: OnceLock::new() }
    }

    /// The same on another namespace; the empty one is the default.
    pub fn namespace(&self, name: &str) -> Self {
        Self { way: self.way.clone(), namespace: name.into(), space: OnceLock::new() }
    }

    /// The value under a key, if there is one.
    ///
    /// # Errors
    /// [`TypeMismatch`](crate::Refusal::TypeMismatch) if it is of another type; for this and all calls below,
    /// [`Invalid`](crate::Refusal::Invalid) or [`TooLarge`](crate::Refusal::TooLarge) if the key is none, and
    /// [`Request`](StoreError::Request) if the store is elsewhere and is not reached.
    pub async fn get<T: Storable>(&self, key: &str) -> Result<Option<T>, StoreError> {
        match self.place().await? {
            Place::Here(space) => {
                check_key(key)?;
                match space.content(key) {
                    None => Ok(None),
                    Some(Content { kind, bytes }) => {
                        let name = || kind.and_then(|kind| space.types().name(kind));
                        decode(kind, &bytes, name).map(Some)
                    }
                }
            }
            Place::Elsewhere(router) => {
                self.get_from(router, key).await?.map(|entry| entry.decode()).transpose()
            }
        }
    }

    /// The bytes under a key, if there are any: of a value that was stored as bytes, or the MessagePack of one of a type.
    ///
    /// # Errors
    /// As [`get`](Self::get), whatever the type.
    pub async fn get_bytes(&self, key: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        match self.place().await? {
            Place::Here(space) => {
                check_key(key)?;
                Ok(space.content(key).map(|content| content.bytes))
            }
            Place::Elsewhere(router) => {
                Ok(self.get_from(router, key).await?.map(|entry| Arc::clone(entry.value.as_bytes())))
            }
        }
    }

    /// What is kept under a key, with its version and its time to live.
    ///
    /// # Errors
    /// As [`get`](Self::get), whatever the type.
    pub async fn get_entry(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        match self.place().await? {
            Place::Here(space) => {
                check_key(key)?;
                Ok(space.entry(key))
            }
            Place::Elsewhere(router) => self.get_from(router, key).await,
        }
    }

    /// The values under several keys, in their order, at most [`GetMany::MAX_KEYS`].
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_many<T: Storable>(
        &self,
        keys: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Vec<Option<T>>, StoreError> {
        let asked = GetMany::new(keys).namespace(&*self.namespace);
        let entries = match self.place().await? {
            Place::Here(space) => asked.read(space)?,
            Place::Elsewhere(router) => router.request(asked).await?,
        };
        entries.into_iter().map(|entry| entry.map(|entry| entry.decode()).transpose()).collect()
    }

    /// Puts a value under a key: await it. See [`Setting`] for what may be said before.
    ///
    /// # Errors
    /// [`Full`](crate::Refusal::Full), [`TooLarge`](crate::Refusal::TooLarge),
    /// [`NotDurable`](crate::Refusal::NotDurable), [`Closed`](crate::Refusal::Closed); nothing was changed then.
    pub fn set<'h, T: Storable>(&'h self, key: &'h str, value: &T) -> Setting<'h> {
        Setting::new(self, key, Value::of(value))
    }

    /// Puts bytes under a key, as they are.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_bytes<'h>(&'h self, key: &'h str, bytes: impl Into<Arc<[u8]>>) -> Setting<'h> {
        Setting::new(self, key, Ok(Value::bytes(bytes)))
    }

    /// Removes a key. Answers with the change that did it, or nothing if there was nothing.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn delete(&self, key: &str) -> Result<Option<Version>, StoreError> {
        self.delete_if(key, OnlyIf::Any).await.map(Outcome::applied)
    }

    /// The same under a condition.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn delete_if(&self, key: &str, only_if: OnlyIf) -> Result<Outcome, StoreError> {
        match self.place().await? {
            Place::Here(space) => {
                let room = space.room(0).await?;
                space.delete(key, room, only_if)?.durable().await
            }
            Place::Elsewhere(router) => {
                Ok(router.request(Delete::new(key).namespace(&*self.namespace).only_if(only_if)).await?)
            }
        }
    }

    /// Replaces a value by another, if it is still the one that is expected; `None` stands for no value. The time to live
    /// stays as it is.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn compare_and_swap<T: Storable>(
        &self,
        key: &str,
        expected: Option<&T>,
        new: Option<&T>,
    ) -> Result<Swapped, StoreError> {
        let expected = expected.map(Value::of).transpose()?;
        let new = new.map(Value::of).transpose()?;
        match self.place().await? {
            Place::Here(space) => {
                let expected = expected.map(|value| space.take_in(value));
                let new = new.map(|value| space.take_in(value));
                let room = space.room(new.as_ref().map_or(0, |new| new.bytes.len())).await?;
                space
                    .compare_and_swap(key, room, expected.as_ref(), new.as_ref(), Expiry::Keep)?
                    .durable()
                    .await
            }
            Place::Elsewhere(router) => {
                let asked = CompareAndSwap::new(key, expected, new).namespace(&*self.namespace);
                Ok(router.request(asked).await?)
            }
        }
    }

    /// Adds to the integer under a key, and answers with the sum. Where there is none it begins at 0; the time to live stays
    /// as it is.
    ///
    /// # Errors
    /// [`NotANumber`](crate::Refusal::NotANumber), [`OutOfRange`](crate::Refusal::OutOfRange), and as [`set`](Self::set).
    pub async fn increment(&self, key: &str, by: i64) -> Result<i64, StoreError> {
        self.increment_with(key, by, Expiry::Keep).await
    }

    /// The same with a time to live: [`KeepOr`](Expiry::KeepOr) makes it a count that begins anew after a time.
    ///
    /// # Errors
    /// As [`increment`](Self::increment).
    pub async fn increment_with(&self, key: &str, by: i64, expiry: Expiry) -> Result<i64, StoreError> {
        let incremented = match self.place().await? {
            Place::Here(space) => {
                let room = space.room(0).await?;
                space.increment(key, room, by, expiry)?.durable().await?
            }
            Place::Elsewhere(router) => {
                let asked = Increment::new(key, by).namespace(&*self.namespace).expiry(expiry);
                router.request(asked).await?
            }
        };
        Ok(incremented.value)
    }

    /// Changes for how long a key is kept from now on. `false` if there is none.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn touch(&self, key: &str, expiry: Expiry) -> Result<bool, StoreError> {
        let touched = match self.place().await? {
            Place::Here(space) => {
                let room = space.room(0).await?;
                space.touch(key, room, expiry)?.durable().await?
            }
            Place::Elsewhere(router) => {
                router.request(Touch::new(key, expiry).namespace(&*self.namespace)).await?
            }
        };
        Ok(touched.is_some())
    }

    /// Removes all keys that begin so, and answers how many there were. A key that is set meanwhile is removed or stays.
    ///
    /// # Errors
    /// As [`set`](Self::set); some keys may have been removed then.
    pub async fn clear(&self, prefix: &str) -> Result<u64, StoreError> {
        match self.place().await? {
            Place::Here(space) => space.clear(prefix).await,
            Place::Elsewhere(router) => {
                Ok(router.request(Clear::new(prefix).namespace(&*self.namespace)).await?)
            }
        }
    }

    /// Keys of a range with their values, in order: a stream, or [`next`](Scanning::next) by next.
    pub fn scan<T: Storable>(&self, range: Range) -> Scanning<T> {
        Scanning::new(self.clone(), range)
    }

    /// One page of keys, in order.
    ///
    /// # Errors
    /// As [`get`](Self::get); [`Invalid`](crate::Refusal::Invalid) for a page of no entries.
    pub async fn page(&self, scan: Scan) -> Result<Page, StoreError> {
        let scan = scan.namespace(&*self.namespace);
        match self.place().await? {
            Place::Here(space) => scan.read(space),
            Place::Elsewhere(router) => Ok(router.request(scan).await?),
        }
    }

    /// The changes of a key as a stream: await it. See [`WatchSetup`] for what may be said before.
    pub fn watch<T: Storable>(&self, key: &str) -> WatchSetup<T> {
        WatchSetup::new(self.clone(), crate::event::Target::Key(key.to_owned()))
    }

    /// The changes of all keys that begin so as a stream: await it.
    pub fn watch_prefix<T: Storable>(&self, prefix: &str) -> WatchSetup<T> {
        WatchSetup::new(self.clone(), crate::event::Target::Prefix(prefix.to_owned()))
    }

    /// One key as a variable of one type.
    pub fn cell<T: Storable>(&self, key: impl Into<String>) -> StoreCell<T> {
        StoreCell::new(self.clone(), key.into())
    }

    async fn get_from(&self, router: &Router, key: &str) -> Result<Option<Entry>, StoreError> {
        Ok(router.request(Get::new(key).namespace(&*self.namespace)).await?)
    }

    /// Where the store is, if that is known.
    #[inline]
    fn here(&self) -> Option<&Arc<Space>> {
        self.space.get()
    }

    /// Where the store is.
    #[inline]
    async fn place(&self) -> Result<Place<'_>, StoreError> {
        match self.here() {
            Some(space) => Ok(Place::Here(space)),
            None => self.find().await,
        }
    }

    #[cold]
    async fn find(&self) -> Result<Place<'_>, StoreError> {
        let space = match (&self.way, self.inside().await?) {
            (_, Some(inside)) => inside.core.space(&self.namespace)?,
            (Way::Router(router, _), None) => return Ok(Place::Elsewhere(router)),
            (Way::Door(_), None) => return Err(StoreError::closed()),
        };
        Ok(Place::Here(self.space.get_or_init(|| space)))
    }

    /// The store itself, if it is on this router.
    async fn inside(&self) -> Result<Option<Arc<Inside>>, StoreError> {
        match &self.way {
            Way::Door(door) => Ok(door.inside().map(Arc::clone)),
            Way::Router(router, _) => match router.request(Reach).await {
                Ok(inside) => Ok(Some(inside)),
                Err(RequestError::NoResponder { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            },
        }
    }
}

impl fmt::Debug for StoreHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_here = self.here().is_some();
        formatter
            .debug_struct("StoreHandle")
            .field("namespace", &self.namespace)
            .field("is_here", &is_here)
            .finish()
    }
}
