use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use edri_event::Failure;
use edri_router::{Backoff, Capacity, Context, DeadLetterOffice, HandlerLimit, Inbox, Overflow, Router};
use tokio::sync::oneshot;

use crate::entrance::Entrance;
use crate::handling::as_failure;
use crate::managed::Managed;
use crate::manager::{Manager, SharedManager};
use crate::placement::{Placement, Role};
use crate::run::{Engine, Life, Rare, Run, Slot};
use crate::settings::{Concurrency, Mode, Settings};
use crate::supervision::{Budget, Essential, Group, HandlerTimeout, Make, Member, Restart, Supervisor, made};

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
    source: Source<M>,
    settings: Settings,
    group: Option<Group>,
    placement: Placement,
    run: fn(M, Engine<M>) -> Run,
}

/// Where the manager comes from.
enum Source<M> {
    /// There is one, and no other.
    Given(M),
    /// It is made, and made again.
    Made(Make<M>),
}

/// A manager did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the manager {name} did not start: {failure}")]
pub struct StartError {
    /// The manager's name.
    pub name: String,
    /// What its `started` hook said, or what its host asks for that cannot be.
    pub failure: Failure,
}

impl<M: Manager> Host<M> {
    /// With the settings that the manager itself brings.
    ///
    /// There is only this one: it cannot be restarted, and whatever its handlers do, it goes on with the state it
    /// has.
    pub fn new(manager: M) -> Self {
        Self::of(Source::Given(manager))
    }

    /// With the settings that the manager itself brings; `make` is called for the first one, and again whenever it is
    /// [restarted](Self::restart).
    ///
    /// ```no_run
    /// # use edri_manager::{Backoff, Host, Manager, Restart};
    /// # use edri_router::Router;
    /// # use std::time::Duration;
    /// # async fn example<M: Manager>(new: fn() -> M, router: &Router) -> Result<(), edri_manager::StartError> {
    /// let calculator = Host::from_fn(new)
    ///     .restart(Restart::Always)
    ///     .budget(10, Duration::from_secs(60))
    ///     .backoff(Backoff::doubling(Duration::from_millis(10), Duration::from_secs(5)))
    ///     .start(router)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_fn(make: impl FnMut() -> M + Send + 'static) -> Self {
        Self::of(Source::Made(Box::new(make)))
    }

    fn of(source: Source<M>) -> Self {
        let (settings, placement) = (M::settings(), Placement::default());
        Self { source, settings, group: None, placement, run: M::run }
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

    /// Shares its notifications with all others, managers and subscriptions, that are in a group of this name: each
    /// event goes to one of them. So several managers of one type share the work.
    ///
    /// Who gets it is said at [`Subscribe::group`](edri_router::Subscribe::group). Requests and tunnels are shared
    /// anyway, by their route's policy; answers go to every `#[response]` handler. A group gets no replay: what `from`
    /// asks for of notifications is left out.
    pub fn group(mut self, group: impl Into<Cow<'static, str>>) -> Self {
        self.settings.group = Some(group.into());
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

    /// When it is replaced by a new one: [`OnPanic`](Restart::OnPanic) unless told otherwise, where new ones can be
    /// [made](Self::from_fn).
    ///
    /// Its inbox, what waits there, and every handle stay. The event it fell by becomes a dead letter, unless it is to
    /// be [delivered again](Self::redeliver); a request is answered.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.settings.supervision.restart = Some(restart);
        self
    }

    /// At most so many restarts in a period: 5 in 60 seconds unless told otherwise. When it falls once more, it is
    /// stopped: it leaves its routes, whoever waits for it is told, and what waits becomes dead letters.
    pub fn budget(mut self, restarts: u32, within: Duration) -> Self {
        self.settings.supervision.budget = Budget { restarts, within };
        self
    }

    /// How long to wait before a restart.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.supervision.backoff = backoff;
        self
    }

    /// Delivers a notification by which the manager fell to the new one, before all others, at most so often; then it
    /// is set aside as a dead letter. Without this, it is one at once.
    ///
    /// Only after a restart: with [`Restart::Never`], and after a failure under [`Restart::OnPanic`], nothing is
    /// delivered again.
    pub fn redeliver(mut self, times: u32) -> Self {
        self.settings.supervision.redeliver = times;
        self
    }

    /// Restarts it together with the others of a group.
    pub fn restart_group(mut self, group: &Group) -> Self {
        self.group = Some(group.clone());
        self
    }

    /// How long each of its handlers may take. One that takes longer is [told](Context::overdue), logged and counted,
    /// and given up if [so asked](HandlerTimeout::abandon).
    pub fn handler_timeout(mut self, timeout: impl Into<HandlerTimeout>) -> Self {
        self.settings.supervision.handler_timeout = Some(timeout.into());
        self
    }

    /// The program is not to go on without it: when its restarts are spent, `App::run` shuts down, and ends with an
    /// error that names it.
    pub fn essential(mut self) -> Self {
        self.settings.supervision.essential = Essential::Yes;
        self
    }

    /// Says that events come into the program by it: at the end it is stopped before those that handle them.
    pub fn source(mut self) -> Self {
        self.placement.role = Role::Source;
        self
    }

    /// Says that the manager of this name has to be there for as long as this one is: in a program it is started
    /// before, and stopped after it. May be said for several.
    pub fn needs(mut self, manager: impl Into<Cow<'static, str>>) -> Self {
        self.placement.needs.push(manager.into());
        self
    }

    /// How it is going to be run.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where it stands among others.
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// Starts it, and waits until its `started` hook has ended. Events that come meanwhile wait for it.
    ///
    /// Needs a tokio runtime.
    ///
    /// # Errors
    /// When the hook fails or panics, or the first manager cannot be made; it has stopped then. When it is to be
    /// restarted, and there is nothing to [make](Self::from_fn) new ones with.
    pub async fn start(self, router: &Router) -> Result<Managed, StartError> {
        let name = self.settings.name.clone().into_owned();
        let started = match self.spawn(router) {
            Ok((managed, told)) => told.await.map(|started| started.map(|()| managed)),
            Err(failure) => Ok(Err(failure)),
        };
        let stopped = |_| Err(Failure::new("stopped", "the runtime ended it while it started"));
        started.unwrap_or_else(stopped).map_err(|failure| StartError { name, failure })
    }

    fn spawn(self, router: &Router) -> Result<(Managed, Started), Failure> {
        let Self { source, settings, group, placement: _, run } = self;
        let name: Arc<str> = settings.name.into();
        let (manager, make) = match source {
            Source::Given(manager) => (manager, None),
            Source::Made(mut make) => (made(&mut make).map_err(|reason| as_failure(&reason))?, Some(make)),
        };
        let asked = settings.supervision;
        let supervised = match (asked.restart, make, group) {
            (None | Some(Restart::Never), None, None) | (Some(Restart::Never), Some(_), None) => None,
            (_, None, _) => return Err(nothing_to_make_it_with()),
            (restart, Some(make), group) => {
                let group =
                    group.unwrap_or_else(|| Group::new(Arc::clone(&name), asked.budget, asked.backoff));
                let restart = restart.unwrap_or(Restart::OnPanic);
                Some((make, Member::new(Arc::clone(&name), group, restart)))
            }
        };
        let limit =
            asked.handler_timeout.map(|limit| Arc::new(HandlerLimit::new(limit.after, limit.overdue)));
        let member = supervised.as_ref().map(|(_, member)| Arc::clone(member));
        let life = Life::new(Rare { member: member.clone(), limit: limit.clone() });

        let office = DeadLetterOffice::new(router, Arc::clone(&name));
        let (inbox, receiver) = Inbox::reporting(settings.inbox, office);
        router.attach_part(&inbox.part());
        let monitor = inbox.monitor();
        let slot = (settings.mode == Mode::Inline).then(|| Slot::new(inbox.clone(), Arc::clone(&life)));
        let group = settings.group.map(Arc::from);
        let mut entrance = Entrance::new(router, Arc::clone(&name), inbox.clone(), slot.clone(), group);
        M::attach(&mut entrance);
        let mut registrations = entrance.into_registrations();
        if let Some(member) = &member {
            member.enter(std::mem::take(&mut registrations));
        }
        let supervisor =
            supervised.map(|(make, member)| Box::new(Supervisor::new(make, member, asked.redeliver)));
        let (told, started) = oneshot::channel();
        let cx = Context::new(router.clone(), Arc::clone(&name));
        let cx = match limit {
            None => cx,
            Some(limit) => cx.limited(limit),
        };
        let (mode, open) = (settings.mode, inbox);
        let engine = Engine { receiver, open, cx, mode, slot, life: Arc::clone(&life), supervisor, told };
        let task = tokio::spawn(run(manager, engine));
        Ok((Managed::new(name, monitor, registrations, life, task), started))
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

/// How the start went, once it has.
type Started = oneshot::Receiver<Result<(), Failure>>;

#[cold]
fn nothing_to_make_it_with() -> Failure {
    Failure::new(
        "cannot_restart",
        "it is to be restarted, and was given as a value: expected `Host::from_fn`, which can make new ones",
    )
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
