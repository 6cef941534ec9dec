//! What is sent while an event is handled, and on whose behalf it is.
//!
//! ```text
//! scope      who handles which event: what a router knows that was got from a context
//! team       parts that handle several events at a time
//! limit      when a requester gives up, and whether a deadline has passed
//! asking     a request on behalf of an event: it ends when the event's requester goes away, and it is seen to wait
//! ```

mod asking;
mod limit;
mod scope;
mod team;

pub(crate) use asking::{OnBehalf, poll_here, running_here};
pub use limit::has_expired;
pub(crate) use limit::{Overdue, TimeLimit};
pub(crate) use scope::Scope;
pub use team::Membership;
pub(crate) use team::Team;
