//! How two routers meet: `Hello` → `Welcome` or `Refused`.
//!
//! ```text
//! greeting   what is said
//! admit      whether they fit, and the reason if they do not
//! ```

mod admit;
mod greeting;

pub(crate) use crate::wire::{FEATURES, Identity, MAGIC, Peer, Refusal, Refused, Token, VERSION};
pub(crate) use admit::{admit, check_welcome};
pub(crate) use greeting::{Hello, Welcome};
