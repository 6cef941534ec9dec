//! Events between routers, over TCP on loopback: directly, and by something in the middle that is a process of its own.

mod beside;
mod codec;
mod durable;
mod edri;
mod event;
mod far;
mod hub;
mod nats;
mod raw;

use std::time::Duration;

use crate::contender::Contender;

pub(crate) use far::run_far;
pub(crate) use hub::{run_echo, run_switch};

/// How long whatever is set up may take until it is.
const SET_UP: Duration = Duration::from_secs(30);

/// The length of a small event as it travels, without what its carrier adds.
const SMALL: usize = 64;

/// The length of a large one.
const LARGE: usize = 1024 * 1024;

pub(super) fn contenders() -> Vec<Contender> {
    let all = [
        codec::contenders(),
        raw::contenders(),
        edri::contenders(),
        nats::contenders(),
        beside::contenders(),
        durable::contenders(),
    ];
    all.into_iter().flatten().collect()
}
