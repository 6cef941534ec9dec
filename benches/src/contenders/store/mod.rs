//! The store, and what keeps keys elsewhere: concurrent maps, caches, Redis, databases.
//!
//! ```text
//! keys      which keys, how many of them, in which order
//! maps      maps and caches of other crates, in memory
//! handle    the store's handles and events
//! redis     Redis over loopback: started for each run, skipped where it is not installed
//! durable   writes that are acknowledged when they are synced
//! watching  one writer, many watchers
//! ```

mod durable;
mod handle;
mod keys;
mod maps;
mod redis;
mod watching;

use crate::contender::Contender;

pub(crate) use redis::skipped;

pub(crate) fn contenders() -> Vec<Contender> {
    [
        maps::contenders(),
        handle::contenders(),
        redis::contenders(),
        durable::contenders(),
        watching::contenders(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
