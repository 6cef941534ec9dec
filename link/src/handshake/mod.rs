//! How two routers meet: `Hello` → `Welcome` or `Refused`.
//!
//! ```text
//! greeting   what is said
//! identity   who says it
//! admit      whether they fit, and the reason if they do not
//! ```

mod admit;
mod greeting;
mod identity;

pub(crate) use admit::{admit, check_welcome};
pub(crate) use greeting::{Hello, Welcome};
pub use greeting::{Refusal, Refused};
pub use identity::{Identity, Peer, Token};

/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 1;

/// Begins each greeting, so that whoever came to the wrong door learns it.
pub(crate) const MAGIC: [u8; 4] = *b"EDRI";

/// Features are bits; a link uses those that both ends have. There are none yet.
pub(crate) const FEATURES: u64 = 0;
