//! A router in a network: one border, one connection to a switch, and a peering with each of the other routers.
//!
//! ```text
//! handle    how it is joined, and left
//! program   all of it, as the driver runs it
//! peerings  those with the members, and which of them have something to do
//! bells     how they wake the one task that runs them all
//! ```

mod bells;
mod handle;
mod peerings;
mod program;

pub use handle::Network;
