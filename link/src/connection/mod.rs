//! Either end of a connection, whatever it carries: the handshake, signs of life, and how it ends. Without any I/O.
//!
//! ```text
//! state     what an end knows, and how it begins
//! receive   what the other end's bytes do, up to the frames that are for others
//! clock     heartbeats and deadlines
//! close     how it ends, in order or not
//! ```

mod clock;
mod close;
mod receive;
mod state;

pub(crate) use receive::Arrived;
pub(crate) use state::Connection;
