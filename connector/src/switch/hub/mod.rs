//! What a switch does, without any I/O: bytes and the time go in; bytes and timers come out.
//!
//! ```text
//! hub         all networks, and what connections share
//!  ├─ claims      which router is called what, for those with certificates
//!  └─ network     one of them
//!      ├─ state       who is in it, and who consumes what: what changes under its lock
//!      ├─ announced   all that is to be said of a member
//!      ├─ member      one router, as others see it
//!      │   └─ outgoing    the relays that wait for it, fair to those they come from
//!      └─ view        what those are told that may send the same
//!          └─ log         encoded once, read by all
//! session     one connection
//!  ├─ reads       what was read: taken apart into frames, or passed on as it lies there
//!  ├─ greeting    whether it may come in, and as whom
//!  ├─ joined      what it passes on, and what it is told
//!  ├─ pace        how fast it may say that its interests change
//!  ├─ violation   how a peer broke the protocol
//!  └─ ended       how it ended: for the network, the peer, the log and the counts
//! ```
//!
//! Relays take no common lock: whoever receives some looks up each receiver in its network's table and appends to that
//! receiver's own queue. What changes a network, a router that comes or goes or an interest, is done under the network's lock,
//! encoded once, and read by each member from a log.

mod announced;
mod claims;
mod ended;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod greeting;
#[allow(clippy::module_inception, reason = "it is what the module is about")]
mod hub;
mod joined;
mod log;
mod member;
mod network;
mod outgoing;
mod pace;
mod session;
mod state;
mod view;
mod violation;

#[cfg(test)]
mod tests;

#[cfg(fuzzing)]
pub(crate) use fuzz::session as fuzz_session;
pub(crate) use greeting::{Bearer, Origin};
pub(crate) use hub::Hub;
pub(crate) use member::{Member, Vouched};
pub(crate) use network::Network;
pub(crate) use session::Session;
