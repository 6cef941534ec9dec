use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Buf as _, Bytes};
use edri_event::Priority;

use crate::event::Event;
use crate::interest::Interest;
use crate::message::{Cursor, Message, Notice, Plain};

/// What came, or became of what was sent, and has not been handed out.
#[derive(Debug, Default)]
pub(crate) struct CameQueue(VecDeque<Came>);

/// Notifications are the most frequent by far, and come many together: they stay together.
#[derive(Debug)]
pub(crate) enum Came {
    Event(Event),
    Notices(Notices),
}

/// Notifications that came one after the other in one frame, as they were written there: they have been found to be
/// well-formed, and to keep to their windows.
#[derive(Debug)]
pub(crate) struct Notices {
    bytes: Bytes,
    /// From when on their deadlines count.
    came: Instant,
}

/// Of notifications that came together, what is next.
#[derive(Debug)]
pub(crate) enum Next<'r, 'n> {
    One(Notice<'n>),
    /// All of it is to be taken.
    Row(&'r mut Row<'n>),
}

/// Plain notifications under one interest and of one priority, one after the other.
#[derive(Debug)]
pub(crate) struct Row<'n> {
    interest: Interest,
    priority: Priority,
    first: Option<Plain<'n>>,
    rest: Cursor<'n>,
}

impl CameQueue {
    #[inline]
    pub(crate) fn push_back(&mut self, event: Event) {
        self.0.push_back(Came::Event(event));
    }

    pub(super) fn push_notices(&mut self, notices: Notices) {
        if !notices.bytes.is_empty() {
            self.0.push_back(Came::Notices(notices));
        }
    }

    /// The next, of notifications one.
    pub(crate) fn pop_event(&mut self) -> Option<Event> {
        loop {
            match self.0.front_mut()? {
                Came::Event(_) => {
                    let Some(Came::Event(event)) = self.0.pop_front() else { return None };
                    return Some(event);
                }
                Came::Notices(notices) => {
                    let event = notices.next_event();
                    if notices.bytes.is_empty() {
                        self.0.pop_front();
                    }
                    if event.is_some() {
                        return event;
                    }
                }
            }
        }
    }

    /// The next, of notifications all that came together.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Came> {
        self.0.pop_front()
    }

    /// Notifications that came together, if they are next.
    #[inline]
    pub(super) fn pop_notices(&mut self) -> Option<Notices> {
        match self.0.front()? {
            Came::Event(_) => None,
            Came::Notices(_) => match self.0.pop_front()? {
                Came::Notices(notices) => Some(notices),
                Came::Event(_) => None,
            },
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn shrink(&mut self) {
        self.0.shrink_to(0);
    }
}

impl Notices {
    pub(super) fn new(bytes: Bytes, came: Instant) -> Self {
        Self { bytes, came }
    }

    /// Hands out all of them, in order.
    #[inline]
    pub(crate) fn for_each(self, mut take: impl FnMut(Next<'_, '_>)) {
        let mut cursor = Cursor::new(&self.bytes);
        loop {
            if let Some(first) = Message::decode_plain(&mut cursor) {
                let mut row = Row::begin(first, cursor);
                take(Next::Row(&mut row));
                debug_assert!(row.first.is_none(), "not all were taken");
                cursor = row.rest;
            } else if let Some(notice) = read(&mut cursor, self.came) {
                take(Next::One(notice));
            } else {
                return;
            }
        }
    }

    fn next_event(&mut self) -> Option<Event> {
        let mut cursor = Cursor::new(&self.bytes);
        let notice = read(&mut cursor, self.came);
        let read = self.bytes.len() - cursor.rest().len();
        let Some((interest, circumstances, payload)) = notice else {
            self.bytes.clear();
            return None;
        };
        let payload = self.bytes.slice_ref(payload);
        self.bytes.advance(read);
        Some(Event::Notification { interest, circumstances, payload })
    }
}

impl<'n> Row<'n> {
    fn begin(first: Plain<'n>, rest: Cursor<'n>) -> Self {
        Self { interest: first.to, priority: first.priority, first: Some(first), rest }
    }

    #[inline]
    pub(crate) fn interest(&self) -> Interest {
        self.interest
    }

    #[inline]
    pub(crate) fn priority(&self) -> Priority {
        self.priority
    }

    /// Whether all were taken.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.first.is_none()
    }
}

impl<'n> Iterator for Row<'n> {
    type Item = Plain<'n>;

    #[inline]
    fn next(&mut self) -> Option<Plain<'n>> {
        let first = self.first.take()?;
        let mut ahead = Cursor::new(self.rest.rest());
        if let Some(next) = Message::decode_plain(&mut ahead)
            && (next.to, next.priority) == (self.interest, self.priority)
        {
            self.first = Some(next);
            self.rest = ahead;
        }
        Some(first)
    }
}

/// They were read before without an error.
#[inline]
fn read<'a>(cursor: &mut Cursor<'a>, came: Instant) -> Option<Notice<'a>> {
    Message::decode_notification(cursor, came).ok().flatten()
}

#[cfg(test)]
mod tests {
    use edri_event::Priority;

    use super::*;
    use crate::interest::Interest;
    use crate::message::Circumstances;

    /// Notifications to interest 3, with an identity each, as they are written; their payloads are 1 and 2.
    const TWO: &[u8] = &[0, 3, 1, 7, 1, 1, 0, 3, 1, 8, 1, 2];

    fn queue() -> CameQueue {
        let mut queue = CameQueue::default();
        queue.push_back(Event::Informed);
        queue.push_notices(Notices::new(Bytes::from_static(TWO), Instant::now()));
        queue.push_notices(Notices::new(Bytes::new(), Instant::now()));
        queue.push_back(Event::Resumed);
        queue
    }

    fn check((interest, circumstances, payload): (Interest, Circumstances, &[u8]), number: u8) {
        assert_eq!((interest, circumstances.priority), (Interest::from_number(3), Priority::Normal));
        assert_eq!(circumstances.id.map(|id| id.get()), Some(u64::from(number) + 6));
        assert_eq!(payload, [number]);
    }

    #[test]
    fn notifications_that_came_together_are_handed_out_one_by_one_between_what_came_before_and_after() {
        let mut queue = queue();
        assert_eq!(queue.pop_event(), Some(Event::Informed));
        for number in [1, 2] {
            let Some(Event::Notification { interest, circumstances, payload }) = queue.pop_event() else {
                panic!("notification {number} is missing")
            };
            check((interest, circumstances, &payload), number);
        }
        assert_eq!(queue.pop_event(), Some(Event::Resumed));
        assert!(queue.is_empty() && queue.pop_event().is_none());
    }

    #[test]
    fn notifications_of_which_one_was_handed_out_alone_are_handed_out_together_without_it() {
        let mut queue = queue();
        assert_eq!(queue.pop_event(), Some(Event::Informed));
        assert!(matches!(queue.pop_event(), Some(Event::Notification { .. })));
        let Some(left) = queue.pop_notices() else { panic!("the second is missing") };
        let mut numbers = 2..;
        left.for_each(|next| match next {
            Next::One(notice) => check(notice, numbers.next().unwrap()),
            Next::Row(row) => row.for_each(|plain| check(plain.into(), numbers.next().unwrap())),
        });
        assert_eq!(numbers.next(), Some(3));
        assert!(queue.pop_notices().is_none(), "something else comes first");
        assert!(matches!(queue.pop(), Some(Came::Event(Event::Resumed))));
    }
}
