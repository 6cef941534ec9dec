//! Smiths that are processes of the program that has them.

use edri_worker::{Pool, ProcessPool, ProcessWorker};

use crate::program::example;

pub(crate) fn processes<W: ProcessWorker>(size: usize) -> ProcessPool<W> {
    Pool::processes::<W>(size).executable(example("smith")).name("smith").keep_env("LLVM_PROFILE_FILE")
}
