use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use edri_router::{Inbox, Message, Reason, Registration};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::group::Group;
use super::news::End;
use super::policy::Restart;

/// What the loop of a manager that may be restarted shares with whoever holds it, with those who call it inline, and
/// with its group.
pub(crate) struct Member {
    pub(crate) name: Arc<str>,
    pub(crate) group: Group,
    restart: Restart,
    /// Its places on the routes, for as long as it lives.
    registrations: Mutex<Vec<Registration>>,
    restarts: AtomicU64,
    is_restarting: AtomicBool,
    end: OnceLock<End>,
    /// Its loop, which waits for events and looks after its group.
    waker: AtomicWaker,
    /// Its inbox has been closed: no use in waiting for the next restart.
    closed: Notify,
}

impl Member {
    pub(crate) fn new(name: Arc<str>, group: Group, restart: Restart) -> Arc<Self> {
        Arc::new(Self {
            name,
            group,
            restart,
            registrations: Mutex::default(),
            restarts: AtomicU64::new(0),
            is_restarting: AtomicBool::new(false),
            end: OnceLock::new(),
            waker: AtomicWaker::new(),
            closed: Notify::new(),
        })
    }

    /// It takes its places.
    pub(crate) fn enter(&self, registrations: Vec<Registration>) {
        *self.registrations.lock() = registrations;
    }

    /// Whether a handler that ended for this reason takes it down.
    pub(crate) fn falls_by(&self, reason: &Reason) -> bool {
        self.restart.covers(reason)
    }

    /// It takes no more in.
    pub(crate) fn close(&self) {
        self.leave();
        self.closed.notify_waiters();
    }

    /// It leaves its routes.
    pub(crate) fn leave(&self) {
        let registrations = std::mem::take(&mut *self.registrations.lock());
        drop(registrations);
    }

    /// Waits for a restart that is due then; not when all that is left to do is what waits in the inbox.
    pub(crate) async fn wait_until<I: Message>(&self, at: Instant, inbox: &Inbox<I>) {
        let closed = self.closed.notified();
        if !inbox.is_closed() {
            tokio::select! {
                () = closed => {}
                () = sleep_until(at) => {}
            }
        }
    }

    pub(crate) fn is_restarting(&self) -> bool {
        self.is_restarting.load(Ordering::Acquire)
    }

    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Acquire)
    }

    pub(crate) fn end(&self) -> Option<&End> {
        self.end.get()
    }

    pub(super) fn restarting(&self) {
        self.is_restarting.store(true, Ordering::Release);
    }

    pub(super) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Release);
        self.is_restarting.store(false, Ordering::Release);
    }

    pub(super) fn ended(&self, end: End) {
        // It ends once.
        let _ = self.end.set(end);
    }

    /// Its loop is woken when its group calls it back.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Member")
            .field("name", &self.name)
            .field("group", &self.group)
            .field("restart", &self.restart)
            .finish()
    }
}
