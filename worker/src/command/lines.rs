use std::sync::Arc;

use edri_event::{Failure, Request};
use edri_router::{DeathCause, WorkerDeath};

use super::conversation::Conversation;
use super::notes::Notes;
use crate::child::{Process, Spec};
use crate::crew::{Crew, End, How, LifeContext, Lives};

/// Workers that take jobs and give answers as lines of JSON, as long as they live.
pub(super) struct LineWorkers<R: Request> {
    pub(super) crew: Arc<Crew<R, Vec<u8>>>,
    pub(super) spec: Arc<Spec>,
    pub(super) notes: Notes,
    pub(super) decode: fn(&str) -> Result<R::Response, Failure>,
    pub(super) bounds: Bounds,
}

/// What a worker may have and say at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The longest line, in bytes.
    pub(super) line: usize,
    /// The most jobs at a time, whatever a worker says.
    pub(super) jobs: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { line: 1024 * 1024, jobs: 64 }
    }
}

impl<R: Request> Lives for LineWorkers<R> {
    async fn live(self: Arc<Self>, life: LifeContext) -> End {
        match Process::start(&self.spec, Vec::new(), &life.worker).await {
            Ok((process, ends)) => Conversation::new(self, life, process, ends).hold().await,
            Err(error) => {
                let cause = DeathCause::NotStarted { reason: self.spec.explain(&error) };
                let death = WorkerDeath::new(life.worker.to_string(), cause, Vec::new());
                End { how: How::Died(death), was_of_use: false }
            }
        }
    }
}
