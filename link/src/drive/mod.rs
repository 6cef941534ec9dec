//! What runs the protocol: streams of bytes below, a program above, and one task for all of it.
//!
//! ```text
//! driver    the task
//! machine   the protocol, whichever: an endpoint, or a membership
//! streams   where the next stream comes from: there is one and no other, or it is dialed
//! ```

mod driver;
mod machine;
mod streams;

use std::task::Context;
use std::time::Instant;

pub(crate) use driver::Driver;
pub(crate) use machine::Machine;
pub(crate) use streams::{Handed, Newcomer};

use crate::endpoint::Endpoint;

/// What is done with the events of a machine, and what it sends.
pub(crate) trait Program<M: Machine = Endpoint>: Send + Unpin {
    /// Something was learned. It must not wait: what takes time is for [`poll`](Self::poll).
    fn learn(&mut self, machine: &mut M, event: M::Event, now: Instant);

    /// There is no stream, for that reason; another attempt follows.
    fn troubled(&mut self, reason: String);

    /// Goes on with what is under way and sends what there is to send; wakes the task when there is more of either.
    /// Whether anything happened.
    fn poll(&mut self, machine: &mut M, cx: &mut Context<'_>, now: Instant) -> Happened;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Something,
    Nothing,
}

impl Happened {
    pub(crate) fn or(self, other: Self) -> Self {
        if self == Self::Something { self } else { other }
    }
}
