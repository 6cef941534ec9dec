use std::ops::Deref;

/// What became of a notification, counted over its subscribers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// So many subscribers have it. None is not an error: a notification does not ask who listens.
    pub accepted: usize,
    /// So many events were dropped by a full inbox whose policy is to drop: this one or an older one.
    pub dropped: usize,
}

/// Some subscriber did not take a notification; the others have it.
///
/// Its fields are those of [`Refusal`], which is boxed so that the good case stays small.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} was refused by {} of its subscribers, {} the first: its inbox is full ({} took it)",
    .0.event, .0.refused, .0.subscriber, .0.delivered.accepted
)]
pub struct NotifyError(Box<Refusal>);

/// Who refused a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The event's name.
    pub event: &'static str,
    /// The name of the first that refused.
    pub subscriber: String,
    /// How many refused; for a batch, how many events times subscribers.
    pub refused: usize,
    /// What became of it elsewhere.
    pub delivered: Delivered,
}

impl Deref for NotifyError {
    type Target = Refusal;

    fn deref(&self) -> &Refusal {
        &self.0
    }
}

impl From<Refusal> for NotifyError {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(refusal))
    }
}
