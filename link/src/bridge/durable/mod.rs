//! What lasts: for whom something is kept on the disk, and how far this router has come in what others send. The protocol
//! is in [`durable`](crate::durable).
//!
//! ```text
//! house      all of it, as the links of a router share it
//! keep       what is kept for one destination, and keeping: from its exit to the disk, from the disk to a link
//! log        that log, and what all who keep something share; gather: what is stored together; over: it is given up
//! wants      what that destination consumes, now or when it was there last
//! receipt    what one source sends, from a link to those who consume it
//! traffic    what of it one link carries
//! book       what is known of others, on the disk; behind: what the disk was not told is told later
//! reopen     a journal that has failed is opened again; mend: that of what is kept for one destination
//! folder     whose folder it is
//! counts     what has become of it
//! ```

mod behind;
mod book;
mod counts;
mod error;
mod folder;
mod gather;
mod house;
mod keep;
mod keeping;
mod log;
mod mend;
mod over;
mod receipt;
mod reopen;
mod settings;
#[cfg(test)]
mod tests;
mod traffic;
mod wants;

pub use counts::{DestinationStatus, DurableStatus};
pub use error::DurableError;
pub use house::Durable;
pub use settings::DurableSettings;
pub(super) use traffic::Traffic;
