use std::sync::Arc;

use edri_event::Failure;
use edri_router::{Context, Inbox, Receiver, caught};
use tokio::sync::oneshot;

use super::alone::{self, Left, Nobody};
use super::concurrent::Crew;
use super::inline::Slot;
use super::supervised::Supervised;
use super::{Life, Run};
use crate::handling::{as_failure, settle_hook};
use crate::manager::{Manager, SharedManager};
use crate::settings::Mode;
use crate::supervision::{End, ManagerStopped, Supervisor, started};

/// What a manager's loop needs.
pub struct Engine<M: Manager> {
    pub(crate) receiver: Receiver<M::Inbox>,
    /// Keeps the inbox open until it is closed: a manager without handlers lives, too.
    pub(crate) open: Inbox<M::Inbox>,
    pub(crate) cx: Context,
    pub(crate) mode: Mode,
    /// There if the manager runs inline.
    pub(crate) slot: Option<Arc<Slot<M>>>,
    pub(crate) life: Arc<Life>,
    /// There if the manager may be restarted.
    pub(crate) supervisor: Option<Box<Supervisor<M>>>,
    /// Told how the start went.
    pub(crate) told: oneshot::Sender<Result<(), Failure>>,
}

impl<M: Manager> Engine<M> {
    /// For any manager.
    pub fn run(self, manager: M) -> Run {
        let Self { mut receiver, open, cx, slot, told, life, supervisor, mode: _ } = self;
        // A future for each, so that the many that have a mailbox do not pay for the few that run inline or may be
        // restarted.
        match (supervisor, slot) {
            (None, None) => Box::pin(async move {
                let _open = open;
                let Some(manager) = start(manager, &cx, told).await else { return };
                let left = alone::mailbox(manager, &mut receiver, cx, &life, &Nobody).await;
                close(left, &life).await;
            }),
            (None, Some(slot)) => Box::pin(async move {
                let _open = open;
                let Some(manager) = start(manager, &cx, told).await else { return };
                let left = alone::inline(manager, &mut receiver, cx, &slot, &life, &Nobody).await;
                close(left, &life).await;
            }),
            (Some(supervisor), slot) => Box::pin(async move {
                let Some(manager) = start(manager, &cx, told).await else { return };
                let mut supervised = Supervised { receiver, open, slot, life, supervisor };
                let ended = supervised.run(manager, cx).await;
                let Supervised { receiver, life, .. } = supervised;
                match ended {
                    Ok((manager, cx)) => end(manager, &cx, &life).await,
                    Err((end, cx)) => {
                        // First whoever waits, then those who want to know.
                        drop(receiver);
                        announce_end(&cx, end);
                    }
                }
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
            let Self { mut receiver, open, cx, told, life, supervisor, .. } = self;
            let Some(manager) = start(manager, &cx, told).await else { return };
            let mut crew = Crew::new(manager, cx, life, supervisor, open);
            let ended = crew.work(&mut receiver, concurrency).await;
            let Crew { manager, cx, life, .. } = crew;
            match ended {
                Ok(()) => match Arc::try_unwrap(manager) {
                    Ok(manager) => end(manager, &cx, &life).await,
                    // Somebody has kept it, who can only be the manager itself.
                    Err(_) => life.end_in_order(),
                },
                Err(end) => {
                    drop(receiver);
                    announce_end(&cx, end);
                }
            }
        })
    }
}

async fn start<M: Manager>(
    manager: M,
    cx: &Context,
    told: oneshot::Sender<Result<(), Failure>>,
) -> Option<M> {
    let started = started(manager, cx).await;
    // Whoever started the manager may not wait to hear of it.
    let _ = told.send(started.as_ref().map(drop).map_err(as_failure));
    started.ok()
}

/// The end of a manager that nobody restarts.
async fn close<M: Manager>(left: Left<M>, life: &Life) {
    match left {
        Left::Closed(manager, cx) | Left::Fell(manager, cx, _) | Left::Recalled(manager, cx) => {
            end(manager, &cx, life).await;
        }
    }
}

/// Told to stop, it has done all it had to.
async fn end<M: Manager>(mut manager: M, cx: &Context, life: &Life) {
    stopping(&mut manager, cx).await;
    life.end_in_order();
    announce_end(cx, End::InOrder);
}

fn announce_end(cx: &Context, end: End) {
    cx.router().announce(|| ManagerStopped { name: cx.name().to_owned(), end });
}

/// Calls the hook.
pub(super) async fn stopping<M: Manager>(manager: &mut M, cx: &Context) {
    // Told to the log: there is nobody else to tell.
    let _ = settle_hook("stopping", caught(async { manager.stopping(cx).await }).await, cx);
}

impl<M: Manager> std::fmt::Debug for Engine<M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("cx", &self.cx).field("mode", &self.mode).finish()
    }
}
