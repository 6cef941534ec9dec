//! The numbered flow from one router to another: exactly once, in order, and never more than the other end can hold,
//! whatever carries it.
//!
//! ```text
//! state     what either end of a channel knows
//! send      what is to go: into the lanes
//! transmit  what is written: numbered frames, made of what is in the lanes
//! receive   what the other end's frames do
//! resume    another transport; frames that are missing; a router that has forgotten
//! came      what came, until it is handed out
//! clock     when to acknowledge alone, and when to ask
//! frames    what goes over the wire
//! kept      the frames that were made and are not acknowledged
//! arrivals  the numbers of what has arrived, and when to acknowledge
//! window    how much may be sent before the other end has handled something
//! pace      how fast it goes, and when to ask what has arrived
//! flight    how much may be on its way
//! parts     long messages, put together again
//! cost      what a message counts for in a window
//! ```
//!
//! # Numbers
//! Messages are put together into frames, and each frame is given the next number when it is made, whatever lane its
//! messages came from: the order of numbers is the order on the wire. A frame arrives whole, so that its number stands
//! for all of its messages. It is kept as it was written until it is acknowledged. A number that has been seen is dropped;
//! one that leaves a gap is dropped, too, where frames may be missing, and all after the last that has arrived is sent
//! again. Where none can be missing it is an error.
//!
//! # Sessions
//! A channel is between two incarnations. It begins with session 1 at both ends, without a word. An end that has given it
//! up, because the other was away for too long, begins with a higher number if it ever needs it again. Over every new
//! transport either end says its session and how far it has come in it, and neither says anything numbered, nor listens
//! to it, before it has heard the other. The higher session holds: the end with the lower one gives that up, as if the
//! other had been away for too long, too.

mod arrivals;
mod came;
mod clock;
mod cost;
mod flight;
mod frames;
#[cfg(test)]
mod golden;
mod kept;
mod pace;
mod parts;
mod receive;
mod resume;
mod send;
mod state;
mod transmit;
mod window;

pub(crate) use came::{Came, Next, Notices, Row};
pub use cost::Cost;
pub(crate) use frames::{ACKNOWLEDGE, MISMATCH, REJECT};
pub(crate) use resume::Again;
pub(crate) use send::TooLong;
pub(crate) use state::{Channel, Ends, Way};
pub(crate) use window::{Allowance, Grants};
