//! What a route keeps of its past, for those who come late.
//!
//! ```text
//! kept       the events themselves, within their bounds: no lock, no clock
//! replay     how much of it somebody wants
//! record     the lock around it, and the numbers that join past and present
//! gate       keeps what was replayed from coming a second time
//! answers    the past of the answers to a request
//! on_router  what a router offers of all that
//! ```
//!
//! A send of a retained type is first *recorded* here, which gives it its number, and only then looks its
//! subscribers up. Whoever wants the past is first put on the route, and then, under the history's lock, copies
//! what is kept and notes the last number, *S*. So an event up to S is among what was copied, or too old for it; if
//! it comes live all the same, it is passed over. An event after S was recorded after the subscriber had been put on
//! the route, and comes live.

mod answers;
mod gate;
mod kept;
mod on_router;
mod record;
mod replay;

pub(crate) use answers::RetainedAnswers;
pub use kept::Retained;
pub(crate) use record::{History, Past};
pub use replay::Replay;
