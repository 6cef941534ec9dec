//! The events of EDRI: what they are, before anything routes them.
//!
//! ```text
//! kind      Event ── Notification   announces; every subscriber gets it
//!                 ├─ Request        asks; exactly one responder answers
//!                 └─ Tunnel         opens a two-way typed stream
//! meta      what travels beside an event: identity, key, deadline, progress
//! policy    which of several responders is asked; retention: what is kept of the past
//! trace     which trace an event belongs to, as W3C writes it
//! failure   what a handler answers when it cannot
//! codec     how a shareable event becomes bytes, and schema: whether two ends mean the same bytes; uncopied: bytes that are
//!           read where they are
//! ```
//!
//! An event is a plain type with a derive; its kind decides at compile time what may be done with it.
//!
//! ```
//! use edri_event::{Event, Notification, Request};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Request)]
//! #[request(response = u64)]
//! struct Add { a: u64, b: u64 }
//!
//! #[derive(Notification, Serialize, Deserialize)]
//! #[notification(shareable, version = 2)]
//! struct Added { sum: u64 }
//!
//! assert_eq!(Added::VERSION, 2);
//! assert!(Added::wire().is_some() && Add::wire().is_none());
//! ```
//!
//! This crate knows nothing of routers.

extern crate self as edri_event;

mod codec;
mod failure;
mod hash;
mod id;
mod kind;
mod meta;
mod name;
mod origin;
mod policy;
mod priority;
mod progress;
mod retention;
mod schema;
mod trace;
pub mod uncopied;

pub use codec::{Apart, Codec, CodecError, MessagePack, Place, Postcard, Wire};
pub use edri_event_derive::{Notification, Request, Tunnel};
pub use failure::Failure;
pub use id::{EventId, RouterId};
pub use kind::{Event, Notification, Request, Tunnel};
pub use meta::{Hold, Key, Meta};
pub use origin::Origin;
pub use policy::RoutePolicy;
pub use priority::Priority;
pub use progress::{Progress, ProgressSink};
pub use retention::Retention;
pub use schema::Fingerprint;
pub use trace::{TraceContext, TraceContextError, TraceFlags};

/// What the derives write into your crate. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use serde::Serialize;
    pub use serde::de::DeserializeOwned;

    pub use crate::codec::wire;
    pub use crate::name::generic_name;
}
