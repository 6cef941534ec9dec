use edri_link::wire::{FrameError, LexiconError};

/// How a peer broke the protocol. Its connection is closed, and it is told this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("{0}")]
    Lexicon(#[from] LexiconError),
    #[error("a frame `{frame}` came {when}")]
    Unexpected { frame: &'static str, when: &'static str },
    #[error("the number {number} was given to a second interest: expected {next} or more")]
    InterestReused { number: u32, next: u32 },
    #[error("a relay of {length} bytes came for the member {member}: expected at most {limit}, as it said")]
    RelayTooLong { member: u32, length: usize, limit: u32 },
    #[error("more interests than expected: at most {limit}")]
    TooManyInterests { limit: u32 },
    #[error("interests of the member {member} were announced: expected 0, which is who says so")]
    InterestOfAnother { member: u32 },
}
