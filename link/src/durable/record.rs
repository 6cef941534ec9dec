use std::sync::Arc;

use bytes::Bytes;
use edri_event::Priority;

use crate::message::{
    Circumstances, Cursor, Malformed, put_number, put_origin, put_trace, read_origin, read_trace,
};
use crate::wire::{Schema, put};

/// Notifications that are kept, and travel, together: what each is, what travels beside it, and its payload.
///
/// A record says by itself what its events are, so that it can be read whatever has been forgotten since.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// How many events there were in the log before it, as its source counts them.
    pub before: u64,
    /// What its events are.
    pub schemas: Vec<Schema>,
    /// Its events, in order.
    pub notices: Vec<Notice>,
}

/// One of the notifications in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// Which of the record's schemas it has.
    pub schema: usize,
    /// What travels beside it; there is no deadline in it.
    pub circumstances: Circumstances,
    /// When nobody waits for it any more, in microseconds since 1970 by the source's clock.
    pub deadline: Option<u64>,
    /// The event, in its codec.
    pub payload: Bytes,
}

/// What is read is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes are no record of a durable flow: {reason}")]
pub struct Unreadable {
    length: usize,
    reason: String,
}

/// Puts a record together.
#[derive(Debug, Default)]
pub struct RecordBuilder {
    schemas: Vec<Arc<Schema>>,
    events: Vec<u8>,
    count: u64,
    /// The schemas' length, about.
    around: usize,
}

/// The layout of records.
const LAYOUT: u8 = 1;

/// How many events, and schemas, a record may have: read, each takes many times what it takes in a record.
const MOST: u64 = 1024;

const ID: u8 = 0x01;
const KEY: u8 = 0x02;
const DEADLINE: u8 = 0x04;
const TRACE: u8 = 0x08;
const ORIGIN: u8 = 0x10;
const PRIORITY_SHIFT: u8 = 6;

impl RecordBuilder {
    /// How many events there are in it.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes it has, about.
    pub fn bytes(&self) -> usize {
        self.events.len() + self.around
    }

    /// Adds one; its deadline, if it has one, is in microseconds since 1970.
    pub fn push(
        &mut self,
        schema: &Arc<Schema>,
        circumstances: &Circumstances,
        deadline: Option<u64>,
        payload: &[u8],
    ) {
        let index = self.schemas.iter().rposition(|known| known == schema).unwrap_or_else(|| {
            self.schemas.push(Arc::clone(schema));
            self.around += 64 + schema.name.len() + 10 * schema.shapes.len();
            self.schemas.len() - 1
        });
        let out = &mut self.events;
        put_number(out, index as u64);
        let Circumstances { id, key, priority, trace, origin, .. } = circumstances;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        out.push(
            flag(id.is_some(), ID)
                | flag(key.is_some(), KEY)
                | flag(deadline.is_some(), DEADLINE)
                | flag(trace.is_some(), TRACE)
                | flag(origin.is_some(), ORIGIN)
                | (*priority as u8) << PRIORITY_SHIFT,
        );
        let numbers = [id.map(|id| id.get()), key.map(|key| key.get()), deadline];
        numbers.into_iter().flatten().for_each(|number| put_number(out, number));
        put_trace(out, trace.as_ref());
        put_origin(out, origin.as_ref());
        put_number(out, payload.len() as u64);
        out.extend_from_slice(payload);
        self.count += 1;
    }

    /// As it is kept, with so many events in the log before it; the builder is empty then.
    pub fn finish(&mut self, before: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes() + 32);
        out.push(LAYOUT);
        put_number(&mut out, before);
        put_number(&mut out, self.schemas.len() as u64);
        self.schemas.drain(..).for_each(|schema| put(&mut out, &*schema));
        put_number(&mut out, self.count);
        out.append(&mut self.events);
        (self.count, self.around) = (0, 0);
        out
    }
}

impl Record {
    /// How many events a record may have.
    #[cfg(any(test, fuzzing))]
    pub(crate) const MOST_EVENTS: u64 = MOST;

    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub fn decode(content: &Bytes) -> Result<Self, Unreadable> {
        let unreadable = |reason: String| Unreadable { length: content.len(), reason };
        let mut cursor = Cursor::new(content);
        match cursor.byte() {
            Ok(LAYOUT) => {}
            Ok(other) => return Err(unreadable(format!("its layout is {other}: expected {LAYOUT}"))),
            Err(error) => return Err(unreadable(error.to_string())),
        }
        let mut decode = || {
            let before = cursor.number()?;
            let schemas =
                (0..count(&mut cursor)?).map(|_| cursor.value()).collect::<Result<Vec<Schema>, _>>()?;
            let count = count(&mut cursor)?;
            let mut notices = Vec::new();
            for _ in 0..count {
                notices.push(notice(&mut cursor, content, schemas.len())?);
            }
            if cursor.is_at_end() { Ok(Self { before, schemas, notices }) } else { Err(Malformed::LeftOver) }
        };
        decode().map_err(|error| unreadable(error.to_string()))
    }

    /// What the events of a record are, and how many events there were in the log before it and up to its end; its events are not
    /// looked at.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn look(content: &Bytes) -> Result<(Vec<Schema>, u64, u64), Unreadable> {
        let look = |cursor: &mut Cursor<'_>| {
            cursor.byte()?;
            let before = cursor.number()?;
            let schemas = (0..count(cursor)?).map(|_| cursor.value()).collect::<Result<_, _>>()?;
            Ok((schemas, before, before.saturating_add(count(cursor)?)))
        };
        look(&mut Cursor::new(content))
            .map_err(|error: Malformed| Unreadable { length: content.len(), reason: error.to_string() })
    }

    /// The number of events in the log up to its end.
    pub fn after(&self) -> u64 {
        self.before.saturating_add(self.notices.len() as u64)
    }

    /// Keeps those events only whose schema, which is told by its place, `keep` holds; the others are given back, in order.
    pub(crate) fn split_by(&mut self, keep: impl Fn(usize) -> bool) -> Vec<Notice> {
        let all = std::mem::take(&mut self.notices).into_iter();
        let (kept, others) = all.partition(|notice| keep(notice.schema));
        self.notices = kept;
        others
    }

    /// As it is written.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let schemas: Vec<_> = self.schemas.iter().cloned().map(Arc::new).collect();
        let mut builder = RecordBuilder::default();
        for Notice { schema, circumstances, deadline, payload } in &self.notices {
            builder.push(&schemas[*schema], circumstances, *deadline, payload);
        }
        builder.finish(self.before)
    }
}

/// How many of something are in a record.
fn count(cursor: &mut Cursor<'_>) -> Result<u64, Malformed> {
    let count = cursor.number()?;
    if count <= MOST { Ok(count) } else { Err(Malformed::TooLarge) }
}

fn notice(cursor: &mut Cursor<'_>, content: &Bytes, schemas: usize) -> Result<Notice, Malformed> {
    let schema = usize::try_from(cursor.number()?).map_err(|_| Malformed::TooLarge)?;
    if schema >= schemas {
        return Err(Malformed::TooLarge);
    }
    let flags = cursor.byte()?;
    let priority = match flags >> PRIORITY_SHIFT {
        0 => Priority::Normal,
        1 => Priority::High,
        2 => Priority::Control,
        unknown => return Err(Malformed::UnknownPriority(unknown)),
    };
    let mut circumstances = Circumstances { priority, ..Circumstances::default() };
    if flags & ID != 0 {
        circumstances.id = Some(cursor.value()?);
    }
    if flags & KEY != 0 {
        circumstances.key = Some(cursor.value()?);
    }
    let deadline = if flags & DEADLINE != 0 { Some(cursor.number()?) } else { None };
    if flags & TRACE != 0 {
        circumstances.trace = Some(read_trace(cursor)?);
    }
    if flags & ORIGIN != 0 {
        circumstances.origin = Some(read_origin(cursor)?);
    }
    Ok(Notice { schema, circumstances, deadline, payload: content.slice_ref(cursor.payload()?) })
}

#[cfg(test)]
mod tests {
    use edri_event::{EventId, Key};
    use edri_event::{Origin, RouterId, TraceContext, TraceFlags};
    use proptest::prelude::*;

    use super::*;
    use crate::wire::Role;

    fn schema(name: &str) -> Arc<Schema> {
        Arc::new(Schema {
            name: name.to_owned(),
            version: 2,
            role: Role::Subscriber,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        })
    }

    fn full(id: EventId) -> Circumstances {
        Circumstances {
            id: Some(id),
            key: Some(Key::of("k")),
            priority: Priority::Control,
            trace: TraceContext::new(5, 6, TraceFlags::from_bits(1)),
            origin: Some(Origin { router: RouterId::from_bits(9), hops: 3 }),
            ..Circumstances::default()
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_split_by_what_its_events_are() {
        let (one, other) = (schema("one"), schema("other"));
        let full = full(EventId::fresh());
        let mut builder = RecordBuilder::default();
        builder.push(&one, &full, Some(77), b"first");
        builder.push(&other, &Circumstances::default(), None, b"");
        builder.push(&one, &Circumstances::default(), None, b"third");
        assert_eq!(builder.len(), 3);
        let bytes = Bytes::from(builder.finish(40));
        assert!(builder.is_empty());
        let mut record = Record::decode(&bytes).unwrap();
        assert_eq!((record.before, record.after(), record.schemas.len()), (40, 43, 2));
        assert_eq!((record.notices[0].circumstances, record.notices[0].deadline), (full, Some(77)));
        assert_eq!(Bytes::from(record.encode()), bytes);
        let lost = record.split_by(|schema| schema == 0);
        assert_eq!(lost.iter().map(|notice| notice.schema).collect::<Vec<_>>(), [1]);
        let payloads: Vec<_> = record.notices.iter().map(|notice| &notice.payload[..]).collect();
        assert_eq!(payloads, [&b"first"[..], b"third"]);
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_reading_them_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = LAYOUT;
            }
            if let Err(error) = Record::decode(&bytes.into()) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
