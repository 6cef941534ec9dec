use crate::id::Key;

/// Entries in slots that are used again; each has a [key](Key) that is not.
#[derive(Debug)]
pub(super) struct Table<T> {
    slots: Vec<Slot<T>>,
    /// The first that is free.
    free: Option<u32>,
    /// That of the next entry.
    turn: u32,
    used: usize,
}

#[derive(Debug)]
struct Slot<T> {
    turn: u32,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Free { next: Option<u32> },
    Used(T),
}

impl<T> Table<T> {
    /// Its turns begin somewhere: so keys of another table, or of one before a restart, are not those of this one.
    pub(super) fn new(turn: u32) -> Self {
        Self { slots: Vec::new(), free: None, turn, used: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// The key that the next entry will have.
    pub(super) fn next_key(&self) -> Key {
        Key { turn: self.turn, slot: self.free.unwrap_or(self.slots.len() as u32) }
    }

    pub(super) fn insert(&mut self, entry: T) -> Key {
        let key = self.next_key();
        self.turn = self.turn.wrapping_add(1);
        self.used += 1;
        let taken = Slot { turn: key.turn, content: Content::Used(entry) };
        match self.slots.get_mut(key.slot as usize) {
            None => self.slots.push(taken),
            Some(slot) => {
                if let Content::Free { next } = slot.content {
                    self.free = next;
                }
                *slot = taken;
            }
        }
        key
    }

    /// Puts entries back under the keys they had; before any other is put in.
    pub(super) fn restore(&mut self, entries: Vec<(Key, T)>) {
        for (key, entry) in entries {
            while self.slots.len() <= key.slot as usize {
                self.slots.push(Slot { turn: key.turn, content: Content::Free { next: None } });
            }
            self.slots[key.slot as usize] = Slot { turn: key.turn, content: Content::Used(entry) };
            self.used += 1;
        }
        self.free = None;
        for (slot, found) in self.slots.iter_mut().enumerate().rev() {
            if let Content::Free { next } = &mut found.content {
                *next = self.free.replace(slot as u32);
            }
        }
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let found = self.slots.get_mut(slot as usize)?;
        if let Content::Free { .. } = found.content {
            return None;
        }
        let content = std::mem::replace(&mut found.content, Content::Free { next: self.free });
        self.free = Some(slot);
        self.used -= 1;
        match content {
            Content::Used(entry) => Some(entry),
            Content::Free { .. } => None,
        }
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        match &self.slots.get(slot as usize)?.content {
            Content::Used(entry) => Some(entry),
            Content::Free { .. } => None,
        }
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        match &mut self.slots.get_mut(slot as usize)?.content {
            Content::Used(entry) => Some(entry),
            Content::Free { .. } => None,
        }
    }

    /// Whether the entry of that key is still there.
    pub(super) fn contains(&self, key: Key) -> bool {
        let slot = self.slots.get(key.slot as usize);
        slot.is_some_and(|slot| slot.turn == key.turn && matches!(slot.content, Content::Used(_)))
    }

    /// The entries from a slot on, each with its key.
    pub(super) fn iter_from(&self, slot: u32) -> impl Iterator<Item = (Key, &T)> {
        let first = (slot as usize).min(self.slots.len());
        (slot..).zip(&self.slots[first..]).filter_map(|(slot, found)| match &found.content {
            Content::Used(entry) => Some((Key { turn: found.turn, slot }, entry)),
            Content::Free { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_and_keys_are_not() {
        let mut table = Table::new(u32::MAX);
        let (first, second) = (table.insert('a'), table.insert('b'));
        assert_eq!((first.turn, second.turn), (u32::MAX, 0));
        assert_eq!(table.remove(first.slot), Some('a'));
        assert_eq!(table.remove(first.slot), None);
        let third = table.insert('c');
        assert_eq!(third.slot, first.slot);
        assert!(!table.contains(first) && table.contains(second) && table.contains(third));
        assert_eq!(table.iter_from(1).map(|(key, entry)| (key, *entry)).collect::<Vec<_>>(), [(second, 'b')]);
        assert_eq!((table.len(), table.get(third.slot)), (2, Some(&'c')));
        assert_eq!(table.iter_from(9).count(), 0);
    }

    #[test]
    fn what_is_restored_has_the_keys_it_had() {
        let mut table = Table::new(7);
        let keys = [5, 2].map(|slot| Key { turn: 100 + slot, slot });
        table.restore(keys.map(|key| (key, key.slot)).to_vec());
        assert!(keys.iter().all(|&key| table.contains(key) && table.get(key.slot) == Some(&key.slot)));
        let free: Vec<_> = (0..5).map(|entry| table.insert(entry).slot).collect();
        assert_eq!((free, table.len()), (vec![0, 1, 3, 4, 6], 7));
    }
}
