use std::cell::Cell;

use edri_event::{CodecError, EventId, Meta, Wire};

use super::departures::Departures;
use super::lent::{self, long_buffer, long_bytes};
use super::payload::{LONG, Payload};

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { bytes: Vec::new(), of: None, was_long: false }) };
    static BATCH: Cell<Option<Departures>> = const { Cell::new(None) };
}

/// Where events are encoded before they go to the exits. An event for several is encoded once.
#[derive(Default)]
struct Scratch {
    bytes: Vec<u8>,
    /// The event that is there, if it is known by its identity.
    of: Option<EventId>,
    /// The one before was long, and so may the next be.
    was_long: bool,
}

/// What has taken more than this, in bytes, goes along with the event, or is left to others.
const KEPT: usize = LONG;

/// Calls `with` with the bytes of an event. If it was sent from here, and has an identity, they stay there for the next
/// exit: no other event has that.
///
/// # Errors
/// If it cannot be encoded.
pub(super) fn encoded<E, T>(
    wire: Wire<E>,
    event: &E,
    meta: &Meta,
    with: impl FnOnce(Payload<'_>) -> T,
) -> Result<T, CodecError> {
    // Taken out: what encodes is the code of others, and may send events itself.
    let mut scratch = SCRATCH.take();
    let identity = meta.id().filter(|_| meta.origin().is_none());
    if identity.is_none() || scratch.of != identity {
        scratch.bytes.clear();
        scratch.of = None;
        if scratch.was_long {
            scratch.bytes = long_buffer();
        }
        wire.encode(event, &mut scratch.bytes)?;
        scratch.of = identity;
    }
    if scratch.bytes.len() > LONG {
        SCRATCH.set(Scratch { was_long: true, ..Scratch::default() });
        return Ok(with(Payload::Long(&long_bytes(scratch.bytes))));
    }
    let done = with(Payload::Short(&scratch.bytes));
    if scratch.bytes.capacity() <= KEPT {
        scratch.was_long = false;
        SCRATCH.set(scratch);
    } else {
        lent::give_back(scratch.bytes);
    }
    Ok(done)
}

/// An empty batch, which may have memory already.
pub(super) fn take_batch() -> Departures {
    BATCH.take().unwrap_or_default()
}

/// A batch that is not needed any more; what is left in it is dropped.
pub(super) fn give_back(mut departures: Departures) {
    departures.clear();
    if departures.capacity() <= KEPT {
        BATCH.set(Some(departures));
    }
}
