//! Jobs to another process and back: by a pool of processes, by frames over a Unix socket, by `ipc-channel`; and, where
//! they are there, by iceoryx2 and by EDRI for Python.
//!
//! ```text
//! cargo run --release -p edri-benches-processes -- [SCENARIO…] [--rounds N] [--messages FACTOR] [--only CONTENDER]
//! ```
//!
//! The contenders of a scenario take turns, round after round; what is printed is the median of the rounds, and its ratio to
//! the first of them: where jobs are counted, frames through tokio, whose window slides; beside it is a socket without a
//! runtime, which writes a whole window, reads all its answers, and begins again.

#![allow(clippy::print_stdout, reason = "it is what it is for")]

#[cfg(target_os = "linux")]
mod beside;
#[cfg(target_os = "linux")]
mod channel;
#[cfg(target_os = "linux")]
mod job;
#[cfg(target_os = "linux")]
mod pool;
#[cfg(target_os = "linux")]
mod raw;
#[cfg(target_os = "linux")]
mod raw_tokio;
#[cfg(target_os = "linux")]
mod scenarios;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    edri_worker::enter();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [raw::CHILD, ..] => raw::child(),
        [raw_tokio::CHILD] => raw_tokio::child(),
        [channel::CHILD, server] => channel::child(server),
        _ => scenarios::run(&arguments),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("workers that are processes need Linux");
}
