use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use edri_event::Failure;
use edri_router::{Capacity, Context, DeadLetterOffice, Inbox, Overflow, Router};
use tokio::sync::oneshot;

use crate::entrance::Entrance;
use crate::managed::Managed;
use crate::manager::{Manager, SharedManager};
use crate::run::{CutShort, Engine, Run, Slot};
use crate::settings::{Concurrency, Mode, Settings};

/// A manager about to be started, with its settings.
///
/// ```no_run
/// # use edri_manager::{Host, Manager};
/// # use edri_router::{Overflow, Router};
/// # async fn example(calculator: impl Manager, router: &Router) -> Result<(), edri_manager::StartError> {
/// let calculator = Host::new(calculator).capacity(64).overflow(Overflow::Reject).start(router).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a manager runs when it is started"]
pub struct Host<M: Manager> {
    manager: M,
    settings: Settings,
    run: fn(M, Engine<M>) -> Run,
}

/// A manager did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the manager {name} did not start: {failure}")]
pub struct StartError {
    /// The manager's name.
    pub name: String,
    /// What its `started` hook said.
    pub failure: Failure,
}

impl<M: Manager> Host<M> {
    /// With the settings that the manager itself brings.
    pub fn new(manager: M) -> Self {
        Self { manager, settings: M::settings(), run: M::run }
    }

    /// Gives it another name.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// Bounds its inbox.
    pub fn capacity(mut self, capacity: impl Into<Capacity>) -> Self {
        self.settings.inbox.capacity = capacity.into();
        self
    }

    /// Says what happens when its inbox is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.inbox.overflow = overflow;
        self
    }

    /// Runs it on the tasks of its senders. See [`Mode::Inline`].
    pub fn inline(mut self) -> Self {
        self.settings.mode = Mode::Inline;
        self
    }

    /// Runs it on a task of its own, one event at a time.
    pub fn mailbox(mut self) -> Self {
        self.settings.mode = Mode::Mailbox;
        self
    }

    /// Starts it, and waits until its `started` hook has ended. Events that come meanwhile wait for it.
    ///
    /// Needs a tokio runtime.
    ///
    /// # Errors
    /// When the hook fails or panics; the manager has stopped then.
    pub async fn start(self, router: &Router) -> Result<Managed, StartError> {
        let (managed, started) = self.spawn(router);
        match started.await {
            Ok(Ok(())) => Ok(managed),
            Ok(Err(failure)) => Err(StartError { name: managed.name().to_owned(), failure }),
            Err(_) => Err(StartError {
                name: managed.name().to_owned(),
                failure: Failure::new("stopped", "the runtime ended it while it started"),
            }),
        }
    }

    fn spawn(self, router: &Router) -> (Managed, oneshot::Receiver<Result<(), Failure>>) {
        let Self { manager, settings, run } = self;
        let name: Arc<str> = settings.name.into();
        let office = DeadLetterOffice::new(router, Arc::clone(&name));
        let (inbox, receiver) = Inbox::reporting(settings.inbox, office);
        router.attach_part(&inbox.part());
        let monitor = inbox.monitor();
        let slot = (settings.mode == Mode::Inline).then(|| Slot::new(inbox.clone()));
        let mut entrance = Entrance::new(router, Arc::clone(&name), inbox.clone(), slot.clone());
        M::attach(&mut entrance);
        let registrations = entrance.into_registrations();
        let (started, told) = oneshot::channel();
        let cx = Context::new(router.clone(), Arc::clone(&name));
        let (mode, cut_short) = (settings.mode, CutShort::default());
        let engine = Engine { receiver, open: inbox, cx, mode, slot, cut_short: cut_short.clone(), started };
        let task = tokio::spawn(run(manager, engine));
        (Managed::new(name, monitor, registrations, cut_short, task), told)
    }

    /// Lets its handlers run at the same time, if all take `&self`.
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self
    where
        M: SharedManager,
    {
        self.settings.mode = Mode::Concurrent(concurrency);
        self.run = |manager, engine| engine.run_shared(manager);
        self
    }
}

/// What a manager can be started from: itself, or a [`Host`] with settings.
pub trait IntoHost {
    /// The manager.
    type Manager: Manager;

    /// As a host.
    fn into_host(self) -> Host<Self::Manager>;
}

impl<M: Manager> IntoHost for M {
    type Manager = M;

    fn into_host(self) -> Host<M> {
        Host::new(self)
    }
}

impl<M: Manager> IntoHost for Host<M> {
    type Manager = M;

    fn into_host(self) -> Self {
        self
    }
}

impl<M: Manager> fmt::Debug for Host<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Host").field("settings", &self.settings).finish()
    }
}
