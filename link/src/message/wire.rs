use edri_event::Progress;
use serde::{Deserialize, Serialize};

use super::circumstances::Header;
use super::outcome::{AnswerError, Ending};
use crate::frame::put;
use crate::interest::Interest;
use crate::violation::Violation;

/// What a numbered frame carries, or the parts of one together.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Message<'a> {
    Notify {
        to: Interest,
        header: Header,
        #[serde(borrow)]
        payload: &'a [u8],
    },
    Request {
        call: u64,
        to: Interest,
        header: Header,
        #[serde(borrow)]
        payload: &'a [u8],
    },
    /// Every request gets one, also one that was cancelled: after it the number is free at both ends.
    Answer {
        call: u64,
        #[serde(borrow)]
        outcome: Outcome<'a>,
    },
    Cancel {
        call: u64,
    },
    Progress {
        call: u64,
        progress: Progress,
    },
    /// With what the acceptor may send before it hears more.
    Open {
        tunnel: u64,
        to: Interest,
        header: Header,
        grant: u64,
        #[serde(borrow)]
        payload: &'a [u8],
    },
    /// With what the opener may send before it hears more.
    Accept {
        tunnel: Route,
        grant: u64,
    },
    Item {
        tunnel: Route,
        #[serde(borrow)]
        payload: &'a [u8],
    },
    /// What the receiver of this may send, in total since the tunnel was opened.
    Grant {
        tunnel: Route,
        grant: u64,
    },
    /// The sender of this sends no more items.
    End {
        tunnel: Route,
        ending: Ending,
    },
    /// The sender of this wants no more items; the other end says `End`, if it has not yet.
    Stop {
        tunnel: Route,
        ending: Ending,
    },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Outcome<'a> {
    #[serde(borrow)]
    Response(&'a [u8]),
    Error(AnswerError),
}

/// Which tunnel: each end numbers those that it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) opener: Party,
    pub(crate) number: u64,
}

/// As seen by the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Party {
    Sender,
    Receiver,
}

impl<'a> Message<'a> {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put(out, self);
    }

    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Violation> {
        let malformed = |reason: String| Violation::Message { length: bytes.len(), reason };
        match postcard::take_from_bytes(bytes) {
            Ok((message, [])) => Ok(message),
            Ok((_, left)) => Err(malformed(format!("{} bytes are left over", left.len()))),
            Err(error) => Err(malformed(error.to_string())),
        }
    }
}
