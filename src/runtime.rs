//! The runtime behind [`#[edri::main]`](macro@crate::main).

use std::any::Any;
use std::future::Future;
use std::process;

use crate::error::Error;

/// Which runtime a program gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Tasks spread over threads, or all on the one that runs `main`.
    pub multi_thread: bool,
    /// How many threads; as many as there are processors if nothing is said.
    pub worker_threads: Option<usize>,
}

/// Runs a program to its end, on a runtime of its own. One that was interrupted ends the process, with the exit code
/// for it. In a process that was started as a worker, the worker is run in place of the program.
///
/// # Panics
/// If the operating system does not give what a runtime needs, or `worker_threads` is 0.
#[doc(hidden)]
pub fn run<T: 'static>(settings: Settings, program: impl Future<Output = T>) -> T {
    #[cfg(target_os = "linux")]
    edri_worker::enter();
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
            if let Some(error @ Error::Interrupted { .. }) = error_of(&output) {
                eprintln!("Error: {error}");
                process::exit(error.exit_code().into());
            }
            output
        }
        Err(error) => panic!("the runtime could not be started: {error}"),
    }
}

/// What a `main` ends with, where it is an error of ours: the standard library has one exit code for all errors.
fn error_of(output: &dyn Any) -> Option<&Error> {
    if let Some(result) = output.downcast_ref::<Result<(), Error>>() {
        return result.as_ref().err();
    }
    let result = output.downcast_ref::<Result<(), Box<dyn std::error::Error>>>()?;
    result.as_ref().err()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signal;

    #[test]
    fn the_second_signal_decides_the_exit_code() {
        let interrupted = || Error::Interrupted { signal: Signal::Interrupt };
        let plain: Result<(), Error> = Err(interrupted());
        let boxed: Result<(), Box<dyn std::error::Error>> = Err(interrupted().into());
        assert_eq!(error_of(&plain).map(Error::exit_code), Some(130));
        assert_eq!(error_of(&boxed).map(Error::exit_code), Some(130));
        assert_eq!(Error::Interrupted { signal: Signal::Terminate }.exit_code(), 143);
        assert!(error_of(&()).is_none() && error_of(&Ok::<(), Error>(())).is_none());
    }
}
