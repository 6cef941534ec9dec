use std::time::Duration;

use edri_event::Failure;
use serde::{Deserialize, Serialize};

use super::death::Death;

/// Why a request that went over a link was not answered with a response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AnswerError {
    /// Nobody answers it there, or no longer.
    #[error("no responder for it at the other end")]
    NoResponder,
    /// There was no answer in the time that was given.
    #[error("no answer within {after:?}")]
    TimedOut {
        /// How long was waited there.
        after: Duration,
    },
    /// The responder takes no more.
    #[error("the responder is overloaded")]
    Overloaded,
    /// The responder answered that it could not.
    #[error("the responder failed: {0}")]
    Failed(Failure),
    /// The responder panicked.
    #[error("the responder panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// The responder stopped before it began with the request.
    #[error("the responder stopped before it handled the request")]
    Stopped,
    /// The responder took longer than it may.
    #[error("the responder took too long and was given up")]
    Abandoned,
    /// The deadline had passed before it was begun with.
    #[error("the deadline had passed before the request was begun with")]
    Expired,
    /// It was given up without an answer.
    #[error("the request was given up without an answer")]
    Cancelled,
    /// The request or its response could not be read or written.
    #[error("{reason}")]
    Codec {
        /// What the codec says.
        reason: String,
    },
    /// A link ended before the answer came.
    #[error("the link{} was lost before the answer came: {reason}", .peer.as_ref().map(|peer| format!(" to {peer}")).unwrap_or_default())]
    LinkLost {
        /// What the router at its other end is called, if it was not this link.
        peer: Option<String>,
        /// Why it ended.
        reason: String,
    },
    /// The router of the responder was started anew, and knows nothing of the request.
    #[error("the responder's router was started anew before the answer came")]
    Restarted,
    /// The worker's process that had it died.
    #[error("the worker died")]
    WorkerDied(Box<Death>),
}

/// How one direction of a tunnel ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Ending {
    /// All was sent.
    Finished,
    /// An end gave up, and said why.
    Aborted(Failure),
    /// An end went away without a word.
    Lost,
}

/// What of a text is sent at most, in bytes: it is for people.
const LONGEST_TEXT: usize = 8 * 1024;

impl AnswerError {
    /// With its texts cut so that it always fits into a message.
    pub(crate) fn cut(self) -> Self {
        match self {
            Self::Failed(failure) => Self::Failed(cut_failure(failure)),
            Self::Panicked { message } => Self::Panicked { message: cut(message) },
            Self::Codec { reason } => Self::Codec { reason: cut(reason) },
            Self::LinkLost { peer, reason } => Self::LinkLost {
                peer: peer.map(|peer| cut_to(peer, LONGEST_TEXT / 4)),
                reason: cut_to(reason, LONGEST_TEXT / 2),
            },
            short => short,
        }
    }
}

impl Ending {
    /// As [`AnswerError::cut`].
    pub(crate) fn cut(self) -> Self {
        match self {
            Self::Aborted(failure) => Self::Aborted(cut_failure(failure)),
            short => short,
        }
    }
}

fn cut_failure(failure: Failure) -> Failure {
    if failure.code().len() + failure.message().len() <= LONGEST_TEXT {
        return failure;
    }
    let (code, message) = (failure.code().to_owned(), failure.message().to_owned());
    let mut code = code;
    if code.len() > LONGEST_TEXT / 4 {
        code = cut_to(code, LONGEST_TEXT / 4);
    }
    Failure::new(code, cut_to(message, LONGEST_TEXT / 2))
}

pub(crate) fn cut(text: String) -> String {
    cut_to(text, LONGEST_TEXT)
}

pub(super) fn cut_to(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_letters() {
        let long = AnswerError::Failed(Failure::new("code", "č".repeat(100_000))).cut();
        let AnswerError::Failed(failure) = long else { panic!("{long:?}") };
        assert!(failure.message().len() < LONGEST_TEXT && failure.message().ends_with('…'));
        assert_eq!(failure.code(), "code");
        let short = Failure::new("code", "message");
        assert_eq!(Ending::Aborted(short.clone()).cut(), Ending::Aborted(short));
    }
}
