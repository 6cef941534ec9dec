//! The connector of EDRI: routers of many machines joined through a switch.
//!
//! ```text
//! switch        what routers connect to in order to talk to each other
//!  ├─ settings     where it listens, whom it lets in, what it is willing to hold    (config: the same from a file)
//!  ├─ hub          what it does, without any I/O
//!  ├─ serve        sockets, tasks and clocks around that
//!  └─ status       what it does, for people and programs that look
//! probe         finds out whether a router could join, and how far a switch is
//! tls           certificates on both sides
//! certificates  a private authority, and certificates by it
//! ```
//!
//! A switch forwards, knows who is there and who consumes what, and keeps nothing that matters: routers number, acknowledge and
//! resend ([`edri_link`]), so that it can be killed and started again at any time.
//!
//! ```
//! use edri_connector::switch::{Switch, SwitchSettings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), edri_connector::switch::SwitchError> {
//! let switch = Switch::new(SwitchSettings::new(["127.0.0.1:0"])).start().await?;
//! println!("routers may connect to {}", switch.addresses()[0]);
//!
//! let drained = switch.drain().await;
//! assert_eq!(drained.cut_off, 0);
//! # Ok(())
//! # }
//! ```
//!
//! Features, all off by default: `tls`; `certificates` makes some; `config` reads a switch's settings from TOML; `status` tells
//! over HTTP what it does.

#[cfg(feature = "certificates")]
pub mod certificates;
mod join;
mod probe;
pub mod switch;
#[cfg(feature = "tls")]
pub mod tls;

pub use edri_link::durable::Interrupted;
pub use edri_link::{DestinationStatus, Durable, DurableError, DurableSettings, DurableStatus};
pub use join::{
    Connections, Connector, Neighbour, NeighbourChange, NeighbourChanged, NeighbourKind, Stopped,
};
pub use probe::{Probe, ProbeError, ProbeSettings};

/// What `fuzz/` feeds.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod __fuzzing {
    /// What a router says to a switch from its first byte on.
    pub fn session(bytes: &[u8]) {
        crate::switch::fuzz_session(bytes);
    }
}
