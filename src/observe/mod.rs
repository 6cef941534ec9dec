//! What a program's parts have done, told to those who watch it from outside.
//!
//! ```text
//! figures      the numbers of each part, at one moment
//! publish      the same as metrics of the facade `metrics`
//! task         again and again, for as long as the program lives
//! prometheus   for Prometheus to fetch
//! ```
//!
//! Nothing is done for each event: the numbers are read from counters that the parts keep anyway.

mod figures;
#[cfg(feature = "prometheus")]
mod prometheus;
mod publish;
mod task;

use std::time::Duration;

use edri_router::Router;
pub(crate) use task::Observing;
use task::repeat;

use crate::error::Error;

/// What a program is to tell, and how.
#[derive(Debug)]
pub(crate) struct Observe {
    /// How often; not at all if nothing is said.
    pub(crate) every: Option<Duration>,
    /// Where Prometheus fetches it.
    #[cfg(feature = "prometheus")]
    pub(crate) prometheus: Option<std::net::SocketAddr>,
}

impl Observe {
    pub(crate) const fn nothing() -> Self {
        Self {
            every: None,
            #[cfg(feature = "prometheus")]
            prometheus: None,
        }
    }

    /// Begins to tell of those who are on `router`.
    ///
    /// # Errors
    /// If the address cannot be listened to, or the process has a recorder of metrics already.
    pub(crate) fn start(self, router: &Router) -> Result<Observing, Error> {
        let mut observing = Observing::default();
        #[cfg(feature = "prometheus")]
        if let Some(address) = self.prometheus {
            observing.add(prometheus::serve(address)?);
        }
        #[cfg(feature = "prometheus")]
        let every = self.every.or(self.prometheus.map(|_| prometheus::EVERY));
        #[cfg(not(feature = "prometheus"))]
        let every = self.every;
        if let Some(every) = every {
            observing.add(repeat(every, router.clone()));
        }
        Ok(observing)
    }
}
