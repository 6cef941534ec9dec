use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Which of the things that are under way with another router has something to do: the others are not looked at, since there
/// are many of them, and a request and its answer touch but few.
pub(super) struct Ringing {
    rung: Arc<Rung>,
    wakers: [Waker; Source::ALL.len()],
}

/// What may have something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Notifications that came and wait for room here.
    Delivering,
    /// Requests that came and are being answered.
    Answering,
    /// Tunnels that the other router opens.
    Opening,
    /// Reports on requests that came.
    Reports,
    /// Requesters here that have gone away.
    Left,
    /// What waits to go out.
    Exit,
    /// What tunnels have to say.
    Tunnels,
    /// What lasts, of both ends.
    Durable,
}

struct Rung {
    bits: AtomicU32,
    task: AtomicWaker,
}

struct Ringer {
    bit: u32,
    rung: Arc<Rung>,
}

/// Those that are to be looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due(u32);

impl Source {
    const ALL: [Self; 8] = [
        Self::Delivering,
        Self::Answering,
        Self::Opening,
        Self::Reports,
        Self::Left,
        Self::Exit,
        Self::Tunnels,
        Self::Durable,
    ];

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl Ringing {
    /// All of them are to be looked at first.
    pub(super) fn new() -> Self {
        let rung = Arc::new(Rung { bits: AtomicU32::new(u32::MAX), task: AtomicWaker::new() });
        let waker =
            |source: Source| Waker::from(Arc::new(Ringer { bit: source.bit(), rung: Arc::clone(&rung) }));
        Self { wakers: Source::ALL.map(waker), rung }
    }

    /// Those that are to be looked at; the task is woken for others.
    #[inline]
    pub(super) fn take(&self, cx: &Context<'_>) -> Due {
        self.rung.task.register(cx.waker());
        // As a rule nobody has.
        let nobody = self.rung.bits.load(Ordering::Acquire) == 0;
        Due(if nobody { 0 } else { self.rung.bits.swap(0, Ordering::AcqRel) })
    }

    /// Rings for that one when it is woken.
    #[inline]
    pub(super) fn context(&self, source: Source) -> Context<'_> {
        Context::from_waker(&self.wakers[source as usize])
    }
}

impl Due {
    #[inline]
    pub(super) fn has(self, source: Source) -> bool {
        self.0 & source.bit() != 0
    }
}

impl Wake for Ringer {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.rung.bits.fetch_or(self.bit, Ordering::AcqRel) & self.bit == 0 {
            self.rung.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn all(due: Due) -> Vec<Source> {
        Source::ALL.into_iter().filter(|source| due.has(*source)).collect()
    }

    #[test]
    fn only_who_has_rung_is_looked_at_and_the_task_is_woken_once_for_each() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let cx = Context::from_waker(&waker);
        let ringing = Ringing::new();
        assert_eq!(all(ringing.take(&cx)), Source::ALL);
        assert_eq!(all(ringing.take(&cx)), []);
        for source in [Source::Exit, Source::Left, Source::Exit] {
            ringing.context(source).waker().wake_by_ref();
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 1, "it is awake already");
        assert_eq!(all(ringing.take(&cx)), [Source::Left, Source::Exit]);
        ringing.context(Source::Exit).waker().wake_by_ref();
        assert_eq!(all(ringing.take(&cx)), [Source::Exit]);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }
}
