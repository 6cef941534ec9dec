//! What whoever connects, or is connected to, says from its first byte on: `cargo +nightly fuzz run handshake` in `link/`.
//!
//! A bounded run of the same is a test of the crate, `fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| edri_link::__fuzzing::handshake(bytes));
