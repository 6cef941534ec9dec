use bytes::Bytes;
use edri_event::Failure;
use edri_router::{LinkLost, RequestError};
use serde::{Deserialize, Serialize};

use crate::message::AnswerError;

/// What a request's failure is called on the wire.
pub(super) fn to_wire(error: RequestError) -> AnswerError {
    match error {
        RequestError::NoResponder { .. } => AnswerError::NoResponder,
        RequestError::TimedOut { after, .. } => AnswerError::TimedOut { after },
        RequestError::Overloaded => AnswerError::Overloaded,
        RequestError::Failed(failure) => AnswerError::Failed(failure),
        RequestError::Panicked { message } => AnswerError::Panicked { message },
        RequestError::Stopped => AnswerError::Stopped,
        RequestError::Abandoned => AnswerError::Abandoned,
        RequestError::Expired => AnswerError::Expired,
        RequestError::Cancelled => AnswerError::Cancelled,
        RequestError::WorkerDied(death) => AnswerError::WorkerDied(Box::new((*death).into())),
        RequestError::LinkLost(lost) => AnswerError::LinkLost { peer: Some(lost.peer), reason: lost.reason },
        other => AnswerError::Failed(Failure::new("error", other.to_string())),
    }
}

/// And the other way, of a request for `event` that went to `peer`.
pub(super) fn from_wire(error: AnswerError, event: &'static str, peer: &str) -> RequestError {
    match error {
        AnswerError::NoResponder => RequestError::NoResponder { event },
        AnswerError::TimedOut { after } => RequestError::TimedOut { event, after },
        AnswerError::Overloaded => RequestError::Overloaded,
        AnswerError::Failed(failure) => RequestError::Failed(failure),
        AnswerError::Panicked { message } => RequestError::Panicked { message },
        AnswerError::Stopped => RequestError::Stopped,
        AnswerError::Abandoned => RequestError::Abandoned,
        AnswerError::Expired => RequestError::Expired,
        AnswerError::Cancelled => RequestError::Cancelled,
        AnswerError::Codec { reason } => RequestError::Failed(Failure::new("codec", reason)),
        AnswerError::WorkerDied(death) => RequestError::WorkerDied(Box::new((*death).into())),
        AnswerError::Restarted => {
            RequestError::LinkLost(Box::new(LinkLost::new(peer, "its router was started anew")))
        }
        AnswerError::LinkLost { peer: there, reason } => {
            let peer = there.unwrap_or_else(|| peer.to_owned());
            RequestError::LinkLost(Box::new(LinkLost::new(peer, reason)))
        }
    }
}

impl From<RequestError> for AnswerError {
    fn from(error: RequestError) -> Self {
        to_wire(error)
    }
}

impl AnswerError {
    /// What the requester of `event` is told, which went to `peer`.
    pub fn into_request_error(self, event: &'static str, peer: &str) -> RequestError {
        from_wire(self, event, peer)
    }
}

/// The outcome of a request as it travels to those who observe answers.
#[derive(Serialize, Deserialize)]
struct Observed<'a> {
    #[serde(borrow)]
    request: &'a [u8],
    #[serde(borrow)]
    outcome: Result<&'a [u8], AnswerError>,
}

pub(super) fn write_observed(request: &[u8], outcome: Result<Vec<u8>, RequestError>) -> Bytes {
    let outcome = outcome.map_err(|error| to_wire(error).cut());
    let outcome = outcome.as_deref().map_err(AnswerError::clone);
    // Bytes and texts have a length, and that is all that postcard asks of them.
    postcard::to_stdvec(&Observed { request, outcome }).unwrap_or_default().into()
}

/// The request, and how it ended.
///
/// # Errors
/// What is wrong with the bytes.
pub(super) fn read_observed<'a>(
    bytes: &'a [u8],
    event: &'static str,
    peer: &str,
) -> Result<(&'a [u8], Outcome<'a>), postcard::Error> {
    let Observed { request, outcome } = postcard::from_bytes(bytes)?;
    Ok((request, outcome.map_err(|error| from_wire(error, event, peer))))
}

/// A response in its codec, or why there is none.
type Outcome<'a> = Result<&'a [u8], RequestError>;
