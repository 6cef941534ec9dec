use crate::frame::FrameError;

/// How the other end broke the protocol. The link is closed, and the other end is told this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("a frame `{frame}` came {when}")]
    Unexpected { frame: &'static str, when: &'static str },
    #[error("a message of {length} bytes does not decode: {reason}")]
    Message { length: usize, reason: String },
    #[error("message {got} came: expected {expected}")]
    Gap { got: u64, expected: u64 },
    #[error("{got} was acknowledged, and {sent} is the last that was sent")]
    AcknowledgedUnsent { got: u64, sent: u64 },
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
