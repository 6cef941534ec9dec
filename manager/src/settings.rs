use std::borrow::Cow;

use edri_router::{Backoff, Capacity, InboxSettings, Overflow};

use crate::supervision::{Budget, Essential, HandlerTimeout, Restart, Supervision};

/// How a manager is run: what `#[manager(…)]` says, and a [`Host`](crate::Host) may change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Its name, in errors, logs and reports: the type's, unless told otherwise. Names need not be unique.
    pub name: Cow<'static, str>,
    /// How its inbox is bounded.
    pub inbox: InboxSettings,
    /// Where its handlers run.
    pub mode: Mode,
    /// The group in which it shares its notifications with others, if any.
    pub group: Option<Cow<'static, str>>,
    /// How it is kept up.
    pub supervision: Supervision,
}

impl Settings {
    /// The defaults, for a manager called `name`.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            inbox: InboxSettings::default(),
            mode: Mode::default(),
            group: None,
            supervision: Supervision::default(),
        }
    }

    /// The same with another name.
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same with another capacity.
    pub fn capacity(mut self, capacity: impl Into<Capacity>) -> Self {
        self.inbox.capacity = capacity.into();
        self
    }

    /// The same with another overflow policy.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.inbox.overflow = overflow;
        self
    }

    /// The same in a group; see [`Host::group`](crate::Host::group).
    pub fn group(self, group: impl Into<Cow<'static, str>>) -> Self {
        Self { group: Some(group.into()), ..self }
    }

    /// The same in another mode.
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The same with another restart policy. See [`Host::restart`](crate::Host::restart).
    pub fn restart(mut self, restart: Restart) -> Self {
        self.supervision.restart = Some(restart);
        self
    }

    /// The same with another budget of restarts.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.supervision.budget = budget;
        self
    }

    /// The same with another back-off.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.supervision.backoff = backoff;
        self
    }

    /// The same with so many redeliveries. See [`Host::redeliver`](crate::Host::redeliver).
    pub fn redeliver(mut self, times: u32) -> Self {
        self.supervision.redeliver = times;
        self
    }

    /// The same with limited handlers.
    pub fn handler_timeout(mut self, timeout: impl Into<HandlerTimeout>) -> Self {
        self.supervision.handler_timeout = Some(timeout.into());
        self
    }

    /// The same for a manager without which the program is not to go on.
    pub fn essential(mut self) -> Self {
        self.supervision.essential = Essential::Yes;
        self
    }
}

/// Where a manager's handlers run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// On a task of its own, one event at a time, in the order of its inbox.
    #[default]
    Mailbox,
    /// As a call on the sender's own task while the manager is free and nothing waits in its inbox; from its
    /// inbox, as [`Mailbox`](Self::Mailbox), otherwise. Still one event at a time, and in order for each sender.
    ///
    /// No task is woken, which makes a request several times faster. The price:
    /// * the sender waits for the handler, whatever the event's kind: a slow handler slows its senders;
    /// * a sender that goes away (a dropped `notify` or `request`) ends an async handler at its next `await`;
    /// * `try_notify` runs only handlers that are not async; others get the event by the inbox;
    /// * tunnels are always accepted from the inbox.
    Inline,
    /// On tasks of their own, several at a time. Only for managers whose handlers all take `&self`.
    Concurrent(Concurrency),
}

/// How handlers may overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Concurrency {
    /// Up to so many events at a time, one at a time and in order for each key. Events without a key count as
    /// having the same one.
    PerKey(usize),
    /// Up to so many events at a time, begun in order, ended in any.
    Unordered(usize),
}

impl Concurrency {
    /// How many handlers may run at a time; at least one.
    pub fn limit(self) -> usize {
        let (Self::PerKey(limit) | Self::Unordered(limit)) = self;
        limit.max(1)
    }
}
