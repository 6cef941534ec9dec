//! What the tests have in common.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::time::Duration;

use edri_kvstore::{Storable, Store, StoreHandle, Watched, Watcher};
use edri_manager::{Host, Managed};
use edri_router::Router;
use tokio::time::timeout;

/// A store that runs, and a handle that uses it directly.
pub(crate) struct Running {
    pub(crate) router: Router,
    pub(crate) managed: Managed,
    pub(crate) store: StoreHandle,
}

pub(crate) async fn start(store: Store) -> Running {
    let router = Router::new();
    let managed = Host::new(store).start(&router).await.unwrap();
    let store = StoreHandle::on(&router);
    Running { router, managed, store }
}

pub(crate) async fn in_memory() -> Running {
    start(Store::in_memory()).await
}

/// Whatever the watcher is told next, which has to come soon.
pub(crate) async fn next<T: Storable + std::fmt::Debug>(watcher: &mut Watcher<T>) -> Watched<T> {
    timeout(Duration::from_secs(10), watcher.next()).await.expect("nothing was told").unwrap().unwrap()
}

/// Nothing is told any more.
pub(crate) async fn nothing_more<T: Storable + std::fmt::Debug>(watcher: &mut Watcher<T>) {
    let told = timeout(Duration::from_millis(20), watcher.next()).await;
    assert!(told.is_err(), "{told:?}");
}

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
