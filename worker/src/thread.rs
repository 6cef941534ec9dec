use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Runs `work` on a thread of its own, within the runtime's context; what it gives back is ready when the work
/// has ended.
pub(crate) fn spawn(
    name: String,
    work: impl Future<Output = ()> + Send + 'static,
) -> io::Result<oneshot::Receiver<()>> {
    let (ended, told) = oneshot::channel();
    let runtime = Handle::current();
    let run = move || {
        let _timers_and_sockets = runtime.enter();
        block_on(work);
        // Nobody may be waiting for it.
        let _ = ended.send(());
    };
    thread::Builder::new().name(name).spawn(run)?;
    Ok(told)
}

/// Drives a future on this thread.
///
/// tokio's own would mark the thread as one that must not block, and `blocking_recv`, a nested `block_on`, and
/// every library that hides one would panic in a worker.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let alarm = Arc::new(Alarm { rung: AtomicBool::new(false), sleeper: thread::current() });
    let waker = Waker::from(Arc::clone(&alarm));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        alarm.wait();
    }
}

/// How often a thread lets others run before it sleeps: to be woken costs more than several jobs, and under
/// load the next one is about to come.
const YIELDS: usize = 10;

/// Wakes a thread. Whether it rang is remembered here: code within the future may park this thread too, and use
/// up what was meant for it.
struct Alarm {
    rung: AtomicBool,
    sleeper: Thread,
}

impl Alarm {
    fn wait(&self) {
        for _ in 0..YIELDS {
            if self.rung.swap(false, Ordering::Acquire) {
                return;
            }
            thread::yield_now();
        }
        while !self.rung.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.sleeper.unpark();
    }
}
