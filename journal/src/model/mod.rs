//! The log against a disk that loses, tears and reorders what was not synced, is full, and fails.
//!
//! ```text
//! program   what is done with a log: by chance, or all short ones
//! book      what was promised
//! run       does it, and keeps the book
//! crash     goes down at every change the disk is asked for, and looks at what is left
//! fault     has changes fail, and the disk full
//! damage    changes what had been synced
//! ```

mod book;
mod crash;
mod damage;
mod fault;
mod program;
mod run;

use proptest::test_runner::Config;

/// So many cases, unless the environment asks for more: `PROPTEST_CASES=10000` for a long run.
fn cases(usual: u32) -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual);
    Config { cases, failure_persistence: None, ..Config::default() }
}
