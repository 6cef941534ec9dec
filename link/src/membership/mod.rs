//! One router's membership in a network, through a switch: one connection, and a channel to each member that there is
//! something to say to. Without any I/O.
//!
//! ```text
//! state      what a router knows of its network, and how it begins
//! members    who is there, who is away, who is back, who is gone
//! send       what its program does, to whom
//! receive    what the switch's bytes do
//! rejoin     the connection is lost, and there is another
//! transmit   what is to be written: to each member in turn
//! clock      when what is due
//! close      how it ends, in order or not
//! event      what its program learns
//! ```
//!
//! A member is one incarnation of a router. What is under way with it does not depend on the switch: while the connection
//! to that is lost, or the member's, everything waits in the channel, and goes on when both are back. The switch drops
//! what it has no room for; the channels notice, and send it again.

mod clock;
mod close;
mod event;
mod members;
mod receive;
mod rejoin;
mod send;
mod state;
mod transmit;

pub(crate) use event::NetworkCame;
pub use event::{MemberGone, NetworkEvent};
pub use state::{MemberId, Membership};
