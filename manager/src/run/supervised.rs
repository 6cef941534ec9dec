use std::pin::pin;
use std::sync::Arc;

use edri_router::{Context, Inbox, Receiver, caught_now};

use super::again::Again;
use super::alone::{Left, in_span, inline, mailbox, wait_for};
use super::inline::Slot;
use super::life::Life;
use crate::handled::Handled;
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
                    bury(fallen);
                    let reason = undone.reason.clone();
                    let redeliver = self.supervisor.redeliver;
                    let again = Again::after(1, redeliver, *undone, self.receiver.office(), &self.life);
                    let revived = self.supervisor.revive(Some(reason), &mut cx, &self.open).await;
                    (self.deliver_again(revived, again, &mut cx).await, cx)
                }
            };
            manager = match revived {
                Ok(manager) => manager,
                Err(end) => return Err((end, cx)),
            };
        }
    }

    /// Before all others, and once more with each manager that it takes down.
    async fn deliver_again(
        &mut self,
        revived: Result<M, End>,
        again: Option<Again<M::Inbox>>,
        cx: &mut Context,
    ) -> Result<M, End> {
        let mut manager = revived?;
        let mut next = again.and_then(Again::begin);
        while let Some((message, attempts)) = next.take() {
            let message = in_span(message, &mut self.receiver, cx);
            let handled = {
                let handling = pin!(manager.handle(message, cx));
                wait_for(handling, &mut self.receiver, &self.life).await
            };
            let Handled::Undone(undone) = handled else { break };
            self.life.note(&undone.reason, self.receiver.meter());
            if !self.life.falls_by(&undone.reason) {
                undone.give_up(attempts, self.receiver.office());
                break;
            }
            bury(manager);
            let reason = undone.reason.clone();
            let redeliver = self.supervisor.redeliver;
            let again = Again::after(attempts, redeliver, *undone, self.receiver.office(), &self.life);
            manager = self.supervisor.revive(Some(reason), cx, &self.open).await?;
            next = again.and_then(Again::begin);
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
