use std::time::Instant;

use edri_event::{EventId, Key, Origin, Priority, TraceContext};

/// What travels beside an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Circumstances {
    /// Its identity, unique at the router that sent it.
    pub id: Option<EventId>,
    /// The key that keeps it in order with others.
    pub key: Option<Key>,
    /// Its lane.
    pub priority: Priority,
    /// When nobody waits for it any more. What is left until then travels, so that the ends need not have the same
    /// time; what the journey takes is not counted.
    pub deadline: Option<Instant>,
    /// Where it stands in a distributed trace.
    pub trace: Option<TraceContext>,
    /// The router that sent it first, of an event that its sender got over another link.
    pub origin: Option<Origin>,
    /// Whether the requester wants to know how far a request has come.
    pub reports: Reports,
    /// Whether it may have been delivered before, to a router that is not there any more.
    pub redelivered: bool,
    /// Whether it does no harm to ask a request twice: one that was sent to a router that is not there any more is then
    /// sent again when that has started anew. It does not travel.
    pub idempotent: bool,
}

/// Whether reports of progress are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reports {
    /// Nobody would read them.
    #[default]
    Unwanted,
    /// They are.
    Wanted,
}
