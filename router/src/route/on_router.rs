use std::any::TypeId;

use edri_event::{Notification, Request, Tunnel};

use super::kinds::{NotificationRoute, RequestRoute, TunnelRoute};
use super::table::Route;
use crate::router::Router;

/// Whether anybody is there, on this router or behind its links.
impl Router {
    /// Whether anybody subscribes to a notification now: for those that are costly to make.
    pub fn has_subscribers<E: Notification>(&self) -> bool {
        self.has_somebody(TypeId::of::<E>(), |route: &NotificationRoute<E>| !route.subscribers.is_empty())
    }

    /// Whether anybody answers a request now.
    pub fn has_responders<R: Request>(&self) -> bool {
        self.has_somebody(TypeId::of::<R>(), |route: &RequestRoute<R>| !route.responders.is_empty())
    }

    /// Whether anybody accepts a tunnel now.
    pub fn has_acceptors<T: Tunnel>(&self) -> bool {
        self.has_somebody(TypeId::of::<T>(), |route: &TunnelRoute<T>| !route.acceptors.is_empty())
    }

    fn has_somebody<R: Route>(&self, event: TypeId, is_there: impl Fn(&R) -> bool) -> bool {
        let look = |route: Option<&R>| route.map(&is_there);
        match self.table().with(event, look) {
            Some(is_there) => is_there,
            // Somebody far away may be, and not have known that there is such an event.
            None if self.introduce(R::shareable()) => self.table().with(event, look).unwrap_or(false),
            None => false,
        }
    }
}
