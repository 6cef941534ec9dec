//! A stream of frames, whatever it is: `cargo +nightly fuzz run frames` in `link/`.
//!
//! A bounded run of the same is a test of the crate, `fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| edri_link::__fuzzing::frames(bytes));
