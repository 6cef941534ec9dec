//! What a switch does, for people and programs that look.
//!
//! ```text
//! data         what there is to be seen
//! collect      sees it
//! prometheus   the same, as Prometheus reads it
//! http         both, at an address
//! fetch        from there
//! ```

mod collect;
mod data;
#[cfg(feature = "status")]
mod fetch;
#[cfg(feature = "status")]
mod http;
mod prometheus;

pub(crate) use collect::{Rates, collect};
pub(crate) use data::Departures;
pub use data::{Connection, Counts, Departed, Dropped, Ends, Flow, Members, Phase, Queue, Security, Status};
#[cfg(feature = "status")]
pub use fetch::{FetchError, fetch};
#[cfg(feature = "status")]
pub(crate) use http::{listen, serve};
pub use prometheus::Detail;
