//! The store of EDRI: keys and what is kept under them, for managers, workers and programs on other machines.
//!
//! ```text
//!  managers, workers ──handle──┐ the same router: a look into a map
//!                              ▼
//!  other routers ──events──▶ store ──changes──▶ watchers
//!                              │
//!                              └──▶ journal: before a change is acknowledged, where it is to last
//!
//! store       the manager: how it is kept, what it answers
//! handle      typed handles: get, set, cell, cached, watch, scan
//! event       the same as events, which travel
//! entry       what is kept beside a value; value: values and their types; version
//! condition   what has to hold of a value, as data
//! settings    bounds and durability of a namespace
//! watch       what waits for each watcher
//! core        namespaces, shards, slots: what happens under which lock
//! keep        what outlives the process
//! error       why something was refused
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! use edri_kvstore::{Store, StoreHandle, Watched};
//! use edri_manager::Host;
//! use edri_router::Router;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new();
//! let _running = Host::new(Store::in_memory()).start(&router).await?;
//!
//! let store = StoreHandle::on(&router);
//! let mut logins = store.watch_prefix::<String>("session:").await?;
//! store.set("session:7", &"Ada".to_owned()).ttl(Duration::from_secs(60)).await?;
//! assert_eq!(store.get::<String>("session:7").await?.as_deref(), Some("Ada"));
//! assert_eq!(store.get::<String>("session:8").await?, None);
//! assert!(matches!(logins.next().await, Some(Ok(Watched::Set { value, .. })) if value == "Ada"));
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! * **Versions.** Each change of a namespace has a number; those of one key rise. A write may depend on one.
//! * **Own writes.** Whoever has awaited a write sees it, by handles and by events.
//! * **Watchers** are told every change of a key, in order, each once; or are told from which version on they have missed some.
//! * **Expiry.** A key is not seen any more from the millisecond at which its time is over. Watchers are told within 10 ms, as
//!   far as the runtime has a thread for it. A key that does not expire costs nothing for it, and there is no polling.
//! * **Bounds** hold at every moment, for entries, bytes, and the size of a value.
//! * **Durability** is said for each namespace. With a journal, a change is acknowledged when it is synced, and *nobody sees it
//!   before*: no reader and no watcher can have acted on something that a crash takes back. What cannot be made
//!   durable is refused, and nobody has seen it. What is damaged on disk is found at start and named.
//! * A **page** of a scan is a picture of one moment; a whole scan, a picture on disk, and a clearing are not.
//!
//! # Values
//!
//! A value is bytes, or of any type that serde can write and read. Types are written in MessagePack with the names of fields: so
//! a type may gain or lose optional fields while its values are kept, and conditions of watchers can look into values. Beside
//! each value stands the digest of its type; asking for another type is an error that names both.
//!
//! This crate uses the public API of the router and the manager, as any manager may.

extern crate self as edri_kvstore;

mod blob;
mod condition;
mod core;
mod entry;
mod error;
mod event;
mod handle;
mod keep;
mod settings;
mod store;
mod value;
mod version;
mod watch;

pub use condition::{Comparison, Condition, Looking, Scalar, Test};
pub use entry::{Entry, Expiry, OnlyIf, Outcome};
pub use error::{Refusal, StoreError};
pub use event::{
    Begin, Clear, CompareAndSwap, Delete, Get, GetMany, Increment, Incremented, Page, Range, Scan, Set,
    Swapped, Target, Touch, Watch, Watched,
};
pub use handle::{Refreshing, Scanning, Setting, StoreCell, StoreHandle, WatchSetup, Watcher};
pub use settings::{Bounds, Durability, Namespace, WhenFull};
pub use store::Store;
pub use value::{Storable, Value, ValueType};
pub use version::Version;
