//! Workers that are processes of their own program: real ones, in every state they may be in.

#![cfg(target_os = "linux")]

#[path = "../support/program.rs"]
mod program;
#[path = "../support/smith.rs"]
mod smith;

mod beginning;
mod faults;
mod jobs;
mod parent;
mod routers;

use edri_worker::{Pool, ProcessPool, ProcessWorker};

use crate::program::example;

/// Workers in processes of the program that has them.
fn processes<W: ProcessWorker>(size: usize) -> ProcessPool<W> {
    Pool::processes::<W>(size).executable(example("smith")).name("smith").keep_env("LLVM_PROFILE_FILE")
}
