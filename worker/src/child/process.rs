use std::ffi::OsString;
use std::future::{Future, pending};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use edri_router::{DeathCause, WorkerLimit};
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, WaitIdStatus, waitid};
use tokio::net::unix::pipe;
use tokio::time::sleep_until;

use super::ending::{Ask, Ending};
use super::keeper::{Input, Keeper, Leash};
use super::limits::Limits;
use super::sample;
use super::spec::Spec;

/// A child and the process group that it leads. Dropped, both are killed.
pub(crate) struct Process {
    leash: Leash,
    /// No pipe, though tokio is told so: it is asked for nothing but whether it is readable, which a pidfd is from when
    /// its process has ended. (What tokio has for other descriptors is `unsafe`.)
    pidfd: Arc<pipe::Receiver>,
    limits: Limits,
}

/// The ends of its pipes.
pub(crate) struct Ends {
    pub(crate) stdin: pipe::Sender,
    pub(crate) stdout: pipe::Receiver,
    pub(crate) stderr: pipe::Receiver,
}

/// The ends of the pipes of one that has something else for its standard input.
pub(crate) struct OutputEnds {
    pub(crate) stdout: pipe::Receiver,
    pub(crate) stderr: pipe::Receiver,
}

/// How a child has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
    /// It was killed for that.
    OverLimit(WorkerLimit),
    /// Somebody else has waited for it.
    Unknown,
}

impl Process {
    /// Starts a child for the worker of that name, with more arguments than its spec has.
    pub(crate) async fn start(
        spec: &Arc<Spec>,
        more: Vec<OsString>,
        worker: &Arc<str>,
    ) -> io::Result<(Self, Ends)> {
        let (process, stdin, OutputEnds { stdout, stderr }) =
            Self::start_with(spec, more, worker, Input::Pipe).await?;
        let stdin = stdin.ok_or_else(|| io::Error::other("a child without its pipes"))?;
        let ends = Ends { stdin: pipe::Sender::from_owned_fd(stdin)?, stdout, stderr };
        Ok((process, ends))
    }

    /// The same with a socket for its standard input.
    pub(crate) async fn start_on(
        spec: &Arc<Spec>,
        more: Vec<OsString>,
        worker: &Arc<str>,
        socket: OwnedFd,
    ) -> io::Result<(Self, OutputEnds)> {
        let (process, _, ends) = Self::start_with(spec, more, worker, Input::Given(socket)).await?;
        Ok((process, ends))
    }

    async fn start_with(
        spec: &Arc<Spec>,
        more: Vec<OsString>,
        worker: &Arc<str>,
        input: Input,
    ) -> io::Result<(Self, Option<OwnedFd>, OutputEnds)> {
        let keeper = Keeper::get()?;
        let (leash, pipes) = keeper.start(Arc::clone(spec), more, Arc::clone(worker), input).await?;
        let pidfd = Arc::new(pipe::Receiver::from_owned_fd_unchecked(pipes.pidfd)?);
        let ends = OutputEnds {
            stdout: pipe::Receiver::from_owned_fd(pipes.stdout)?,
            stderr: pipe::Receiver::from_owned_fd(pipes.stderr)?,
        };
        Ok((Self { leash, pidfd, limits: spec.limits }, pipes.stdin, ends))
    }

    /// The number of the process and of its group.
    pub(crate) fn id(&self) -> i32 {
        self.leash.group.as_raw_nonzero().get()
    }

    /// Ready when the process has ended; what it has started may go on.
    ///
    /// Cancel safe.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let pidfd = Arc::clone(&self.pidfd);
        async move {
            // Without the driver nothing would ever be told: then its owner looks when something else happens.
            if pidfd.readable().await.is_err() {
                pending::<()>().await;
            }
        }
    }

    /// Asks all of its group to end.
    pub(crate) fn terminate(&self) {
        self.leash.signal(Signal::TERM);
    }

    /// Ends all of its group.
    pub(crate) fn kill(&self) {
        self.leash.signal(Signal::KILL);
    }

    /// Its resident memory, in bytes, as long as it lives.
    pub(crate) fn memory(&self) -> Option<u64> {
        sample::memory_of(self.id())
    }

    /// Has it end in order, and buries it: `close` closes its standard input, `drain` takes what it still writes.
    ///
    /// Cancel safe: dropped, it is killed, and buried elsewhere.
    pub(crate) async fn end(
        self,
        mut ending: Ending,
        mut close: impl FnMut(),
        drain: impl Future<Output = ()>,
    ) -> Exit {
        let asking = async {
            while let Some(due) = ending.due() {
                sleep_until(due).await;
                match ending.step(due) {
                    Some(Ask::CloseInput) => close(),
                    Some(Ask::Terminate) => self.terminate(),
                    Some(Ask::Kill) => self.kill(),
                    None => {}
                }
            }
            pending().await
        };
        let drain = async {
            drain.await;
            pending().await
        };
        tokio::select! {
            () = self.ended() => {}
            () = asking => {}
            () = drain => {}
        }
        self.bury().await
    }

    /// Kills what is left of its group, and waits for the process itself.
    ///
    /// Cancel safe: dropped, it is killed, and buried elsewhere.
    pub(crate) async fn bury(mut self) -> Exit {
        // Before it is waited for: from then on its number may be another's.
        self.kill();
        self.ended().await;
        let exit = self.wait();
        self.leash.note_burial();
        exit
    }

    fn wait(&self) -> Exit {
        let waited = loop {
            match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED) {
                Err(Errno::INTR) => {}
                waited => break waited,
            }
        };
        match (self.leash.exceeded.get(), waited) {
            (Some(limit), _) => Exit::OverLimit(*limit),
            (None, Ok(Some(status))) => self.exit(&status),
            (None, _) => Exit::Unknown,
        }
    }

    fn exit(&self, status: &WaitIdStatus) -> Exit {
        match (status.exit_status(), status.terminating_signal(), self.limits.cpu_seconds()) {
            (Some(code), _, _) => Exit::Code(code),
            (_, Some(signal), Some(limit)) if signal == Signal::XCPU.as_raw() => {
                Exit::OverLimit(WorkerLimit::CpuTime { limit })
            }
            (_, Some(signal), _) => Exit::Signal(signal),
            (None, None, _) => Exit::Unknown,
        }
    }
}

impl From<Exit> for DeathCause {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self::Exited { code },
            Exit::Signal(signal) => Self::Signalled { signal },
            Exit::OverLimit(limit) => Self::OverLimit { limit },
            Exit::Unknown => Self::Unknown,
        }
    }
}
