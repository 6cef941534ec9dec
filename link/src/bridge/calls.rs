use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use bytes::Bytes;
use edri_event::{Progress, ProgressSink};
use edri_router::{Answered, Shareable, ShareableEvent as _};
use futures_util::task::AtomicWaker;

use super::outcome::from_wire;
use crate::call::CallId;
use crate::message::AnswerError;
use crate::numbers::ByNumber;

/// The requests that went out, until they are answered, or nobody waits for that any more.
#[derive(Default)]
pub(super) struct Calls {
    pending: ByNumber<CallId, Pending>,
    left: Arc<Left>,
}

struct Pending {
    event: Shareable,
    answered: Box<dyn Answered>,
    progress: Option<ProgressSink>,
}

/// Those whose requesters have gone away, from whatever thread.
#[derive(Default)]
struct Left {
    calls: Mutex<Vec<CallId>>,
    any: AtomicBool,
    task: AtomicWaker,
}

/// Woken when the requester of one goes away.
struct Leaves {
    call: CallId,
    left: Arc<Left>,
}

impl Calls {
    /// A request went out under that number.
    pub(super) fn await_answer(
        &mut self,
        call: CallId,
        event: Shareable,
        mut answered: Box<dyn Answered>,
        progress: Option<ProgressSink>,
    ) {
        let leaves = Arc::new(Leaves { call, left: Arc::clone(&self.left) });
        let waker = Waker::from(Arc::clone(&leaves));
        if answered.poll_cancelled(&mut Context::from_waker(&waker)).is_ready() {
            leaves.wake();
        }
        self.pending.insert(call, Pending { event, answered, progress });
    }

    /// It is answered, by `peer`.
    pub(super) fn answer(&mut self, call: CallId, outcome: Result<Bytes, AnswerError>, peer: &str) {
        if let Some(Pending { event, answered, .. }) = self.pending.remove(&call) {
            match outcome {
                Ok(response) => answered.answer(Ok(&response)),
                Err(error) => answered.answer(Err(from_wire(error, event.known_name(), peer))),
            }
        }
    }

    pub(super) fn report(&self, call: CallId, progress: Progress) {
        if let Some(Pending { progress: Some(sink), .. }) = self.pending.get(&call) {
            sink.report(progress);
        }
    }

    /// Those for whose answers nobody waits any more; the task is woken for others.
    pub(super) fn take_left(&mut self, cx: &Context<'_>) -> Vec<CallId> {
        self.left.task.register(cx.waker());
        if !self.left.any.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        let mut left = std::mem::take(&mut *self.left.calls.lock().unwrap_or_else(PoisonError::into_inner));
        left.retain(|call| self.pending.remove(call).is_some());
        left
    }
}

impl Wake for Leaves {
    fn wake(self: Arc<Self>) {
        self.left.calls.lock().unwrap_or_else(PoisonError::into_inner).push(self.call);
        self.left.any.store(true, Ordering::Release);
        self.left.task.wake();
    }
}
