use bytes::{Buf as _, Bytes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::greeting::{Hello, Refusal, Refused, Welcome};
use super::interest::Interests;
use super::members::{Left, Member};
use super::reader::LENGTH;
use super::{LOWEST_CHANNEL_KIND, MAGIC, VERSION};

/// One frame, without its length.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Frame {
    /// The first frame of the end that connects.
    Hello(Hello),
    /// The first of the end that accepts, if the greeting fits.
    Welcome(Welcome),
    /// The only one of the end that accepts, if it does not.
    Refused(Refused),
    /// The last frame of either end.
    Close(Close),
    /// Nothing to say, but still there.
    Heartbeat,
    /// To be answered at once with a [`Pong`] that has this number.
    Ping(u64),
    /// The answer to a ping.
    Pong(Pong),
    /// Who consumes what.
    Interest(Interests),
    /// A switch says that a router is in the network.
    Member(Member),
    /// A switch says that it is not any more.
    Left(Left),
    /// For another member of the network.
    Relay(Relay),
    /// For the channel between two routers that are connected with each other.
    Channel {
        /// Which kind of channel frame; [`LOWEST_CHANNEL_KIND`] at least.
        kind: u8,
        /// Its body.
        body: Bytes,
    },
}

/// The answer to a [`Frame::Ping`], by which the other end learns how far it is, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// That of the ping.
    pub number: u64,
    /// How many channel frames its sender has sent again since it was made, because they had been lost. 0 for a switch, which sends
    /// nothing again.
    pub resent: u64,
}

/// The last frame of either end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    /// For programs.
    pub code: CloseCode,
    /// For people.
    pub reason: String,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
#[non_exhaustive]
pub enum CloseCode {
    /// Everything was sent, and nothing more will be.
    Orderly,
    /// The receiver of this frame broke the protocol.
    Violation,
    /// Its sender could not go on. It may be worth while to connect again.
    GivenUp,
    /// The receiver of this frame has another connection.
    Replaced,
}

impl From<u8> for CloseCode {
    fn from(code: u8) -> Self {
        match code {
            0 => Self::Orderly,
            1 => Self::Violation,
            3 => Self::Replaced,
            // Whatever a later version means by another.
            _ => Self::GivenUp,
        }
    }
}

impl From<CloseCode> for u8 {
    fn from(code: CloseCode) -> Self {
        match code {
            CloseCode::Orderly => 0,
            CloseCode::Violation => 1,
            CloseCode::GivenUp => 2,
            CloseCode::Replaced => 3,
        }
    }
}

/// Whole channel frames on their way through a switch, which does not look at them.
///
/// A relay arrives whole or not at all, and those that arrive between two members do so in the order in which they were
/// sent. A switch drops one that its receiver has no room for: the ends notice and send it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// From a router to a switch: for whom. From a switch to a router: from whom.
    pub member: u32,
    /// The frames, each with its length.
    pub blob: Bytes,
}

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// It is longer than was agreed upon, or than frames of its kind may be.
    #[error("a frame of {length} bytes was announced: expected at most {limit}")]
    TooLong {
        /// Its length, in bytes.
        length: u32,
        /// What is accepted.
        limit: u32,
    },
    /// It has no kind.
    #[error("an empty frame: expected at least its kind")]
    Empty,
    /// This version has no such kind.
    #[error("a frame of the unknown kind {0}")]
    UnknownKind(u8),
    /// Its body is not what its kind says.
    #[error("the body of a frame `{kind}` of {length} bytes does not decode: {reason}")]
    Malformed {
        /// The name of its kind.
        kind: &'static str,
        /// The length of its body, in bytes.
        length: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A greeting that is none of EDRI's.
    #[error("the greeting began with {0:?}: expected {MAGIC:?}")]
    NoRouter([u8; 4]),
    /// A greeting in other versions of the protocol, of which no more can be understood.
    #[error(
        "it speaks versions {lowest} to {highest} of the link protocol: expected a range that includes {VERSION}"
    )]
    Version {
        /// The lowest that it speaks.
        lowest: u16,
        /// The highest.
        highest: u16,
    },
}

impl FrameError {
    /// What to answer to a greeting with this error; `None` if it deserves no more than a [`Close`].
    pub fn refused(&self) -> Option<Refused> {
        let code = match self {
            Self::NoRouter(_) => Refusal::NoRouter,
            Self::Version { .. } => Refusal::Version,
            _ => return None,
        };
        Some(Refused::new(code, self.to_string()))
    }
}

const HELLO: u8 = 1;
const WELCOME: u8 = 2;
const REFUSED: u8 = 3;
const CLOSE: u8 = 4;
const HEARTBEAT: u8 = 5;
const INTEREST: u8 = 6;
const MEMBER: u8 = 7;
const LEFT: u8 = 8;
const RELAY: u8 = 9;
const PING: u8 = 10;
const PONG: u8 = 11;

/// A frame of a connection is no longer than this, whatever was agreed upon, unless it is a relay: what it becomes in
/// memory is larger than its bytes.
const LONGEST: usize = 64 * 1024;

impl Frame {
    /// Decodes a frame from all of its bytes after the length.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(mut bytes: Bytes) -> Result<Self, FrameError> {
        let kind = *bytes.first().ok_or(FrameError::Empty)?;
        bytes.advance(1);
        if kind >= LOWEST_CHANNEL_KIND {
            return Ok(Self::Channel { kind, body: bytes });
        }
        if kind == RELAY {
            let member = bytes.split_first_chunk().map(|(member, _)| u32::from_le_bytes(*member));
            let member = member.ok_or_else(|| malformed("relay", &bytes, "it names no member"))?;
            bytes.advance(size_of::<u32>());
            return Ok(Self::Relay(Relay { member, blob: bytes }));
        }
        if bytes.len() > LONGEST {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            return Err(FrameError::TooLong { length, limit: LONGEST as u32 });
        }
        let body = &bytes[..];
        Ok(match kind {
            HELLO => Self::Hello(hello(body)?),
            WELCOME => Self::Welcome(all("welcome", body)?),
            REFUSED => Self::Refused(all("refused", body)?),
            CLOSE => Self::Close(all("close", body)?),
            HEARTBEAT => {
                all::<()>("heartbeat", body)?;
                Self::Heartbeat
            }
            PING => Self::Ping(all("ping", body)?),
            PONG => Self::Pong(all("pong", body)?),
            INTEREST => Self::Interest(all("interest", body)?),
            MEMBER => Self::Member(all("member", body)?),
            LEFT => Self::Left(all("left", body)?),
            unknown => return Err(FrameError::UnknownKind(unknown)),
        })
    }

    /// What its kind is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Welcome(_) => "welcome",
            Self::Refused(_) => "refused",
            Self::Close(_) => "close",
            Self::Heartbeat => "heartbeat",
            Self::Ping(_) => "ping",
            Self::Pong(_) => "pong",
            Self::Interest(_) => "interest",
            Self::Member(_) => "member",
            Self::Left(_) => "left",
            Self::Relay(_) => "relay",
            Self::Channel { .. } => "channel",
        }
    }
}

/// What all versions have in common comes first, so that the rest need not be understood to refuse it.
fn hello(body: &[u8]) -> Result<Hello, FrameError> {
    let ((magic, lowest, highest), _): (([u8; 4], u16, u16), _) = beginning("hello", body)?;
    if magic != MAGIC {
        return Err(FrameError::NoRouter(magic));
    }
    if !(lowest..=highest).contains(&VERSION) {
        return Err(FrameError::Version { lowest, highest });
    }
    all("hello", body)
}

/// A value that takes up all of the body.
fn all<T: DeserializeOwned>(kind: &'static str, body: &[u8]) -> Result<T, FrameError> {
    match beginning(kind, body)? {
        (value, []) => Ok(value),
        (_, left) => Err(malformed(kind, body, &format!("{} bytes are left over", left.len()))),
    }
}

/// A value, and the bytes after it.
fn beginning<'a, T: DeserializeOwned>(
    kind: &'static str,
    body: &'a [u8],
) -> Result<(T, &'a [u8]), FrameError> {
    postcard::take_from_bytes(body).map_err(|error| malformed(kind, body, &error.to_string()))
}

fn malformed(kind: &'static str, body: &[u8], reason: &str) -> FrameError {
    FrameError::Malformed { kind, length: body.len(), reason: reason.to_owned() }
}

/// Who a relay is for or from, and its blob, if these bytes of a frame, without its length, are one: without a copy, for
/// whoever passes it on.
///
/// # Errors
/// It is a relay that names nobody.
pub fn as_relay(frame: &[u8]) -> Result<Option<(u32, &[u8])>, FrameError> {
    let Some(body) = frame.strip_prefix(&[RELAY]) else { return Ok(None) };
    let parts = body.split_first_chunk().map(|(member, blob)| (u32::from_le_bytes(*member), blob));
    parts.map(Some).ok_or_else(|| malformed("relay", body, "it names no member"))
}

/// Appends a frame, with its length.
pub fn write(out: &mut Vec<u8>, frame: &Frame) {
    match frame {
        Frame::Hello(hello) => framed(out, HELLO, |out| put(out, hello)),
        Frame::Welcome(welcome) => framed(out, WELCOME, |out| put(out, welcome)),
        Frame::Refused(refused) => framed(out, REFUSED, |out| put(out, refused)),
        Frame::Close(close) => framed(out, CLOSE, |out| put(out, close)),
        Frame::Heartbeat => framed(out, HEARTBEAT, |_| {}),
        Frame::Ping(number) => framed(out, PING, |out| put(out, number)),
        Frame::Pong(pong) => framed(out, PONG, |out| put(out, pong)),
        Frame::Interest(interests) => framed(out, INTEREST, |out| put(out, interests)),
        Frame::Member(member) => framed(out, MEMBER, |out| put(out, member)),
        Frame::Left(left) => framed(out, LEFT, |out| put(out, left)),
        Frame::Relay(relay) => write_relay(out, relay.member, &relay.blob),
        Frame::Channel { kind, body } => framed(out, *kind, |out| out.extend_from_slice(body)),
    }
}

/// Appends a relay: what a switch does with one that came, after it has looked up its receiver and put the sender's
/// number in place of the receiver's.
pub fn write_relay(out: &mut Vec<u8>, member: u32, blob: &[u8]) {
    framed(out, RELAY, |out| {
        out.extend_from_slice(&member.to_le_bytes());
        out.extend_from_slice(blob);
    });
}

/// Puts another member in the place of the one that a relay names: `frame` is a relay, with its length, as it was read. What is
/// too short for one is left as it is.
pub fn readdress_relay(frame: &mut [u8], member: u32) {
    if let Some(place) = frame.get_mut(LENGTH + 1..LENGTH + 5) {
        place.copy_from_slice(&member.to_le_bytes());
    }
}

/// A relay that is being written: all that is appended until its end is its blob.
#[derive(Debug)]
#[must_use = "a relay that is not ended is no frame"]
pub struct Relayed {
    start: usize,
}

impl Relayed {
    const HEAD: usize = LENGTH + 1 + size_of::<u32>();

    /// Appends the beginning of a relay for a member.
    pub fn begin(out: &mut Vec<u8>, member: u32) -> Self {
        let start = out.len();
        out.extend_from_slice(&[0, 0, 0, 0, RELAY]);
        out.extend_from_slice(&member.to_le_bytes());
        Self { start }
    }

    /// Ends it; one with nothing in it is taken back. Whether there was something.
    pub fn end(self, out: &mut Vec<u8>) -> bool {
        let start = self.start;
        if out.len() <= start + Self::HEAD {
            out.truncate(start);
            return false;
        }
        let length = u32::try_from(out.len() - start - LENGTH).unwrap_or(u32::MAX);
        out[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
        true
    }
}

/// Appends a frame with what `body` appends.
pub(crate) fn framed(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
    body(out);
    let length = u32::try_from(out.len() - start - LENGTH).unwrap_or(u32::MAX);
    out[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
}

/// Appends a value of the link's own types: numbers, strings and enums, which postcard writes without fail.
pub(crate) fn put<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    if let Err(error) = postcard::to_io(value, out) {
        unreachable!("writing to memory cannot fail, and the link's own types all have a form: {error}");
    }
}
