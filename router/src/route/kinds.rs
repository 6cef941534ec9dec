use std::borrow::Cow;
use std::sync::Arc;

use edri_event::{Key, Notification, Request, Tunnel};

use super::deliver::Deliver;
use super::respond::Respond;
use super::roster::Roster;
use super::table::Route;
use crate::envelope::Envelope;
use crate::request::Answer;
use crate::snapshot::{RouteKind, RouteSnapshot, consumers};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::tunnel::Opening;

/// Everybody on it gets the event.
pub(crate) struct NotificationRoute<E: Notification> {
    pub(crate) subscribers: Roster<Arc<dyn Deliver<Envelope<E>>>>,
}

/// One of them answers; observers see the answer.
pub(crate) struct RequestRoute<R: Request> {
    pub(crate) responders: Roster<Arc<dyn Respond<R>>>,
    pub(crate) observers: Roster<Observer<R>>,
    turn: Turn,
}

/// One of them accepts.
pub(crate) struct TunnelRoute<T: Tunnel> {
    pub(crate) acceptors: Roster<Arc<dyn Deliver<Opening<T>>>>,
    turn: Turn,
}

/// Sees answers, and knows how to copy what it needs to see them: only observed requests have to be `Clone`.
pub(crate) struct Observer<R: Request> {
    pub(crate) to: Arc<dyn Deliver<Envelope<Answer<R>>>>,
    pub(crate) copy_request: fn(&R) -> R,
    pub(crate) copy_response: fn(&R::Response) -> R::Response,
}

/// Whose turn it is; versions of a route share it.
#[derive(Clone, Default)]
struct Turn(Arc<AtomicUsize>);

impl Turn {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl<R: Request> RequestRoute<R> {
    /// In the order in which to try them: in turn without a key; with one, the responder of that key and no
    /// other, so that order is kept.
    pub(crate) fn candidates(&self, key: Option<Key>) -> impl Iterator<Item = &Arc<dyn Respond<R>>> {
        let (first, most) = choose(&self.responders, &self.turn, key);
        self.responders.iter_from(first).take(most)
    }
}

impl<T: Tunnel> TunnelRoute<T> {
    /// As [`RequestRoute::candidates`].
    pub(crate) fn candidates(&self, key: Option<Key>) -> impl Iterator<Item = &Arc<dyn Deliver<Opening<T>>>> {
        let (first, most) = choose(&self.acceptors, &self.turn, key);
        self.acceptors.iter_from(first).take(most)
    }
}

/// The index to begin with, and how many to try.
fn choose<T>(roster: &Roster<T>, turn: &Turn, key: Option<Key>) -> (usize, usize) {
    match key {
        _ if roster.len() <= 1 => (0, 1),
        None => (turn.next(), roster.len()),
        // Rendezvous hashing (Thaler and Ravishankar, 1998): when one leaves, only its own keys move.
        Some(key) => {
            let weights = roster.entries().map(|entry| Key::of(&(key, entry.id)));
            let best = weights.enumerate().max_by_key(|(_, weight)| *weight);
            (best.map_or(0, |(index, _)| index), 1)
        }
    }
}

impl<E: Notification> Route for NotificationRoute<E> {
    fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    fn describe(&self) -> RouteSnapshot {
        RouteSnapshot {
            event: Cow::Borrowed(E::name()),
            kind: RouteKind::Notification,
            registered: self.subscribers.len(),
            consumers: consumers(self.subscribers.iter().map(|to| (to.name(), to.waiting()))),
            observed: 0,
            observers: Vec::new(),
        }
    }
}

impl<R: Request> Route for RequestRoute<R> {
    fn is_empty(&self) -> bool {
        self.responders.is_empty() && self.observers.is_empty()
    }

    fn describe(&self) -> RouteSnapshot {
        RouteSnapshot {
            event: Cow::Borrowed(R::name()),
            kind: RouteKind::Request,
            registered: self.responders.len(),
            consumers: consumers(self.responders.iter().map(|to| (to.name(), to.waiting()))),
            observed: self.observers.len(),
            observers: consumers(self.observers.iter().map(|seen| (seen.to.name(), seen.to.waiting()))),
        }
    }
}

impl<T: Tunnel> Route for TunnelRoute<T> {
    fn is_empty(&self) -> bool {
        self.acceptors.is_empty()
    }

    fn describe(&self) -> RouteSnapshot {
        RouteSnapshot {
            event: Cow::Borrowed(T::name()),
            kind: RouteKind::Tunnel,
            registered: self.acceptors.len(),
            consumers: consumers(self.acceptors.iter().map(|to| (to.name(), to.waiting()))),
            observed: 0,
            observers: Vec::new(),
        }
    }
}

impl<E: Notification> Default for NotificationRoute<E> {
    fn default() -> Self {
        Self { subscribers: Roster::default() }
    }
}

impl<E: Notification> Clone for NotificationRoute<E> {
    fn clone(&self) -> Self {
        Self { subscribers: self.subscribers.clone() }
    }
}

impl<R: Request> Default for RequestRoute<R> {
    fn default() -> Self {
        Self { responders: Roster::default(), observers: Roster::default(), turn: Turn::default() }
    }
}

impl<R: Request> Clone for RequestRoute<R> {
    fn clone(&self) -> Self {
        Self {
            responders: self.responders.clone(),
            observers: self.observers.clone(),
            turn: self.turn.clone(),
        }
    }
}

impl<T: Tunnel> Default for TunnelRoute<T> {
    fn default() -> Self {
        Self { acceptors: Roster::default(), turn: Turn::default() }
    }
}

impl<T: Tunnel> Clone for TunnelRoute<T> {
    fn clone(&self) -> Self {
        Self { acceptors: self.acceptors.clone(), turn: self.turn.clone() }
    }
}

impl<R: Request> Clone for Observer<R> {
    fn clone(&self) -> Self {
        Self { to: Arc::clone(&self.to), copy_request: self.copy_request, copy_response: self.copy_response }
    }
}
