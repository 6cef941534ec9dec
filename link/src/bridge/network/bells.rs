use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use futures_util::task::AtomicWaker;

/// How those who share a task wake it, and it knows for whom: so that many may sleep at no cost.
#[derive(Default)]
pub(super) struct Bells {
    rung: Mutex<Vec<u32>>,
    task: AtomicWaker,
}

/// That of one of them.
pub(super) struct Bell {
    ringer: Arc<Ringer>,
    waker: Waker,
}

struct Ringer {
    number: u32,
    is_rung: AtomicBool,
    bells: Arc<Bells>,
}

impl Bells {
    /// A bell of that number.
    pub(super) fn bell(self: &Arc<Self>, number: u32) -> Bell {
        let ringer = Arc::new(Ringer { number, is_rung: AtomicBool::new(false), bells: Arc::clone(self) });
        Bell { waker: Waker::from(Arc::clone(&ringer)), ringer }
    }

    /// The numbers of those that have been rung since this was asked last; the task is woken for others.
    pub(super) fn take(&self, cx: &Context<'_>) -> Vec<u32> {
        self.task.register(cx.waker());
        std::mem::take(&mut self.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Bell {
    /// Rings it when it is woken, also for what happens from here on.
    pub(super) fn context(&self) -> Context<'_> {
        self.ringer.is_rung.store(false, Ordering::Release);
        Context::from_waker(&self.waker)
    }
}

impl Wake for Ringer {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_rung.swap(true, Ordering::AcqRel) {
            self.bells.rung.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
            self.bells.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_rings_once_until_it_is_looked_after() {
        let bells = Arc::<Bells>::default();
        let (one, other) = (bells.bell(1), bells.bell(2));
        let cx = Context::from_waker(Waker::noop());
        for bell in [&one, &one, &other, &one] {
            bell.waker.wake_by_ref();
        }
        assert_eq!(bells.take(&cx), [1, 2]);
        one.waker.wake_by_ref();
        assert_eq!(bells.take(&cx), [], "it has not been looked after");
        one.context().waker().wake_by_ref();
        other.context();
        assert_eq!(bells.take(&cx), [1]);
    }
}
