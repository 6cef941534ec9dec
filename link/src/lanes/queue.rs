use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use crate::call::{CallId, IncomingCall};
use crate::channel::Cost;
use crate::message::{BESIDE, Cursor, LeftAt, Message};
use crate::tunnel::TunnelId;

/// One queue: messages as they will be sent, one after the other, so that what is frequent takes no memory of its own.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    bytes: Vec<u8>,
    /// What of the bytes has been taken.
    taken: usize,
    entries: VecDeque<Entry>,
    /// Those of the entries that have one, in their order.
    particulars: VecDeque<Particulars>,
    cost: u64,
    partial: Option<Partial>,
}

/// What is known of every message.
#[derive(Clone, Copy, Debug)]
struct Entry {
    length: u32,
    cost: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There is nothing to it but its bytes.
    Plain,
    /// It is several notifications, of which that is true.
    Row,
    /// There is more to it.
    Particular,
}

/// What is known of those messages that are more than bytes.
#[derive(Debug)]
pub(crate) struct Particulars {
    pub(crate) what: What,
    pub(crate) deadline: Option<(Instant, LeftAt)>,
    /// The message, if it is too long to be copied about.
    long: Option<Long>,
}

/// A long message: how it begins, and the rest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Long {
    head: Vec<u8>,
    body: Bytes,
}

/// What a message is, where that has to be known when its turn has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum What {
    /// Nothing has to be known of it.
    Plain,
    Request(CallId),
    Open(TunnelId),
    Answer(IncomingCall),
    Item(TunnelId),
    End(TunnelId),
    /// It is encoded when its turn has come: the latest of what changes meanwhile.
    Late(Late),
}

/// A message that is not encoded yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Late {
    Cancel(CallId),
    /// How far it has come is kept with the call.
    Progress(IncomingCall),
    Accept(TunnelId),
    /// How much is granted is kept with the tunnel.
    Grant(TunnelId),
}

/// A long message that is being sent in parts.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) message: Long,
    /// How much of it has been sent.
    pub(crate) sent: usize,
    pub(crate) particulars: Particulars,
}

/// The first message of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First {
    /// Of its bytes; none if it is not encoded yet.
    pub(crate) length: usize,
    pub(crate) cost: Cost,
    pub(crate) kind: Kind,
}

/// A message that was taken out.
#[derive(Debug)]
pub(crate) enum Taken<'a> {
    Short(&'a [u8]),
    Long(Long),
}

/// Longer messages than this are kept apart. Every frame has room for one that is not longer.
const SHORT: usize = 4 * 1024;

/// So much room is kept by a queue that is empty.
const SPARE: usize = 256 * 1024;

impl Queue {
    /// Appends a message, which `write` writes, with how long its payload is and where its deadline goes.
    pub(crate) fn push<E>(
        &mut self,
        what: What,
        deadline: Option<Instant>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(Option<LeftAt>, usize), E>,
    ) -> Result<(), E> {
        self.tidy();
        let start = self.bytes.len();
        let (left_at, payload) = match write(&mut self.bytes) {
            Ok(written) => written,
            Err(error) => {
                self.bytes.truncate(start);
                return Err(error);
            }
        };
        let length = self.bytes.len() - start;
        let deadline = deadline.zip(left_at);
        let long = (length > SHORT).then(|| Long::whole(self.bytes.split_off(start)));
        let particular = long.is_some() || what != What::Plain || deadline.is_some();
        if particular {
            self.particulars.push_back(Particulars { what, deadline, long });
        }
        self.enter(length, Cost::of(payload), if particular { Kind::Particular } else { Kind::Plain });
        Ok(())
    }

    /// Appends notifications that are written already, and are not longer together than what is [short](SHORT).
    #[inline]
    pub(crate) fn push_row(&mut self, row: &[u8], cost: Cost) {
        debug_assert!(row.len() <= SHORT, "it may not fit into a frame");
        self.tidy();
        self.bytes.extend_from_slice(row);
        self.enter(row.len(), cost, Kind::Row);
    }

    /// The last, which is a notification, joins the one before it, if that is one, too, there is nothing to either but its
    /// bytes, and they are short together.
    #[inline]
    pub(crate) fn join_last(&mut self) {
        let Some(last) = self.entries.pop_back() else { return };
        match self.entries.back_mut() {
            Some(before)
                if last.kind != Kind::Particular
                    && before.kind != Kind::Particular
                    && (before.length + last.length) as usize <= SHORT =>
            {
                before.length += last.length;
                before.cost += last.cost;
                before.kind = Kind::Row;
            }
            _ => self.entries.push_back(last),
        }
    }

    /// Appends one whose payload is `body`, after what `write` writes. It is not copied.
    pub(crate) fn push_apart(
        &mut self,
        what: What,
        deadline: Option<Instant>,
        body: Bytes,
        write: impl FnOnce(&mut Vec<u8>) -> Option<LeftAt>,
    ) {
        let mut head = Vec::with_capacity(BESIDE);
        let left_at = write(&mut head);
        let payload = body.len();
        let length = head.len() + payload;
        let long = Some(Long { head, body });
        self.particulars.push_back(Particulars { what, deadline: deadline.zip(left_at), long });
        self.enter(length, Cost::of(payload), Kind::Particular);
    }

    /// Appends one that is encoded when its turn has come.
    pub(crate) fn push_late(&mut self, late: Late) {
        self.particulars.push_back(Particulars { what: What::Late(late), deadline: None, long: None });
        self.enter(0, Cost::of(0), Kind::Particular);
    }

    fn enter(&mut self, length: usize, cost: Cost, kind: Kind) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let cost = u32::try_from(cost.get()).unwrap_or(u32::MAX);
        self.cost += u64::from(cost);
        self.entries.push_back(Entry { length, cost, kind });
    }

    pub(crate) fn first(&self) -> Option<First> {
        self.entries.front().map(|entry| First {
            length: entry.length as usize,
            cost: Cost::exactly(entry.cost.into()),
            kind: entry.kind,
        })
    }

    /// Whether the first is a long one: neither bytes among others, nor in the course of being sent in parts.
    #[inline]
    pub(crate) fn is_long(&self) -> bool {
        let particular = self.partial.is_none()
            && self.entries.front().is_some_and(|first| first.kind == Kind::Particular);
        particular && self.particulars.front().is_some_and(|particulars| particulars.long.is_some())
    }

    /// Takes out the first.
    pub(crate) fn take(&mut self) -> Option<(Taken<'_>, Option<Particulars>)> {
        let entry = self.entries.pop_front()?;
        self.cost -= u64::from(entry.cost);
        let mut particulars =
            if entry.kind == Kind::Particular { self.particulars.pop_front() } else { None };
        if let Some(long) = particulars.as_mut().and_then(|particulars| particulars.long.take()) {
            return Some((Taken::Long(long), particulars));
        }
        let start = self.taken;
        self.taken += entry.length as usize;
        Some((Taken::Short(&self.bytes[start..self.taken]), particulars))
    }

    /// Takes out the first of a row that is first, and what it costs.
    pub(crate) fn take_of_row(&mut self) -> Option<(&[u8], Cost)> {
        let entry = self.entries.front_mut().filter(|entry| entry.kind == Kind::Row)?;
        let row = &self.bytes[self.taken..self.taken + entry.length as usize];
        let mut cursor = Cursor::new(row);
        let (length, cost) = match Message::decode(&mut cursor, None) {
            Ok(Message::Notify { payload, .. }) => (row.len() - cursor.rest().len(), Cost::of(payload.len())),
            // There is none: this end wrote them. What is left would go as one.
            _ => (row.len(), Cost::exactly(entry.cost.into())),
        };
        let spent = cost.get().min(entry.cost.into()) as u32;
        entry.length -= length as u32;
        entry.cost -= spent;
        self.cost -= u64::from(spent);
        if entry.length == 0 {
            self.cost -= u64::from(entry.cost);
            self.entries.pop_front();
        }
        let start = self.taken;
        self.taken += length;
        Some((&self.bytes[start..self.taken], cost))
    }

    /// Takes out what is not to be sent any more. Whether there was such a thing.
    pub(crate) fn remove(&mut self, is_it: impl Fn(&What) -> bool) -> bool {
        let mut entries = std::mem::take(&mut self.entries);
        let before = entries.len();
        let mut at = self.taken;
        let mut particular = 0;
        entries.retain(|entry| {
            let is_particular = entry.kind == Kind::Particular;
            let long = is_particular && self.particulars[particular].long.is_some();
            let length = if long { 0 } else { entry.length as usize };
            if is_particular && is_it(&self.particulars[particular].what) {
                self.particulars.remove(particular);
                self.cost -= u64::from(entry.cost);
                self.bytes.drain(at..at + length);
                return false;
            }
            at += length;
            particular += usize::from(is_particular);
            true
        });
        self.entries = entries;
        self.entries.len() < before
    }

    pub(crate) fn partial(&self) -> Option<&Partial> {
        self.partial.as_ref()
    }

    pub(crate) fn take_partial(&mut self) -> Option<Partial> {
        self.partial.take()
    }

    pub(crate) fn set_partial(&mut self, partial: Partial) {
        self.partial = Some(partial);
    }

    /// What waits, in [cost](crate::Cost), and what of a long message is still to be sent.
    #[inline]
    pub(crate) fn cost(&self) -> u64 {
        self.cost + self.partial.as_ref().map_or(0, |partial| (partial.message.len() - partial.sent) as u64)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.partial.is_none()
    }

    /// Empties it: what waits, in order, with the one that is being sent in parts first. The messages of a row are together.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(&[u8], Option<&Particulars>)) {
        if let Some(partial) = self.partial.take() {
            each(&partial.message.to_bytes(), Some(&partial.particulars));
        }
        while let Some((taken, particulars)) = self.take() {
            match taken {
                Taken::Short(bytes) => each(bytes, particulars.as_ref()),
                Taken::Long(message) => each(&message.to_bytes(), particulars.as_ref()),
            }
        }
        self.clear();
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives back what room an empty queue has.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }

    /// Moves what waits to the beginning when there is more room before it than it takes.
    fn tidy(&mut self) {
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            if self.bytes.capacity() > SPARE {
                self.bytes = Vec::new();
            }
            self.taken = 0;
        } else if self.taken > self.bytes.len() / 2 && self.taken >= SHORT {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }
}

impl Long {
    fn whole(message: Vec<u8>) -> Self {
        Self { head: Vec::new(), body: message.into() }
    }

    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Writes what is left until its deadline.
    pub(crate) fn write_left(&mut self, left_at: LeftAt, deadline: Instant, now: Instant) {
        if !self.head.is_empty() {
            return left_at.write(&mut self.head, 0, deadline, now);
        }
        // Nobody else has it yet, so that it is not copied.
        let mut written = Vec::from(std::mem::take(&mut self.body));
        left_at.write(&mut written, 0, deadline, now);
        self.body = written.into();
    }

    /// A piece of it: what of it is copied to the end of `out`, and the rest.
    pub(crate) fn piece(&self, from: usize, to: usize, out: &mut Vec<u8>) -> Bytes {
        let head = self.head.len();
        out.extend_from_slice(&self.head[from.min(head)..to.min(head)]);
        self.body.slice(from.max(head) - head..to.max(head) - head)
    }

    /// All of it.
    pub(crate) fn to_bytes(&self) -> Bytes {
        if self.head.is_empty() { self.body.clone() } else { [&self.head[..], &self.body].concat().into() }
    }
}
