//! How two routers meet, or a router and a switch: `Hello` → `Welcome` or `Refused`.
//!
//! ```text
//! admit      whether they fit, and the reason if they do not
//! ```

mod admit;

pub(crate) use crate::wire::{Peer, Refused};
pub(crate) use admit::{Expected, admit, check_welcome};
