use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::handshake::{Hello, Refused, Welcome};
use crate::interest::Change;

/// One frame, without its length.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame<'a> {
    Hello(Hello),
    Welcome(Welcome),
    Refused(Refused),
    Close(Close),
    /// Nothing to say, but still there.
    Heartbeat,
    Acknowledge(Acknowledge),
    Interest(Vec<Change>),
    /// A numbered message that fits into one frame.
    Whole {
        number: u64,
        message: &'a [u8],
    },
    Part(Part<'a>),
}

/// A part of a numbered message that does not fit into one frame.
#[derive(Debug, PartialEq)]
pub(crate) struct Part<'a> {
    pub(crate) number: u64,
    /// Which of the sender's queues it comes from: each sends one long message at a time.
    pub(crate) queue: u8,
    /// How many bytes of the message follow in later parts.
    pub(crate) left: u32,
    pub(crate) bytes: &'a [u8],
}

/// The last frame of either end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Close {
    pub(crate) code: CloseCode,
    /// For people.
    pub(crate) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CloseCode {
    /// Everything was sent, and nothing more will be.
    Orderly,
    /// The receiver of this frame broke the protocol.
    Violation,
    /// Its sender could not go on.
    GivenUp,
}

/// How far the other end's numbered frames have come, and how much more it may send in each lane of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acknowledge {
    /// The highest number that has arrived, and all before it.
    pub(crate) received: u64,
    /// In total since the link began; control, high, normal.
    pub(crate) granted: [u64; 3],
}

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame of {length} bytes was announced: expected at most {limit}")]
    TooLong { length: u32, limit: u32 },
    #[error("an empty frame: expected at least its kind")]
    Empty,
    #[error("a frame of the unknown kind {0}")]
    UnknownKind(u8),
    #[error("the body of a frame `{kind}` of {length} bytes does not decode: {reason}")]
    Malformed { kind: &'static str, length: usize, reason: String },
}

const HELLO: u8 = 1;
const WELCOME: u8 = 2;
const REFUSED: u8 = 3;
const CLOSE: u8 = 4;
const HEARTBEAT: u8 = 5;
const ACKNOWLEDGE: u8 = 6;
const INTEREST: u8 = 7;
const WHOLE: u8 = 8;
const PART: u8 = 9;

impl<'a> Frame<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (kind, body) = bytes.split_first().ok_or(FrameError::Empty)?;
        Ok(match *kind {
            HELLO => Self::Hello(all("hello", body)?),
            WELCOME => Self::Welcome(all("welcome", body)?),
            REFUSED => Self::Refused(all("refused", body)?),
            CLOSE => Self::Close(all("close", body)?),
            HEARTBEAT => {
                all::<()>("heartbeat", body)?;
                Self::Heartbeat
            }
            ACKNOWLEDGE => Self::Acknowledge(all("acknowledge", body)?),
            INTEREST => Self::Interest(all("interest", body)?),
            WHOLE => {
                let (number, message) = beginning("whole", body)?;
                Self::Whole { number, message }
            }
            PART => {
                let ((number, queue, left), bytes) = beginning("part", body)?;
                if bytes.is_empty() {
                    return Err(malformed("part", body, "it holds no part of its message"));
                }
                Self::Part(Part { number, queue, left, bytes })
            }
            unknown => return Err(FrameError::UnknownKind(unknown)),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Welcome(_) => "welcome",
            Self::Refused(_) => "refused",
            Self::Close(_) => "close",
            Self::Heartbeat => "heartbeat",
            Self::Acknowledge(_) => "acknowledge",
            Self::Interest(_) => "interest",
            Self::Whole { .. } => "whole",
            Self::Part(_) => "part",
        }
    }
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

/// Appends a frame, with its length.
pub(crate) fn write(out: &mut Vec<u8>, frame: &Frame<'_>) {
    match frame {
        Frame::Hello(hello) => framed(out, HELLO, |out| put(out, hello)),
        Frame::Welcome(welcome) => framed(out, WELCOME, |out| put(out, welcome)),
        Frame::Refused(refused) => framed(out, REFUSED, |out| put(out, refused)),
        Frame::Close(close) => framed(out, CLOSE, |out| put(out, close)),
        Frame::Heartbeat => framed(out, HEARTBEAT, |_| {}),
        Frame::Acknowledge(acknowledge) => framed(out, ACKNOWLEDGE, |out| put(out, acknowledge)),
        Frame::Interest(changes) => framed(out, INTEREST, |out| put(out, changes)),
        Frame::Whole { number, message } => write_whole(out, *number, message),
        Frame::Part(part) => write_part(out, part),
    }
}

pub(crate) fn write_whole(out: &mut Vec<u8>, number: u64, message: &[u8]) {
    framed(out, WHOLE, |out| {
        put(out, &number);
        out.extend_from_slice(message);
    });
}

pub(crate) fn write_part(out: &mut Vec<u8>, part: &Part<'_>) {
    framed(out, PART, |out| {
        put(out, &(part.number, part.queue, part.left));
        out.extend_from_slice(part.bytes);
    });
}

fn framed(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
    body(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Appends a value of the link's own types: numbers, strings and enums, which postcard writes without fail.
pub(crate) fn put<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    if let Err(error) = postcard::to_io(value, out) {
        unreachable!("writing to memory cannot fail, and the link's own types all have a form: {error}");
    }
}
