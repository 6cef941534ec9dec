use std::sync::Arc;

use edri_event::Failure;
use edri_router::{Context, Inbox, Receiver, caught};
use tokio::sync::oneshot;

use super::inline::Slot;
use super::{CutShort, Run};
use crate::handling::settle_hook;
use crate::manager::{Manager, SharedManager};
use crate::settings::Mode;

/// What a manager's loop needs.
pub struct Engine<M: Manager> {
    pub(crate) receiver: Receiver<M::Inbox>,
    /// Keeps the inbox open until it is closed: a manager without handlers lives, too.
    pub(crate) open: Inbox<M::Inbox>,
    pub(crate) cx: Context,
    pub(crate) mode: Mode,
    /// There if the manager runs inline.
    pub(crate) slot: Option<Arc<Slot<M>>>,
    pub(crate) cut_short: CutShort,
    /// Told how the start went.
    pub(crate) started: oneshot::Sender<Result<(), Failure>>,
}

impl<M: Manager> Engine<M> {
    /// For any manager.
    pub fn run(self, manager: M) -> Run {
        let Self { mut receiver, open, mut cx, slot, started, cut_short, mode: _ } = self;
        // Two futures, so that the many that have a mailbox do not pay for the few that run inline.
        match slot {
            None => Box::pin(async move {
                let _open = open;
                let Some(mut manager) = start(manager, &cx, started).await else { return };
                // Lent, not given: a future has room for each place in which something ever was.
                super::alone::mailbox(&mut manager, &mut receiver, &mut cx, &cut_short).await;
                stop(manager, &cx).await;
            }),
            Some(slot) => Box::pin(async move {
                let _open = open;
                let Some(manager) = start(manager, &cx, started).await else { return };
                let (manager, cx) = super::alone::inline(manager, &mut receiver, cx, &slot, &cut_short).await;
                stop(manager, &cx).await;
            }),
        }
    }

    /// For a manager whose handlers may run at the same time.
    pub fn run_shared(self, manager: M) -> Run
    where
        M: SharedManager,
    {
        let Mode::Concurrent(concurrency) = self.mode else { return self.run(manager) };
        Box::pin(async move {
            let Self { mut receiver, open, cx, started, cut_short, .. } = self;
            let Some(manager) = start(manager, &cx, started).await else { return };
            let crew =
                super::concurrent::Crew { manager: Arc::new(manager), cx: cx.clone(), cut_short, open };
            let manager = super::concurrent::shared(crew, &mut receiver, concurrency).await;
            if let Ok(manager) = Arc::try_unwrap(manager) {
                stop(manager, &cx).await;
            }
        })
    }
}

async fn start<M: Manager>(
    mut manager: M,
    cx: &Context,
    told: oneshot::Sender<Result<(), Failure>>,
) -> Option<M> {
    let outcome = settle_hook("started", caught(async { manager.started(cx).await }).await, cx);
    let started = outcome.is_ok();
    // Whoever started the manager may not wait to hear of it.
    let _ = told.send(outcome);
    started.then_some(manager)
}

async fn stop<M: Manager>(mut manager: M, cx: &Context) {
    // Told to the log: there is nobody else to tell.
    let _ = settle_hook("stopping", caught(async { manager.stopping(cx).await }).await, cx);
}

impl<M: Manager> std::fmt::Debug for Engine<M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("cx", &self.cx).field("mode", &self.mode).finish()
    }
}
