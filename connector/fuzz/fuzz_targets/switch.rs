//! What a router says to a switch from its first byte on: `cargo +nightly fuzz run switch` in `connector/`.
//!
//! A bounded run of the same is a test of the crate, `fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| edri_connector::__fuzzing::session(bytes));
