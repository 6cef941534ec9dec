//! The whole picture of a router and its process, as data.
//!
//! ```text
//! data       what is in it; table: as text
//! take       how it is taken
//! process    what the operating system knows of the process
//! ```

mod data;
mod process;
mod table;
mod take;

pub(crate) use data::consumers;
pub use data::{Consumer, PartSnapshot, RouteKind, RouteSnapshot, Snapshot};
pub use process::Process;
