use std::fmt;
use std::sync::Arc;

use edri_event::Failure;

use super::error::TunnelError;
use super::flow::{Flow, Side};

/// What it means that a tunnel's end is dropped, said by whoever watches its handler. See
/// [`TunnelEnd::supervise`](super::TunnelEnd::supervise).
///
/// Dropped itself, it says that the end was lost.
pub struct Verdict(Option<Box<dyn Supervised>>);

trait Supervised: Send + Sync {
    fn settle(&self, verdict: &TunnelError);
}

struct Flows<S, R> {
    out: Arc<Flow<S>>,
    back: Arc<Flow<R>>,
}

impl<S: Send, R: Send> Supervised for Flows<S, R> {
    fn settle(&self, verdict: &TunnelError) {
        self.out.settle(Side::Sender, verdict);
        self.back.settle(Side::Receiver, verdict);
    }
}

impl Verdict {
    pub(super) fn new<S: Send + 'static, R: Send + 'static>(out: Arc<Flow<S>>, back: Arc<Flow<R>>) -> Self {
        out.supervise(Side::Sender);
        back.supervise(Side::Receiver);
        Self(Some(Box::new(Flows { out, back })))
    }

    /// The handler failed: an end it has dropped is aborted with the failure.
    pub fn failed(mut self, failure: Failure) {
        self.say(&TunnelError::Aborted(failure));
    }

    fn say(&mut self, verdict: &TunnelError) {
        if let Some(flows) = self.0.take() {
            flows.settle(verdict);
        }
    }
}

impl Drop for Verdict {
    fn drop(&mut self) {
        self.say(&super::flow::dropped());
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Verdict")
    }
}
