use std::time::{Duration, Instant};

use edri_event::{EventId, Origin, Priority, RouterId, TraceContext, TraceFlags};

use super::bytes::{Cursor, Malformed, put_number};
use super::circumstances::{Circumstances, Reports};

const ID: u8 = 0x01;
const KEY: u8 = 0x02;
const LEFT: u8 = 0x04;
const TRACE: u8 = 0x08;
const REPORTS: u8 = 0x10;
const REDELIVERED: u8 = 0x20;
const PRIORITY_SHIFT: u8 = 6;

const NORMAL: u8 = (Priority::Normal as u8) << PRIORITY_SHIFT;
const HIGH: u8 = (Priority::High as u8) << PRIORITY_SHIFT;
const CONTROL: u8 = (Priority::Control as u8) << PRIORITY_SHIFT;

/// In the place of the priority: that is in the byte that follows, with more flags.
const MORE: u8 = 3;
const ORIGIN: u8 = 0x01;

/// Where in an encoded event the time is that is left until its deadline: to be written when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftAt(u16);

impl LeftAt {
    /// Writes what is left into the event that begins at `start`.
    pub(crate) fn write(self, out: &mut [u8], start: usize, deadline: Instant, now: Instant) {
        let at = start + usize::from(self.0);
        if let Some(place) = out.get_mut(at..at + size_of::<u64>()) {
            let left = deadline.saturating_duration_since(now).as_micros();
            place.copy_from_slice(&u64::try_from(left).unwrap_or(u64::MAX).to_le_bytes());
        }
    }
}

/// Appends what travels beside the event that begins at `start`; where the time goes that is left until its deadline.
#[inline]
pub(super) fn put_circumstances(
    out: &mut Vec<u8>,
    start: usize,
    circumstances: &Circumstances,
) -> Option<LeftAt> {
    let Circumstances {
        id,
        key: None,
        priority,
        deadline: None,
        trace: None,
        origin: None,
        reports: Reports::Unwanted,
        redelivered: false,
        idempotent: _,
    } = circumstances
    else {
        return put_rare_circumstances(out, start, circumstances);
    };
    // As most are.
    out.push(if id.is_some() { ID } else { 0 } | (*priority as u8) << PRIORITY_SHIFT);
    if let Some(id) = id {
        put_number(out, id.get());
    }
    None
}

/// What [`put_circumstances`] writes first of a plain notification with an identity.
#[inline]
pub(super) fn flags_of_plain(priority: Priority) -> u8 {
    ID | (priority as u8) << PRIORITY_SHIFT
}

/// The priority, and whether there is an identity, if there can be nothing else.
#[inline]
pub(super) fn plain_circumstances(flags: u8) -> Option<(Priority, bool)> {
    let priority = match flags & !ID {
        NORMAL => Priority::Normal,
        HIGH => Priority::High,
        CONTROL => Priority::Control,
        _ => return None,
    };
    Some((priority, flags & ID != 0))
}

fn put_rare_circumstances(out: &mut Vec<u8>, start: usize, circumstances: &Circumstances) -> Option<LeftAt> {
    let Circumstances { id, key, priority, deadline, trace, origin, reports, redelivered, idempotent: _ } =
        circumstances;
    let first = if origin.is_some() { MORE } else { *priority as u8 };
    let flags = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(
        flags(id.is_some(), ID)
            | flags(key.is_some(), KEY)
            | flags(deadline.is_some(), LEFT)
            | flags(trace.is_some(), TRACE)
            | flags(*reports == Reports::Wanted, REPORTS)
            | flags(*redelivered, REDELIVERED)
            | first << PRIORITY_SHIFT,
    );
    if origin.is_some() {
        out.push(ORIGIN | (*priority as u8) << PRIORITY_SHIFT);
    }
    if let Some(id) = id {
        put_number(out, id.get());
    }
    if let Some(key) = key {
        put_number(out, key.get());
    }
    let left_at = deadline.map(|_| {
        let at = LeftAt(u16::try_from(out.len() - start).unwrap_or(u16::MAX));
        out.extend_from_slice(&[0; size_of::<u64>()]);
        at
    });
    put_trace(out, trace.as_ref());
    put_origin(out, origin.as_ref());
    left_at
}

/// Appends what [`read_trace`] reads, if there is one.
pub(crate) fn put_trace(out: &mut Vec<u8>, trace: Option<&TraceContext>) {
    if let Some(trace) = trace {
        out.extend_from_slice(&trace.trace_id().to_le_bytes());
        out.extend_from_slice(&trace.span_id().to_le_bytes());
        out.push(trace.flags().bits());
    }
}

/// Appends what [`read_origin`] reads, if there is one.
pub(crate) fn put_origin(out: &mut Vec<u8>, origin: Option<&Origin>) {
    if let Some(Origin { router, hops }) = origin {
        out.extend_from_slice(&router.to_bits().to_le_bytes());
        out.push(*hops);
    }
}

/// Reads it. A deadline counts from `now`; without that it is left out.
#[inline]
pub(super) fn circumstances(
    cursor: &mut Cursor<'_>,
    now: Option<Instant>,
) -> Result<Circumstances, Malformed> {
    let flags = cursor.byte()?;
    let more =
        if flags >> PRIORITY_SHIFT == MORE { cursor.byte()? } else { flags & (MORE << PRIORITY_SHIFT) };
    let priority = match more >> PRIORITY_SHIFT {
        0 => Priority::Normal,
        1 => Priority::High,
        2 => Priority::Control,
        unknown => return Err(Malformed::UnknownPriority(unknown)),
    };
    let id = if flags & ID == 0 {
        None
    } else {
        Some(EventId::from_number(cursor.number()?).ok_or(Malformed::Value)?)
    };
    let circumstances = Circumstances { id, priority, ..Circumstances::default() };
    // Most have no more.
    if flags & !(MORE << PRIORITY_SHIFT | ID) == 0 && more & ORIGIN == 0 {
        return Ok(circumstances);
    }
    rare_circumstances(cursor, circumstances, (flags, more), now)
}

fn rare_circumstances(
    cursor: &mut Cursor<'_>,
    mut circumstances: Circumstances,
    (flags, more): (u8, u8),
    now: Option<Instant>,
) -> Result<Circumstances, Malformed> {
    if flags & KEY != 0 {
        circumstances.key = Some(cursor.value()?);
    }
    if flags & LEFT != 0 {
        let left = Duration::from_micros(u64::from_le_bytes(cursor.array()?));
        // A deadline beyond all clocks is none.
        circumstances.deadline = now.and_then(|now| now.checked_add(left));
    }
    if flags & TRACE != 0 {
        circumstances.trace = Some(read_trace(cursor)?);
    }
    if more & ORIGIN != 0 {
        circumstances.origin = Some(read_origin(cursor)?);
    }
    if flags & REPORTS != 0 {
        circumstances.reports = Reports::Wanted;
    }
    circumstances.redelivered = flags & REDELIVERED != 0;
    Ok(circumstances)
}

pub(crate) fn read_trace(cursor: &mut Cursor<'_>) -> Result<TraceContext, Malformed> {
    let trace = u128::from_le_bytes(cursor.array()?);
    let span = u64::from_le_bytes(cursor.array()?);
    let flags = TraceFlags::from_bits(cursor.byte()?);
    // Of those that no sender writes.
    TraceContext::new(trace, span, flags).ok_or(Malformed::Value)
}

pub(crate) fn read_origin(cursor: &mut Cursor<'_>) -> Result<Origin, Malformed> {
    let router = RouterId::from_bits(u128::from_le_bytes(cursor.array()?));
    Ok(Origin { router, hops: cursor.byte()? })
}
