use std::any::TypeId;
use std::sync::Arc;

use edri_event::{Notification, Request, Retention};

use super::answers::{RetainedAnswers, retain_answers};
use super::gate::Gate;
use super::kept::Retained;
use super::record::{History, Past};
use super::replay::Replay;
use crate::envelope::Envelope;
use crate::registration::Registration;
use crate::request::{Answer, Observable};
use crate::route::{Deliver, NotificationRoute, Observer, RequestRoute};
use crate::router::Router;

/// Retention, and replay of what is retained.
impl Router {
    /// Keeps notifications of one type for late subscribers from here on, within other bounds than the
    /// [type's own](Notification::RETENTION). What is kept already and is not within them is dropped at once;
    /// [`Retention::NOTHING`] keeps no more.
    ///
    /// An event is kept from the moment it is sent, whether or not anybody subscribes to it and whatever becomes of it
    /// elsewhere. Each send of a type that has been retained once takes a lock and an `Arc`.
    pub fn retain<E: Notification>(&self, retention: Retention) {
        self.change(TypeId::of::<E>(), |route: &mut NotificationRoute<E>| {
            if route.history.is_none() && !retention.is_nothing() {
                route.history = Some(Arc::new(History::new(retention)));
            }
        });
        if let Some(history) = self.history::<E>() {
            history.set_retention(retention, E::retained_bytes);
        }
    }

    /// How much is kept of a type at the moment.
    pub fn retained<E: Notification>(&self) -> Retained {
        self.history::<E>().map(|history| history.retained()).unwrap_or_default()
    }

    /// Keeps the answers to one request for late observers from here on, failures included, as
    /// [`retain`](Self::retain) keeps notifications. Each answer is copied once, observed or not.
    pub fn retain_responses<R: Observable>(&self, retention: Retention) {
        self.change(TypeId::of::<R>(), |route: &mut RequestRoute<R>| {
            if route.history.is_none() && !retention.is_nothing() {
                route.history = Some(retain_answers(retention));
            }
        });
        if let Some(history) = self.answers::<R>() {
            history.set_retention(retention);
        }
    }

    /// How many answers to one request are kept at the moment.
    pub fn retained_responses<R: Observable>(&self) -> Retained {
        self.answers::<R>().map(|history| history.retained()).unwrap_or_default()
    }

    /// As [`attach_subscriber`](Self::attach_subscriber), for one that gets what is retained before the live events,
    /// each event once: see [`Deliver::replay`].
    pub fn attach_subscriber_from<E: Notification>(
        &self,
        subscriber: Arc<dyn Deliver<Envelope<E>>>,
        from: Replay,
    ) -> Registration {
        let gate = Arc::new(Gate::new(subscriber));
        let mut history = None;
        let registration = self.attach::<NotificationRoute<E>>(
            TypeId::of::<E>(),
            |route, id| {
                history = route.history.clone();
                if history.is_none() {
                    gate.open_without_past();
                }
                let gate: Arc<dyn Deliver<Envelope<E>>> = Arc::<Gate<E>>::clone(&gate);
                route.subscribers.add(id, gate);
            },
            |route, id| route.subscribers.remove(id),
        );
        if let Some(history) = history {
            history.replay(from, |past| gate.open(past, E::PRIORITY));
        }
        registration
    }

    /// As [`attach_observer`](Self::attach_observer), for one that gets the answers that are retained before the
    /// live ones.
    pub fn attach_observer_from<R: Observable>(
        &self,
        observer: Arc<dyn Deliver<Envelope<Answer<R>>>>,
        from: Replay,
    ) -> Registration {
        let gate = Arc::new(Gate::new(observer));
        let mut history = None;
        let registration = self.attach::<RequestRoute<R>>(
            TypeId::of::<R>(),
            |route, id| {
                history = route.history.clone();
                if history.is_none() {
                    gate.open_without_past();
                }
                let gate: Arc<dyn Deliver<Envelope<Answer<R>>>> = Arc::<Gate<Answer<R>>>::clone(&gate);
                route.observers.add(id, Observer::new(gate));
            },
            |route, id| route.observers.remove(id),
        );
        if let Some(history) = history {
            history.replay(from, &mut |past| gate.open(past, R::PRIORITY));
        }
        registration
    }

    pub(crate) fn past<E: Notification>(&self, from: Replay) -> Option<Past<E>> {
        self.history::<E>().map(|history| history.replay(from, |past| past))
    }

    pub(crate) fn past_answers<R: Observable>(&self, from: Replay) -> Option<Past<Answer<R>>> {
        let history = self.answers::<R>()?;
        let mut taken = None;
        history.replay(from, &mut |past| taken = Some(past));
        taken
    }

    /// The history of a type, made at its first use if the type is retained by itself.
    pub(crate) fn history<E: Notification>(&self) -> Option<Arc<History<E>>> {
        let event = TypeId::of::<E>();
        let find = |route: Option<&NotificationRoute<E>>| route.and_then(|route| route.history.clone());
        let found = self.table().with(event, find);
        if found.is_some() || E::RETENTION.is_nothing() {
            return found;
        }
        // A new route of a retained type has one.
        self.change(event, |_: &mut NotificationRoute<E>| {});
        self.table().with(event, find)
    }

    fn answers<R: Request>(&self) -> Option<Arc<dyn RetainedAnswers<R>>> {
        self.table().with(TypeId::of::<R>(), |route: Option<&RequestRoute<R>>| route?.history.clone())
    }
}
