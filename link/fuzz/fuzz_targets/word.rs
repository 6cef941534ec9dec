//! A word of a durable flow, as another router says it: `cargo +nightly fuzz run word` in `link/`.
//!
//! A bounded run of the same is a test of the crate, `fuzz::durable`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| edri_link::__fuzzing::word(bytes));
