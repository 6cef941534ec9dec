//! What goes over the wire: the frames of a connection, byte for byte, and nothing about when they may be sent.
//!
//! ```text
//! frame        length: u32 | kind: u8 | body      every kind of frame, encoded and decoded
//! reader       frames out of a stream of bytes, however it is cut
//! greeting     Hello → Welcome | Refused          who is at either end, and whether they fit
//! identity     routers, networks, tokens
//! limits       what either end is willing to hold
//! interest     who consumes what                  in changes of a few bytes
//! dictionary   what an event is called and how its bytes look: said once in a connection, then a number
//! members      Member, Left                       who else is in the network: a switch says so
//! pattern      names with a star                  what a member may send
//! relay        for another member                 a switch passes it on unread
//! ```
//!
//! There are two layers. *Connection frames* (kinds 1 to 31) are between a router and what it is connected with: another
//! router, or a switch. *Channel frames* (kinds from 32 on) are between two routers; they go bare where those are
//! connected with each other, and through a switch they travel in [`Relay`] frames, any number of whole ones in each.
//!
//! Numbers are little-endian. Bodies are in [postcard's wire format](https://postcard.jamesmunns.com/wire-format): integers of more
//! than one byte as varints, text and lists after their length, an enum after the number of its variant. The bodies of
//! relays and of channel frames have layouts of their own. The guide's page *The wire protocol* has all of it.
//!
//! This module serves whoever implements an end of a connection, above all a switch:
//!
//! ```
//! use edri_link::wire::{Frame, Limits, Reader, Relay, write, write_relay};
//!
//! let mut stream = Vec::new();
//! write_relay(&mut stream, 7, b"frames of a channel");
//! write(&mut stream, &Frame::Heartbeat);
//!
//! let mut reader = Reader::new(Limits::default().frame);
//! reader.push(&stream);
//! let Some(Frame::Relay(Relay { member, blob })) = reader.next_frame()? else { panic!("it was a relay") };
//! assert_eq!((member, &blob[..]), (7, &b"frames of a channel"[..]));
//! assert_eq!(reader.next_frame()?, Some(Frame::Heartbeat));
//! assert_eq!(reader.next_frame()?, None);
//! # Ok::<(), edri_link::wire::FrameError>(())
//! ```

mod dictionary;
mod frame;
#[cfg(test)]
mod golden;
mod greeting;
mod identity;
mod interest;
mod limits;
mod members;
mod pattern;
mod reader;

pub use dictionary::{Learned, Learner, Lexicon, LexiconError, Told};
pub use frame::{
    Close, CloseCode, Frame, FrameError, Pong, Relay, Relayed, as_relay, readdress_relay, write, write_relay,
};
pub(crate) use frame::{framed, put};
pub use greeting::{Credentials, Hello, Purpose, Refusal, Refused, Station, Welcome};
pub use identity::{Identity, Peer, Proof, Token};
pub use interest::{Change, Consumer, Interest, Interests, Mismatch, Role, Schema};
pub use limits::Limits;
pub use members::{Departure, Left, Member};
pub use pattern::{Pattern, Permit};
pub use reader::{LENGTH, Reader, Split, split};

/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 1;

/// Begins each greeting, so that whoever came to the wrong door learns it.
pub const MAGIC: [u8; 4] = *b"EDRI";

/// Features are bits; two routers use those that both have. This one has none but those that it is set to have, such as
/// [`DURABLE`].
pub const FEATURES: u64 = 0;

/// The feature of a router that keeps [durable](crate::durable) flows: what is sent to it, and where it is in what others
/// send.
pub const DURABLE: u64 = 1;

/// The lowest kind of channel frames: those that an end of a connection hands to a channel, and a switch never sees.
pub const LOWEST_CHANNEL_KIND: u8 = 32;
