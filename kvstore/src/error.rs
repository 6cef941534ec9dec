use std::fmt;

use edri_event::{CodecError, Failure};
use edri_router::{OpenError, RequestError, TunnelError};
use serde::{Deserialize, Serialize};

/// Why an operation of the store was not carried out.
///
/// That a condition did not hold is no error: see [`Outcome`](crate::Outcome).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store refused, or found something else than what was asked for.
    #[error("{message}")]
    Refused {
        /// Why, for programs.
        why: Refusal,
        /// What was wrong and what was expected, for people.
        message: String,
    },
    /// A value could not be written or read.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The request for it was not answered by the store.
    #[error("the store was not reached: {0}")]
    Request(RequestError),
    /// The computation of a cached value failed.
    #[error("the value to be cached was not computed: {0}")]
    Computation(Failure),
    /// The tunnel by which changes come could not be opened.
    #[error("the store was not reached: {0}")]
    Open(#[from] OpenError),
    /// That tunnel broke.
    #[error("the store is not reached any more: {0}")]
    Tunnel(TunnelError),
}

/// Why the store refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// The value is of another type than was asked for.
    TypeMismatch,
    /// A number was needed, and the value is none.
    NotANumber,
    /// A number does not fit where it was to be put.
    OutOfRange,
    /// The namespace is full, and evicts nothing.
    Full,
    /// The value, key or list is larger than may be.
    TooLarge,
    /// A key, namespace, condition or time is not one.
    Invalid,
    /// The store has stopped, or has not been started.
    Closed,
    /// It could not be made durable, and nothing was changed. Where the disk failed so that it is not known what is on it, the
    /// change may be found there at the next start, as after a crash in that moment.
    NotDurable,
    /// Others wrote the same key again and again.
    Contended,
}

impl Refusal {
    const ALL: [Self; 9] = [
        Self::TypeMismatch,
        Self::NotANumber,
        Self::OutOfRange,
        Self::Full,
        Self::TooLarge,
        Self::Invalid,
        Self::Closed,
        Self::NotDurable,
        Self::Contended,
    ];

    /// The code of the [`Failure`] with which the store answers an event.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TypeMismatch => "store.type_mismatch",
            Self::NotANumber => "store.not_a_number",
            Self::OutOfRange => "store.out_of_range",
            Self::Full => "store.full",
            Self::TooLarge => "store.too_large",
            Self::Invalid => "store.invalid",
            Self::Closed => "store.closed",
            Self::NotDurable => "store.not_durable",
            Self::Contended => "store.contended",
        }
    }

    fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl StoreError {
    #[cold]
    pub(crate) fn refused(why: Refusal, message: impl Into<String>) -> Self {
        Self::Refused { why, message: message.into() }
    }

    #[cold]
    pub(crate) fn closed() -> Self {
        Self::refused(Refusal::Closed, "the store is not running: it has not been started, or has stopped")
    }

    /// Why the store refused, if it did.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { why, .. } => Some(*why),
            _ => None,
        }
    }

    /// What an event that cannot be answered is answered with. (`?` in a handler makes a plain
    /// [`Failure::ERROR`] of it.)
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Refused { why, message } => Failure::new(why.code(), message),
            other => Failure::from(other),
        }
    }
}

/// What the store answered by an event is the same as what it answers a handle.
impl From<RequestError> for StoreError {
    fn from(error: RequestError) -> Self {
        match &error {
            RequestError::Failed(failure) => Self::try_from(failure).unwrap_or(Self::Request(error)),
            _ => Self::Request(error),
        }
    }
}

impl From<TunnelError> for StoreError {
    fn from(error: TunnelError) -> Self {
        match &error {
            TunnelError::Aborted(failure) => Self::try_from(failure).unwrap_or(Self::Tunnel(error)),
            _ => Self::Tunnel(error),
        }
    }
}

impl TryFrom<&Failure> for StoreError {
    type Error = ();

    fn try_from(failure: &Failure) -> Result<Self, ()> {
        let why = Refusal::of_code(failure.code()).ok_or(())?;
        Ok(Self::refused(why, failure.message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_same_after_it_travelled_as_a_failure() {
        for why in Refusal::ALL {
            let refused = StoreError::refused(why, "what was wrong");
            let failure = refused.clone().into_failure();
            assert_eq!(failure.code(), why.code());
            assert_eq!(StoreError::from(RequestError::Failed(failure)), refused);
        }
    }

    #[test]
    fn the_failure_of_somebody_else_stays_what_it_is() {
        let error = RequestError::Failed(Failure::new("other", "no"));
        assert_eq!(StoreError::from(error.clone()), StoreError::Request(error));
    }
}
