//! Hashing by other programs: they come and go, and a file that one of them had is asked of another.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use edri::prelude::*;
use tokio::time::sleep;

use crate::events::{Content, HashFile};

/// A worker that has vanished is waited for no longer than this: others can do what it had.
pub const GIVEN_UP: Duration = Duration::from_secs(2);

/// Whether others hash, too.
pub enum Far {
    Nowhere,
    /// They do. What is relative here begins in this directory.
    From(PathBuf),
}

impl Far {
    pub fn directory() -> io::Result<Self> {
        Ok(Self::From(std::env::current_dir()?))
    }

    /// Has a file hashed. As long as nobody is there who could do it, it waits for somebody.
    pub async fn ask(&self, router: &Router, path: &Arc<Path>) -> Result<Content, RequestError> {
        let Self::From(directory) = self else {
            return router.request(HashFile { path: Arc::clone(path) }).await;
        };
        let absolute: Arc<Path> = directory.join(path).into();
        let mut pauses = Backoff::doubling(Duration::from_millis(20), Duration::from_millis(500)).delays();
        for attempt in 1.. {
            match router.request(HashFile { path: Arc::clone(&absolute) }).await {
                // It was not answered for a reason that has nothing to do with the file.
                Err(
                    RequestError::NoResponder { .. }
                    | RequestError::LinkLost(_)
                    | RequestError::Stopped
                    | RequestError::Cancelled
                    | RequestError::Overloaded,
                ) => sleep(pauses.before(attempt)).await,
                outcome => return outcome,
            }
        }
        unreachable!("it is asked again without end")
    }
}
