//! One end of a link, without any I/O: bytes and the time go in; bytes, timers and events come out.
//!
//! ```text
//! state      what an end knows, and how it begins
//! send       what its program does: notify, ask, answer, open, send
//! receive    what the other end's bytes do
//! transmit   what is to be written
//! clock      heartbeats, time-outs, acknowledgements
//! close      how it ends, in order or not
//! event      what its program learns
//! ```

mod clock;
mod close;
mod event;
mod receive;
mod send;
mod state;
mod transmit;

pub use close::Closed;
pub use event::Event;
pub use send::SendError;
pub use state::Endpoint;
