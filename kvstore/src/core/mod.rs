//! What the store is made of, on whatever task it is used.
//!
//! ```text
//! core       all namespaces, and the sleeper that sees to what expires
//! space      one namespace: its shards, its bounds, its versions
//!   shard    a part of its keys under one lock: table, order, deadlines, watchers
//!   slot     one key and what is kept under it
//!   edit     writing: what is there, what is to be there, and what follows from it
//!   read     reading, one key or a page
//!   evict    making room       expire   what has come to its end
//!   pending  changes that are not durable yet, and therefore not visible
//!   restore  what was written down comes back
//! types      names of the types of values
//! clock      milliseconds of a store's life, and of the world's
//! ```
//!
//! A key belongs to one shard by its hash. All that happens to it (its version, its place in the journal, what watchers
//! are told) happens under the lock of that shard, so that the order is one and the same everywhere.

mod clock;
mod edit;
mod evict;
mod expire;
mod operations;
mod pending;
mod read;
mod restore;
mod shard;
mod slot;
mod space;
mod store_core;
#[cfg(test)]
mod tests;
mod types;

pub(crate) use self::clock::Deadline;
pub(crate) use self::edit::Applied;
pub(crate) use self::operations::{Clearing, check_key};
pub(crate) use self::pending::{After, Log, Promotion, Record, Room};
pub(crate) use self::read::Row;
pub(crate) use self::slot::Content;
pub(crate) use self::space::Space;
pub(crate) use self::store_core::Core;
