//! Counts the words of all text files in a tree, and writes them as `sort | uniq -c | sort` would, the most frequent first.
//!
//! ```text
//! cargo run --release --example pipeline -- [PATH] [--top N] [--processes N]
//!
//!   walk ──ReadText──▶ threads  read files, which may block
//!        ──Count─────▶ processes  split texts into words and count them
//!        ──Merge─────▶ a manager  adds it all up
//!        ──Rank──────▶ Python  puts them in order
//! ```
//!
//! Each stage is a request, answered by workers of the kind that suits it: where they run is one line in `main`. Any of the
//! processes may be killed at any time, Python's included: what they had is done by others, and the result is the same.

#![cfg_attr(not(target_os = "linux"), allow(unused_crate_dependencies))]

#[cfg(target_os = "linux")]
mod merger;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod workers;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    program::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("workers that are processes need Linux");
}
