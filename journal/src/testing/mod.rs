//! For those who test what they build on a journal: a disk in memory that does what a real one may do. Behind the Cargo
//! feature `testing`, for `[dev-dependencies]`.
//!
//! ```text
//! disk     the handle: journals are opened on it, it is full, it is busy, it fails, it crashes
//! world    names and files, what of them lasts and what only seems to
//! file     one file: what is in it, what lasts, what was written since the last sync
//! sparse   bytes, and zeros that take no memory
//! chance   numbers that come out the same for the same seed
//! ```
//!
//! A crash may lose, keep, tear and reorder whatever was not synced:
//!
//! * of what was written into a file since its last sync, any bytes may be there and any not, whatever the order in
//!   which they were written; where nothing had been before, there may be zeros or anything else;
//! * a change of a file's length since then may have happened or not;
//! * of the names that were made, changed and removed since the directory was synced, any may be there and any not;
//! * after a sync that failed, what was to be synced may be lost for good although it can be read, and although the
//!   next sync succeeds.
//!
//! ```
//! use edri_journal::testing::{Disk, Loss};
//! use edri_journal::Settings;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let disk = Disk::new(1);
//! let (journal, _) = disk.open("journal", Settings::default()).await?;
//! let position = journal.append("synced").await?;
//! let _ = journal.append_unsynced("may be lost").await?;
//!
//! let disk = disk.crash(Loss::Everything);
//! let (_, recovered) = disk.open("journal", Settings::default()).await?;
//! assert_eq!(recovered.next, position.next());
//! # Ok(())
//! # }
//! ```

mod chance;
mod disk;
mod file;
mod sparse;
mod world;

pub use disk::{Disk, Hold, Loss};
pub use world::Broken;
