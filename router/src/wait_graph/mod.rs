//! Who waits for whose answer, and who waits in a circle.
//!
//! ```text
//! registry   the waits as they come and go
//! deadlock   which waits will never end
//! graph      what is shown of it
//! ```

mod deadlock;
mod graph;
mod registry;

pub use graph::{AtATime, WaitGraph, WaitingFor, WaitingPart};
pub(crate) use registry::{Wait, Waiting, Waits};
