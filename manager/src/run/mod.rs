//! The loops that run managers.
//!
//! ```text
//! engine       what every loop needs, and the hooks around it
//! alone        one event at a time
//! concurrent   several at a time, for managers that are shared
//! inline       the slot from which senders take a manager
//! cut_short    how much a loop left when it was ended from outside
//! ```

mod alone;
mod concurrent;
mod cut_short;
mod engine;
mod inline;

use std::future::Future;
use std::pin::Pin;

pub(crate) use cut_short::CutShort;
pub use engine::Engine;
pub use inline::Held;
pub(crate) use inline::Slot;

/// A manager's whole life.
pub type Run = Pin<Box<dyn Future<Output = ()> + Send>>;
