use std::fmt;

use edri_manager::{End, StartError};
use edri_router::{NotifyError, OpenError, RequestError, TunnelError};
use edri_worker::PoolError;

use crate::app::{OrderError, Report, Signal};

/// Whatever can go wrong in a program's `main`; every error of the rooms below becomes one.
///
/// It shows itself as text where it is debugged, so that a `main` that returns it ends with a readable line.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Managers need others that are not there, or each other.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A manager did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A pool did not start.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The workers of a pool were not all replaced.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Reload(#[from] edri_worker::ReloadError),
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
    #[error("interrupted by {signal}, the second signal, while shutting down")]
    Interrupted {
        /// The second one.
        signal: Signal,
    },
    /// Metrics cannot be served to Prometheus.
    #[cfg(feature = "prometheus")]
    #[error("metrics cannot be served at {address}: {reason}")]
    Prometheus {
        /// Where they were to be served.
        address: std::net::SocketAddr,
        /// What was in the way.
        reason: String,
    },
    /// The operating system refused something.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Error {
    /// The exit code for a program that ends with it: 130 or 143 after a second signal, 1 otherwise.
    ///
    /// `#[edri::main]` takes care of it for a `main` that returns this error, itself or in a `Box<dyn Error>`. Others end
    /// with [`std::process::exit`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted { signal } => signal.exit_code(),
            _ => 1,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
