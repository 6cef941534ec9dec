use std::any::TypeId;

use edri_event::Fingerprint;

use crate::snapshot::RouteKind;

/// What two routers have to agree upon to mean the same event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: RouteKind,
    /// Its version.
    pub version: u32,
    /// The name of its codec.
    pub codec: String,
    /// The shapes of all that travels: the event; its response; what a tunnel's opener sends and receives.
    pub shapes: Vec<Fingerprint>,
}

/// What tells one event of a router from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ShareableId {
    Known(TypeId),
    /// It has no type here.
    Foreign(u64),
}
