//! A process that is a worker: its router is linked with its parent's, and one thread does the jobs that come.
//!
//! ```text
//! desk      the process's first thread, which never does what may take long
//! bench     the worker, on a thread of its own
//! top       what both reach: jobs that come and answers that go, and who reads
//! watchdog  wakes the one when the other has been at something for long
//! order     a job on its way to the worker, and what has come of it
//! ```

mod bench;
mod desk;
mod order;
mod top;
mod watchdog;

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use edri_link::{End, Link};
use edri_router::Router;
use rustix::fs::{Mode, OFlags};
use tokio::time::timeout;

use self::desk::Desk;
use super::carrier::{settings, stream};
use super::descriptors::take_over;
use super::registry::ProcessWorker;

/// What a child is to be.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    /// The worker's name, as in `Hasher-0`.
    pub(super) worker: String,
    /// Its number in its pool.
    pub(super) number: usize,
    /// How many processes above it are workers, itself included.
    pub(super) depth: u32,
}

/// The parent is there, and answers within that time.
const GREETING: Duration = Duration::from_secs(30);
/// What its router still has to send is sent within that time.
const FAREWELL: Duration = Duration::from_secs(5);

/// Works as `W` until its parent wants no more of it, or is gone.
///
/// # Errors
/// Why it cannot.
pub(super) fn work<W: ProcessWorker>(post: Post) -> Result<(), String> {
    let (jobs, link) = sockets().map_err(|error| {
        format!("its standard input is not what a worker of an EDRI program is given: {error}")
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime could not be started: {error}"))?;
    let ended = runtime.block_on(attend::<W>(post, jobs, link));
    // What the worker has left running does not keep the process.
    runtime.shutdown_background();
    ended
}

/// The socket for jobs, and that for the link. The standard input is empty from here on.
fn sockets() -> io::Result<(OwnedFd, OwnedFd)> {
    let jobs = io::stdin().as_fd().try_clone_to_owned()?;
    let link = take_over(&jobs)?;
    let nothing = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Ok((jobs, link))
}

async fn attend<W: ProcessWorker>(post: Post, jobs: OwnedFd, link: OwnedFd) -> Result<(), String> {
    let router = Router::new();
    let socket = stream(link).map_err(|error| error.to_string())?;
    let link = Link::start(&router, socket, End::Connecting, settings(router.id(), &post.worker, GREETING));
    // What the parent's router offers is there before the worker begins.
    link.opened()
        .await
        .map_err(|closed| format!("its router cannot be linked with its parent's: {closed}"))?;
    let ended = match Desk::<W>::new(&post, &router, jobs) {
        Ok(desk) => desk.attend().await,
        Err(error) => Err(error.to_string()),
    };
    link.close();
    let _ = timeout(FAREWELL, link.closed()).await;
    ended
}
