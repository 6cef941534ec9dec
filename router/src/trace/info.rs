use edri_event::{Event, Meta};

/// What an event is, whatever its type.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EventInfo<'a> {
    /// Its name.
    pub event: &'static str,
    /// As what it is handled.
    pub kind: EventKind,
    /// What travels beside it.
    pub meta: &'a Meta,
}

/// As what an event is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A notification.
    Notification,
    /// A request.
    Request,
    /// The answer to a request, by an observer.
    Response,
    /// The opening of a tunnel.
    Tunnel,
}

impl<'a> EventInfo<'a> {
    /// Of an event of type `E`.
    pub fn new<E: Event>(kind: EventKind, meta: &'a Meta) -> Self {
        Self { event: E::name(), kind, meta }
    }

    /// The same, handled as something else.
    #[must_use]
    pub fn handled_as(self, kind: EventKind) -> Self {
        Self { kind, ..self }
    }
}

impl EventKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Request => "request",
            Self::Response => "response",
            Self::Tunnel => "tunnel",
        }
    }
}
