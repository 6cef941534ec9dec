use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use edri_event::Notification;

use crate::dead_letter::DeadLetterOffice;
use crate::history::Replay;
use crate::inbox::{Capacity, Inbox, InboxSettings, Overflow};
use crate::route::ToInbox;
use crate::router::Router;
use crate::subscription::{Source, Subscription};

/// A subscription about to begin. Made by [`Router::subscription`].
///
/// ```
/// use edri_event::Notification;
/// use edri_router::{Overflow, Router};
///
/// #[derive(Notification)]
/// struct Placed(u64);
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::new();
/// let packer = || router.subscription::<Placed>().named("packer").group("packing").capacity(16).start();
/// let (mut one, mut other) = (packer(), packer());
/// router.notify_all([Placed(1), Placed(2)]).await?;
/// assert_eq!(one.recv().await.map(|placed| placed.0), Some(1));
/// assert_eq!(other.recv().await.map(|placed| placed.0), Some(2));
/// # Ok(())
/// # }
/// ```
#[must_use = "a subscription begins when it is started"]
pub struct Subscribe<'r, E: Notification> {
    router: &'r Router,
    name: Option<Arc<str>>,
    settings: InboxSettings,
    group: Option<Arc<str>>,
    from: Option<Replay>,
    event: PhantomData<fn() -> E>,
}

impl<'r, E: Notification> Subscribe<'r, E> {
    pub(crate) fn new(router: &'r Router) -> Self {
        Self {
            router,
            name: None,
            settings: InboxSettings::default(),
            group: None,
            from: None,
            event: PhantomData,
        }
    }

    /// Gives it a name, for errors and logs: that of its event, unless told otherwise. Names need not be unique.
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Bounds its inbox.
    pub fn capacity(mut self, capacity: impl Into<Capacity>) -> Self {
        self.settings.capacity = capacity.into();
        self
    }

    /// Says what happens when its inbox is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.overflow = overflow;
        self
    }

    /// Both at once.
    pub fn inbox(mut self, settings: InboxSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Shares the events with all others, managers among them, that subscribe to this type under the same group name, on
    /// this router and on those it is linked with: each event goes to one of them.
    ///
    /// An event with a key goes to the member of that key, in order, full or not; when a member leaves, only its keys
    /// move. Without a key they take turns, and a full member is passed over; if all are full, the overflow policy of
    /// one of them holds. What waits for a member that leaves stays its own.
    ///
    /// A group gets no replay: what is past has had its turn.
    pub fn group(mut self, name: impl Into<Arc<str>>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// Begins with what is retained; see [`Subscription::from`].
    pub fn from(mut self, from: Replay) -> Self {
        self.from = Some(from);
        self
    }

    /// Begins. It gets the events that are sent from the moment this returns.
    #[must_use = "dropping a subscription ends it"]
    pub fn start(self) -> Subscription<E> {
        let Self { router, name, settings, group, from, .. } = self;
        let name = name.unwrap_or_else(|| subscription_name(E::name()));
        let (inbox, receiver) = Inbox::reporting(settings, DeadLetterOffice::new(router, Arc::clone(&name)));
        let to = Arc::new(ToInbox::plain_to(name, inbox));
        let (registration, past): (_, fn(&Router, Replay) -> _) = match group {
            None => (router.attach_subscriber(to), Router::past),
            Some(group) => (router.attach_to_group(group, to), |_, _| None),
        };
        let subscription =
            Subscription::new(receiver, registration, Source { router: router.downgrade(), past });
        match from {
            None => subscription,
            Some(from) => subscription.from(from),
        }
    }
}

/// What a subscription is called that has no name of its own.
pub(crate) fn subscription_name(event: &str) -> Arc<str> {
    format!("a subscription to {event}").into()
}

impl<E: Notification> fmt::Debug for Subscribe<'_, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Subscribe")
            .field("event", &E::name())
            .field("name", &self.name)
            .field("settings", &self.settings)
            .field("group", &self.group)
            .field("from", &self.from)
            .finish()
    }
}
