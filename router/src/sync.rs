//! The primitives that the model checker replaces: under `--cfg shuttle` every lock, atomic and snapshot is
//! one whose interleavings shuttle explores (see `tests/shuttle.rs`).

#[cfg(not(shuttle))]
mod real {
    pub(crate) use std::sync::atomic;

    pub(crate) use parking_lot::Mutex;

    /// A lock for the briefest of moments: it is let go by a plain store, which wakes nobody, so that it costs half
    /// of what a mutex does. Who finds it held yields and comes again.
    #[derive(Default)]
    pub(crate) struct Latch<T>(try_lock::TryLock<T>);

    impl<T> Latch<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(try_lock::TryLock::new(value))
        }

        #[inline]
        pub(crate) fn lock(&self) -> try_lock::Locked<'_, T> {
            loop {
                match self.0.try_lock() {
                    Some(locked) => return locked,
                    None => std::thread::yield_now(),
                }
            }
        }
    }

    /// An immutable value that is replaced whole; reading it takes no lock.
    pub(crate) struct Snapshot<T>(arc_swap::ArcSwap<T>);

    impl<T> Snapshot<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(arc_swap::ArcSwap::from_pointee(value))
        }

        #[inline]
        pub(crate) fn load(&self) -> impl std::ops::Deref<Target = std::sync::Arc<T>> + '_ {
            self.0.load()
        }

        /// The old value is the caller's to drop, after its locks.
        #[must_use]
        pub(crate) fn swap(&self, value: T) -> std::sync::Arc<T> {
            self.0.swap(std::sync::Arc::new(value))
        }
    }
}

#[cfg(shuttle)]
mod real {
    pub(crate) use shuttle::sync::atomic;

    /// shuttle's mutex with parking_lot's signature.
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
            match self.0.lock() {
                Ok(guard) => guard,
                Err(poisoned) => poisoned.into_inner(),
            }
        }
    }

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Self::new(T::default())
        }
    }

    pub(crate) type Latch<T> = Mutex<T>;

    /// arc-swap has no model: its contract (a load sees one whole value that was stored) is stood in for by a
    /// lock held only for the copy.
    pub(crate) struct Snapshot<T>(Mutex<std::sync::Arc<T>>);

    impl<T> Snapshot<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(Mutex::new(std::sync::Arc::new(value)))
        }

        #[expect(
            clippy::redundant_allocation,
            reason = "it stands for arc-swap's guard, which dereferences to an Arc"
        )]
        pub(crate) fn load(&self) -> Box<std::sync::Arc<T>> {
            Box::new(std::sync::Arc::clone(&self.0.lock()))
        }

        #[must_use]
        pub(crate) fn swap(&self, value: T) -> std::sync::Arc<T> {
            std::mem::replace(&mut *self.0.lock(), std::sync::Arc::new(value))
        }
    }
}

pub(crate) use real::{Latch, Mutex, Snapshot, atomic};
