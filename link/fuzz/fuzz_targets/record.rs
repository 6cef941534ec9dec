//! A record of a durable flow, as it is on the disk: `cargo +nightly fuzz run record` in `link/`.
//!
//! A bounded run of the same is a test of the crate, `fuzz::durable`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| edri_link::__fuzzing::record(bytes));
