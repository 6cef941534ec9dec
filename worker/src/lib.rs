//! The workers of EDRI: many of a kind, to answer one type of request.
//!
//! ```text
//! worker    the trait, and what a worker may know
//! pool      how many, where, and how many jobs may wait
//! running   a pool at work
//! place     one worker's place in it: job after job
//! thread    a place on a thread of its own
//! record    a pool as its router sees it; leftovers: what is left when it ends
//! workers   what both kinds of pool have in common
//!
//! child     a process: started, limited, watched, ended          (Linux)
//! crew      workers that are processes: kept alive, replaced     (Linux)
//! command   those that run any program: `Pool::command`          (Linux)
//! process   those that run this program: `Pool::processes`       (Linux)
//! ```
//!
//! The same worker runs as a task or on a thread by changing one word.
//!
//! ```
//! use edri_event::{Failure, Request};
//! use edri_router::Router;
//! use edri_worker::{Pool, Worker, WorkerContext};
//!
//! #[derive(Request)]
//! #[request(response = usize)]
//! struct CountWords(String);
//!
//! struct Counter;
//!
//! impl Worker for Counter {
//!     type Job = CountWords;
//!
//!     async fn run(&mut self, job: CountWords, _cx: &WorkerContext) -> Result<usize, Failure> {
//!         Ok(job.0.split_whitespace().count())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new();
//! let _counters = Pool::threads(2, || Counter).start(&router)?;
//! assert_eq!(router.request(CountWords("to be or not to be".into())).await?, 6);
//! # Ok(())
//! # }
//! ```

#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod command;
#[cfg(target_os = "linux")]
mod crew;
mod leftovers;
mod place;
mod pool;
#[cfg(target_os = "linux")]
mod process;
mod record;
mod running;
mod thread;
mod worker;
mod workers;

#[cfg(target_os = "linux")]
pub use child::{Limits, Stream, WorkerOutput};
#[cfg(target_os = "linux")]
pub use command::{CommandPool, Invocation, Lines, Output, PerJob, Stays};
#[cfg(target_os = "linux")]
pub use crew::{CrashLoop, CrashLoopOver, PoolControl, ReloadError, WorkerLost};
pub use pool::{Pool, PoolError};
#[cfg(target_os = "linux")]
pub use process::{ProcessPool, ProcessWorker, Processes, enter, share};
pub use running::{RunningPool, Unfinished};
pub use worker::{Worker, WorkerContext};
pub use workers::Workers;

/// Enters a worker into the program's table of workers, so that it may run in processes of their own, with what makes a new
/// one: what `#[worker]` does, for those that have their parameters filled in.
///
/// ```
/// # use edri_event::{Failure, Request};
/// # use edri_worker::{Worker, WorkerContext};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Request, Serialize, Deserialize)]
/// # #[request(response = u64, shareable)]
/// # struct Sort(Vec<u64>);
/// # #[derive(Default)]
/// # struct Sorter<T>(Vec<T>);
/// # impl Worker for Sorter<u64> {
/// #     type Job = Sort;
/// #     async fn run(&mut self, _: Sort, _: &WorkerContext) -> Result<u64, Failure> { Ok(0) }
/// # }
/// edri_worker::enlist!(Sorter<u64>, Sorter::default);
/// ```
#[cfg(target_os = "linux")]
#[macro_export]
macro_rules! enlist {
    ($worker:ty, $make:expr $(,)?) => {
        $crate::enlist!(
            $worker,
            $make,
            ::core::concat!(::core::module_path!(), "::", ::core::stringify!($worker))
        );
    };
    ($worker:ty, $make:expr, $name:expr $(,)?) => {
        const _: () = {
            impl $crate::__private::ProcessWorker for $worker {
                const NAME: &'static str = $name;

                fn make() -> Self {
                    ($make)()
                }
            }
            $crate::__submit!($worker);
        };
    };
}

/// Where there are no workers in processes of their own, there is no table of them.
#[cfg(not(target_os = "linux"))]
#[macro_export]
macro_rules! enlist {
    ($($worker:tt)*) => {};
}

/// What the macros write into your crate. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use edri_event::Event;
    #[cfg(target_os = "linux")]
    pub use inventory;

    #[cfg(target_os = "linux")]
    pub use crate::process::{Enlisted, ProcessWorker};
}

#[doc(hidden)]
#[cfg(target_os = "linux")]
#[macro_export]
macro_rules! __submit {
    ($worker:ty) => {
        $crate::__private::inventory::submit! { $crate::__private::Enlisted::of::<$worker>() }
    };
}

/// What `fuzz/` feeds.
#[cfg(all(fuzzing, target_os = "linux"))]
#[doc(hidden)]
pub mod __fuzzing {
    /// Bytes as a worker may write them.
    pub fn line(bytes: &[u8]) {
        crate::command::fuzz_line(bytes);
    }
}
