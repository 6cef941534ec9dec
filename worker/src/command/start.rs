use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use edri_event::{Failure, Request};
use edri_router::{Asked, Context, Inbox, Membership, Part, Respond, Router, SharedReceiver, ToInbox};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::lines::LineWorkers;
use super::per_job::PerJobSlot;
use super::pool::{CommandPool, Lines, PerJob};
use crate::child::Spec;
use crate::crew::{Crew, Policy, PoolControl, Reload, Replaceable, Seats, Slot, Standing};
use crate::leftovers::Leftovers;
use crate::place::Busy;
use crate::pool::PoolError;
use crate::record::{Condition, Record};
use crate::running::{RunningPool, Staff};

impl<R> CommandPool<R, Lines>
where
    R: Request + Serialize,
    R::Response: DeserializeOwned,
{
    /// Starts the workers and has them answer `R` on the router.
    ///
    /// # Errors
    /// When the pool has no workers, the program is not there or cannot be executed, or its working directory is none.
    /// What else keeps it from starting is tried again, and answered, as a worker that dies.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O and time drivers.
    pub fn start(self, router: &Router) -> Result<RunningPool<R>, PoolError> {
        let mut pool = self.start_private(router)?;
        pool.serve(router);
        Ok(pool)
    }

    /// Starts the workers for whoever holds the pool: they answer [`RunningPool::request`] and nothing else. What they
    /// notify is published on `router`.
    ///
    /// # Errors and panics
    /// As [`start`](Self::start).
    pub fn start_private(self, router: &Router) -> Result<RunningPool<R>, PoolError> {
        let (ground, mode) = Ground::lay(self, router)?;
        let crew = ground.crew(Box::new(|job: R| Ok(serde_json::to_vec(&job)?)));
        let condition: Arc<dyn Condition> = Arc::<Standing>::clone(&crew.standing);
        let lives = Arc::new(LineWorkers {
            crew: Arc::clone(&crew),
            spec: Arc::clone(&ground.spec),
            notes: mode.notes,
            decode: |response| {
                serde_json::from_str(response).map_err(|error| {
                    let expected = std::any::type_name::<R::Response>();
                    let message = format!("expected {expected} as the response of a worker: {error}");
                    Failure::new("malformed-answer", message)
                })
            },
            bounds: mode.bounds,
        });
        Ok(ground.run(crew, mode.bounds.jobs, Some(condition), |crew, place| {
            let Place { cx, number, seats, reloads, membership } = place;
            let slot = Slot::new(crew, Arc::clone(&lives), (cx, number), seats, reloads);
            tokio::spawn(async move {
                let _one_of_them = membership;
                slot.run().await;
            })
        }))
    }
}

impl<R: Request> CommandPool<R, PerJob<R>> {
    /// Has the program answer `R` on the router: it is started for each job, by as many at the same time as the pool's
    /// [size](Self::size) says.
    ///
    /// # Errors
    /// When the pool has no workers, the program is not there or cannot be executed, or its working directory is none.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O and time drivers.
    pub fn start(self, router: &Router) -> Result<RunningPool<R>, PoolError> {
        let mut pool = self.start_private(router)?;
        pool.serve(router);
        Ok(pool)
    }

    /// The same for whoever holds the pool: the program answers [`RunningPool::request`] and nothing else.
    ///
    /// # Errors and panics
    /// As [`start`](Self::start).
    pub fn start_private(self, router: &Router) -> Result<RunningPool<R>, PoolError> {
        let (ground, mode) = Ground::lay(self, router)?;
        let crew = ground.crew(mode.invoke);
        let (spec, codes): (_, Arc<[i32]>) = (Arc::clone(&ground.spec), mode.codes.into());
        Ok(ground.run(crew, 1, None, |crew, place| {
            let Place { cx, seats, membership, .. } = place;
            let slot = PerJobSlot {
                crew,
                spec: Arc::clone(&spec),
                answer: Arc::clone(&mode.answer),
                codes: Arc::clone(&codes),
                most: mode.most,
                worker: cx.name().into(),
                cx,
                seats,
                _membership: membership,
            };
            tokio::spawn(slot.run())
        }))
    }
}

/// What pools of both kinds are begun with.
pub(crate) struct Ground<R: Request> {
    name: Arc<str>,
    router: Router,
    pub(crate) spec: Arc<Spec>,
    size: usize,
    policy: Policy,
    controls: Vec<PoolControl>,
    inbox: Inbox<Asked<R>>,
    jobs: SharedReceiver<Asked<R>>,
    staff: Staff,
}

/// What a slot is begun with.
pub(crate) struct Place {
    pub(crate) cx: Context,
    pub(crate) number: usize,
    pub(crate) seats: Arc<Seats>,
    pub(crate) reloads: mpsc::Receiver<Reload>,
    pub(crate) membership: Membership,
}

/// What controls know of a running pool.
struct Slots {
    reloads: Vec<mpsc::Sender<Reload>>,
    size: usize,
}

impl Replaceable for Slots {
    fn slots(&self) -> Vec<mpsc::Sender<Reload>> {
        self.reloads.clone()
    }

    fn size(&self) -> usize {
        self.size
    }
}

impl<R: Request> Ground<R> {
    pub(crate) fn lay<M>(pool: CommandPool<R, M>, router: &Router) -> Result<(Self, M), PoolError> {
        let CommandPool { mut spec, size, name, inbox, policy, controls, mode, .. } = pool;
        if size == 0 {
            return Err(PoolError::NoWorkers { name: name.into_owned() });
        }
        spec.resolve().map_err(|source| PoolError::Program { name: name.clone().into_owned(), source })?;
        let (inbox, jobs) = Inbox::shared(inbox);
        let (spec, staff) = (Arc::new(spec), Staff::default());
        let (name, router) = (name.into(), router.clone());
        Ok((Self { name, router, spec, size, policy, controls, inbox, jobs, staff }, mode))
    }

    pub(crate) fn crew<P: Send + 'static>(
        &self,
        prepare: Box<dyn Fn(R) -> Result<P, Failure> + Send + Sync>,
    ) -> Arc<Crew<R, P>> {
        Arc::new(Crew::new(
            Arc::clone(&self.name),
            self.router.clone(),
            self.policy.clone(),
            Arc::new(Standing::new(&self.policy, self.size)),
            self.jobs.clone(),
            prepare,
            &self.staff,
        ))
    }

    /// Begins with as many slots as the pool has, each with room for so many jobs. With a condition the workers in them
    /// stay, and may be told to make room for others.
    pub(crate) fn run<P: Send + 'static>(
        self,
        crew: Arc<Crew<R, P>>,
        room: usize,
        condition: Option<Arc<dyn Condition>>,
        begin: impl Fn(Arc<Crew<R, P>>, Place) -> JoinHandle<()>,
    ) -> RunningPool<R> {
        let Self { name, router, spec, size, controls, inbox, mut staff, .. } = self;
        let (mut workers, mut reloads) = (Vec::new(), Vec::new());
        for number in 0..size {
            let cx = Context::new(router.clone(), format!("{name}-{number}").into());
            let membership = cx.one_of(Arc::clone(&name), size.saturating_mul(room));
            let seats: Vec<Arc<Busy>> = (0..room).map(|_| Arc::default()).collect();
            workers.extend(seats.iter().cloned());
            let (reload, told) = mpsc::channel(1);
            reloads.push(reload);
            let place = Place { cx, number, seats: Seats::new(seats), reloads: told, membership };
            staff.tasks.push(begin(Arc::clone(&crew), place));
        }
        if condition.is_none() {
            reloads.clear();
        }
        let program = spec.program.display();
        tracing::debug!(pool = &*name, job = R::name(), size, %program, "pool of commands started");
        let record = Arc::new(Record {
            name: Arc::clone(&name),
            job: R::name(),
            inbox: inbox.part(),
            workers,
            closed: AtomicBool::new(false),
            condition,
        });
        router.attach_part(&(Arc::clone(&record) as Arc<dyn Part>));
        let leftovers: Weak<dyn Leftovers> = Arc::<Crew<R, P>>::downgrade(&crew);
        let monitor = inbox.monitor();
        let responder: Arc<dyn Respond<R>> = Arc::new(ToInbox::new(name, inbox, std::convert::identity));
        let slots: Arc<dyn Replaceable> = Arc::new(Slots { reloads, size });
        controls.iter().for_each(|control| control.set(&slots));
        RunningPool::new(router, responder, monitor, leftovers, record, staff).of_processes(slots)
    }
}
