use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::{Arc, Weak};

use edri_event::{Failure, Notification, Request, RoutePolicy, RouterId, Tunnel};

use crate::behalf::Scope;
use crate::border::{Borders, Shareable};
use crate::context::Context;
use crate::dead_letter::{DeadLetterOffice, Letters};
use crate::envelope::Envelope;
use crate::inbox::{Inbox, InboxSettings};
use crate::notify::{Delivered, Notify, NotifyError, notify_all};
use crate::registration::Registration;
use crate::request::{Answer, Asking, Closure, ClosureWith, Observable, Requester};
use crate::route::{
    Deliver, NotificationRoute, Observer, RequestRoute, Respond, Route, Table, ToInbox, TunnelRoute,
};
use crate::subscribe::{Subscribe, subscription_name};
use crate::subscription::{Source, Subscription};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::tunnel::{Open, Opening};
use crate::vitals::{Checks, Moment, Part, Parts};
use crate::wait_graph::{WaitGraph, Waits};

/// Dispatches events to whoever is registered for their type.
///
/// A router is a table, not a queue: sending looks the route up in an immutable snapshot and pushes into each
/// subscriber's inbox, on the sender's own task. Clones are cheap and share the table; any number of routers
/// may live in one process and know nothing of each other.
///
/// When the last clone is dropped, subscriptions get what still waits in their inboxes, and end.
///
/// # On whose behalf
///
/// The router that a handler gets from its [context](crate::Context::router) knows on whose behalf it sends: what
/// is asked through it inherits the deadline and the requester of the event that is being handled. A clone is free of
/// that: taken into a task that the handler starts, it is a router like any other.
pub struct Router {
    shared: Arc<Shared>,
    /// On whose behalf it sends. It is here, and not behind a pointer, so that a context, which is a router and
    /// this, needs no memory but its own.
    scope: Option<Scope>,
}

impl Clone for Router {
    /// A router on nobody's behalf.
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), scope: None }
    }
}

/// A router that may be gone.
#[derive(Clone)]
pub(crate) struct WeakRouter(Weak<Shared>);

impl WeakRouter {
    pub(crate) fn upgrade(&self) -> Option<Router> {
        self.0.upgrade().map(|shared| Router { shared, scope: None })
    }
}

struct Shared {
    id: RouterId,
    table: Table,
    borders: Borders,
    first_registration: u64,
    next_registration: AtomicU64,
    letters: Letters,
    waits: Waits,
    parts: Parts,
    checks: Checks,
    made: Moment,
}

impl Shared {
    /// Changes a route, and lets the borders know.
    fn change<R: Route>(&self, event: TypeId, change: impl FnOnce(&mut R)) {
        self.table.change(event, change);
        if let Some(event) = R::shareable() {
            self.borders.changed(&event);
        }
    }
}

impl Router {
    /// A router with no routes.
    pub fn new() -> Self {
        Self::with_id(RouterId::fresh())
    }

    /// The same under an identity that it keeps when its program is started anew. No two routers that hear of each other may
    /// have the same at a time.
    pub fn with_id(id: RouterId) -> Self {
        let first_registration = first_registration();
        let shared = Shared {
            id,
            table: Table::new(),
            borders: Borders::new(),
            first_registration,
            next_registration: AtomicU64::new(first_registration),
            letters: Letters::new(),
            waits: Waits::new(),
            parts: Parts::default(),
            checks: Checks::default(),
            made: Moment::now(),
        };
        Self { shared: Arc::new(shared), scope: None }
    }

    /// This router's identity.
    pub fn id(&self) -> RouterId {
        self.shared.id
    }

    /// Sends a notification to all who subscribe to its type. Await it; see [`Notify`] for what may be set
    /// before, when it waits, and what dropping it does. If nobody does, it is a
    /// [dead letter](crate::DeadLetter).
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
        Asking::by_router(self, event)
    }

    /// A handle for many requests of one type: it finds who answers them faster than [`request`](Self::request)
    /// does, and just as surely.
    pub fn requester<R: Request>(&self) -> Requester<R> {
        Requester::new(self)
    }

    /// Opens a tunnel to one acceptor. Await it; see [`Open`].
    pub fn open<T: Tunnel>(&self, event: T) -> Open<'_, T> {
        Open::new(self, event)
    }

    /// Subscribes to a notification, with an inbox of the [default](InboxSettings::default) size and policy.
    /// Dropping the subscription ends it.
    pub fn subscribe<E: Notification>(&self) -> Subscription<E> {
        self.subscription().start()
    }

    /// Subscribes to a notification, with an inbox as told.
    pub fn subscribe_with<E: Notification>(&self, settings: InboxSettings) -> Subscription<E> {
        self.subscription().inbox(settings).start()
    }

    /// Subscribes to a notification with more than an inbox of its own: a name, a group, a part of the past.
    pub fn subscription<E: Notification>(&self) -> Subscribe<'_, E> {
        Subscribe::new(self)
    }

    /// Subscribes to the answers to a request, whoever gives them: each with its request, failures included.
    pub fn responses<R: Observable>(&self) -> Subscription<Answer<R>> {
        let name = subscription_name(R::name());
        let office = DeadLetterOffice::new(self, Arc::clone(&name));
        let (inbox, receiver) = Inbox::reporting(InboxSettings::default(), office);
        let to = ToInbox::plain_to(name, inbox);
        let source = Source { router: self.downgrade(), past: Self::past_answers };
        Subscription::new(receiver, self.attach_observer(Arc::new(to)), source)
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
        self.attach_responder(Arc::new(Closure::new(closure_name(R::name()), respond)))
    }

    /// As [`respond`](Self::respond), with a [context](Context): what the closure asks through
    /// [`cx.router()`](Context::router) inherits the request's deadline, and the closure can report progress.
    ///
    /// ```
    /// # use edri_event::Request;
    /// # use edri_router::{RequestError, Router};
    /// # use std::time::Duration;
    /// #[derive(Request)]
    /// #[request(response = u64)]
    /// struct Price(&'static str);
    ///
    /// #[derive(Request)]
    /// #[request(response = u64)]
    /// struct PriceOfTwo(&'static str);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let router = Router::new();
    /// let _price = router.respond(|_: Price| std::future::pending());
    /// let _double = router.respond_with(|asked: PriceOfTwo, cx| async move {
    ///     Ok(2 * cx.router().request(Price(asked.0)).await?)
    /// });
    /// let answer = router.request(PriceOfTwo("tea")).timeout(Duration::from_millis(10)).await;
    /// assert!(matches!(answer, Err(RequestError::TimedOut { .. })));
    /// # Ok(())
    /// # }
    /// ```
    pub fn respond_with<R, F, A>(&self, respond: F) -> Registration
    where
        R: Request,
        F: Fn(R, Context) -> A + Send + Sync + 'static,
        A: Future<Output = Result<R::Response, Failure>> + Send + 'static,
    {
        let closure = ClosureWith::new(self.downgrade(), closure_name(R::name()), respond);
        self.attach_responder(Arc::new(closure))
    }

    /// Who waits for whose answer at this moment, among those who ask on behalf of an event: managers and workers,
    /// through their [context's router](Context::router). [`WaitGraph::cycles`] are deadlocks; each is also told to
    /// the log, at level `WARN`, when it closes (unless it takes a look at more than 256 waits to see that).
    ///
    /// It takes a moment's look at each wait; others go on meanwhile.
    pub fn wait_graph(&self) -> WaitGraph {
        self.shared.waits.graph()
    }

    /// Registers whoever takes notifications of one type.
    pub fn attach_subscriber<E: Notification>(
        &self,
        subscriber: Arc<dyn Deliver<Envelope<E>>>,
    ) -> Registration {
        self.attach::<NotificationRoute<E>>(
            TypeId::of::<E>(),
            |route, id| route.subscribers.add(id, subscriber),
            |route, id| route.subscribers.remove(id),
        )
    }

    /// As [`attach_subscriber`](Self::attach_subscriber), for one of several that share the events: see
    /// [`Subscribe::group`].
    pub fn attach_to_group<E: Notification>(
        &self,
        group: impl Into<Arc<str>>,
        member: Arc<dyn Deliver<Envelope<E>>>,
    ) -> Registration {
        let group = group.into();
        self.attach::<NotificationRoute<E>>(
            TypeId::of::<E>(),
            |route, id| route.join(&group, id, member),
            NotificationRoute::leave,
        )
    }

    /// Registers whoever answers requests of one type.
    pub fn attach_responder<R: Request>(&self, responder: Arc<dyn Respond<R>>) -> Registration {
        self.attach::<RequestRoute<R>>(
            TypeId::of::<R>(),
            |route, id| route.responders.add(id, responder),
            |route, id| route.responders.remove(id),
        )
    }

    /// Registers whoever sees the answers to requests of one type.
    pub fn attach_observer<R: Observable>(
        &self,
        observer: Arc<dyn Deliver<Envelope<Answer<R>>>>,
    ) -> Registration {
        self.attach::<RequestRoute<R>>(
            TypeId::of::<R>(),
            |route, id| route.observers.add(id, Observer::new(observer)),
            |route, id| route.observers.remove(id),
        )
    }

    /// Registers whoever accepts tunnels of one type.
    pub fn attach_acceptor<T: Tunnel>(&self, acceptor: Arc<dyn Deliver<Opening<T>>>) -> Registration {
        self.attach::<TunnelRoute<T>>(
            TypeId::of::<T>(),
            |route, id| route.acceptors.add(id, acceptor),
            |route, id| route.acceptors.remove(id),
        )
    }

    /// Says which of several responders gets a request of this type, in place of the [type's own](Request::POLICY)
    /// policy. It lasts for as long as the router does, whoever comes and goes.
    pub fn route_requests<R: Request>(&self, policy: RoutePolicy) {
        self.change(TypeId::of::<R>(), |route: &mut RequestRoute<R>| route.policy = policy);
    }

    /// Says which of several acceptors gets a tunnel of this type, in place of the [type's own](Tunnel::POLICY) policy.
    pub fn route_tunnels<T: Tunnel>(&self, policy: RoutePolicy) {
        self.change(TypeId::of::<T>(), |route: &mut TunnelRoute<T>| route.policy = policy);
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

    pub(crate) fn letters(&self) -> &Letters {
        &self.shared.letters
    }

    /// Takes a subscriber that is gone off its route, before its registration ends.
    #[cold]
    pub(crate) fn take_off<E: Notification>(&self, gone: &Arc<dyn Deliver<Envelope<E>>>) {
        self.shared.change::<NotificationRoute<E>>(TypeId::of::<E>(), |route| route.take_off(gone));
    }

    /// The same for an observer.
    #[cold]
    pub(crate) fn take_off_observer<R: Request>(&self, gone: &Arc<dyn Deliver<Envelope<Answer<R>>>>) {
        self.shared.change::<RequestRoute<R>>(TypeId::of::<R>(), |route| {
            route.observers.remove_where(|observer| match observer {
                Observer::Here(seeing) => Arc::ptr_eq(&seeing.to, gone),
                Observer::Afar(_) => false,
            });
        });
    }

    pub(crate) fn waits(&self) -> &Waits {
        &self.shared.waits
    }

    /// The same router, on somebody's behalf.
    pub(crate) fn on_behalf(&self, scope: Scope) -> Self {
        Self { shared: Arc::clone(&self.shared), scope: Some(scope) }
    }

    #[inline]
    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    #[inline]
    pub(crate) fn scope_mut(&mut self) -> Option<&mut Scope> {
        self.scope.as_mut()
    }

    pub(crate) fn downgrade(&self) -> WeakRouter {
        WeakRouter(Arc::downgrade(&self.shared))
    }

    /// The numbers of all registrations so far.
    pub(crate) fn registrations(&self) -> Range<u64> {
        self.shared.first_registration..self.shared.next_registration.load(Ordering::Relaxed)
    }

    /// Changes a route, which may be the first of its event.
    pub(crate) fn change<R: Route>(&self, event: TypeId, change: impl FnOnce(&mut R)) {
        self.introduce(R::shareable());
        self.shared.change(event, change);
    }

    /// Has the borders know an event, if it may cross them. Whether somebody behind one may have come to its route since
    /// it was looked up.
    #[inline]
    pub(crate) fn introduce(&self, event: Option<Shareable>) -> bool {
        event.is_some_and(|event| self.shared.borders.introduce(self, &event))
    }

    pub(crate) fn borders(&self) -> &Borders {
        &self.shared.borders
    }

    /// Adds somebody to a route under an id of his own, and removes him when the registration is dropped, if the
    /// router is still there then.
    ///
    /// Ids are given under the route's lock, so that they rise along it.
    pub(crate) fn attach<R: Route>(
        &self,
        event: TypeId,
        add: impl FnOnce(&mut R, u64),
        remove: fn(&mut R, u64),
    ) -> Registration {
        self.introduce(R::shareable());
        self.attach_known(event, add, remove)
    }

    /// The same for somebody behind a border. The event has been introduced, or is being.
    pub(crate) fn attach_place<R: Route>(
        &self,
        event: TypeId,
        add: impl FnOnce(&mut R, u64),
        remove: fn(&mut R, u64),
    ) -> Registration {
        match R::shareable() {
            Some(_) => self.attach_known(event, add, remove),
            None => unreachable!("borders hear of shareable events only"),
        }
    }

    fn attach_known<R: Route>(
        &self,
        event: TypeId,
        add: impl FnOnce(&mut R, u64),
        remove: fn(&mut R, u64),
    ) -> Registration {
        let mut id = 0;
        self.shared.change(event, |route| {
            id = self.shared.next_registration.fetch_add(1, Ordering::Relaxed);
            add(route, id);
        });
        let router = Arc::downgrade(&self.shared);
        Registration::new(move || {
            if let Some(router) = router.upgrade() {
                router.change::<R>(event, |route| remove(route, id));
            }
        })
    }
}

/// Registrations are told apart by their numbers among all routers that hear of each other: each router begins at random,
/// and has a quarter of all numbers until the last.
fn first_registration() -> u64 {
    let bits = if cfg!(shuttle) { 0 } else { RouterId::fresh().to_bits() as u64 >> 2 };
    bits + 1
}

fn closure_name(request: &str) -> Arc<str> {
    format!("a closure that answers {request}").into()
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on_behalf_of = self.scope.as_ref().map(|scope| &scope.name);
        formatter
            .debug_struct("Router")
            .field("id", &self.shared.id)
            .field("on_behalf_of", &on_behalf_of)
            .finish()
    }
}
