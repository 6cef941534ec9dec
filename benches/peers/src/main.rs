//! The contenders of `edri-benches`, and with them those over a network whose crates take long to build.
//!
//! ```text
//! cd benches/peers && cargo run --release -- link-direct link-ask
//! ```
//!
//! The command line and the tables are those of `edri-benches`; all contenders take turns in one run.

mod zenoh;
mod zeromq;

use std::{process::ExitCode, time::Duration};

use edri_benches::event::Small;

/// How long whatever is set up may take until it is.
const SET_UP: Duration = Duration::from_secs(30);

/// About the length of an event, as in `edri-benches`.
const SMALL: usize = 64;

fn main() -> ExitCode {
    edri_benches::run([zenoh::contenders(), zeromq::contenders()].into_iter().flatten().collect())
}

/// An event as a program sends it: written in postcard, as `edri-benches`' own contenders do it.
fn encoded(number: u64) -> Vec<u8> {
    postcard::to_extend(&Small::numbered(number), Vec::with_capacity(SMALL)).expect("it is encoded")
}

/// The number of an event that was so written, and is read as a whole.
fn decoded(bytes: &[u8]) -> u64 {
    let event: Small = postcard::from_bytes(bytes).expect("it is decoded");
    event.number
}

/// The same without a codec: its number, and what follows, 64 bytes.
fn event(number: u64) -> [u8; SMALL] {
    let mut event = [1; SMALL];
    event[..8].copy_from_slice(&number.to_le_bytes());
    event
}

/// What its number is.
fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(u64::MAX, |number| u64::from_le_bytes(*number))
}
