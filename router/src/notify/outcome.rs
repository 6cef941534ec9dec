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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} was refused by {refused} of its subscribers, {subscriber} the first: its inbox is full ({} took it)", delivered.accepted)]
#[non_exhaustive]
pub struct NotifyError {
    /// The event's name.
    pub event: &'static str,
    /// The name of the first that refused.
    pub subscriber: String,
    /// How many refused; for a batch, how many events times subscribers.
    pub refused: usize,
    /// What became of it elsewhere.
    pub delivered: Delivered,
}
