use std::io;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::net::unix::pipe;

/// Has one thread woken after a while by another that goes on: a task's timer would have to be set by that which it wakes.
pub(super) struct Watchdog(pipe::Receiver);

impl Watchdog {
    /// For a task of the runtime that this is called in.
    pub(super) fn new() -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        // It is read as a pipe is.
        Ok(Self(pipe::Receiver::from_owned_fd_unchecked(timer)?))
    }

    /// Wakes whoever waits after that time, and not when it was told to before.
    pub(super) fn wake(&self, after: Duration) {
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        // Nothing would be never.
        let after = after.max(Duration::from_nanos(1));
        let value = Timespec { tv_sec: after.as_secs() as i64, tv_nsec: i64::from(after.subsec_nanos()) };
        let timer = Itimerspec { it_interval: never, it_value: value };
        // What may be wrong with it would be wrong with the timer or the time.
        let _ = timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &timer);
    }

    /// Ready when it is time.
    ///
    /// Cancel safe.
    pub(super) async fn woken(&self) {
        loop {
            if self.0.readable().await.is_err() {
                // Without the driver nothing would ever be told.
                std::future::pending::<()>().await;
            }
            if self.0.try_read(&mut [0; 8]).is_ok() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn it_is_set_by_one_thread_and_wakes_another_once() {
        let watchdog = Arc::new(Watchdog::new().unwrap());
        let begun = Instant::now();
        let other = Arc::clone(&watchdog);
        std::thread::spawn(move || {
            other.wake(Duration::from_secs(100));
            other.wake(Duration::from_millis(5));
        });
        tokio::time::timeout(Duration::from_secs(50), watchdog.woken()).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(5));
        let again = tokio::time::timeout(Duration::from_millis(20), watchdog.woken());
        assert!(again.await.is_err());
    }
}
