use std::collections::VecDeque;
use std::collections::vec_deque::Drain;

use edri_event::Priority;

/// The waiting events by priority, in order within each lane.
pub(crate) struct Lanes<T> {
    normal: VecDeque<T>,
    /// Made when the first event of a higher priority comes: most inboxes never see one.
    urgent: Option<Box<Urgent<T>>>,
    len: usize,
    turn: u8,
}

struct Urgent<T> {
    high: VecDeque<T>,
    control: VecDeque<T>,
}

impl<T> Lanes<T> {
    pub(crate) const fn new() -> Self {
        Self { normal: VecDeque::new(), urgent: None, len: 0, turn: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn normal_len(&self) -> usize {
        self.normal.len()
    }

    /// High and control.
    pub(crate) fn urgent_lens(&self) -> (usize, usize) {
        self.urgent.as_ref().map_or((0, 0), |urgent| (urgent.high.len(), urgent.control.len()))
    }

    pub(crate) fn urgent_len(&self) -> usize {
        self.len - self.normal.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, lane: Priority, item: T) {
        self.len += 1;
        match lane {
            Priority::Normal => self.normal.push_back(item),
            Priority::High => self.urgent().high.push_back(item),
            Priority::Control => self.urgent().control.push_back(item),
        }
    }

    /// All of them, in order.
    #[inline]
    pub(crate) fn push_all(&mut self, lane: Priority, items: impl Iterator<Item = T>) {
        let into = match lane {
            Priority::Normal => &mut self.normal,
            Priority::High => &mut self.urgent().high,
            Priority::Control => &mut self.urgent().control,
        };
        let before = into.len();
        into.extend(items);
        let more = into.len() - before;
        self.len += more;
    }

    /// The next in turn: control before high before normal, but every fourth turn begins with high and every
    /// sixteenth with normal, so that no lane starves.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let item = match &mut self.urgent {
            None => self.normal.pop_front(),
            Some(urgent) => {
                self.turn = (self.turn + 1) % 16;
                let (normal, high, control) = (&mut self.normal, &mut urgent.high, &mut urgent.control);
                let order = match self.turn {
                    0 => [normal, control, high],
                    4 | 8 | 12 => [high, control, normal],
                    _ => [control, high, normal],
                };
                order.into_iter().find_map(VecDeque::pop_front)
            }
        }?;
        self.len -= 1;
        Some(item)
    }

    /// Up to so many of the normal lane, in order, if no other has anything.
    pub(crate) fn pop_normal(&mut self, most: usize) -> Option<Drain<'_, T>> {
        if self.urgent_len() > 0 {
            return None;
        }
        let many = most.min(self.normal.len());
        self.len -= many;
        Some(self.normal.drain(..many))
    }

    /// The one that has waited longest in the lowest lane that is not empty.
    pub(crate) fn pop_oldest(&mut self) -> Option<T> {
        let item = self.normal.pop_front().or_else(|| {
            let urgent = self.urgent.as_mut()?;
            urgent.high.pop_front().or_else(|| urgent.control.pop_front())
        })?;
        self.len -= 1;
        Some(item)
    }

    /// Exchanges the whole normal lane for the empty `hand`: the price of one event for all of them.
    pub(crate) fn swap_normal(&mut self, hand: &mut VecDeque<T>) {
        debug_assert!(hand.is_empty(), "what is in hand would overtake or be lost");
        self.len -= self.normal.len();
        // An empty ring goes on where it stopped; from its beginning again, small batches stay in the cache.
        hand.clear();
        std::mem::swap(&mut self.normal, hand);
    }

    /// Puts what is left in `hand` back in front of the normal lane, where it came from.
    pub(crate) fn put_back(&mut self, hand: &mut VecDeque<T>) {
        self.len += hand.len();
        hand.append(&mut self.normal);
        std::mem::swap(&mut self.normal, hand);
    }

    /// The one at the position that `position` finds in its lane.
    pub(crate) fn find(&mut self, position: impl Fn(&VecDeque<T>) -> Option<usize>) -> Option<&mut T> {
        self.each().find_map(|lane| position(lane).and_then(|position| lane.get_mut(position)))
    }

    /// The same, taken out.
    pub(crate) fn remove(&mut self, position: impl Fn(&VecDeque<T>) -> Option<usize>) -> Option<T> {
        let item = self.each().find_map(|lane| position(lane).and_then(|position| lane.remove(position)))?;
        self.len -= 1;
        Some(item)
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        let Self { normal, urgent, .. } = std::mem::replace(self, Self::new());
        urgent.into_iter().flat_map(|urgent| urgent.control.into_iter().chain(urgent.high)).chain(normal)
    }

    fn each(&mut self) -> impl Iterator<Item = &mut VecDeque<T>> {
        let urgent = self.urgent.iter_mut().flat_map(|urgent| [&mut urgent.control, &mut urgent.high]);
        urgent.chain([&mut self.normal])
    }

    fn urgent(&mut self) -> &mut Urgent<T> {
        self.urgent
            .get_or_insert_with(|| Box::new(Urgent { high: VecDeque::new(), control: VecDeque::new() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_lane_goes_first_and_order_is_kept_within_a_lane() {
        let mut lanes = Lanes::new();
        for (lane, item) in [
            (Priority::Normal, 1),
            (Priority::High, 2),
            (Priority::Normal, 3),
            (Priority::Control, 4),
            (Priority::High, 5),
        ] {
            lanes.push(lane, item);
        }
        let order: Vec<_> = std::iter::from_fn(|| lanes.pop()).collect();
        assert_eq!(order, [4, 2, 5, 1, 3]);
    }

    #[test]
    fn many_of_the_normal_lane_go_together_only_where_no_other_has_anything() {
        let mut lanes = Lanes::new();
        (1..=5).for_each(|item| lanes.push(Priority::Normal, item));
        lanes.push(Priority::High, 9);
        assert!(lanes.pop_normal(2).is_none());
        assert_eq!(lanes.pop(), Some(9));
        assert_eq!(lanes.pop_normal(2).unwrap().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(lanes.pop_normal(9).unwrap().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!((lanes.len(), lanes.pop()), (0, None));
    }

    #[test]
    fn a_lower_lane_keeps_its_share_while_higher_ones_are_full() {
        let mut lanes = Lanes::new();
        for item in 0..1_600 {
            lanes.push(Priority::Control, item);
            lanes.push(Priority::High, 10_000 + item);
            lanes.push(Priority::Normal, 20_000 + item);
        }
        let first: Vec<_> = (0..1_600).map(|_| lanes.pop().unwrap()).collect();
        let count = |from: i32| first.iter().filter(|&&item| (from..from + 10_000).contains(&item)).count();
        assert_eq!((count(0), count(10_000), count(20_000)), (1_200, 300, 100));
    }
}
