use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use edri_event::Event as _;

use super::registry::ProcessWorker;
use crate::child::Spec;
use crate::command::CommandPool;
use crate::pool::{Pool, type_name};
use crate::worker::Worker;

/// Workers that run in processes of this program, about to be started. Made by [`Pool::processes`].
pub type ProcessPool<W> = CommandPool<<W as Worker>::Job, Processes<W>>;

/// Workers that are processes of this program.
pub struct Processes<W> {
    pub(super) executable: Option<PathBuf>,
    pub(super) jobs: usize,
    pub(super) greeting: Duration,
    worker: PhantomData<fn() -> W>,
}

impl Pool<()> {
    /// `size` workers in processes of their own, which run this program's executable and have entered it through
    /// `#[edri::main]`: a crash, a leak or a library that blocks harms nobody else.
    ///
    /// The worker has `#[worker]` on its `impl` block, by which its process finds it, and its job is shareable. What else is
    /// told of such a pool is what is told of one of [commands](Pool::command); what is different is that a child has a
    /// router of its own, linked with this one: `cx.router()` reaches whatever is shareable here.
    ///
    /// ```no_run
    /// use edri_event::{Failure, Request};
    /// use edri_router::Router;
    /// use edri_worker::{Limits, Pool, ProcessWorker, Worker, WorkerContext};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Request, Serialize, Deserialize)]
    /// #[request(response = usize, shareable, idempotent)]
    /// struct CountWords(String);
    ///
    /// #[derive(Default)]
    /// struct Counter;
    ///
    /// // In a program: `use edri::prelude::*`, and `#[worker]` here.
    /// impl Worker for Counter {
    ///     type Job = CountWords;
    ///
    ///     async fn run(&mut self, job: CountWords, _cx: &WorkerContext) -> Result<usize, Failure> {
    ///         Ok(job.0.split_whitespace().count())
    ///     }
    /// }
    /// # edri_worker::enlist!(Counter, Counter::default);
    ///
    /// # async fn example(router: &Router) -> Result<(), Box<dyn std::error::Error>> {
    /// let _counters = Pool::processes::<Counter>(4).limits(Limits::new().memory(512 << 20)).start(router)?;
    /// assert_eq!(router.request(CountWords("to be or not to be".into())).await?, 6);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A worker that its process would not find does not compile:
    ///
    /// ```compile_fail,E0277
    /// # use edri_event::{Failure, Request};
    /// # use edri_worker::{Pool, Worker, WorkerContext};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Request, Serialize, Deserialize)] #[request(response = usize, shareable)] struct CountWords(String);
    /// struct Counter;
    ///
    /// impl Worker for Counter {
    ///     type Job = CountWords;
    ///     # async fn run(&mut self, job: CountWords, _: &WorkerContext) -> Result<usize, Failure> { Ok(job.0.len()) }
    /// }
    ///
    /// let _counters = Pool::processes::<Counter>(4);
    /// ```
    pub fn processes<W: ProcessWorker>(size: usize) -> ProcessPool<W> {
        const {
            assert!(
                W::Job::SHAREABLE,
                "the job of a worker in a process of its own has to be shareable: \
                 `#[request(response = …, shareable)]`"
            );
        }
        let mode =
            Processes { executable: None, jobs: 1, greeting: Duration::from_secs(10), worker: PhantomData };
        let spec = Spec::new(PathBuf::new(), Vec::new());
        CommandPool::in_mode(spec, type_name::<W>(), mode).size(size)
    }
}

/// What is told of workers that are processes of this program.
impl<W: ProcessWorker> CommandPool<W::Job, Processes<W>> {
    /// The most jobs that a process has at a time, of which it does one after the other: 1 unless told otherwise. With more
    /// it does not wait for the next one, which counts where jobs take less than a millisecond; on the other hand a job may
    /// wait behind a long one while another process is free, and if the process dies, all that it has are lost with it. Of
    /// many at a time the vitals measure how long one in 64 takes.
    pub fn in_flight(mut self, jobs: usize) -> Self {
        self.mode.jobs = jobs.clamp(1, MOST_JOBS);
        self
    }

    /// Runs another executable, in which the worker is enlisted too: for programs that cannot be entered themselves, such as
    /// tests.
    pub fn executable(mut self, file: impl Into<PathBuf>) -> Self {
        self.mode.executable = Some(file.into());
        self
    }

    /// How long a process may take from its start to the entrance, which is at the beginning of `main`: 10 seconds unless
    /// told otherwise.
    pub fn enters_within(mut self, time: Duration) -> Self {
        self.mode.greeting = time;
        self
    }
}

/// As many as a link lets be without an answer.
const MOST_JOBS: usize = 4096;

impl<W> std::fmt::Debug for Processes<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { executable, jobs, .. } = self;
        formatter.debug_struct("Processes").field("executable", executable).field("jobs", jobs).finish()
    }
}
