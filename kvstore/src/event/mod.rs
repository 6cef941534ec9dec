//! The store's events: what any manager, child process or other router may ask of it.
//!
//! ```text
//! read     Get, GetMany, Scan
//! write    Set, Delete, CompareAndSwap, Increment, Touch, Clear
//! watch    Watch, and what comes out of it
//! ```
//!
//! A request that the store refuses is answered with a [`Failure`](edri_event::Failure) whose code is that of a
//! [`Refusal`](crate::Refusal).

mod read;
mod watch;
mod write;

pub use self::read::{Get, GetMany, Page, Range, Scan};
pub use self::watch::{Begin, Target, Watch, Watched};
pub use self::write::{Clear, CompareAndSwap, Delete, Increment, Incremented, Set, Swapped, Touch};
