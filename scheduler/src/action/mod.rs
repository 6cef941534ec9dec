//! What is sent when a schedule is due.
//!
//! ```text
//! scheduled  what a schedule holds: something to send, here or encoded      into   what it can be made from
//! source     where the event of a run comes from: a copy, a stamp, a closure
//! notify     notifications                     ask       requests, and what becomes of their answers
//! encoded    an event as bytes                 declared  the types that may be made of bytes
//! ```

mod ask;
mod declared;
mod encoded;
mod into;
mod notify;
mod scheduled;
mod source;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use edri_event::Failure;
use edri_router::Router;
use tokio::time::Instant;

pub use self::ask::{Answered, Ask};
pub(crate) use self::declared::{Declared, stamp, undeclared};
pub(crate) use self::encoded::Encoded;
pub use self::encoded::Kind;
pub use self::into::IntoScheduled;
#[doc(hidden)]
pub use self::into::{AsAsk, AsClosure, AsEvent, AsStamp};
pub use self::scheduled::Scheduled;
pub use self::source::Stamp;
use crate::refusal::Refused;
use crate::tick::Tick;

/// Something on its way: ends when all who get it have it, or when the answer has come and was passed on.
pub(crate) type Sending = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// What to send when a schedule is due.
pub(crate) trait Action: Send + Sync {
    /// The event's name.
    fn event(&self) -> &str;

    fn kind(&self) -> Kind;

    /// Sends it. The event is made when the future is polled: its author's code runs there and may panic.
    ///
    /// A request that nobody answers is asked again until `patience`.
    fn send(self: Arc<Self>, router: Router, tick: Tick, patience: Instant) -> Sending;

    /// Whether it can be sent at all.
    fn check(&self) -> Result<(), Refused> {
        Ok(())
    }

    /// As bytes, for another process or a later one.
    fn encode(&self) -> Result<Encoded, Failure>;
}

/// Shared by a schedule and its runs.
pub(crate) type Act = Arc<dyn Action>;
