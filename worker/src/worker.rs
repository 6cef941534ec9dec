use std::future::Future;
use std::ops::Deref;

use edri_event::{Failure, Request};
use edri_router::Context;

/// Answers requests of one type, one at a time; a [`Pool`](crate::Pool) runs several of the same kind.
///
/// ```
/// use edri_event::{Failure, Request};
/// use edri_worker::{Worker, WorkerContext};
///
/// #[derive(Request)]
/// #[request(response = u64)]
/// struct Fibonacci(u64);
///
/// struct Calculator;
///
/// impl Worker for Calculator {
///     type Job = Fibonacci;
///
///     async fn run(&mut self, job: Fibonacci, cx: &WorkerContext) -> Result<u64, Failure> {
///         let (mut a, mut b) = (0_u64, 1_u64);
///         for step in 0..job.0 {
///             (a, b) = (b, a.checked_add(b).ok_or_else(|| Failure::new("overflow", "expected a result below 2^64"))?);
///             cx.progress(step + 1, job.0);
///         }
///         Ok(a)
///     }
/// }
/// ```
pub trait Worker: Send + 'static {
    /// What it answers.
    type Job: Request;

    /// Called once, before the worker's first job: to load, connect, allocate. In `cx` there is no job yet.
    ///
    /// A pool sets its workers up when it starts. Where that fails it is logged, and tried again, with a new
    /// worker, for each job that comes until it succeeds; a job for which it fails is answered with the failure.
    fn setup(&mut self, cx: &WorkerContext) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = cx;
        std::future::ready(Ok(()))
    }

    /// Does one job. A failure or panic is answered to its requester; after a panic the worker is replaced.
    ///
    /// When the requester goes away, [`cancelled`](Context::cancelled) is ready and
    /// [`is_cancelled`](Context::is_cancelled) true; to stop then is the worker's choice.
    fn run(
        &mut self,
        job: Self::Job,
        cx: &WorkerContext,
    ) -> impl Future<Output = Result<<Self::Job as Request>::Response, Failure>> + Send;
}

/// What a worker may know beside its job: all of a [`Context`], and its number.
#[derive(Clone, Debug)]
pub struct WorkerContext {
    pub(crate) cx: Context,
    pub(crate) number: usize,
}

impl WorkerContext {
    /// Its number in the pool, from 0.
    pub fn number(&self) -> usize {
        self.number
    }
}

impl Deref for WorkerContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.cx
    }
}
