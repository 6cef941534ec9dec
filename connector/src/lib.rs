//! The connector of EDRI: routers of many machines joined through a switch.

#[cfg(feature = "certificates")]
pub mod certificates;
mod probe;
pub mod switch;
#[cfg(feature = "tls")]
pub mod tls;

pub use probe::{Probe, ProbeError, ProbeSettings};
