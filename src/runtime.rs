//! The runtime behind [`#[edri::main]`](macro@crate::main).

use std::future::Future;

/// Which runtime a program gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Tasks spread over threads, or all on the one that runs `main`.
    pub multi_thread: bool,
    /// How many threads; as many as there are processors if nothing is said.
    pub worker_threads: Option<usize>,
}

/// Runs a program to its end, on a runtime of its own.
///
/// # Panics
/// If the operating system does not give what a runtime needs, or `worker_threads` is 0.
#[doc(hidden)]
pub fn run<T>(settings: Settings, program: impl Future<Output = T>) -> T {
    let mut builder = if settings.multi_thread {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    if let Some(threads) = settings.worker_threads {
        builder.worker_threads(threads);
    }
    match builder.enable_all().build() {
        Ok(runtime) => {
            let output = runtime.block_on(program);
            // A handler that blocks its thread does not keep the program from ending.
            runtime.shutdown_background();
            output
        }
        Err(error) => panic!("the runtime could not be started: {error}"),
    }
}
