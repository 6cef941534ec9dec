use std::fmt;

use edri_manager::{End, StartError};
use edri_router::{NotifyError, OpenError, RequestError, TunnelError};
use edri_worker::PoolError;

use crate::app::Report;

/// Whatever can go wrong in a program's `main`; every error of the rooms below becomes one.
///
/// It shows itself as text where it is debugged, so that a `main` that returns it ends with a readable line.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A manager did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A pool did not start.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A request was not answered with a response.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A notification was refused.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// A tunnel could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A tunnel broke.
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    /// A manager has ended by itself without which the program is not to go on.
    #[error("the manager {name}, which is essential, has stopped: {end}")]
    Lost {
        /// Its name.
        name: String,
        /// How it ended.
        end: End,
    },
    /// The time to shut down was over before everything was done.
    #[error("{0}")]
    Unfinished(Report),
    /// A second signal came before the program had shut down.
    #[error("interrupted by a second signal while shutting down")]
    Interrupted,
    /// The operating system refused something.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
