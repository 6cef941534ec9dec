//! Workers that are processes: real ones, in every state they may be in.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test's own")]

#[path = "../support/program.rs"]
mod program;

mod faults;
mod limits;
mod lines;
mod lives;
mod output;
mod per_job;
