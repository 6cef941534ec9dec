use std::pin::pin;
use std::sync::Arc;

use edri_router::{Context, Inbox, Receiver, caught_now};

use super::again::Again;
use super::alone::{Left, in_span, inline, mailbox, wait_for};
use super::inline::Slot;
use super::life::Life;
use crate::handled::{Handled, Undone};
use crate::manager::Manager;
use crate::supervision::{End, Supervisor};

/// What stays while managers come and go.
pub(super) struct Supervised<M: Manager> {
    pub(super) receiver: Receiver<M::Inbox>,
    pub(super) open: Inbox<M::Inbox>,
    pub(super) slot: Option<Arc<Slot<M>>>,
    pub(super) life: Arc<Life>,
    pub(super) supervisor: Box<Supervisor<M>>,
}

impl<M: Manager> Supervised<M> {
    /// Runs `manager`, and those that follow it, until the inbox is closed and empty, or there are no restarts left.
    pub(super) async fn run(&mut self, manager: M, cx: Context) -> Result<(M, Context), (End, Context)> {
        let (mut manager, mut cx) = (manager, cx);
        loop {
            let Self { receiver, slot, life, supervisor, .. } = self;
            let left = match slot {
                None => mailbox(manager, receiver, cx, life, &supervisor.standing).await,
                Some(slot) => inline(manager, receiver, cx, slot, life, &supervisor.standing).await,
            };
            let revived;
            (revived, cx) = match left {
                Left::Closed(manager, cx) => return Ok((manager, cx)),
                Left::Recalled(mut manager, mut cx) => {
                    super::engine::stopping(&mut manager, &cx).await;
                    bury(manager);
                    (self.supervisor.revive(None, &mut cx, &self.open).await, cx)
                }
                Left::Fell(fallen, mut cx, undone) => {
                    let revived = match self.replace(fallen, *undone, 1, &mut cx).await {
                        Ok((manager, again)) => self.deliver_again(manager, again, &mut cx).await,
                        Err(end) => Err(end),
                    };
                    (revived, cx)
                }
            };
            manager = match revived {
                Ok(manager) => manager,
                Err(end) => return Err((end, cx)),
            };
        }
    }

    /// A new manager in the place of one that fell by an event, at this attempt with it, and the event if it is to be
    /// delivered again.
    async fn replace(
        &mut self,
        fallen: M,
        undone: Undone<M::Inbox>,
        attempts: u32,
        cx: &mut Context,
    ) -> Result<(M, Option<Again<M::Inbox>>), End> {
        bury(fallen);
        let reason = undone.reason.clone();
        let redeliver = self.supervisor.redeliver;
        let again = Again::after(attempts, redeliver, undone, self.receiver.office(), &self.life);
        let manager = self.supervisor.revive(Some(reason), cx, &self.open).await?;
        Ok((manager, again))
    }

    /// Before all others, and once more with each manager that it takes down.
    async fn deliver_again(
        &mut self,
        mut manager: M,
        mut again: Option<Again<M::Inbox>>,
        cx: &mut Context,
    ) -> Result<M, End> {
        while let Some((message, attempts)) = again.take().and_then(Again::begin) {
            let message = in_span(message, &mut self.receiver, cx);
            let handled = {
                let handling = pin!(manager.handle(message, cx));
                wait_for(handling, &mut self.receiver, &self.life).await
            };
            let Handled::Undone(undone) = handled else { break };
            let Some(undone) = self.life.judge(undone, attempts, &self.receiver) else { break };
            (manager, again) = self.replace(manager, *undone, attempts, cx).await?;
        }
        Ok(manager)
    }
}

/// What a handler that did not end well has left behind may panic when it is dropped.
pub(super) fn bury<M>(fallen: M) {
    let buried = caught_now(|| {
        drop(fallen);
        Ok(())
    });
    if let Err(error) = buried {
        tracing::error!("a manager that fell could not be dropped: {error}");
    }
}
