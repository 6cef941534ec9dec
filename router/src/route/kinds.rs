use std::borrow::Cow;
use std::sync::Arc;

use edri_event::{Key, Notification, Request, RoutePolicy, Tunnel};

use super::choose::{Offered, Turn, choose};
use super::deliver::Deliver;
use super::group::Group;
use super::respond::{Patience, Respond};
use super::roster::Roster;
use super::table::Route;
use crate::border::{self, Horizon, Place, Shareable};
use crate::dead_letter::{Loss, Reason, lose};
use crate::envelope::Envelope;
use crate::history::{History, RetainedAnswers};
use crate::request::{Answer, Observable};
use crate::router::Router;
use crate::snapshot::{RouteKind, RouteSnapshot, consumers};
use crate::tunnel::Opening;

/// Everybody on it gets the event.
pub(crate) struct NotificationRoute<E: Notification> {
    pub(crate) subscribers: Roster<Arc<dyn Deliver<Envelope<E>>>>,
    /// There if the type is retained; it stays then for as long as the router does.
    pub(crate) history: Option<Arc<History<E>>>,
    /// Those that stand among the subscribers for several, with their id there.
    groups: Vec<(u64, Arc<Group<E>>)>,
}

/// One of them answers; observers see the answer.
pub(crate) struct RequestRoute<R: Request> {
    pub(crate) responders: Roster<Arc<dyn Respond<R>>>,
    pub(crate) observers: Roster<Observer<R>>,
    /// As [`NotificationRoute::history`].
    pub(crate) history: Option<Arc<dyn RetainedAnswers<R>>>,
    pub(crate) policy: RoutePolicy,
    turn: Turn,
}

/// One of them accepts.
pub(crate) struct TunnelRoute<T: Tunnel> {
    pub(crate) acceptors: Roster<Arc<dyn Deliver<Opening<T>>>>,
    pub(crate) policy: RoutePolicy,
    turn: Turn,
}

/// Sees answers.
pub(crate) enum Observer<R: Request> {
    Here(Seeing<R>),
    /// On another router: gets them encoded.
    Afar(Place),
}

/// Sees answers, and knows how to copy what it needs to see them: only observed requests have to be `Clone`.
pub(crate) struct Seeing<R: Request> {
    pub(crate) to: Arc<dyn Deliver<Envelope<Answer<R>>>>,
    pub(crate) copy_request: fn(&R) -> R,
    pub(crate) copy_response: fn(&R::Response) -> R::Response,
    /// It misses an answer, and is called so.
    pub(crate) miss: fn(&Router, Envelope<Answer<R>>, &str),
}

impl<E: Notification> NotificationRoute<E> {
    /// Makes somebody a member of a group, and the group a subscriber if it is new.
    pub(crate) fn join(&mut self, group: &Arc<str>, id: u64, member: Arc<dyn Deliver<Envelope<E>>>) {
        match self.groups.iter().position(|(_, known)| known.label == *group) {
            Some(place) => {
                let next = self.groups[place].1.with(id, member);
                self.put(place, next);
            }
            None => {
                let group = Arc::new(Group::new(group).with(id, member));
                self.groups.push((id, Arc::clone(&group)));
                self.subscribers.add(id, group);
            }
        }
    }

    /// Takes a member out of its group, and the group off the route if that was the last.
    pub(crate) fn leave(&mut self, id: u64) {
        let mut versions = self.groups.iter().map(|(_, group)| group.without(id)).enumerate();
        let left = versions.find_map(|(place, next)| next.map(|next| (place, next)));
        match left {
            Some((place, next)) if next.is_empty() => {
                let (entry, _) = self.groups.remove(place);
                self.subscribers.remove(entry);
            }
            Some((place, next)) => self.put(place, next),
            None => {}
        }
    }

    /// Takes off a subscriber that takes nothing more; for a group, all of whose members do not.
    pub(crate) fn take_off(&mut self, gone: &Arc<dyn Deliver<Envelope<E>>>) {
        self.subscribers.remove_where(|subscriber| Arc::ptr_eq(subscriber, gone));
        let subscribers = &self.subscribers;
        self.groups.retain(|(entry, _)| subscribers.entries().any(|subscriber| subscriber.id == *entry));
    }

    /// Those who get every event that did not come from behind `horizon`; groups are not among them.
    pub(crate) fn listeners(&self, horizon: Horizon) -> impl Iterator<Item = &Arc<dyn Deliver<Envelope<E>>>> {
        let all = self.subscribers.entries();
        let alone = all.filter(|entry| !self.groups.iter().any(|(group, _)| *group == entry.id));
        alone
            .map(|entry| &entry.who)
            .filter(move |who| who.place().is_none_or(|place| place.horizon != horizon))
    }

    /// The members of all groups, each with its group's name and his own id.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&Arc<str>, u64, &Arc<dyn Deliver<Envelope<E>>>)> {
        self.groups
            .iter()
            .flat_map(|(_, group)| group.members().map(|member| (&group.label, member.id, &member.who)))
    }

    pub(crate) fn group(&self, label: &str) -> Option<&Arc<Group<E>>> {
        self.groups.iter().map(|(_, group)| group).find(|group| &*group.label == label)
    }

    fn put(&mut self, place: usize, next: Group<E>) {
        let (entry, group) = &mut self.groups[place];
        *group = Arc::new(next);
        let subscriber: Arc<dyn Deliver<Envelope<E>>> = Arc::<Group<E>>::clone(group);
        self.subscribers.replace(*entry, subscriber);
    }
}

impl<R: Request> RequestRoute<R> {
    /// Whether anybody sees the answers, or will.
    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        !self.observers.is_empty() || self.history.is_some()
    }

    /// Offers a request to one responder after the other; see [`choose`].
    pub(crate) fn choose<'r>(
        &'r self,
        key: Option<Key>,
        offer: impl FnMut(&'r Arc<dyn Respond<R>>, Patience) -> Offered,
    ) -> bool {
        choose(&self.responders, self.policy, &self.turn, key, offer)
    }
}

impl<T: Tunnel> TunnelRoute<T> {
    /// As [`RequestRoute::choose`].
    pub(crate) fn choose<'r>(
        &'r self,
        key: Option<Key>,
        offer: impl FnMut(&'r Arc<dyn Deliver<Opening<T>>>, Patience) -> Offered,
    ) -> bool {
        choose(&self.acceptors, self.policy, &self.turn, key, offer)
    }
}

impl<E: Notification> Route for NotificationRoute<E> {
    fn shareable() -> Option<Shareable> {
        border::notification::<E>()
    }

    fn is_empty(&self) -> bool {
        self.subscribers.is_empty() && self.history.is_none()
    }

    fn describe(&self) -> RouteSnapshot {
        RouteSnapshot {
            event: Cow::Borrowed(E::name()),
            kind: RouteKind::Notification,
            registered: self.subscribers.len(),
            consumers: consumers(self.subscribers.iter().map(|to| (to.name(), to.load(), to.place()))),
            observed: 0,
            observers: Vec::new(),
            policy: None,
            retained: self.history.as_ref().map(|history| history.retained()),
        }
    }
}

impl<R: Request> Route for RequestRoute<R> {
    fn shareable() -> Option<Shareable> {
        border::request::<R>()
    }

    fn is_empty(&self) -> bool {
        self.responders.is_empty()
            && self.observers.is_empty()
            && self.history.is_none()
            && self.policy == R::POLICY
    }

    fn describe(&self) -> RouteSnapshot {
        RouteSnapshot {
            event: Cow::Borrowed(R::name()),
            kind: RouteKind::Request,
            registered: self.responders.len(),
            consumers: consumers(self.responders.iter().map(|to| (to.name(), to.load(), to.place()))),
            observed: self.observers.len(),
            observers: consumers(self.observers.iter().map(Observer::described)),
            policy: Some(self.policy),
            retained: self.history.as_ref().map(|history| history.retained()),
        }
    }
}

impl<T: Tunnel> Route for TunnelRoute<T> {
    fn shareable() -> Option<Shareable> {
        border::tunnel::<T>()
    }

    fn is_empty(&self) -> bool {
        self.acceptors.is_empty() && self.policy == T::POLICY
    }

    fn describe(&self) -> RouteSnapshot {
        RouteSnapshot {
            event: Cow::Borrowed(T::name()),
            kind: RouteKind::Tunnel,
            registered: self.acceptors.len(),
            consumers: consumers(self.acceptors.iter().map(|to| (to.name(), to.load(), to.place()))),
            observed: 0,
            observers: Vec::new(),
            policy: Some(self.policy),
            retained: None,
        }
    }
}

impl<E: Notification> Default for NotificationRoute<E> {
    fn default() -> Self {
        let history = (!E::RETENTION.is_nothing()).then(|| Arc::new(History::new(E::RETENTION)));
        Self { subscribers: Roster::default(), history, groups: Vec::new() }
    }
}

impl<E: Notification> Clone for NotificationRoute<E> {
    fn clone(&self) -> Self {
        Self {
            subscribers: self.subscribers.clone(),
            history: self.history.clone(),
            groups: self.groups.clone(),
        }
    }
}

impl<R: Request> Default for RequestRoute<R> {
    fn default() -> Self {
        Self {
            responders: Roster::default(),
            observers: Roster::default(),
            history: None,
            policy: R::POLICY,
            turn: Turn::default(),
        }
    }
}

impl<R: Request> Clone for RequestRoute<R> {
    fn clone(&self) -> Self {
        Self {
            responders: self.responders.clone(),
            observers: self.observers.clone(),
            history: self.history.clone(),
            policy: self.policy,
            turn: self.turn.clone(),
        }
    }
}

impl<T: Tunnel> Default for TunnelRoute<T> {
    fn default() -> Self {
        Self { acceptors: Roster::default(), policy: T::POLICY, turn: Turn::default() }
    }
}

impl<T: Tunnel> Clone for TunnelRoute<T> {
    fn clone(&self) -> Self {
        Self { acceptors: self.acceptors.clone(), policy: self.policy, turn: self.turn.clone() }
    }
}

impl<R: Observable> Observer<R> {
    pub(crate) fn new(to: Arc<dyn Deliver<Envelope<Answer<R>>>>) -> Self {
        Self::Here(Seeing {
            to,
            copy_request: R::clone,
            copy_response: R::Response::clone,
            miss: |router, Envelope { event, meta }, observer| {
                lose(router, event, &meta, Some(observer.into()), Loss::unhandled(Reason::Overflow));
            },
        })
    }
}

impl<R: Request> Observer<R> {
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::Here(seeing) => seeing.to.place(),
            Self::Afar(place) => Some(place),
        }
    }

    fn described(&self) -> (&str, usize, Option<&Place>) {
        match self {
            Self::Here(seeing) => (seeing.to.name(), seeing.to.load(), seeing.to.place()),
            Self::Afar(place) => (place.name(), 0, Some(place)),
        }
    }
}

impl<R: Request> Clone for Observer<R> {
    fn clone(&self) -> Self {
        match self {
            Self::Here(seeing) => Self::Here(seeing.clone()),
            Self::Afar(place) => Self::Afar(place.clone()),
        }
    }
}

impl<R: Request> Clone for Seeing<R> {
    fn clone(&self) -> Self {
        let Self { to, copy_request, copy_response, miss } = self;
        Self { to: Arc::clone(to), copy_request: *copy_request, copy_response: *copy_response, miss: *miss }
    }
}
