use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use edri_event::Meta;
use edri_router::Departure;

use super::keep::Keep;
use crate::bridge::exit::LANES;
use crate::bridge::lane::Hand;
use crate::bridge::outgoing::circumstances;
use crate::durable::RecordBuilder;

/// Records that are stored together: all of them or none.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Vec<u8>>,
    pub(super) bytes: usize,
    pub(super) events: u64,
    /// What is to be held until they are stored.
    held: Vec<Meta>,
}

/// A record has so many bytes, about, unless one of its events is larger; and so many events.
const RECORD: usize = 8 * 1024;
const EVENTS: u64 = 64;

/// One that is larger than this has a record of its own.
const LARGE: usize = 4 * 1024;

/// So much is stored together.
pub(super) const BATCH: usize = 1024 * 1024;

/// Ready when something waited in the exit, and was put together.
pub(super) async fn gather(
    keep: &Keep,
    hands: &mut [Hand; 3],
    builder: &mut RecordBuilder,
    next: &mut Batch,
    before: u64,
) {
    std::future::poll_fn(|cx| poll_gather(keep, hands, builder, next, before, cx)).await;
}

fn poll_gather(
    keep: &Keep,
    hands: &mut [Hand; 3],
    builder: &mut RecordBuilder,
    next: &mut Batch,
    before: u64,
    cx: &Context<'_>,
) -> Poll<()> {
    keep.exit().listen(cx);
    let mut taken = [0_usize; 3];
    let mut state = keep.state();
    let mut urgent_first = LANES;
    urgent_first.reverse();
    'all: for lane in urgent_first {
        let hand = &mut hands[lane as usize];
        loop {
            if hand.departures.is_empty() {
                keep.exit().lane(lane).take(hand);
            }
            let mut put = |next: &mut Batch, departure: Departure, payload: &[u8]| {
                let Some(schema) = state.wants.schema(departure.to) else { return };
                if payload.len() > LARGE {
                    next.finish(builder, before);
                }
                let circumstances = circumstances(&departure.meta, lane);
                builder.push(schema, &circumstances, circumstances.deadline.and_then(since_1970), payload);
                if circumstances.origin.is_some() {
                    next.held.push(departure.meta);
                }
                if builder.len() >= EVENTS || builder.bytes() >= RECORD {
                    next.finish(builder, before);
                }
            };
            while hand.departures.take_first(|departure, payload| put(next, departure, &payload)).is_some() {
                taken[lane as usize] += 1;
                keep.exit().lane(lane).sent(hand, hand.departures.len() + 1);
                if next.bytes >= BATCH {
                    break 'all;
                }
            }
            if hand.departures.is_empty() && keep.exit().lane(lane).is_empty() {
                break;
            }
        }
    }
    next.finish(builder, before);
    for barrier in &mut state.barriers {
        barrier.left.iter_mut().zip(taken).for_each(|(left, taken)| *left = left.saturating_sub(taken));
    }
    if taken == [0; 3] { Poll::Pending } else { Poll::Ready(()) }
}

impl Batch {
    /// Adds the record that was put together, if there is anything in it. So many events were stored before the batch.
    fn finish(&mut self, builder: &mut RecordBuilder, before: u64) {
        if builder.is_empty() {
            return;
        }
        let events = builder.len();
        let record = builder.finish(before + self.events);
        self.events += events;
        self.bytes += record.len();
        self.records.push(record);
    }
}

/// In microseconds since 1970, by the clock that may jump.
fn since_1970(deadline: std::time::Instant) -> Option<u64> {
    let left = deadline.saturating_duration_since(std::time::Instant::now());
    let at = SystemTime::now().checked_add(left)?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(at.as_micros()).ok()
}
