//! The loops that run managers.
//!
//! ```text
//! engine       what every loop needs, and the hooks around it
//! alone        one event at a time
//! concurrent   several at a time, for managers that are shared; keys: one of each key
//! inline       the slot from which senders take a manager; held: a manager in their hands
//! supervised   one manager after the other around a loop of alone
//! again        an event that is to be delivered again
//! life         what a loop leaves to be read: how much it left, what went wrong
//! ```

mod again;
mod alone;
mod concurrent;
mod engine;
mod held;
mod inline;
mod keys;
mod life;
mod supervised;

use std::future::Future;
use std::pin::Pin;

pub use engine::Engine;
pub use held::{Held, HeldLent};
pub(crate) use inline::{Seat, Slot};
pub(crate) use life::{Life, Rare};

/// A manager's whole life.
pub type Run = Pin<Box<dyn Future<Output = ()> + Send>>;
