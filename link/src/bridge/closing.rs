use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Sleep;

/// It is to be closed in order.
#[derive(Debug)]
pub(super) struct Close;

/// How far an orderly end has come: nothing new is taken, what waits in the inboxes goes out, and then it is closed.
pub(super) struct Closing {
    asked: mpsc::UnboundedReceiver<Close>,
    within: Duration,
    stage: Stage,
}

enum Stage {
    Open,
    /// What waits still goes out, until then.
    Draining(Pin<Box<Sleep>>),
    Closed,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    /// To take nothing more.
    Leave,
    Close,
}

impl Closing {
    /// What waits may take so long to go out.
    pub(super) fn new(asked: mpsc::UnboundedReceiver<Close>, within: Duration) -> Self {
        Self { asked, within, stage: Stage::Open }
    }

    /// Whether nobody has asked for it yet.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// The next step, if it is time for one; the task is woken when it is. `is_drained` is whether nothing waits any more.
    pub(super) fn poll(&mut self, is_drained: impl FnOnce() -> bool, cx: &mut Context<'_>) -> Step {
        match &mut self.stage {
            Stage::Open => match self.asked.poll_recv(cx) {
                Poll::Pending => Step::Nothing,
                // Also when the handle was dropped.
                Poll::Ready(_) => {
                    self.stage = Stage::Draining(Box::pin(tokio::time::sleep(self.within)));
                    Step::Leave
                }
            },
            Stage::Draining(late) => {
                if is_drained() || late.as_mut().poll(cx).is_ready() {
                    self.stage = Stage::Closed;
                    return Step::Close;
                }
                Step::Nothing
            }
            Stage::Closed => Step::Nothing,
        }
    }
}
