use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use edri_event::{Failure, Notification, Request};
use edri_router::{Backoff, Capacity, InboxSettings, Overflow};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::invocation::{Invocation, Output};
use super::lines::Bounds;
use super::notes::Notes;
use super::per_job::Answer;
use crate::child::{Limits, Spec, Value};
use crate::crew::{Policy, PoolControl};
use crate::pool::{Pool, type_name};

/// Workers that run a program, about to be started. Made by [`Pool::command`].
///
/// As it is, each worker is a process that stays: it is given jobs as lines of JSON, and gives answers as such. The guide
/// has the protocol. With [`per_job`](CommandPool::per_job) the program is started for each job.
///
/// What dies is replaced, and nobody waits for an answer that will not come: see
/// [`RequestError::WorkerDied`](edri_router::RequestError::WorkerDied).
///
/// ```no_run
/// # use edri_router::Router;
/// use std::time::Duration;
///
/// use edri_event::Request;
/// use edri_worker::{Limits, Pool};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Request, Serialize)]
/// #[request(response = Size, idempotent)]
/// struct Resize { path: String, width: u32 }
///
/// #[derive(Deserialize)]
/// struct Size { width: u32, height: u32 }
///
/// # async fn example(router: &Router) -> Result<(), Box<dyn std::error::Error>> {
/// let pool = Pool::command::<Resize>("python3", ["resize.py"])
///     .size(4)
///     .limits(Limits::new().memory(512 << 20).niceness(10))
///     .job_limit(Duration::from_secs(30))
///     .start(router)?;
/// let size = router.request(Resize { path: "a.png".into(), width: 64 }).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "workers work when their pool is started"]
pub struct CommandPool<R: Request, M = Lines> {
    pub(crate) spec: Spec,
    pub(crate) size: usize,
    pub(crate) name: Cow<'static, str>,
    pub(crate) inbox: InboxSettings,
    pub(crate) policy: Policy,
    pub(crate) controls: Vec<PoolControl>,
    pub(crate) mode: M,
    job: std::marker::PhantomData<fn(R)>,
}

/// Workers that stay, and speak in lines of JSON.
#[derive(Debug, Default)]
pub struct Lines {
    pub(super) notes: Notes,
    pub(super) bounds: Bounds,
}

/// A program is started for each job.
pub struct PerJob<R: Request> {
    pub(super) invoke: Box<dyn Fn(R) -> Result<Invocation, Failure> + Send + Sync>,
    pub(super) answer: Arc<Answer<R>>,
    pub(super) codes: Vec<i32>,
    pub(super) most: usize,
}

impl Pool<()> {
    /// Workers that run a program: a name, which is looked for in this process's `PATH`, or a path.
    ///
    /// One worker, unless told otherwise by [`size`](CommandPool::size).
    pub fn command<R: Request>(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> CommandPool<R> {
        let arguments = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        CommandPool::in_mode(Spec::new(program.into(), arguments), type_name::<R>(), Lines::default())
    }
}

impl<R: Request, M> CommandPool<R, M> {
    /// One worker, and nothing told of it.
    pub(crate) fn in_mode(spec: Spec, name: &'static str, mode: M) -> Self {
        Self {
            spec,
            size: 1,
            name: name.into(),
            inbox: InboxSettings::default(),
            policy: Policy::default(),
            controls: Vec::new(),
            mode,
            job: std::marker::PhantomData,
        }
    }
}

/// What is told of the pool.
impl<R: Request, M> CommandPool<R, M> {
    /// How many workers there are: so many processes at the same time, but for those that are about to end.
    pub fn size(self, workers: usize) -> Self {
        Self { size: workers, ..self }
    }

    /// Gives it another name than the job's type. Each worker is called by it and its number, as in `Resize-0`; it finds
    /// that in its environment as `EDRI_WORKER`.
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// How many jobs may wait for a worker: 1,024 unless told otherwise.
    pub fn capacity(mut self, jobs: impl Into<Capacity>) -> Self {
        self.inbox.capacity = jobs.into();
        self
    }

    /// What happens to a job for which there is no room: as [`Pool::overflow`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.inbox.overflow = overflow;
        self
    }

    /// By what the pool can be told to [reload](PoolControl::reload) when somebody else has started it.
    pub fn controlled_by(mut self, control: &PoolControl) -> Self {
        self.controls.push(control.clone());
        self
    }
}

/// What is told of the program.
impl<R: Request, M> CommandPool<R, M> {
    /// One more argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.spec.arguments.push(argument.into());
        self
    }

    /// A variable of its environment, which holds nothing but what is named here, and `EDRI_WORKER`.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.spec.environment.push((name.into(), Value::Set(value.into())));
        self
    }

    /// A variable that it has as this process has it, if it does; `PATH`, for example.
    pub fn keep_env(mut self, name: impl Into<OsString>) -> Self {
        self.spec.environment.push((name.into(), Value::Kept));
        self
    }

    /// Its working directory, in place of this process's own.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spec.directory = Some(directory.into());
        self
    }

    /// Runs it as another user and group, by their numbers, and without further groups. It takes privileges.
    pub fn run_as(mut self, user: u32, group: u32) -> Self {
        self.spec.user = Some((user, group));
        self
    }

    /// What it may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.spec.limits = limits;
        self
    }
}

/// What is told of jobs and of the end.
impl<R: Request, M> CommandPool<R, M> {
    /// How long a job may take from when a worker begins with it, whatever time its requester gives: as long as it likes,
    /// unless told otherwise. Its requester gets [`Abandoned`](edri_router::RequestError::Abandoned) then.
    ///
    /// A job whose time is over, by this or by its requester's, is to be left by its worker within the
    /// [`cancel_grace`](Self::cancel_grace). A worker that does not is killed and replaced.
    pub fn job_limit(mut self, time: Duration) -> Self {
        self.policy.job_limit = Some(time);
        self
    }

    /// How long a worker may take to leave a job whose time is over: one second unless told otherwise.
    pub fn cancel_grace(mut self, time: Duration) -> Self {
        self.policy.cancel_grace = time;
        self
    }

    /// How long a worker may take to end when it is asked to, until it is killed: five seconds unless told otherwise.
    pub fn grace(mut self, time: Duration) -> Self {
        self.policy.grace = time;
        self
    }

    /// How often a job is tried again whose worker has died: twice unless told otherwise, and never if the request is not
    /// [idempotent](Request::IDEMPOTENT).
    pub fn retries(mut self, attempts: u32) -> Self {
        self.policy.retries = attempts;
        self
    }
}

/// Workers that are given one job after the other, in place of a process for each.
pub trait Stays: sealed::Sealed {}

impl Stays for Lines {}

impl<W> Stays for crate::process::Processes<W> {}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Lines {}

    impl<W> Sealed for crate::process::Processes<W> {}
}

/// What is told of workers that stay.
impl<R: Request, M: Stays> CommandPool<R, M> {
    /// Replaces a worker that does not say within that time that it is ready. One that speaks in lines is waited for only if
    /// this is told; without it it is given its first job when it has been started. A process of this program is ready when
    /// its worker has been set up, and may take as long as it likes for that unless told otherwise.
    pub fn ready_within(mut self, time: Duration) -> Self {
        self.policy.ready_within = Some(time);
        self
    }

    /// Replaces a worker after so many answers.
    pub fn recycle_after(mut self, jobs: u64) -> Self {
        self.policy.recycle_jobs = Some(jobs.max(1));
        self
    }

    /// Replaces a worker that has more resident memory than that, in bytes, when it has answered a job: one that leaks
    /// is replaced before it comes to a [limit](Limits::memory), and without a loss.
    pub fn recycle_above(mut self, bytes: u64) -> Self {
        self.policy.recycle_memory = Some(bytes);
        self
    }

    /// How long it takes until a worker is started in place of one that has died without an answer, longer each time:
    /// from 100 ms to 30 s unless told otherwise. One that has answered is replaced at once.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = backoff;
        self
    }

    /// After how many deaths in a row without any answer in between no worker is started for a while, which is a
    /// [`CrashLoop`](crate::CrashLoop): twice as many as there are workers, and five at least, unless told otherwise. The
    /// pause is longer each time, from one second to a minute unless told otherwise.
    pub fn crash_loop(mut self, after: u32, pause: Backoff) -> Self {
        self.policy.breaker_after = Some(after.max(1));
        self.policy.pause = pause;
        self
    }
}

/// What is told of workers that stay, and speak in lines.
impl<R: Request> CommandPool<R, Lines> {
    /// The most jobs that a worker gets at a time, whatever it says that it takes: 64 unless told otherwise, and 1 at
    /// least. A worker that says nothing gets one.
    pub fn in_flight(mut self, jobs: usize) -> Self {
        self.mode.bounds.jobs = jobs.max(1);
        self
    }

    /// The longest line in either direction, in bytes: 1 MiB unless told otherwise. A job that is longer is answered with
    /// a failure with the code `job-too-large`.
    pub fn longest_line(mut self, bytes: usize) -> Self {
        self.mode.bounds.line = bytes.max(1);
        self
    }

    /// Lets workers send this notification, by its name. Nothing is deserialized that is not declared.
    pub fn notifies<E: Notification + DeserializeOwned>(mut self) -> Self {
        self.mode.notes.declare::<E>();
        self
    }

    /// Starts the program for each job: the job as JSON is its standard input, and its standard output, also as JSON, is
    /// the answer.
    pub fn per_job(self) -> CommandPool<R, PerJob<R>>
    where
        R: Serialize,
        R::Response: DeserializeOwned,
    {
        self.per_job_with(
            |job| Ok(Invocation::new().stdin(serde_json::to_vec(&job)?)),
            |output| {
                serde_json::from_slice(&output.stdout).map_err(|error| {
                    let message = format!("expected the answer as JSON from the program: {error}");
                    Failure::new("malformed-answer", message)
                })
            },
        )
    }

    /// Starts the program for each job, for ordinary tools: `invoke` says with which further arguments and what standard
    /// input, and `answer` makes an answer of what it has written.
    ///
    /// ```
    /// use edri_event::Request;
    /// use edri_router::Router;
    /// use edri_worker::{Invocation, Pool};
    ///
    /// #[derive(Request)]
    /// #[request(response = u64)]
    /// struct CountLines(String);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let router = Router::new();
    /// let _counters = Pool::command::<CountLines>("wc", ["-l"])
    ///     .per_job_with(
    ///         |job| Ok(Invocation::new().stdin(job.0)),
    ///         |output| Ok(output.text()?.trim().parse()?),
    ///     )
    ///     .start(&router)?;
    /// assert_eq!(router.request(CountLines("a\nb\nc\n".into())).await?, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn per_job_with(
        self,
        invoke: impl Fn(R) -> Result<Invocation, Failure> + Send + Sync + 'static,
        answer: impl Fn(Output) -> Result<R::Response, Failure> + Send + Sync + 'static,
    ) -> CommandPool<R, PerJob<R>> {
        let Self { spec, size, name, inbox, policy, controls, mode: _, job } = self;
        let (invoke, answer) = (Box::new(invoke), Arc::new(answer));
        let mode = PerJob { invoke, answer, codes: vec![0], most: 16 * 1024 * 1024 };
        CommandPool { spec, size, name, inbox, policy, controls, mode, job }
    }
}

/// What is told of a program that is started for each job.
impl<R: Request> CommandPool<R, PerJob<R>> {
    /// The exit codes with which its output is an answer: 0 unless told otherwise. With another the job fails: the code
    /// of the failure is `exit-2`, for example, and its message what was written to the standard error.
    pub fn exit_codes(mut self, codes: impl IntoIterator<Item = i32>) -> Self {
        self.mode.codes = codes.into_iter().collect();
        self
    }

    /// The most bytes of an answer: 16 MiB unless told otherwise. With more the job fails with `answer-too-large`.
    pub fn largest_answer(mut self, bytes: usize) -> Self {
        self.mode.most = bytes;
        self
    }
}

impl<R: Request, M> fmt::Debug for CommandPool<R, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CommandPool")
            .field("name", &self.name)
            .field("program", &self.spec.program)
            .field("arguments", &self.spec.arguments)
            .field("size", &self.size)
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}

impl<R: Request> fmt::Debug for PerJob<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PerJob").field("codes", &self.codes).field("most", &self.most).finish()
    }
}
