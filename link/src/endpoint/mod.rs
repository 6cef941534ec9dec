//! One end of a link between two routers, without any I/O: bytes and the time go in; bytes, timers and events come out.
//!
//! ```text
//! state      what an end knows, and how it begins
//! send       what its program does: notify, ask, answer, open, send
//! receive    what the other end's bytes do
//! rejoin     the connection is lost, and there is another; the other router is gone, and is there again
//! transmit   what is to be written
//! clock      when what is due
//! close      how it ends, in order or not
//! ```

mod clock;
mod close;
mod receive;
mod rejoin;
mod send;
mod state;
mod transmit;

pub use state::Endpoint;
