use std::collections::VecDeque;
use std::collections::vec_deque::Drain;
use std::task::Waker;

use edri_event::Priority;

use super::lanes::Lanes;

/// The line before a full inbox: the events of senders that wait for room, by lane.
///
/// They are let in as an inbox hands out: a higher lane first, each lane with its share, in order within it. So a
/// control event does not stand behind the normal ones that came before it, and no sender starves.
pub(super) struct WaitingLine<T> {
    /// Made when the first sender waits: most inboxes never see one.
    lanes: Option<Box<Lanes<Parked<T>>>>,
    /// Beside the lanes, since each push asks.
    len: usize,
}

pub(super) struct Parked<T> {
    /// Higher than those of all that came before.
    pub(super) ticket: u64,
    pub(super) lane: Priority,
    pub(super) item: T,
    pub(super) sender: Option<Waker>,
}

impl<T> WaitingLine<T> {
    pub(super) const fn new() -> Self {
        Self { lanes: None, len: 0 }
    }

    /// Stands at the end of its lane.
    pub(super) fn join(&mut self, parked: Parked<T>) {
        self.lanes.get_or_insert_with(|| Box::new(Lanes::new())).push(parked.lane, parked);
        self.len += 1;
    }

    /// All of them do, in order.
    pub(super) fn join_all(&mut self, lane: Priority, parked: impl ExactSizeIterator<Item = Parked<T>>) {
        self.len += parked.len();
        let lanes = self.lanes.get_or_insert_with(|| Box::new(Lanes::new()));
        lanes.push_all(lane, parked);
    }

    /// Up to so many who are to be let in next, if they are all of normal priority and nobody else stands there.
    pub(super) fn next_many(&mut self, most: usize) -> Option<Drain<'_, Parked<T>>> {
        let next = self.lanes.as_mut()?.pop_normal(most)?;
        self.len -= next.len();
        Some(next)
    }

    /// The next to be let in.
    pub(super) fn next(&mut self) -> Option<Parked<T>> {
        let next = self.lanes.as_mut()?.pop()?;
        self.len -= 1;
        Some(next)
    }

    /// Its sender leaves, and takes it along.
    pub(super) fn leave(&mut self, ticket: u64) -> Option<T> {
        let parked = self.lanes.as_mut()?.remove(|lane| find(lane, ticket))?;
        self.len -= 1;
        Some(parked.item)
    }

    pub(super) fn find(&mut self, ticket: u64) -> Option<&mut Parked<T>> {
        self.lanes.as_mut()?.find(|lane| find(lane, ticket))
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether an event above normal priority stands in it.
    #[inline]
    pub(super) fn is_urgent(&self) -> bool {
        self.len > 0 && self.lanes.as_ref().is_some_and(|lanes| lanes.urgent_len() > 0)
    }
}

/// Tickets rise along each lane.
fn find<T>(lane: &VecDeque<Parked<T>>, ticket: u64) -> Option<usize> {
    // As a rule all of them stand in one lane, and nobody has left: no need to look for it.
    let place = usize::try_from(ticket.checked_sub(lane.front()?.ticket)?).ok()?;
    if lane.get(place).is_some_and(|parked| parked.ticket == ticket) {
        return Some(place);
    }
    lane.binary_search_by_key(&ticket, |parked| parked.ticket).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(lanes: &[Priority]) -> WaitingLine<u64> {
        let mut line = WaitingLine::new();
        for (ticket, &lane) in (0..).zip(lanes) {
            line.join(Parked { ticket, lane, item: ticket, sender: None });
        }
        line
    }

    #[test]
    fn a_higher_lane_is_let_in_first_and_order_is_kept_within_one() {
        use Priority::{Control, High, Normal};
        let mut line = line(&[Normal, High, Normal, Control, High, Control]);
        assert!(line.is_urgent());
        let order: Vec<_> = std::iter::from_fn(|| line.next()).map(|parked| parked.item).collect();
        assert_eq!(order, [3, 5, 1, 4, 0, 2]);
        assert!(line.is_empty() && !line.is_urgent());
    }

    #[test]
    fn many_are_let_in_together_unless_one_of_a_higher_lane_stands_there() {
        use Priority::{High, Normal};
        let mut line = line(&[Normal, Normal]);
        let more = (2..6).map(|ticket| Parked { ticket, lane: Normal, item: ticket, sender: None });
        line.join_all(Normal, more.collect::<Vec<_>>().into_iter());
        let many: Vec<_> = line.next_many(3).unwrap().map(|parked| parked.item).collect();
        assert_eq!((many, line.len()), (vec![0, 1, 2], 3));
        line.join(Parked { ticket: 6, lane: High, item: 6, sender: None });
        assert!(line.next_many(9).is_none());
        let order: Vec<_> = std::iter::from_fn(|| line.next()).map(|parked| parked.item).collect();
        assert_eq!(order, [6, 3, 4, 5]);
    }

    #[test]
    fn whoever_leaves_leaves_the_others_in_their_places() {
        use Priority::{High, Normal};
        let mut line = line(&[Normal, High, Normal, High, Normal]);
        assert_eq!(
            (line.leave(2), line.leave(3), line.leave(3), line.leave(9)),
            (Some(2), Some(3), None, None)
        );
        assert!(line.find(2).is_none());
        assert_eq!(line.find(4).map(|parked| parked.item), Some(4));
        assert_eq!(line.len(), 3);
        let order: Vec<_> = std::iter::from_fn(|| line.next()).map(|parked| parked.item).collect();
        assert_eq!(order, [1, 0, 4]);
    }
}
