//! What a worker writes, whatever it is: `cargo +nightly fuzz run line` in `worker/`.
//!
//! A bounded run of the same is a test of the crate, `command::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| edri_worker::__fuzzing::line(bytes));
