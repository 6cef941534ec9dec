//! Both ends of a durable flow, whatever is said and done to them: `cargo +nightly fuzz run flow` in `link/`.
//!
//! A bounded run of the same is a test of the crate, `fuzz::durable`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| edri_link::__fuzzing::flow(bytes));
