use std::time::{Duration, Instant};

use edri_event::{EventId, Key, Origin, Priority, TraceContext};
use serde::{Deserialize, Serialize};

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
}

/// Whether reports of progress are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reports {
    /// Nobody would read them.
    #[default]
    Unwanted,
    /// They are.
    Wanted,
}

/// The same as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) id: Option<EventId>,
    pub(crate) key: Option<Key>,
    pub(crate) priority: Priority,
    /// Until the deadline, in microseconds.
    pub(crate) left: Option<u64>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) origin: Option<Origin>,
    pub(crate) reports: Reports,
}

impl Circumstances {
    pub(crate) fn header(&self, now: Instant) -> Header {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now).as_micros());
        Header {
            id: self.id,
            key: self.key,
            priority: self.priority,
            left: left.map(|left| u64::try_from(left).unwrap_or(u64::MAX)),
            trace: self.trace,
            origin: self.origin,
            reports: self.reports,
        }
    }

    pub(crate) fn of(header: &Header, now: Instant) -> Self {
        Self {
            id: header.id,
            key: header.key,
            priority: header.priority,
            // A deadline beyond all clocks is none.
            deadline: header.left.and_then(|left| now.checked_add(Duration::from_micros(left))),
            trace: header.trace,
            origin: header.origin,
            reports: header.reports,
        }
    }
}
