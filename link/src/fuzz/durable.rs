//! Durable flows: what another router says of them, what is on the disk, and both ends when whatever is said to them.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::durable::{Inbox, InboxStep, Interrupted, Mark, Outbox, OutboxStep, Record, Word};

/// A word as another router says it. Whatever the bytes are, nothing panics; what is a word is the same one when it is written
/// and read again; and what is none is refused with a reason.
pub(crate) fn word(bytes: &[u8]) {
    match Word::decode(&Bytes::copy_from_slice(bytes)) {
        Ok(word) => assert_eq!(Word::decode(&word.encode().into()), Ok(word)),
        Err(error) => assert!(error.to_string().contains(&format!("of {} bytes", bytes.len()))),
    }
}

/// A record as it is on the disk. Whatever the bytes are, nothing panics; what is a record is the same one when it is written and
/// read again, and the same whether all of it is read or its beginning; it has no more in it than a record may have; and what is
/// none is refused with a reason.
pub(crate) fn record(bytes: &[u8]) {
    let content = Bytes::copy_from_slice(bytes);
    let looked = Record::look(&content);
    match Record::decode(&content) {
        Ok(record) => {
            assert!(record.notices.len() as u64 <= Record::MOST_EVENTS);
            assert!(record.notices.iter().all(|notice| notice.schema < record.schemas.len()));
            assert_eq!(looked, Ok((record.schemas.clone(), record.before, record.after())));
            let again = Record::decode(&record.encode().into());
            let again = again.unwrap_or_else(|error| panic!("what was read cannot be written: {error}"));
            // Of its schemas those are written again that it has events of.
            assert_eq!((again.before, again.notices.len()), (record.before, record.notices.len()));
            for (one, other) in again.notices.iter().zip(&record.notices) {
                assert_eq!(again.schemas[one.schema], record.schemas[other.schema]);
                assert_eq!((one.deadline, &one.payload), (other.deadline, &other.payload));
                assert_eq!(one.circumstances, other.circumstances);
            }
        }
        Err(error) => {
            assert!(error.to_string().starts_with(&format!("{} bytes are no record", bytes.len())));
        }
    }
}

/// Both ends of a flow, to which whatever the bytes say is said and done, in any order. Nothing panics; what makes no sense is
/// refused with a reason; no end takes more than it may; the source releases and sends what it has, and the destination hands over
/// nothing twice, and nothing before its mark is synced.
pub(crate) fn flow(bytes: &[u8]) {
    let Some((first, script)) = bytes.split_first() else { return };
    source(*first, Script(script));
    destination(*first, Script(script));
}

/// What happens, read from bytes.
struct Script<'b>(&'b [u8]);

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// Small ones most of the time, and now and then one at an edge.
    fn number(&mut self) -> Option<u64> {
        Some(match self.byte()? {
            255 => u64::MAX,
            254 => u64::MAX - 1,
            253 => 1 << 56,
            252 => (1 << 56) - 1,
            251 => 1 << 32,
            small => u64::from(small % 24),
        })
    }

    fn log(&mut self) -> Option<u64> {
        Some(if self.byte()? < 230 { 5 } else { 6 })
    }

    fn content(&mut self) -> Option<Bytes> {
        let length = usize::from(self.byte()?);
        Some(Bytes::from(vec![7; if length < 128 { length } else { (length - 127) * 32 }]))
    }

    fn word(&mut self) -> Option<Word> {
        let log = self.log()?;
        Some(match self.byte()? % 4 {
            0 => Word::Offer { log, oldest: self.number()? },
            1 => Word::Next {
                log,
                next: self.number()?,
                handled: self.number()?,
                interrupted: self.number()?,
                held: self.number()?,
            },
            2 => Word::Record { log, number: self.number()?, content: self.content()? },
            _ => Word::Done { log, taken: self.number()?, handled: self.number()? },
        })
    }
}

/// So many steps are to be done after one thing that has happened, at most: all records, and a few words.
const STEPS: usize = 128;

fn source(first: u8, script: Script<'_>) {
    let window = 40 + u64::from(first);
    let mut source = Source { outbox: Outbox::new(5, 2, 6), window, held: 0, read: None };
    let mut script = script;
    while source.goes_on(&mut script).is_some() {
        source.does_its_steps();
    }
}

struct Source {
    outbox: Outbox,
    window: u64,
    /// The most that the other end has said it holds.
    held: u64,
    /// The record that is to be read.
    read: Option<u64>,
}

impl Source {
    fn goes_on(&mut self, script: &mut Script<'_>) -> Option<()> {
        match script.byte()? % 12 {
            0 => self.outbox.begin(self.window),
            1 => self.outbox.end(),
            2 => self.outbox.stored(self.outbox.last_stored() + 1 + script.number()? % 4),
            3 => self.outbox.give_up(script.number()?),
            4..=6 => {
                let number = self.read.unwrap_or(0);
                let content = script.content()?;
                if self.outbox.send(number, content).is_some() {
                    assert_eq!(self.read.take(), Some(number), "it sends what it has not read");
                }
            }
            _ => {
                let word = script.word()?;
                if let Word::Next { held, .. } = word {
                    self.held = self.held.max(held);
                }
                if let Err(error) = self.outbox.hear(&word) {
                    assert!(!error.to_string().is_empty());
                    assert!(
                        !matches!(self.outbox.poll(), Some(OutboxStep::Read(_) | OutboxStep::Say(_))),
                        "it goes on with one that makes no sense"
                    );
                }
            }
        }
        Some(())
    }

    fn does_its_steps(&mut self) {
        let bytes = self.outbox.on_the_way();
        assert!(
            bytes <= self.window.max(self.held).saturating_add(LARGEST),
            "{bytes} bytes are on their way"
        );
        let mut steps = 0;
        while let Some(step) = self.outbox.poll() {
            steps += 1;
            assert!(steps < STEPS, "it has no end of steps");
            let (acknowledged, stored) = (self.outbox.acknowledged(), self.outbox.last_stored());
            assert!(acknowledged <= stored);
            match step {
                OutboxStep::Say(Word::Offer { log: 5, oldest }) => assert_eq!(oldest, acknowledged + 1),
                OutboxStep::Say(other) => panic!("a source does not say {other:?}"),
                OutboxStep::Read(number) => {
                    assert!(acknowledged < number && number <= stored, "{number} is not there");
                    self.read = Some(number);
                }
                OutboxStep::Interrupted { from, to } => {
                    assert!(acknowledged < from && from <= to && to <= stored)
                }
                OutboxStep::Release(up_to) => assert_eq!(up_to, acknowledged),
            }
        }
    }
}

/// The longest record of a script.
const LARGEST: u64 = 128 * 32;

fn destination(first: u8, script: Script<'_>) {
    let interrupted = if first & 1 == 0 { Interrupted::DeadLetter } else { Interrupted::Redeliver };
    let mark = match first & 6 {
        0 => Mark::default(),
        2 => Mark::new(5, 7, 4),
        _ => Mark::new(5, u64::from(first), u64::from(first / 2)),
    };
    let window = 64 + u64::from(first);
    let mut destination = Destination {
        inbox: Inbox::new(mark, interrupted, window),
        window,
        log: mark.log,
        synced: mark,
        before: mark.handed,
        last: 0,
        marking: None,
        handed: VecDeque::new(),
    };
    let mut script = script;
    while destination.goes_on(&mut script).is_some() {
        destination.does_its_steps();
    }
}

struct Destination {
    inbox: Inbox,
    window: u64,
    /// The log that it was offered last.
    log: u64,
    /// What its disk says.
    synced: Mark,
    /// Those up to there were handed over in an earlier life.
    before: u64,
    /// The last that was handed over in this one.
    last: u64,
    marking: Option<Mark>,
    /// Those that were handed over and are not known to be handled.
    handed: VecDeque<(u64, u64)>,
}

impl Destination {
    fn goes_on(&mut self, script: &mut Script<'_>) -> Option<()> {
        match script.byte()? % 16 {
            0 => self.inbox.begin(),
            1 => self.inbox.hurry(),
            2 => self.inbox.set_holds(script.byte()? & 1 == 0),
            3 | 4 => {
                if let Some(mark) = self.marking.take() {
                    self.synced = mark;
                    self.inbox.marked(mark);
                }
            }
            5 => {
                if self.marking.take().is_some() {
                    self.inbox.not_marked();
                }
            }
            6..=8 => {
                let index = usize::from(script.byte()?) % self.handed.len().max(1);
                if let Some((log, number)) = self.handed.get(index).copied() {
                    self.inbox.taken(log, number);
                    if script.byte()? & 1 == 0 {
                        self.inbox.handled(log, number);
                        self.handed.remove(index);
                    }
                }
            }
            _ => self.hears(script.word()?),
        }
        Some(())
    }

    fn hears(&mut self, word: Word) {
        let offered = if let Word::Offer { log, .. } = &word { Some(*log) } else { None };
        match (self.inbox.hear(word), offered) {
            (Ok(()), Some(log)) if log != self.log => {
                // It begins anew: what was of the other is of no account.
                (self.log, self.before, self.last, self.marking) = (log, 0, 0, None);
            }
            (Ok(()), _) => {}
            (Err(error), _) => assert!(!error.to_string().is_empty()),
        }
    }

    fn does_its_steps(&mut self) {
        let (records, bytes) = self.inbox.held_back();
        assert!(bytes <= 2 * self.window + LARGEST, "{bytes} bytes are held");
        assert!(records as u64 <= 2 * self.window / Inbox::LEAST_BYTES + 2, "{records} records are held");
        let mut steps = 0;
        while let Some(step) = self.inbox.poll() {
            steps += 1;
            assert!(steps < STEPS, "it has no end of steps");
            match step {
                InboxStep::Say(Word::Next { log, next, handled, interrupted, .. }) => {
                    assert!(log == self.log && handled < next && interrupted < next);
                }
                InboxStep::Say(Word::Done { log, taken, handled }) => {
                    assert!(log == self.log && handled <= taken, "{handled} are handled, {taken} taken");
                }
                InboxStep::Say(other) => panic!("a destination does not say {other:?}"),
                InboxStep::Mark(mark) => {
                    assert!(mark.log == self.log && mark.handled <= mark.handed);
                    assert!(self.marking.replace(mark).is_none(), "two at a time");
                }
                InboxStep::Hand { log, number, redelivered, .. } => {
                    assert_eq!(log, self.log);
                    assert!(number > self.last, "{number} is handed over twice, or after {}", self.last);
                    assert_eq!(redelivered, number <= self.before);
                    let is_marked = self.synced.log == log && number <= self.synced.handed;
                    assert!(is_marked, "{number} is handed over, and {:?} is synced", self.synced);
                    self.last = number;
                    self.handed.push_back((log, number));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use edri_event::{EventId, Key};
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;
    use crate::Circumstances;
    use crate::durable::RecordBuilder;
    use crate::wire::{Role, Schema};

    fn bounded() -> ProptestConfig {
        ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) }
    }

    /// Some of these, with some bytes changed, some left out, and perhaps more behind.
    fn nearly(whole: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
        let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..4);
        let behind = prop::collection::vec(any::<u8>(), 0..4);
        (select(whole), changes, prop::option::weighted(0.3, any::<Index>()), behind).prop_map(
            |(mut bytes, changes, cut, behind)| {
                for (index, byte) in changes {
                    let index = index.index(bytes.len());
                    bytes[index] = byte;
                }
                if let Some(cut) = cut {
                    bytes.truncate(cut.index(bytes.len()));
                }
                bytes.extend(behind);
                bytes
            },
        )
    }

    fn words() -> Vec<Vec<u8>> {
        let words = [
            Word::Offer { log: 1 << 40, oldest: 1 },
            Word::Next { log: 7, next: 9, handled: 4, interrupted: 8, held: 200 },
            Word::Record { log: 7, number: u64::MAX, content: Bytes::from_static(b"content") },
            Word::Done { log: 7, taken: 9, handled: 8 },
        ];
        words.iter().map(Word::encode).collect()
    }

    fn records() -> Vec<Vec<u8>> {
        let schema = |name: &str| {
            let (version, role) = (2, Role::Subscriber);
            Arc::new(Schema {
                name: name.to_owned(),
                version,
                role,
                codec: "postcard".to_owned(),
                shapes: Vec::new(),
            })
        };
        let (one, other) = (schema("one"), schema("other"));
        let full =
            Circumstances { id: Some(EventId::fresh()), key: Some(Key::of("k")), ..Circumstances::default() };
        let mut builder = RecordBuilder::default();
        let empty = builder.finish(3);
        builder.push(&one, &full, Some(77), b"first");
        let single = builder.finish(u64::MAX);
        for number in 0..64 {
            let schema = if number % 2 == 0 { &one } else { &other };
            builder.push(schema, &Circumstances::default(), None, &[number; 9]);
        }
        vec![empty, single, builder.finish(40)]
    }

    proptest! {
        #![proptest_config(bounded())]

        #[test]
        fn whatever_another_router_says_of_a_flow_is_a_word_or_refused(
            bytes in prop_oneof![4 => nearly(words()), 1 => prop::collection::vec(any::<u8>(), 0..40)],
        ) {
            word(&bytes);
        }

        #[test]
        fn whatever_is_on_the_disk_is_a_record_or_refused(
            bytes in prop_oneof![4 => nearly(records()), 1 => prop::collection::vec(any::<u8>(), 0..200)],
        ) {
            record(&bytes);
        }

        #[test]
        fn whatever_is_said_to_the_ends_of_a_flow_does_no_harm(
            bytes in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            flow(&bytes);
        }
    }

    /// Otherwise the bounded runs would try nothing but refusals.
    #[test]
    fn what_the_bounded_runs_begin_with_is_read() {
        words().into_iter().for_each(|word| drop(Word::decode(&word.into()).unwrap()));
        records().into_iter().for_each(|record| drop(Record::decode(&record.into()).unwrap()));
    }

    #[test]
    fn a_record_with_more_events_than_it_may_have_is_refused() {
        let schema = Arc::new(Schema {
            name: "s".to_owned(),
            version: 1,
            role: Role::Subscriber,
            codec: "c".to_owned(),
            shapes: Vec::new(),
        });
        let with = |count: u64| {
            let mut builder = RecordBuilder::default();
            (0..count).for_each(|_| builder.push(&schema, &Circumstances::default(), None, b""));
            Bytes::from(builder.finish(0))
        };
        assert!(Record::decode(&with(Record::MOST_EVENTS)).is_ok());
        let error = Record::decode(&with(Record::MOST_EVENTS + 1)).unwrap_err().to_string();
        assert!(error.contains("too large"), "{error}");
    }

    #[test]
    fn a_source_that_sends_records_with_nothing_in_them_is_not_listened_to_for_ever() {
        let mut inbox = Inbox::new(Mark::default(), Interrupted::DeadLetter, 1_000);
        inbox.hear(Word::Offer { log: 5, oldest: 1 }).unwrap();
        let word = |number| Word::Record { log: 5, number, content: Bytes::new() };
        let refused = (1..10_000).find(|number| inbox.hear(word(*number)).is_err());
        assert!(refused.is_some_and(|number| number < 300), "{refused:?}");
    }

    #[test]
    fn numbers_that_no_record_has_are_refused() {
        let mut inbox = Inbox::new(Mark::default(), Interrupted::DeadLetter, 1_000);
        for oldest in [u64::MAX, 1 << 57] {
            let error = inbox.hear(Word::Offer { log: 5, oldest }).unwrap_err().to_string();
            assert!(error.contains(&oldest.to_string()), "{error}");
        }
        inbox.hear(Word::Offer { log: 5, oldest: 1 }).unwrap();
        let content = Bytes::from_static(b"content");
        inbox.hear(Word::Record { log: 5, number: u64::MAX, content }).unwrap_err();
    }
}
