//! Where a worker runs.

use edri_router::{Capacity, Overflow, Router};
use edri_worker::{Pool, PoolError, ProcessPool, RunningPool};

use crate::smith::{Forge, Smith};
use crate::smiths::processes;

/// What a worker is: it is chosen by one word.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Tasks,
    Threads,
    Processes,
}

impl Place {
    /// A pool of so many smiths.
    pub(crate) fn smiths(self, size: usize) -> Smiths {
        let pool = match self {
            Self::Tasks => Pool::tasks(size, Smith::default),
            Self::Threads => Pool::threads(size, Smith::default),
            Self::Processes => return Smiths::There(processes(size).into()),
        };
        Smiths::Here(pool.name("smith").into())
    }
}

pub(crate) enum Smiths {
    Here(Box<Pool<Smith>>),
    There(Box<ProcessPool<Smith>>),
}

impl Smiths {
    pub(crate) fn capacity(self, jobs: usize) -> Self {
        let capacity = Capacity::new(jobs);
        self.map(|pool| pool.capacity(capacity), |pool| pool.capacity(capacity))
    }

    pub(crate) fn overflow(self, overflow: Overflow) -> Self {
        self.map(|pool| pool.overflow(overflow), |pool| pool.overflow(overflow))
    }

    pub(crate) fn start(self, router: &Router) -> Result<RunningPool<Forge>, PoolError> {
        match self {
            Self::Here(pool) => pool.start(router),
            Self::There(pool) => pool.start(router),
        }
    }

    pub(crate) fn start_private(self, router: &Router) -> Result<RunningPool<Forge>, PoolError> {
        match self {
            Self::Here(pool) => pool.start_private(router),
            Self::There(pool) => pool.start_private(router),
        }
    }

    fn map(
        self,
        here: impl FnOnce(Pool<Smith>) -> Pool<Smith>,
        there: impl FnOnce(ProcessPool<Smith>) -> ProcessPool<Smith>,
    ) -> Self {
        match self {
            Self::Here(pool) => Self::Here(here(*pool).into()),
            Self::There(pool) => Self::There(there(*pool).into()),
        }
    }
}
