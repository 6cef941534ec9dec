use std::path::PathBuf;
use std::sync::Arc;

use edri_event::{Failure, Request};
use edri_link::Schema;
use edri_router::Router;

use super::entrance::{DEEPEST, depth_of_children};
use super::image::Image;
use super::lives::ProcessLives;
use super::parcel::{Memory, Parcel};
use super::pool::Processes;
use super::registry::{Amiss, ProcessWorker, check};
use crate::command::{CommandPool, Ground, Place};
use crate::crew::{Slot, Standing};
use crate::pool::PoolError;
use crate::record::Condition;
use crate::running::RunningPool;

impl<W: ProcessWorker> CommandPool<W::Job, Processes<W>> {
    /// Starts the workers and has them answer `W::Job` on the router.
    ///
    /// # Errors
    /// When the pool has no workers, children of this program could not enter it or would not find the worker, the
    /// executable is not there, or the working directory is none. What else keeps a process from starting is tried again,
    /// and answered, as a worker that dies.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O and time drivers.
    pub fn start(self, router: &Router) -> Result<RunningPool<W::Job>, PoolError> {
        let mut pool = self.start_private(router)?;
        pool.serve(router);
        Ok(pool)
    }

    /// Starts the workers for whoever holds the pool: they answer [`RunningPool::request`] and nothing else. `router` is the
    /// one that theirs are linked with.
    ///
    /// # Errors and panics
    /// As [`start`](Self::start).
    pub fn start_private(mut self, router: &Router) -> Result<RunningPool<W::Job>, PoolError> {
        let name = self.name.clone().into_owned();
        let depth = self.check(&name)?;
        let image = match self.mode.executable.take() {
            None => Image::own(),
            Some(file) => found(file).map(Image::of),
        };
        let image = image.map_err(|source| PoolError::Program { name, source })?;
        self.spec.program = image.program(crate::crew::Begun::AsBefore).into();
        let Some(schema) = Schema::of_request::<W::Job>() else {
            unreachable!("`Pool::processes` is not compiled for a job that is not shareable")
        };
        let (ground, mode) = Ground::lay(self, router)?;
        let crew = ground.crew(Box::new(pack::<W::Job>));
        let condition: Arc<dyn Condition> = Arc::<Standing>::clone(&crew.standing);
        let lives = Arc::new(ProcessLives {
            crew: Arc::clone(&crew),
            spec: Arc::clone(&ground.spec),
            image,
            enlisted: W::NAME,
            depth,
            jobs: mode.jobs,
            greeting: mode.greeting,
            schema,
        });
        Ok(ground.run(crew, mode.jobs, Some(condition), |crew, place| {
            let Place { cx, number, seats, reloads, membership } = place;
            let slot = Slot::new(crew, Arc::clone(&lives), (cx, number), seats, reloads);
            tokio::spawn(async move {
                let _one_of_them = membership;
                slot.run().await;
            })
        }))
    }

    /// How deep the children will be, if they can enter and find their worker.
    fn check(&self, name: &str) -> Result<u32, PoolError> {
        let (pool, worker) = (name.to_owned(), W::NAME);
        // Another executable says so itself. Whoever is in its children is deep enough to know.
        let depth = match (depth_of_children(), &self.mode.executable) {
            (Some(depth), _) => depth,
            (None, Some(_)) => 1,
            (None, None) => return Err(PoolError::NoEntrance { name: pool, worker }),
        };
        if depth > DEEPEST {
            return Err(PoolError::TooDeep { name: pool, depth: DEEPEST });
        }
        match check::<W>() {
            Ok(()) => Ok(depth),
            Err(Amiss::NotThere) => Err(PoolError::NotEnlisted { name: pool, worker }),
            Err(Amiss::Ambiguous) => Err(PoolError::Ambiguous { name: pool, worker }),
        }
    }
}

fn pack<R: Request>(job: R) -> Result<Parcel, Failure> {
    let wire = R::wire().ok_or_else(|| Failure::new("codec", "expected a shareable job"))?;
    Ok(Parcel::pack(wire, &job, Memory::Lent)?)
}

fn found(file: PathBuf) -> std::io::Result<PathBuf> {
    let mut spec = crate::child::Spec::new(file, Vec::new());
    spec.resolve()?;
    Ok(spec.program)
}
