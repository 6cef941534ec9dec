use crate::wire::{FrameError, LexiconError};

/// How the other end broke the protocol. The link is closed, and the other end is told this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("{0}")]
    Interest(#[from] LexiconError),
    #[error("a frame `{frame}` came {when}")]
    Unexpected { frame: &'static str, when: &'static str },
    #[error("a channel frame of the unknown kind {0}")]
    UnknownKind(u8),
    #[error("the body of a channel frame of the kind {kind} and {length} bytes does not decode: {reason}")]
    Channel { kind: u8, length: usize, reason: String },
    #[error("a message does not decode: {reason}")]
    Message { reason: String },
    #[error("frame {got} came: expected {expected}")]
    Gap { got: u64, expected: u64 },
    #[error("{got} was acknowledged, and {sent} is the last that was sent")]
    AcknowledgedUnsent { got: u64, sent: u64 },
    #[error("it is the incarnation {got:x}: expected {expected:x}")]
    Incarnation { got: u64, expected: u64 },
    #[error("the session {got} was begun, when {current} was the last")]
    Session { got: u64, current: u64 },
    #[error("a member's limits would stall everything: {reason}")]
    Limits { reason: String },
    #[error("more was sent in the lane `{lane}` than its window allows")]
    WindowExceeded { lane: &'static str },
    #[error("more was sent through a tunnel than its window allows")]
    TunnelWindowExceeded,
    #[error("too many {what}: expected at most {limit}")]
    TooMany { what: &'static str, limit: u32 },
    #[error("the number {number} was given to a second {what}")]
    Reused { what: &'static str, number: u64 },
    #[error("the number {number} was given to a second interest: expected {next} or more")]
    InterestReused { number: u32, next: u32 },
    #[error("a message in parts {what}")]
    Parts { what: String },
}
