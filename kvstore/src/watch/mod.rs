//! Watching: what happens to keys, told in order.
//!
//! ```text
//! queue       what waits for one watcher: bounded, and it says what it could not take
//! listeners   who watches prefixes
//! watching    one watcher: what is there, then what happens
//! ```

mod listeners;
mod queue;
mod watching;

pub(crate) use self::listeners::Listeners;
pub(crate) use self::queue::{Queue, Told, What};
pub(crate) use self::watching::Watching;
