use super::heap::{Heap, NOWHERE};
use crate::time::Nanoseconds;

/// Which clock a time is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hand {
    /// The one that people set.
    Wall,
    /// The one that only goes on.
    Monotonic,
}

/// What both clocks say at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// Since 1970.
    pub(crate) wall: Nanoseconds,
    /// Since the scheduler was made.
    pub(crate) monotonic: Nanoseconds,
}

impl Now {
    pub(crate) const fn by(&self, hand: Hand) -> Nanoseconds {
        match hand {
            Hand::Wall => self.wall,
            Hand::Monotonic => self.monotonic,
        }
    }

    /// What the wall clock shows at a time of either, as far as it can be known now.
    pub(crate) const fn wall_of(&self, hand: Hand, time: Nanoseconds) -> Nanoseconds {
        match hand {
            Hand::Wall => time,
            Hand::Monotonic => self.wall.saturating_add(time.saturating_sub(self.monotonic)),
        }
    }

    /// The other way round.
    pub(crate) const fn of_wall(&self, hand: Hand, wall: Nanoseconds) -> Nanoseconds {
        match hand {
            Hand::Wall => wall,
            Hand::Monotonic => self.monotonic.saturating_add(wall.saturating_sub(self.wall)),
        }
    }
}

/// Slots by when they are due, on both clocks.
#[derive(Debug, Default)]
pub(super) struct Timers {
    wall: Heap,
    monotonic: Heap,
    positions: Vec<u32>,
}

impl Timers {
    /// Sets, or moves, what is due.
    pub(super) fn set(&mut self, hand: Hand, slot: u32, due: Nanoseconds) {
        let least = slot as usize + 1;
        if self.positions.len() < least {
            self.positions.resize(least, NOWHERE);
        }
        debug_assert_eq!(self.positions[slot as usize], NOWHERE, "a slot is due once");
        let heap = if hand == Hand::Wall { &mut self.wall } else { &mut self.monotonic };
        heap.insert(&mut self.positions, slot, due);
    }

    /// Takes it out, if it is there. `hand` is the clock it was set by.
    pub(super) fn clear(&mut self, hand: Hand, slot: u32) {
        if self.is_set(slot) {
            let heap = if hand == Hand::Wall { &mut self.wall } else { &mut self.monotonic };
            heap.remove(&mut self.positions, slot);
        }
    }

    pub(super) fn is_set(&self, slot: u32) -> bool {
        self.positions.get(slot as usize).is_some_and(|&position| position != NOWHERE)
    }

    /// When it is due, if it is set. `hand` is the clock it was set by.
    pub(super) fn due(&self, hand: Hand, slot: u32) -> Option<Nanoseconds> {
        self.is_set(slot).then(|| self.heap(hand).due(&self.positions, slot))?
    }

    /// One that is due now: by whichever clock it is.
    pub(super) fn fallen_due(&self, now: Now) -> Option<(Hand, Nanoseconds, u32)> {
        [Hand::Wall, Hand::Monotonic].into_iter().find_map(|hand| {
            let (due, slot) = self.heap(hand).first()?;
            (due <= now.by(hand)).then_some((hand, due, slot))
        })
    }

    /// How long until the next one is due by that clock; zero or less if it is.
    pub(super) fn until_due(&self, hand: Hand, now: Now) -> Option<Nanoseconds> {
        self.heap(hand).first().map(|(due, _)| due.saturating_sub(now.by(hand)))
    }

    /// All that are set by the wall clock.
    pub(super) fn by_wall(&self) -> Vec<u32> {
        self.wall.slots().collect()
    }

    fn heap(&self, hand: Hand) -> &Heap {
        match hand {
            Hand::Wall => &self.wall,
            Hand::Monotonic => &self.monotonic,
        }
    }
}
