use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};

use edri_event::{Failure, Notification, Request, RouterId, Tunnel};

use crate::dead_letter::DeadLetterOffice;
use crate::envelope::Envelope;
use crate::inbox::{Inbox, InboxSettings};
use crate::notify::{Delivered, Notify, NotifyError, notify_all};
use crate::registration::Registration;
use crate::request::{Answer, Asking, Closure, Observable};
use crate::route::{
    Deliver, NotificationRoute, Observer, RequestRoute, Respond, Route, Table, ToInbox, TunnelRoute,
};
use crate::subscription::Subscription;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::tunnel::{Open, Opening};
use crate::vitals::{Checks, Moment, Part, Parts};

/// Dispatches events to whoever is registered for their type.
///
/// A router is a table, not a queue: sending looks the route up in an immutable snapshot and pushes into each
/// subscriber's inbox, on the sender's own task. Clones are cheap and share the table; any number of routers
/// may live in one process and know nothing of each other.
///
/// When the last clone is dropped, subscriptions get what still waits in their inboxes, and end.
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
}

/// A router that may be gone.
#[derive(Clone)]
pub(crate) struct WeakRouter(Weak<Shared>);

impl WeakRouter {
    pub(crate) fn upgrade(&self) -> Option<Router> {
        self.0.upgrade().map(|shared| Router { shared })
    }
}

struct Shared {
    id: RouterId,
    table: Table,
    next_registration: AtomicU64,
    parts: Parts,
    checks: Checks,
    made: Moment,
}

impl Router {
    /// A router with no routes.
    pub fn new() -> Self {
        let shared = Shared {
            id: RouterId::fresh(),
            table: Table::new(),
            next_registration: AtomicU64::new(1),
            parts: Parts::default(),
            checks: Checks::default(),
            made: Moment::now(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// This router's identity.
    pub fn id(&self) -> RouterId {
        self.shared.id
    }

    /// Sends a notification to all who subscribe to its type. Await it; see [`Notify`] for what may be set
    /// before, when it waits, and what dropping it does.
    ///
    /// # Errors
    /// When some subscriber's inbox is full and its policy is to [reject](crate::Overflow::Reject). The others
    /// have the event.
    ///
    /// # Order
    /// Events of one sender to one subscriber arrive in the order in which they were sent, per priority lane.
    #[inline]
    pub fn notify<E: Notification>(&self, event: E) -> Notify<'_, E> {
        Notify::new(self, event)
    }

    /// Sends a notification without ever waiting.
    ///
    /// # Errors
    /// When some subscriber's inbox is full, unless its policy is to drop. The others have the event.
    pub fn try_notify<E: Notification>(&self, event: E) -> Result<Delivered, NotifyError> {
        Notify::new(self, event).try_now()
    }

    /// Sends many notifications, in order, at a fraction of the price of sending each: an inbox is locked once
    /// for as many as fit. Subscribers that come or go meanwhile are noticed every few hundred events.
    ///
    /// The counts are summed over all events; an error does not stop the rest.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    ///
    /// # Cancel safety
    /// Dropped while it waits, each subscriber has got a beginning of the batch, in order, and nothing else.
    pub fn notify_all<E, I>(
        &self,
        events: I,
    ) -> impl Future<Output = Result<Delivered, NotifyError>> + Send + use<'_, E, I>
    where
        E: Notification,
        I: IntoIterator<Item = E, IntoIter: Send> + Send,
    {
        notify_all(self, events)
    }

    /// Asks; exactly one responder answers. Await it; see [`Asking`] for what may be set before and what
    /// dropping it does.
    ///
    /// # Errors
    /// [`RequestError`](crate::RequestError) says which of all things happened, at once.
    #[inline]
    pub fn request<R: Request>(&self, event: R) -> Asking<'_, R> {
        Asking::new(self, event)
    }

    /// Opens a tunnel to one acceptor. Await it; see [`Open`].
    pub fn open<T: Tunnel>(&self, event: T) -> Open<'_, T> {
        Open::new(self, event)
    }

    /// Subscribes to a notification, with an inbox of the [default](InboxSettings::default) size and policy.
    /// Dropping the subscription ends it.
    pub fn subscribe<E: Notification>(&self) -> Subscription<E> {
        self.subscribe_with(InboxSettings::default())
    }

    /// Subscribes to a notification, with an inbox as told.
    pub fn subscribe_with<E: Notification>(&self, settings: InboxSettings) -> Subscription<E> {
        let name = subscription_name(E::name());
        let (inbox, receiver) = Inbox::reporting(settings, DeadLetterOffice::new(self, Arc::clone(&name)));
        let to = ToInbox::new(name, inbox, std::convert::identity);
        Subscription::new(receiver, self.attach_subscriber(Arc::new(to)))
    }

    /// Subscribes to the answers to a request, whoever gives them: each with its request, failures included.
    pub fn responses<R: Observable>(&self) -> Subscription<Answer<R>> {
        let name = subscription_name(R::name());
        let office = DeadLetterOffice::new(self, Arc::clone(&name));
        let (inbox, receiver) = Inbox::reporting(InboxSettings::default(), office);
        let to = ToInbox::new(name, inbox, std::convert::identity);
        Subscription::new(receiver, self.attach_observer(Arc::new(to)))
    }

    /// Answers requests with a closure, which runs on the requester's task: any number at once, and a
    /// requester that goes away ends its call. A panic in it is answered like any failure. Dropping the
    /// registration ends it.
    pub fn respond<R, F, A>(&self, respond: F) -> Registration
    where
        R: Request,
        F: Fn(R) -> A + Send + Sync + 'static,
        A: Future<Output = Result<R::Response, Failure>> + Send + 'static,
    {
        self.attach_responder(Arc::new(Closure(respond)))
    }

    /// Registers whoever takes notifications of one type.
    pub fn attach_subscriber<E: Notification>(
        &self,
        subscriber: Arc<dyn Deliver<Envelope<E>>>,
    ) -> Registration {
        let id = self.register::<NotificationRoute<E>>(TypeId::of::<E>(), |route, id| {
            route.subscribers.add(id, subscriber)
        });
        self.registration(move |table| {
            table.change::<NotificationRoute<E>>(TypeId::of::<E>(), |route| route.subscribers.remove(id));
        })
    }

    /// Registers whoever answers requests of one type.
    pub fn attach_responder<R: Request>(&self, responder: Arc<dyn Respond<R>>) -> Registration {
        let id = self
            .register::<RequestRoute<R>>(TypeId::of::<R>(), |route, id| route.responders.add(id, responder));
        self.registration(move |table| {
            table.change::<RequestRoute<R>>(TypeId::of::<R>(), |route| route.responders.remove(id));
        })
    }

    /// Registers whoever sees the answers to requests of one type.
    pub fn attach_observer<R: Observable>(
        &self,
        observer: Arc<dyn Deliver<Envelope<Answer<R>>>>,
    ) -> Registration {
        let observer = Observer { to: observer, copy_request: R::clone, copy_response: R::Response::clone };
        let id = self
            .register::<RequestRoute<R>>(TypeId::of::<R>(), |route, id| route.observers.add(id, observer));
        self.registration(move |table| {
            table.change::<RequestRoute<R>>(TypeId::of::<R>(), |route| route.observers.remove(id));
        })
    }

    /// Registers whoever accepts tunnels of one type.
    pub fn attach_acceptor<T: Tunnel>(&self, acceptor: Arc<dyn Deliver<Opening<T>>>) -> Registration {
        let id =
            self.register::<TunnelRoute<T>>(TypeId::of::<T>(), |route, id| route.acceptors.add(id, acceptor));
        self.registration(move |table| {
            table.change::<TunnelRoute<T>>(TypeId::of::<T>(), |route| route.acceptors.remove(id));
        })
    }

    /// Has the router know a manager or a pool, which is in its snapshots and is asked for its health from here on, until
    /// the last `Arc` to it is dropped. The router keeps none.
    pub fn attach_part(&self, part: &Arc<dyn Part>) {
        self.shared.parts.add(part);
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.shared.parts
    }

    pub(crate) fn checks(&self) -> &Checks {
        &self.shared.checks
    }

    pub(crate) fn made(&self) -> Moment {
        self.shared.made
    }

    #[inline]
    pub(crate) fn table(&self) -> &Table {
        &self.shared.table
    }

    pub(crate) fn downgrade(&self) -> WeakRouter {
        WeakRouter(Arc::downgrade(&self.shared))
    }

    /// Undone when it is dropped, if the router is still there.
    fn registration(&self, undo: impl FnOnce(&Table) + Send + Sync + 'static) -> Registration {
        let router = Arc::downgrade(&self.shared);
        Registration::new(move || {
            if let Some(router) = router.upgrade() {
                undo(&router.table);
            }
        })
    }

    /// Ids are given under the route's lock, so that they rise along it.
    fn register<R: Route>(&self, event: TypeId, add: impl FnOnce(&mut R, u64)) -> u64 {
        let mut given = 0;
        self.shared.table.change(event, |route| {
            given = self.shared.next_registration.fetch_add(1, Ordering::Relaxed);
            add(route, given);
        });
        given
    }
}

fn subscription_name(event: &str) -> Arc<str> {
    format!("a subscription to {event}").into()
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Router").field("id", &self.shared.id).finish()
    }
}
