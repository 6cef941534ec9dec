//! A private authority, and certificates by it: what a first secure set-up needs.
//!
//! ```text
//! authority   whom switches and routers trust
//! issue       a certificate for a switch, or for a router
//! folder      where they are kept, and that nothing is written over
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! use edri_connector::certificates::{Authority, Folder};
//!
//! # let place = tempfile::tempdir()?;
//! let folder = Folder::new(place.path());
//! let year = Duration::from_secs(365 * 24 * 3600);
//! let authority = Authority::create(&folder, "the plant", 10 * year)?;
//! authority.for_switch(&folder, "switch", &["switch.plant.example".into(), "10.0.0.5".into()], year)?;
//! authority.for_router(&folder, "press-1", year)?;
//! assert!(folder.certificate("press-1").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Whoever has `authority.key` can make himself any router: keep it off the machines that do not issue certificates.

mod authority;
mod folder;
mod issue;

pub use authority::Authority;
pub use folder::{Folder, FolderError};

#[cfg(test)]
mod tests;
