//! Asking, and answering.
//!
//! ```text
//! asking      a request on its way, as its requester awaits it
//! requester   a handle for many requests of one type
//! asked       a request as its responder gets it
//! reply       the way back between the two
//! answer      the outcome as observers see it
//! closure     the smallest responder
//! error       what can go wrong; death: how the process of a worker ended
//! ```

mod answer;
mod asked;
mod asking;
mod closure;
mod death;
mod error;
mod reply;
mod requester;

pub(crate) use answer::Observed;
pub use answer::{Answer, Observable};
pub use asked::Asked;
pub use asking::Asking;
pub(crate) use closure::{Closure, ClosureWith};
pub use closure::{caught, caught_now};
pub use death::{DeathCause, WorkerDeath, WorkerLimit};
pub use error::{LinkLost, RequestError};
pub(crate) use reply::{Audience, RequestId, Unanswered, Watch, reply};
pub use reply::{Reply, ReplyTo};
pub use requester::Requester;
