use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Sleep;

/// By this it is asked for an orderly end; also when it is dropped.
pub(super) struct Asker(Arc<Asked>);

#[derive(Default)]
struct Asked {
    is_asked: AtomicBool,
    task: AtomicWaker,
}

/// How far an orderly end has come: nothing new is taken, what waits in the inboxes goes out, and then it is closed.
pub(super) struct Closing {
    asked: Arc<Asked>,
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

impl Asker {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    pub(super) fn ask(&self) {
        self.0.is_asked.store(true, Ordering::Release);
        self.0.task.wake();
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.ask();
    }
}

impl Closing {
    /// What waits may take so long to go out.
    pub(super) fn new(asker: &Asker, within: Duration) -> Self {
        Self { asked: Arc::clone(&asker.0), within, stage: Stage::Open }
    }

    /// Whether nobody has asked for it yet.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// The next step, if it is time for one; the task is woken when it is. `is_drained` is whether nothing waits any more.
    pub(super) fn poll(&mut self, is_drained: impl FnOnce() -> bool, cx: &mut Context<'_>) -> Step {
        match &mut self.stage {
            Stage::Open => {
                self.asked.task.register(cx.waker());
                if !self.asked.is_asked.load(Ordering::Acquire) {
                    return Step::Nothing;
                }
                self.stage = Stage::Draining(Box::pin(tokio::time::sleep(self.within)));
                Step::Leave
            }
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
