//! Which keys, how many of them, in which order.

use std::{
    future::Future,
    sync::{Arc, Barrier},
    thread,
};

use tokio::runtime::Handle;

use crate::measure::{Sample, Stopwatch};

/// How many keys there are.
pub(super) const KEYS: usize = 100_000;

/// Of ten operations, this many are reads.
const READS: u64 = 9;

/// Threads that read and write.
pub(super) const THREADS: u64 = 2;

/// What is kept under each key.
pub(super) const VALUE: [u8; 64] = [7; 64];

/// The keys, as a program would have them.
pub(super) fn keys() -> Arc<Vec<String>> {
    Arc::new((0..KEYS).map(|number| format!("user:{number:06}")).collect())
}

/// One operation.
pub(super) enum Operation<'k> {
    Get(&'k str),
    Set(&'k str),
}

/// Operations on keys by chance (xorshift, Marsaglia 2003); the same for every contender.
pub(super) struct Operations<'k> {
    keys: &'k [String],
    state: u64,
    left: u64,
}

impl<'k> Operations<'k> {
    /// So many, for the thread of that number.
    pub(super) fn new(keys: &'k [String], thread: u64, count: u64) -> Self {
        Self { keys, state: 0x9e37_79b9_7f4a_7c15 ^ (thread + 1), left: count }
    }
}

impl<'k> Iterator for Operations<'k> {
    type Item = Operation<'k>;

    fn next(&mut self) -> Option<Operation<'k>> {
        self.left = self.left.checked_sub(1)?;
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let key = &self.keys[(self.state >> 32) as usize % self.keys.len()];
        Some(if self.state % 10 < READS { Operation::Get(key) } else { Operation::Set(key) })
    }
}

/// Runs `work` on each of two threads, with its number, so many operations each. The futures never yield, so each has a
/// thread to itself.
pub(super) fn on_threads<F>(operations: u64, work: impl Fn(u64, u64) -> F + Sync) -> Sample
where
    F: Future<Output = ()>,
{
    let runtime = Handle::current();
    let each = operations / THREADS;
    let begin = Barrier::new(THREADS as usize + 1);
    let stopwatch = thread::scope(|scope| {
        for thread in 0..THREADS {
            let (work, begin, runtime) = (&work, &begin, runtime.clone());
            scope.spawn(move || {
                begin.wait();
                runtime.block_on(work(thread, each));
            });
        }
        begin.wait();
        Stopwatch::start()
    });
    // All threads have ended with the scope.
    stopwatch.stop(each * THREADS)
}
