//! External programs as workers.
//!
//! ```text
//! pool           how many, of which program, under which limits; start: how a pool begins
//! lines          programs that stay: jobs and answers as lines of JSON
//! conversation     one of them, from its start to its burial
//! protocol         what is said in a line
//! outgoing         what is still to be written
//! notes            the notifications that a program may send
//! per_job        programs that are started for each job
//! invocation       how one is called, and what it has written
//! ```

mod conversation;
mod invocation;
mod lines;
mod notes;
mod outgoing;
mod per_job;
mod pool;
mod protocol;
mod start;

#[cfg(fuzzing)]
pub(crate) use fuzz::line as fuzz_line;
pub use invocation::{Invocation, Output};
pub use pool::{CommandPool, Lines, PerJob, Stays};
pub(crate) use start::{Ground, Place};

#[cfg(any(test, fuzzing))]
mod fuzz;
