use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use edri_event::Event as _;
use edri_router::{
    Asked, Capacity, Context, Inbox, InboxSettings, Overflow, Part, Respond, Router, SharedReceiver, ToInbox,
};

use crate::leftovers::Leftovers;
use crate::place::{Busy, Place};
use crate::record::Record;
use crate::running::{RunningPool, Staff};
use crate::thread;
use crate::worker::{Worker, WorkerContext};

/// Workers of one kind about to be started: how many, where, and how many jobs may wait for them.
///
/// Jobs are begun in the order in which they came, each by whichever worker is free; what comes beyond that
/// waits, up to the capacity, and then the overflow policy holds.
///
/// ```no_run
/// # use edri_event::{Failure, Request};
/// # use edri_router::Router;
/// # use edri_worker::{Pool, Worker, WorkerContext};
/// # #[derive(Request)] #[request(response = u64)] struct Hash(Vec<u8>);
/// # struct Hasher;
/// # impl Hasher { fn new() -> Self { Self } }
/// # impl Worker for Hasher {
/// #     type Job = Hash;
/// #     async fn run(&mut self, job: Hash, _: &WorkerContext) -> Result<u64, Failure> { Ok(job.0.len() as u64) }
/// # }
/// # async fn example(router: &Router) -> Result<(), Box<dyn std::error::Error>> {
/// let hashers = Pool::threads(4, Hasher::new).capacity(64).start(router)?;
/// let hash = router.request(Hash(b"some bytes".to_vec())).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "workers work when their pool is started"]
pub struct Pool<W> {
    make: Arc<dyn Fn() -> W + Send + Sync>,
    place: Where,
    size: usize,
    name: Cow<'static, str>,
    inbox: InboxSettings,
}

/// Where workers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Tasks,
    Threads,
}

/// A pool could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// A pool of no workers would never answer.
    #[error("the pool {name} needs at least 1 worker, not 0")]
    NoWorkers {
        /// The pool's name.
        name: String,
    },
    /// The program that the workers are to run cannot be started.
    #[error("the pool {name} cannot start its program: {source}")]
    Program {
        /// The pool's name.
        name: String,
        /// What is in the way.
        source: io::Error,
    },
    /// Workers of this program cannot be processes, since a child would run all of the program, and not just the worker.
    #[error(
        "the pool {name} cannot start {worker} in a process: the program's `main` has no `#[edri::main]`, by which it would \
         enter, and does not begin with `edri::worker::enter()` either (a test names an `executable` that does)"
    )]
    NoEntrance {
        /// The pool's name.
        name: String,
        /// The worker's.
        worker: &'static str,
    },
    /// A child would not find the worker.
    #[error(
        "the pool {name} cannot start {worker} in a process: it is not in the program's table of workers; expected \
         `#[worker]` on its `impl Worker`"
    )]
    NotEnlisted {
        /// The pool's name.
        name: String,
        /// The worker's.
        worker: &'static str,
    },
    /// A child would not know which of several workers it is to be.
    #[error(
        "the pool {name} cannot start {worker} in a process: several workers have that name; expected \
         `#[worker(name = \"…\")]` with another on one of them"
    )]
    Ambiguous {
        /// The pool's name.
        name: String,
        /// The workers'.
        worker: &'static str,
    },
    /// This process is a worker of a worker, and so on: one that starts a pool of its own kind would not come to an end.
    #[error(
        "the pool {name} cannot start: this process is a worker itself, {depth} deep, and no deeper ones are started"
    )]
    TooDeep {
        /// The pool's name.
        name: String,
        /// How deep they may be.
        depth: u32,
    },
    /// The operating system gave no thread.
    #[error("the pool {name} could not start a thread: {source}")]
    Thread {
        /// The pool's name.
        name: String,
        /// What the operating system said.
        source: io::Error,
    },
}

impl<W: Worker> Pool<W> {
    /// `size` workers on tasks of the runtime, each made by `make`: for work that waits.
    pub fn tasks(size: usize, make: impl Fn() -> W + Send + Sync + 'static) -> Self {
        Self::new(Where::Tasks, size, make)
    }

    /// `size` workers on threads of their own, each made by `make`: for work that computes or blocks.
    pub fn threads(size: usize, make: impl Fn() -> W + Send + Sync + 'static) -> Self {
        Self::new(Where::Threads, size, make)
    }

    fn new(place: Where, size: usize, make: impl Fn() -> W + Send + Sync + 'static) -> Self {
        let inbox = InboxSettings::default();
        Self { make: Arc::new(make), place, size, name: type_name::<W>().into(), inbox }
    }

    /// Gives it another name than the worker's type. Each worker is called by it and its number, as in `Hasher-0`,
    /// and so is its thread.
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// How many jobs may wait for a worker: 1,024 unless told otherwise.
    pub fn capacity(mut self, jobs: impl Into<Capacity>) -> Self {
        self.inbox.capacity = jobs.into();
        self
    }

    /// What happens to a job for which there is no room: unless told otherwise, its requester
    /// [waits](Overflow::Wait). One whose job is refused or dropped gets
    /// [`RequestError::Overloaded`](edri_router::RequestError::Overloaded) at once.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.inbox.overflow = overflow;
        self
    }

    /// Starts the workers and has them answer `W::Job` on the router.
    ///
    /// Thread workers use the runtime this is called on for their timers and sockets, which work for as long as
    /// it is being run.
    ///
    /// # Errors
    /// When the pool has no workers, or the operating system gives no thread.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(self, router: &Router) -> Result<RunningPool<W::Job>, PoolError> {
        let mut pool = self.start_private(router)?;
        pool.serve(router);
        Ok(pool)
    }

    /// Starts the workers for whoever holds the pool: they answer [`RunningPool::request`] and nothing else.
    /// `router` is what they see as theirs.
    ///
    /// # Errors and panics
    /// As [`start`](Self::start).
    pub fn start_private(self, router: &Router) -> Result<RunningPool<W::Job>, PoolError> {
        if self.size == 0 {
            return Err(PoolError::NoWorkers { name: self.name.into_owned() });
        }
        let (inbox, jobs) = Inbox::<Asked<W::Job>>::shared(self.inbox);
        let jobs = Arc::new(jobs);
        let name: Arc<str> = self.name.clone().into();
        let monitor = inbox.monitor();
        let behind_inbox = inbox.part();
        let responder: Arc<dyn Respond<W::Job>> =
            Arc::new(ToInbox::new(Arc::clone(&name), inbox, std::convert::identity));
        let busy: Vec<Arc<Busy>> = (0..self.size).map(|_| Arc::default()).collect();
        let mut staff = Staff::default();
        for (number, busy) in busy.iter().enumerate() {
            let worker_name = format!("{name}-{number}");
            let cx = Context::new(router.clone(), worker_name.as_str().into());
            let membership = cx.one_of(Arc::clone(&name), self.size);
            let place = Place {
                make: Arc::clone(&self.make),
                cx: WorkerContext { cx, number },
                busy: Arc::clone(busy),
                _membership: membership,
            };
            let work = place.run(Arc::clone(&jobs));
            match self.place {
                Where::Tasks => staff.tasks.push(tokio::spawn(work)),
                Where::Threads => {
                    let thread = thread::spawn(worker_name, work);
                    staff
                        .threads
                        .push(thread.map_err(|source| PoolError::Thread { name: name.to_string(), source })?);
                }
            }
        }
        tracing::debug!(pool = &*name, job = W::Job::name(), size = self.size, place = ?self.place, "pool started");
        let jobs: Weak<dyn Leftovers> = Arc::<SharedReceiver<_>>::downgrade(&jobs);
        let record = Arc::new(Record {
            name: Arc::clone(&name),
            job: W::Job::name(),
            inbox: behind_inbox,
            workers: busy,
            closed: AtomicBool::new(false),
            condition: None,
        });
        router.attach_part(&(Arc::clone(&record) as Arc<dyn Part>));
        Ok(RunningPool::new(router.clone(), responder, monitor, jobs, record, staff))
    }
}

/// The type's own name, without its path and its parameters.
pub(crate) fn type_name<W>() -> &'static str {
    let full = std::any::type_name::<W>();
    // A type from within an impl of a trait begins with `<Type as Trait>`.
    let path = full.split('<').find(|part| !part.is_empty()).unwrap_or(full);
    path.rsplit("::").next().unwrap_or(path)
}

impl<W> fmt::Debug for Pool<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, size, name, inbox, .. } = self;
        formatter
            .debug_struct("Pool")
            .field("name", name)
            .field("place", place)
            .field("size", size)
            .field("inbox", inbox)
            .finish()
    }
}
