use edri_event::Request;
use edri_router::Router;

use crate::pool::{Pool, PoolError};
use crate::running::RunningPool;
use crate::worker::Worker;

/// A pool about to be started, whatever its workers are. Implemented by [`Pool`], and by `CommandPool` where there are
/// processes; not for others to implement.
pub trait Workers: sealed::Sealed + Send + 'static {
    /// What they answer.
    type Job: Request;

    /// Starts them, and has them answer their job on the router.
    ///
    /// # Errors
    /// As [`Pool::start`].
    fn start(self, router: &Router) -> Result<RunningPool<Self::Job>, PoolError>;
}

impl<W: Worker> Workers for Pool<W> {
    type Job = W::Job;

    fn start(self, router: &Router) -> Result<RunningPool<W::Job>, PoolError> {
        Pool::start(self, router)
    }
}

#[cfg(target_os = "linux")]
mod commands {
    use edri_event::Request;
    use edri_router::Router;
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::Workers;
    use crate::command::{CommandPool, Lines, PerJob};
    use crate::pool::PoolError;
    use crate::process::{ProcessWorker, Processes};
    use crate::running::RunningPool;

    impl<R> Workers for CommandPool<R, Lines>
    where
        R: Request + Serialize,
        R::Response: DeserializeOwned,
    {
        type Job = R;

        fn start(self, router: &Router) -> Result<RunningPool<R>, PoolError> {
            CommandPool::<R, Lines>::start(self, router)
        }
    }

    impl<W: ProcessWorker> Workers for CommandPool<W::Job, Processes<W>> {
        type Job = W::Job;

        fn start(self, router: &Router) -> Result<RunningPool<W::Job>, PoolError> {
            CommandPool::<W::Job, Processes<W>>::start(self, router)
        }
    }

    impl<R: Request> Workers for CommandPool<R, PerJob<R>> {
        type Job = R;

        fn start(self, router: &Router) -> Result<RunningPool<R>, PoolError> {
            CommandPool::<R, PerJob<R>>::start(self, router)
        }
    }
}

mod sealed {
    pub trait Sealed {}

    impl<W: crate::Worker> Sealed for crate::Pool<W> {}

    #[cfg(target_os = "linux")]
    impl<R: edri_event::Request, M> Sealed for crate::CommandPool<R, M> {}
}
