use std::time::Instant;

use edri_event::{EventId, Priority, Progress};
use edri_router::Head;

use super::beside::{LeftAt, circumstances, flags_of_plain, plain_circumstances, put_circumstances};
use super::bytes::{Cursor, Malformed, put_number, put_payload};
use super::circumstances::Circumstances;
use super::outcome::{AnswerError, Ending};
use crate::wire::{Interest, put};

/// What a numbered frame carries any number of, or the parts of one together.
#[derive(Debug, PartialEq)]
pub(crate) enum Message<'a> {
    Notify {
        to: Interest,
        circumstances: Circumstances,
        payload: &'a [u8],
    },
    Request {
        call: u64,
        to: Interest,
        circumstances: Circumstances,
        payload: &'a [u8],
    },
    /// With what the acceptor may send before it hears more.
    Open {
        tunnel: u64,
        to: Interest,
        circumstances: Circumstances,
        grant: u64,
        payload: &'a [u8],
    },
    /// Every request gets one, also one that was cancelled: after it the number is free at both ends.
    Answer {
        call: u64,
        outcome: Result<&'a [u8], AnswerError>,
    },
    Cancel {
        call: u64,
    },
    Progress {
        call: u64,
        progress: Progress,
    },
    /// With what the opener may send before it hears more.
    Accept {
        tunnel: Route,
        grant: u64,
    },
    Item {
        tunnel: Route,
        payload: &'a [u8],
    },
    /// What the receiver of this may send, in total since the tunnel was opened.
    Grant {
        tunnel: Route,
        grant: u64,
    },
    /// The sender of this sends no more items.
    End {
        tunnel: Route,
        ending: Ending,
    },
    /// The sender of this wants no more items; the other end says `End`, if it has not yet.
    Stop {
        tunnel: Route,
        ending: Ending,
    },
    /// What the durable flows of both ends say to each other: see [`durable`](crate::durable).
    Durable {
        word: &'a [u8],
    },
}

/// Which tunnel: each end numbers those that it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) opener: Party,
    pub(crate) number: u64,
}

/// As seen by the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    Sender,
    Receiver,
}

const NOTIFY: u8 = 0;
const REQUEST: u8 = 1;
const OPEN: u8 = 2;
const ANSWER: u8 = 3;
const FAILED: u8 = 4;
const CANCEL: u8 = 5;
const PROGRESS: u8 = 6;
const ACCEPT: u8 = 7;
const ITEM: u8 = 8;
const GRANT: u8 = 9;
const END: u8 = 10;
const STOP: u8 = 11;
const DURABLE: u8 = 12;

/// A notification: as what it is wanted, what travels beside it, and its payload.
pub(crate) type Notice<'a> = (Interest, Circumstances, &'a [u8]);

/// A notification with nothing beside it but its priority and, as a rule, an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plain<'a> {
    pub(crate) to: Interest,
    pub(crate) priority: Priority,
    pub(crate) id: Option<EventId>,
    pub(crate) payload: &'a [u8],
}

impl<'a> From<Plain<'a>> for Notice<'a> {
    fn from(Plain { to, priority, id, payload }: Plain<'a>) -> Self {
        (to, Circumstances { id, priority, ..Circumstances::default() }, payload)
    }
}

/// What comes before the identity of a plain notification, which it has.
#[inline]
pub(crate) fn head_of_plain(to: Interest, priority: Priority) -> Head {
    let mut head = [NOTIFY; Head::MOST];
    let (mut at, mut number) = (1, to.number());
    while number >= 0x80 {
        head[at] = number as u8 | 0x80;
        number >>= 7;
        at += 1;
    }
    head[at] = number as u8;
    head[at + 1] = flags_of_plain(priority);
    match Head::new(&head[..at + 2]) {
        Some(head) => head,
        None => unreachable!("a kind, a number of 32 bits and flags are seven bytes at most"),
    }
}

/// How long a message may be beside its payload, in bytes.
pub(crate) const BESIDE: usize = 256;

/// What of an event comes before its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Opening {
    Notify,
    Request { call: u64 },
    Open { tunnel: u64, grant: u64 },
}

/// Appends an event, with no time left; where that is to be written, if it has a deadline; and the length of the payload
/// that `write` appended. What was appended before an error stays.
#[inline]
pub(crate) fn put_event<E>(
    out: &mut Vec<u8>,
    opening: Opening,
    to: Interest,
    circumstances: &Circumstances,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(Option<LeftAt>, usize), E> {
    let left_at = put_opening(out, opening, to, circumstances);
    let length = put_payload(out, write)?;
    Ok((left_at, length))
}

/// Appends all of an event that comes before a payload of that length.
pub(crate) fn put_event_before(
    out: &mut Vec<u8>,
    opening: Opening,
    to: Interest,
    circumstances: &Circumstances,
    length: usize,
) -> Option<LeftAt> {
    let left_at = put_opening(out, opening, to, circumstances);
    put_number(out, length as u64);
    left_at
}

#[inline]
fn put_opening(
    out: &mut Vec<u8>,
    opening: Opening,
    to: Interest,
    circumstances: &Circumstances,
) -> Option<LeftAt> {
    let start = out.len();
    match opening {
        Opening::Notify => out.push(NOTIFY),
        Opening::Request { call } => {
            out.push(REQUEST);
            put_number(out, call);
        }
        Opening::Open { tunnel, .. } => {
            out.push(OPEN);
            put_number(out, tunnel);
        }
    }
    put_number(out, to.number().into());
    let left_at = put_circumstances(out, start, circumstances);
    if let Opening::Open { grant, .. } = opening {
        put_number(out, grant);
    }
    left_at
}

impl<'a> Message<'a> {
    /// Appends it, as it is at this time.
    #[cfg(test)]
    pub(crate) fn encode(&self, out: &mut Vec<u8>, now: Instant) {
        let start = out.len();
        let (opening, to, circumstances, payload) = match self {
            Self::Notify { to, circumstances, payload } => (Opening::Notify, to, circumstances, payload),
            Self::Request { call, to, circumstances, payload } => {
                (Opening::Request { call: *call }, to, circumstances, payload)
            }
            Self::Open { tunnel, to, circumstances, grant, payload } => {
                (Opening::Open { tunnel: *tunnel, grant: *grant }, to, circumstances, payload)
            }
            other => return other.encode_short(out),
        };
        let Ok((left_at, _)) = put_event(out, opening, *to, circumstances, |out| put_bytes(out, payload));
        if let (Some(left_at), Some(deadline)) = (left_at, circumstances.deadline) {
            left_at.write(out, start, deadline, now);
        }
    }

    /// Appends it, if it is no event.
    pub(crate) fn encode_short(&self, out: &mut Vec<u8>) {
        match self {
            Self::Notify { .. } | Self::Request { .. } | Self::Open { .. } => {}
            Self::Answer { call, outcome } => {
                put_answer(out, *call, outcome);
            }
            Self::Cancel { call } => {
                out.push(CANCEL);
                put_number(out, *call);
            }
            Self::Progress { call, progress } => {
                out.push(PROGRESS);
                [*call, progress.done, progress.total].into_iter().for_each(|number| put_number(out, number));
            }
            Self::Accept { tunnel, grant } => {
                out.push(ACCEPT);
                tunnel.put(out);
                put_number(out, *grant);
            }
            Self::Item { tunnel, payload } => {
                put_item(out, *tunnel, payload);
            }
            Self::Grant { tunnel, grant } => {
                out.push(GRANT);
                tunnel.put(out);
                put_number(out, *grant);
            }
            Self::End { tunnel, ending } => {
                out.push(END);
                tunnel.put(out);
                put(out, ending);
            }
            Self::Stop { tunnel, ending } => {
                out.push(STOP);
                tunnel.put(out);
                put(out, ending);
            }
            Self::Durable { word } => {
                put_durable(out, word);
            }
        }
    }

    /// The next message, if it is a plain notification: the most frequent by far. Else the cursor stays where it is, and
    /// [`decode`](Self::decode) tells what there is.
    #[inline]
    pub(crate) fn decode_plain(cursor: &mut Cursor<'a>) -> Option<Plain<'a>> {
        let mut ahead = Cursor::new(cursor.rest());
        if ahead.byte().ok()? != NOTIFY {
            return None;
        }
        let to = Interest(ahead.small_number().ok()?);
        let (priority, has_id) = plain_circumstances(ahead.byte().ok()?)?;
        let id = if has_id { Some(EventId::from_number(ahead.number().ok()?)?) } else { None };
        let payload = ahead.payload().ok()?;
        *cursor = ahead;
        Some(Plain { to, priority, id, payload })
    }

    /// The next message, if it is a notification: so frequent that its parts are not worth being put together and taken apart
    /// again.
    #[inline]
    pub(crate) fn decode_notification(
        cursor: &mut Cursor<'a>,
        now: Instant,
    ) -> Result<Option<Notice<'a>>, Malformed> {
        if cursor.rest().first() != Some(&NOTIFY) {
            return Ok(None);
        }
        cursor.byte()?;
        let to = Interest(cursor.small_number()?);
        let circumstances = circumstances(cursor, Some(now))?;
        Ok(Some((to, circumstances, cursor.payload()?)))
    }

    /// The next message. A deadline counts from `now`; without that it is left out.
    #[inline]
    pub(crate) fn decode(cursor: &mut Cursor<'a>, now: Option<Instant>) -> Result<Self, Malformed> {
        Ok(match cursor.byte()? {
            NOTIFY => Self::Notify {
                to: Interest(cursor.small_number()?),
                circumstances: circumstances(cursor, now)?,
                payload: cursor.payload()?,
            },
            REQUEST => Self::Request {
                call: cursor.number()?,
                to: Interest(cursor.small_number()?),
                circumstances: circumstances(cursor, now)?,
                payload: cursor.payload()?,
            },
            OPEN => Self::Open {
                tunnel: tunnel_number(cursor)?,
                to: Interest(cursor.small_number()?),
                circumstances: circumstances(cursor, now)?,
                grant: cursor.number()?,
                payload: cursor.payload()?,
            },
            ANSWER => Self::Answer { call: cursor.number()?, outcome: Ok(cursor.payload()?) },
            FAILED => Self::Answer { call: cursor.number()?, outcome: Err(cursor.value()?) },
            CANCEL => Self::Cancel { call: cursor.number()? },
            PROGRESS => {
                let call = cursor.number()?;
                let progress = Progress { done: cursor.number()?, total: cursor.number()? };
                Self::Progress { call, progress }
            }
            ACCEPT => Self::Accept { tunnel: Route::decode(cursor)?, grant: cursor.number()? },
            ITEM => Self::Item { tunnel: Route::decode(cursor)?, payload: cursor.payload()? },
            GRANT => Self::Grant { tunnel: Route::decode(cursor)?, grant: cursor.number()? },
            END => Self::End { tunnel: Route::decode(cursor)?, ending: cursor.value()? },
            DURABLE => Self::Durable { word: cursor.payload()? },
            STOP => Self::Stop { tunnel: Route::decode(cursor)?, ending: cursor.value()? },
            unknown => return Err(Malformed::UnknownKind(unknown)),
        })
    }
}

/// Appends an answer; the length of its payload.
pub(crate) fn put_answer(out: &mut Vec<u8>, call: u64, outcome: &Result<&[u8], AnswerError>) -> usize {
    out.push(if outcome.is_ok() { ANSWER } else { FAILED });
    put_number(out, call);
    match outcome {
        Ok(payload) => put_bytes_with_length(out, payload),
        Err(error) => {
            put(out, error);
            0
        }
    }
}

/// Appends an item of a tunnel; the length of its payload.
pub(crate) fn put_item(out: &mut Vec<u8>, tunnel: Route, payload: &[u8]) -> usize {
    out.push(ITEM);
    tunnel.put(out);
    put_bytes_with_length(out, payload)
}

/// Appends a word of a durable flow; its length.
pub(crate) fn put_durable(out: &mut Vec<u8>, word: &[u8]) -> usize {
    out.push(DURABLE);
    put_bytes_with_length(out, word)
}

fn put_bytes_with_length(out: &mut Vec<u8>, bytes: &[u8]) -> usize {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
    bytes.len()
}

#[cfg(test)]
fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), std::convert::Infallible> {
    out.extend_from_slice(bytes);
    Ok(())
}

/// A bit less than other numbers have, because [`Route`]s need one.
fn tunnel_number(cursor: &mut Cursor<'_>) -> Result<u64, Malformed> {
    let number = cursor.number()?;
    if number > u64::MAX / 2 { Err(Malformed::TooLarge) } else { Ok(number) }
}

impl Route {
    /// Twice its number, and one more if the sender did not open it.
    fn put(self, out: &mut Vec<u8>) {
        put_number(out, self.number << 1 | u64::from(self.opener == Party::Receiver));
    }

    fn decode(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let number = cursor.number()?;
        let opener = if number & 1 == 0 { Party::Sender } else { Party::Receiver };
        Ok(Self { opener, number: number >> 1 })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use edri_event::{EventId, Key, Origin, Priority, RouterId, TraceContext, TraceFlags};
    use proptest::prelude::*;

    use super::*;
    use crate::message::Reports;

    proptest! {
        #[test]
        fn what_travels_beside_an_event_is_read_as_it_was_written(
            priority in 0..3_u8,
            id in prop::option::of(1_u64..),
            key in prop::option::of(any::<u64>()),
            left in prop::option::of(0..1_000_000_u64),
            trace in prop::option::of((1_u128.., 1_u64.., 0..2_u8)),
            origin in prop::option::of((any::<u128>(), any::<u8>())),
            reports in any::<bool>(),
            redelivered in any::<bool>(),
        ) {
            let now = Instant::now();
            let number = |number: u64| postcard::to_stdvec(&number).unwrap();
            let circumstances = Circumstances {
                id: id.map(|id| postcard::from_bytes::<EventId>(&number(id)).unwrap()),
                key: key.map(|key| postcard::from_bytes::<Key>(&number(key)).unwrap()),
                priority: [Priority::Normal, Priority::High, Priority::Control][usize::from(priority)],
                deadline: left.map(|left| now + Duration::from_micros(left)),
                trace: trace.and_then(|(trace, span, flags)| TraceContext::new(trace, span, TraceFlags::from_bits(flags))),
                origin: origin.map(|(router, hops)| Origin { router: RouterId::from_bits(router), hops }),
                reports: if reports { Reports::Wanted } else { Reports::Unwanted },
                redelivered,
                idempotent: false,
            };
            let message = Message::Notify { to: Interest::from_number(300), circumstances, payload: &[7, 8] };
            let mut bytes = Vec::new();
            message.encode(&mut bytes, now);
            let mut cursor = Cursor::new(&bytes);
            prop_assert_eq!(Message::decode(&mut cursor, Some(now)), Ok(message));
            prop_assert!(cursor.is_at_end());
            for length in 0..bytes.len() {
                prop_assert!(Message::decode(&mut Cursor::new(&bytes[..length]), Some(now)).is_err());
            }
        }
    }
}
