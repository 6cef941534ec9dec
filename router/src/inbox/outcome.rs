use std::task::Waker;

/// What has become of the events sent to one inbox, counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Accepted: handled, waiting, or dropped later to make room.
    pub accepted: u64,
    /// Refused by [`Overflow::Reject`](crate::Overflow::Reject).
    pub rejected: u64,
    /// Dropped by [`Overflow::DropOldest`](crate::Overflow::DropOldest) or [`Overflow::DropNewest`](crate::Overflow::DropNewest).
    pub dropped: u64,
}

/// What a sender does when there is no room and the policy is to wait.
pub(crate) enum Standing<'a> {
    /// Gives up, whatever the policy: the event stays with it, and nothing is counted.
    Room,
    /// Gives up: the event stays with it.
    None,
    /// Waits in line, and wants to be woken when its event has been taken in.
    Notify(&'a Waker),
    /// Waits in line, and learns by other means.
    Silent,
}

/// What became of a pushed event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<T> {
    Accepted,
    /// Accepted; this older one had to go.
    Displaced(T),
    /// Waits in line under this ticket.
    Parked(u64),
    /// No room; nothing was kept.
    Full,
    /// Refused by policy.
    Rejected,
    /// Dropped by policy.
    Dropped(T),
    /// The inbox takes no more.
    Closed,
}

/// What a receiver finds.
pub(crate) enum Popped<T> {
    Item(T),
    /// Nothing now.
    Empty,
    /// Nothing, and nothing more will come.
    Closed,
}

/// Where a parked event is.
pub(crate) enum Place {
    /// Still in line.
    InLine,
    /// Taken in, or discarded because the inbox was abandoned.
    Gone,
}
