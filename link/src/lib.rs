//! The link of EDRI: how routers talk, over a pipe, a socket or a network.
//!
//! ```text
//! Link, Network    a router's link to another, or its membership in a network through a switch: what the others want is
//!  │               on its routes, what comes is dispatched
//!  ├─ Filter       which events may go over
//!  ├─ Durable      what lasts, in a folder: it goes out when it is on the disk, and stays there until it is handled
//!  ├─ Watch        how it stands: connected, lost, back, given up
//!  ├─ Guest, Door  whoever has connected here, and comes back
//!  ├─ Dialer       one stream after the other, from several addresses, with pauses that grow
//!  ├─ Transport    any stream of bytes: a Unix socket, TCP, TLS, a connection in memory
//!  └─ Endpoint, Membership   the protocol, without any I/O: bytes and the time go in; bytes, timers and events come out
//!      ├─ wire        what goes over the wire: length, kind, body
//!      ├─ connection  the handshake, signs of life, the end
//!      ├─ interest    who wants what; only that travels
//!      ├─ channel     numbers, acknowledgements and windows; other connections; long messages in parts
//!      ├─ lanes       what is urgent passes what is large or many
//!      ├─ message     events, answers, tunnels; what travels beside them
//!      ├─ call        requests until they are answered
//!      ├─ tunnel      two directions, each with a window and an end of its own
//!      └─ durable     notifications that outlast both ends, on the disks there
//! ```
//!
//! | how two routers are connected | begin with | when the connection is lost |
//! |---|---|---|
//! | by a stream that does not come back: parent and child, memory | [`Link::start`] at both ends | the link has ended |
//! | directly, over a network | [`Link::dial`] at one end, [`Guest::greet`] and [`Link::accept`] at the other | it goes on over the next, by [`Settings::rejoin`] |
//! | through a switch, with all others of a network | [`Network::join`] | it goes on over the next, by [`Settings::rejoin`] |
//!
//! To a router, a child process and a remote machine are the same: another router at the end of a link. The protocol is
//! a state machine, so that years of faults can be tried in seconds; a task runs it over a transport. Everything that
//! waits has a bound, which one end states and the other keeps to, or is cut off: see [`Limits`] and [`Settings`].
//!
//! | what | bounded by | when it is full |
//! |---|---|---|
//! | events of this router for the link | [`Settings::inbox`], per priority lane | its overflow policy: wait, reject, drop |
//! | messages to be sent | [`Settings::outbox`], per queue | events wait in the inbox, answers with their responder, items in their tunnel |
//! | frames that are not acknowledged | 4,096, 8 MiB | nothing more is sent until the other end acknowledges |
//! | events that came and were not taken | [`Limits::window`], per priority lane | the sender's lane waits; a peer that does not is cut off |
//! | long messages in parts | [`Limits::message`], [`Limits::reassembly`] | the sender begins with the next when there is room |
//! | requests without an answer | [`Limits::calls`] | the sender's requests wait |
//! | tunnels | [`Limits::tunnels`] | the sender's openings wait |
//! | items in a tunnel | its window | its sender waits, and nobody else |
//! | interests | [`Limits::interests`] | further ones are announced when others have been withdrawn |
//!
//! Two routers of one process, for the sake of the example:
//!
//! ```
//! use edri_event::Notification;
//! use edri_link::{End, Identity, Link, Settings, memory};
//! use edri_router::Router;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Notification, Serialize, Deserialize)]
//! #[notification(shareable)]
//! struct Added { sum: u64 }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (parent, child) = (Router::new(), Router::new());
//! let settings = |router: &Router, name| Settings::new(Identity::new(router.id(), name));
//! let (near, far) = memory::pair(memory::Conditions::default());
//!
//! let mut sums = parent.subscribe::<Added>();
//! let up = Link::start(&child, far, End::Connecting, settings(&child, "child"));
//! let down = Link::start(&parent, near, End::Accepting, settings(&parent, "parent"));
//! up.opened().await?;
//!
//! child.notify(Added { sum: 3 }).await?;
//! assert_eq!(sums.recv().await.map(|added| added.sum), Some(3));
//!
//! up.close();
//! println!("{}", down.closed().await);
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows nothing of managers or processes, and of switches only what a member of their networks has to know.

mod bridge;
mod call;
mod channel;
mod closed;
mod connection;
mod drive;
pub mod durable;
mod endpoint;
mod event;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod guest;
mod handshake;
mod interest;
mod lanes;
mod line;
mod membership;
mod message;
mod numbers;
mod permits;
mod returned;
mod settings;
mod sift;
mod transport;
mod tunnel;
mod violation;
pub mod wire;

pub use bridge::{
    DestinationStatus, Durable, DurableError, DurableSettings, DurableStatus, End, Filter, Link, LinkStatus,
    MemberStatus, Network, NetworkStatus, Standing, Watch,
};
pub use call::{CallId, IncomingCall};
pub use channel::Cost;
pub use closed::Closed;
pub use endpoint::Endpoint;
pub use event::{Event, Undelivered};
pub use guest::{Door, Guest};
pub use line::{Line, SendError, WriteError};
pub use membership::{MemberGone, MemberId, Membership, NetworkEvent};
pub use message::{AnswerError, Circumstances, Death, Ending, Reports};
pub use settings::Settings;
#[cfg(feature = "tcp")]
pub use transport::Tcp;
#[cfg(feature = "rustls")]
pub use transport::tls;
pub use transport::{Dial, Dialer, Transport, memory};
pub use tunnel::TunnelId;
pub use wire::{
    Consumer, Identity, Interest, Limits, Mismatch, Peer, Refusal, Refused, Role, Schema, Token, VERSION,
};

/// What `fuzz/` feeds.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod __fuzzing {
    /// A stream of frames.
    pub fn frames(bytes: &[u8]) {
        crate::fuzz::frames(bytes);
    }

    /// What the other end says from its first byte on.
    pub fn handshake(bytes: &[u8]) {
        crate::fuzz::handshake(bytes);
    }

    /// A word of a durable flow, as another router says it.
    pub fn word(bytes: &[u8]) {
        crate::fuzz::durable::word(bytes);
    }

    /// A record of a durable flow, as it is on the disk.
    pub fn record(bytes: &[u8]) {
        crate::fuzz::durable::record(bytes);
    }

    /// Whatever is said and done to both ends of a durable flow.
    pub fn flow(bytes: &[u8]) {
        crate::fuzz::durable::flow(bytes);
    }
}
