//! How records are read: block by block, on threads that may block, with every checksum looked at.
//!
//! ```text
//! record     what is read
//! segments   from segment to segment, in order
//! reader     the same as a stream of records
//! snapshot   a snapshot as a stream of its parts
//! blocks     reads a block in the background while there is nothing else to give
//! ```

mod blocks;
mod reader;
mod segments;
mod snapshot;

pub use reader::{Reader, Record};
pub use snapshot::SnapshotReader;
