use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use edri_router::WorkerLimit;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, kill_process_group, pidfd_open, waitid,
};
use tokio::sync::oneshot;

use super::before_exec::{BeforeExec, prepare};
use super::guard::Guard;
use super::spec::Spec;
use super::watch::Watch;

/// The thread that starts all children of this process.
///
/// It lives as long as the process does: the kernel ends a child when the thread ends that has started it. It also keeps
/// watch over those that are limited, and buries those of whom nobody cares any more.
#[derive(Clone)]
pub(super) struct Keeper(Sender<Order>);

/// A child that was started. Dropped, it is killed with its group, and buried by the keeper.
pub(super) struct Leash {
    keeper: Keeper,
    pub(super) group: Pid,
    /// The limit that it exceeded, if it did.
    pub(super) exceeded: Arc<OnceLock<WorkerLimit>>,
    buried: bool,
}

/// What this process has of a child: its end to be watched, and the ends of its pipes.
pub(super) struct Pipes {
    pub(super) pidfd: OwnedFd,
    /// None where its standard input was given.
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// What a child has for its standard input.
pub(super) enum Input {
    /// A pipe.
    Pipe,
    Given(OwnedFd),
}

enum Order {
    Start(Box<Start>),
    /// Somebody has to wait for it.
    Bury(Pid),
    /// Somebody has.
    Buried(Pid),
}

struct Start {
    spec: Arc<Spec>,
    more: Vec<OsString>,
    worker: Arc<str>,
    input: Input,
    keeper: Keeper,
    started: oneshot::Sender<io::Result<(Leash, Pipes)>>,
}

/// How often it looks whether those have ended that it has killed.
const BURY_EVERY: Duration = Duration::from_millis(5);

impl Keeper {
    /// The one of this process.
    pub(super) fn get() -> io::Result<Self> {
        static KEEPER: Mutex<Option<Keeper>> = Mutex::new(None);
        let mut keeper = KEEPER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = &*keeper {
            return Ok(keeper.clone());
        }
        let (orders, received) = mpsc::channel();
        thread::Builder::new().name("edri-children".to_owned()).spawn(move || Round::new().run(&received))?;
        Ok(keeper.insert(Self(orders)).clone())
    }

    /// Starts a child, with more arguments than its spec has.
    pub(super) async fn start(
        &self,
        spec: Arc<Spec>,
        more: Vec<OsString>,
        worker: Arc<str>,
        input: Input,
    ) -> io::Result<(Leash, Pipes)> {
        let (started, told) = oneshot::channel();
        let keeper = self.clone();
        self.order(Order::Start(Box::new(Start { spec, more, worker, input, keeper, started })));
        told.await.unwrap_or_else(|_| Err(io::Error::other("the thread that starts children has ended")))
    }

    fn order(&self, order: Order) {
        // The thread does not end before the process does.
        let _ = self.0.send(order);
    }
}

impl Leash {
    pub(super) fn signal(&self, signal: Signal) {
        // Nobody else waits for it, so that its number is its own until it is buried.
        let _ = kill_process_group(self.group, signal);
    }

    /// Its process has ended and was waited for, and what was left of its group has been killed.
    pub(super) fn note_burial(&mut self) {
        self.buried = true;
        self.keeper.order(Order::Buried(self.group));
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if !self.buried {
            self.signal(Signal::KILL);
            self.keeper.order(Order::Bury(self.group));
        }
    }
}

/// What the thread knows.
struct Round {
    guard: Guard,
    watch: Watch,
    /// Those that were killed and not waited for yet.
    dying: Vec<Pid>,
    /// The groups of those that were buried, of which something may be left.
    orphans: Vec<Pid>,
}

impl Round {
    fn new() -> Self {
        Self { guard: Guard::new(), watch: Watch::new(), dying: Vec::new(), orphans: Vec::new() }
    }

    fn run(&mut self, orders: &Receiver<Order>) {
        loop {
            let order = match self.patience() {
                Some(patience) => orders.recv_timeout(patience),
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(order) => self.carry_out(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.bury();
            self.watch.look_if_due(Instant::now());
        }
    }

    fn bury(&mut self) {
        let Self { guard, dying, orphans, .. } = self;
        dying.retain(|group| {
            let is_buried = is_buried(*group);
            if is_buried {
                guard.buried(*group);
                orphans.push(*group);
            }
            !is_buried
        });
        orphans.retain(|group| !has_no_orphans(*group));
    }

    /// How long it may sleep.
    fn patience(&self) -> Option<Duration> {
        let look = self.watch.due().map(|due| due.saturating_duration_since(Instant::now()));
        let bury = (!self.dying.is_empty() || !self.orphans.is_empty()).then_some(BURY_EVERY);
        look.into_iter().chain(bury).min()
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Start(start) => {
                let Start { spec, more, worker, input, keeper, started } = *start;
                let mut command = spec.command(&more, &worker);
                match input {
                    Input::Pipe => command.stdin(Stdio::piped()),
                    Input::Given(input) => command.stdin(input),
                };
                // Should nobody want it any more, it ends where it is dropped.
                let _ = started.send(self.start(&spec, command, keeper));
            }
            Order::Bury(group) => {
                self.watch.end(group);
                self.dying.push(group);
            }
            Order::Buried(group) => {
                self.watch.end(group);
                self.guard.buried(group);
                self.orphans.push(group);
            }
        }
    }

    fn start(&mut self, spec: &Spec, mut command: Command, keeper: Keeper) -> io::Result<(Leash, Pipes)> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let before = BeforeExec {
            parent: getpid(),
            limits: spec.limits.of_kernel(),
            niceness: spec.limits.niceness,
            guard: self.guard.pipe(),
        };
        prepare(&mut command, before);
        let mut child = command.spawn().inspect_err(|_| self.guard.not_started())?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let group = group.ok_or_else(|| io::Error::other("a child without a number"))?;
        self.guard.started(group);
        let pidfd = match pidfd_open(group, PidfdFlags::NONBLOCK) {
            Ok(pidfd) => pidfd,
            Err(error) => {
                let _ = kill_process_group(group, Signal::KILL);
                self.dying.push(group);
                let message =
                    format!("its end could not be watched, which takes Linux 5.4 or later: {error}");
                return Err(io::Error::new(io::Error::from(error).kind(), message));
            }
        };
        let exceeded = self.watch.begin(group, spec.limits);
        let leash = Leash { keeper, group, exceeded, buried: false };
        match (child.stdout.take(), child.stderr.take()) {
            (Some(stdout), Some(stderr)) => {
                let stdin = child.stdin.take().map(OwnedFd::from);
                Ok((leash, Pipes { pidfd, stdin, stdout: stdout.into(), stderr: stderr.into() }))
            }
            _ => Err(io::Error::other("a child without its pipes")),
        }
    }
}

/// Waits for a child that was killed, if it has ended.
fn is_buried(group: Pid) -> bool {
    !matches!(waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOHANG), Ok(None))
}

/// Waits for what was left of a group, as far as it has become this process's own: the first process of a container, and
/// one that asks for it, inherits what has lost its parent. As long as one is left, the number of the group is its own.
fn has_no_orphans(group: Pid) -> bool {
    loop {
        match waitid(WaitId::Pgid(Some(group)), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}
