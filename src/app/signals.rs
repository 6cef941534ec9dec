use std::fmt;
use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// A signal that asks a program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// SIGINT; Ctrl-C where there are no signals.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// What shells say of a program that was ended by it: 128 and its number.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 128 + 2,
            Self::Terminate => 128 + 15,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        })
    }
}

/// The signals that ask this program to end, heard on a thread of their own: a handler that blocks every thread of
/// the program's runtime does not make it deaf.
pub(super) struct Signals {
    heard: mpsc::Receiver<Signal>,
}

/// How long a program has to notice a second signal before it is ended from the thread that heard it.
const UNTIL_NOTICED: Duration = Duration::from_secs(1);

impl Signals {
    /// From here on they are heard, until this is dropped.
    pub(super) async fn listen() -> io::Result<Self> {
        // Two matter: what comes beyond them changes nothing.
        let (hear, heard) = mpsc::channel(2);
        let (ready, told) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("edri-signals".to_owned()).spawn(move || {
            runtime.block_on(async move {
                match Listener::new() {
                    Ok(listener) => {
                        let _ = ready.send(Ok(()));
                        listen_until_dropped(listener, hear).await;
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        })?;
        told.await.unwrap_or_else(|_| Err(io::Error::other("the thread that hears signals has ended")))?;
        Ok(Self { heard })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        match self.heard.recv().await {
            Some(signal) => signal,
            // Nothing can be listened to any more: nothing will come.
            None => std::future::pending().await,
        }
    }
}

/// What comes so soon after the first signal is the same one: `timeout`, for instance, tells a program twice, once by itself
/// and once with its group.
const TOLD_TWICE: Duration = Duration::from_millis(100);

async fn listen_until_dropped(mut listener: Listener, hear: mpsc::Sender<Signal>) {
    let mut first = None;
    loop {
        let signal = tokio::select! {
            signal = listener.next() => signal,
            () = hear.closed() => return,
        };
        let is_second = match first {
            None => {
                first = Some(Instant::now());
                false
            }
            Some(first) if first.elapsed() < TOLD_TWICE => continue,
            Some(_) => true,
        };
        let _ = hear.try_send(signal);
        if is_second && tokio::time::timeout(UNTIL_NOTICED, hear.closed()).await.is_err() {
            process::exit(signal.exit_code().into());
        }
    }
}

#[cfg(unix)]
struct Listener {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Listener {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Listener;

#[cfg(not(unix))]
impl Listener {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            // Nothing can be listened to: nothing will come.
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
