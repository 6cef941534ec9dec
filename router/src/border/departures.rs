use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use edri_event::EventId;

use super::departure::Departure;
use super::payload::{LONG, Payload};
use super::row::{Head, Row, put_before};
use super::shareable::Shareable;

/// Events on their way out, one after the other, with their bytes in one piece of memory: none takes any of its own, but
/// for the long ones. Plain notifications that follow each other are in [rows](Row).
#[derive(Default)]
pub struct Departures {
    queue: VecDeque<Entry>,
    /// How many events there are.
    len: usize,
    bytes: Vec<u8>,
    /// Where those of the first begin.
    start: usize,
    /// Those of the long ones, in their order.
    long: VecDeque<Bytes>,
    /// How many bytes those have together.
    long_bytes: usize,
}

enum Entry {
    One(Departure, usize),
    Row(Row),
}

/// What is first.
#[derive(Debug)]
pub enum First<'d> {
    /// One event.
    One(&'d Departure),
    /// Plain notifications.
    Row(&'d Row),
}

/// For whom a plain notification is: an event, where it goes, and what comes before it there.
#[derive(Clone, Copy)]
pub(super) struct Toward<'e> {
    pub(super) event: &'e Shareable,
    pub(super) to: u64,
    pub(super) head: Head,
}

/// Bytes of those that are gone are kept in front of the others until there are so many of them, and more than of the others.
const GONE: usize = 64 * 1024;

impl Departures {
    /// How many events there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes they have together.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes.len() - self.start + self.long_bytes
    }

    /// Adds one with its bytes.
    #[inline]
    pub fn push(&mut self, departure: Departure, payload: Payload<'_>) {
        if payload.len() > LONG {
            self.long_bytes += payload.len();
            self.long.push_back(payload.to_bytes());
        } else {
            self.bytes.extend_from_slice(&payload);
        }
        self.enter(departure, payload.len());
    }

    /// Adds a notification that has nothing beside it but an identity. Its payload is not longer than [`Row::LONGEST`].
    #[inline]
    pub fn push_plain(
        &mut self,
        (event, to): (&Shareable, u64),
        head: Head,
        identity: EventId,
        payload: &[u8],
    ) {
        debug_assert!(payload.len() <= Row::LONGEST, "it is too long for a row");
        let before = self.bytes.len();
        put_before(&mut self.bytes, head, identity, payload.len());
        self.bytes.extend_from_slice(payload);
        self.enter_plain(Toward { event, to, head }, before, payload.len());
    }

    #[inline]
    fn enter_plain(&mut self, Toward { event, to, head }: Toward<'_>, before: usize, payload: usize) {
        let bytes = self.bytes.len() - before;
        self.len += 1;
        if let Some(Entry::Row(row)) = self.queue.back_mut()
            && row.takes(event, to, head, bytes)
        {
            return row.add(bytes, payload);
        }
        let mut row = Row::new(event.clone(), to, head);
        row.add(bytes, payload);
        self.queue.push_back(Entry::Row(row));
    }

    /// Adds one whose bytes `write` appends.
    ///
    /// # Errors
    /// What `write` says; it is not added then.
    pub(super) fn push_with<E>(
        &mut self,
        departure: impl FnOnce() -> Departure,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.bytes.len();
        match write(&mut self.bytes) {
            Ok(()) => {
                self.enter_written(departure(), before);
                Ok(())
            }
            Err(error) => {
                self.bytes.truncate(before);
                Err(error)
            }
        }
    }

    fn enter_written(&mut self, departure: Departure, before: usize) {
        let length = self.bytes.len() - before;
        if length > LONG {
            self.long_bytes += length;
            self.long.push_back(self.bytes.split_off(before).into());
        }
        self.enter(departure, length);
    }

    fn enter(&mut self, departure: Departure, length: usize) {
        self.len += 1;
        self.queue.push_back(Entry::One(departure, length));
    }

    /// Adds a notification that has nothing beside it but an identity, and whose bytes `write` appends; as `departure` if
    /// they are too many for a row.
    ///
    /// # Errors
    /// What `write` says; it is not added then.
    pub(super) fn push_plain_with<E>(
        &mut self,
        toward: Toward<'_>,
        identity: EventId,
        departure: impl FnOnce() -> Departure,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        // As if it had less than 128 bytes, as most have.
        let before = self.bytes.len();
        put_before(&mut self.bytes, toward.head, identity, 0);
        let start = self.bytes.len();
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(before);
            return Err(error);
        }
        let payload = self.bytes.len() - start;
        if payload > Row::LONGEST {
            self.bytes.drain(before..start);
            self.enter_written(departure(), before);
            return Ok(());
        }
        if payload < 0x80 {
            self.bytes[start - 1] = payload as u8;
        } else {
            self.bytes[start - 1] = payload as u8 | 0x80;
            self.bytes.insert(start, (payload >> 7) as u8);
        }
        self.enter_plain(toward, before, payload);
        Ok(())
    }

    /// Adds all of `others`, in order, which is empty then.
    pub fn append(&mut self, others: &mut Self) {
        if self.is_empty() {
            return std::mem::swap(self, others);
        }
        self.bytes.extend_from_slice(&others.bytes[others.start..]);
        self.queue.append(&mut others.queue);
        self.len += others.len;
        self.long.append(&mut others.long);
        self.long_bytes += others.long_bytes;
        others.clear();
    }

    /// What is first.
    #[inline]
    pub fn first(&self) -> Option<First<'_>> {
        self.queue.front().map(|entry| match entry {
            Entry::One(departure, _) => First::One(departure),
            Entry::Row(row) => First::Row(row),
        })
    }

    /// Takes the first event, and does something with it and its bytes.
    #[inline]
    pub fn take_first<T>(&mut self, with: impl FnOnce(Departure, Payload<'_>) -> T) -> Option<T> {
        if let Entry::Row(row) = self.queue.front_mut()? {
            let (departure, payload, bytes) = row.first(&self.bytes[self.start..]);
            let length = payload.len();
            let done = with(departure, Payload::Short(payload));
            row.taken(bytes, length);
            if row.count() == 0 {
                self.queue.pop_front();
            }
            self.gone(1, bytes);
            return Some(done);
        }
        let Entry::One(departure, length) = self.queue.pop_front()? else { return None };
        if length > LONG {
            let payload = self.long.pop_front()?;
            self.long_bytes -= length;
            self.len -= 1;
            return Some(with(departure, Payload::Long(&payload)));
        }
        let done = with(departure, Payload::Short(&self.bytes[self.start..self.start + length]));
        self.gone(1, length);
        Some(done)
    }

    /// Takes the first row, if one is first, and does something with it and its bytes.
    #[inline]
    pub fn take_row<T>(&mut self, with: impl FnOnce(&Row, &[u8]) -> T) -> Option<T> {
        let Some(Entry::Row(row)) = self.queue.front() else { return None };
        let (count, length) = (row.count(), row.bytes());
        let done = with(row, &self.bytes[self.start..self.start + length]);
        self.queue.pop_front();
        self.gone(count, length);
        Some(done)
    }

    /// So many were taken, with so many bytes.
    #[inline]
    fn gone(&mut self, count: usize, bytes: usize) {
        self.len -= count;
        self.start += bytes;
        if self.queue.is_empty() {
            self.bytes.clear();
            self.start = 0;
        } else if self.start >= GONE && self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// How many bytes there is memory for.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Drops all of them.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.len = 0;
        self.bytes.clear();
        self.start = 0;
        self.long.clear();
        self.long_bytes = 0;
    }
}

impl fmt::Debug for Departures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Departures").field("len", &self.len()).field("bytes", &self.bytes()).finish()
    }
}

#[cfg(test)]
mod tests;
