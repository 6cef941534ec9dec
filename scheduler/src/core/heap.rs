use crate::time::Nanoseconds;

/// Not in a heap.
pub(super) const NOWHERE: u32 = u32::MAX;

/// The children of an item: with four, less memory is touched than with two.
const CHILDREN: usize = 4;

/// Slots by the time at which they are due: the first is found at once, any other is taken out in logarithmic time, for
/// each slot's position is known.
///
/// Positions are kept beside, in an array of four bytes for each slot that the caller hands in: the heap moves them
/// about without touching the entries.
#[derive(Debug, Default)]
pub(super) struct Heap {
    items: Vec<Item>,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    due: Nanoseconds,
    slot: u32,
}

impl Heap {
    /// The one that is due first, and when.
    pub(super) fn first(&self) -> Option<(Nanoseconds, u32)> {
        self.items.first().map(|item| (item.due, item.slot))
    }

    /// Adds a slot that is not in it.
    pub(super) fn insert(&mut self, positions: &mut [u32], slot: u32, due: Nanoseconds) {
        self.items.push(Item { due, slot });
        self.rise(positions, self.items.len() - 1);
    }

    /// Takes a slot out that is in it.
    pub(super) fn remove(&mut self, positions: &mut [u32], slot: u32) {
        let index = positions[slot as usize] as usize;
        positions[slot as usize] = NOWHERE;
        self.items.swap_remove(index);
        if index < self.items.len() && self.rise(positions, index) == index {
            self.sink(positions, index);
        }
    }

    /// When a slot that is in it is due.
    pub(super) fn due(&self, positions: &[u32], slot: u32) -> Option<Nanoseconds> {
        self.items.get(positions[slot as usize] as usize).map(|item| item.due)
    }

    /// All slots in it, in no order.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.items.iter().map(|item| item.slot)
    }

    fn rise(&mut self, positions: &mut [u32], mut index: usize) -> usize {
        let item = self.items[index];
        while index > 0 {
            let parent = (index - 1) / CHILDREN;
            if self.items[parent].due <= item.due {
                break;
            }
            self.put(positions, index, self.items[parent]);
            index = parent;
        }
        self.put(positions, index, item);
        index
    }

    fn sink(&mut self, positions: &mut [u32], mut index: usize) {
        let item = self.items[index];
        loop {
            let first = index * CHILDREN + 1;
            let children = first..(first + CHILDREN).min(self.items.len());
            let Some(least) = children.min_by_key(|&child| self.items[child].due) else { break };
            if self.items[least].due >= item.due {
                break;
            }
            self.put(positions, index, self.items[least]);
            index = least;
        }
        self.put(positions, index, item);
    }

    fn put(&mut self, positions: &mut [u32], index: usize, item: Item) {
        self.items[index] = item;
        positions[item.slot as usize] = index as u32;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u32, Nanoseconds),
        Remove(u32),
        TakeFirst,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0_u32..200, 0_i64..50).prop_map(|(slot, due)| Step::Insert(slot, due)),
            1 => (0_u32..200).prop_map(Step::Remove),
            1 => Just(Step::TakeFirst),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_a_set_ordered_by_time(steps in prop::collection::vec(step(), 0..400)) {
            let (mut heap, mut positions) = (Heap::default(), vec![NOWHERE; 200]);
            let mut model: BTreeSet<(Nanoseconds, u32)> = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Insert(slot, due) if positions[slot as usize] == NOWHERE => {
                        heap.insert(&mut positions, slot, due);
                        model.insert((due, slot));
                    }
                    Step::Remove(slot) if positions[slot as usize] != NOWHERE => {
                        let due = heap.due(&positions, slot).unwrap();
                        heap.remove(&mut positions, slot);
                        prop_assert!(model.remove(&(due, slot)));
                    }
                    Step::TakeFirst => {
                        if let Some((due, slot)) = heap.first() {
                            heap.remove(&mut positions, slot);
                            prop_assert!(model.remove(&(due, slot)));
                        }
                    }
                    Step::Insert(..) | Step::Remove(_) => {}
                }
                prop_assert_eq!(heap.slots().count(), model.len());
                prop_assert_eq!(heap.first().map(|first| first.0), model.first().map(|first| first.0));
                for (due, slot) in &model {
                    prop_assert_eq!(heap.due(&positions, *slot), Some(*due));
                }
            }
        }
    }
}
