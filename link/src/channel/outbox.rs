use std::collections::VecDeque;

use crate::violation::Violation;

/// The numbers of what was sent, until the other end has acknowledged them. Nothing more is sent while it is full.
///
/// A link over a pipe ends with its pipe. Over a network, what is listed here is what has to be sent again.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The size of each frame, in the order of their numbers.
    unacknowledged: VecDeque<u32>,
    bytes: u64,
    acknowledged: u64,
}

impl Outbox {
    /// More than the other end leaves unacknowledged, or sender and receiver would wait for each other.
    const MOST_FRAMES: usize = 4096;
    const MOST_BYTES: u64 = 8 * 1024 * 1024;

    pub(crate) fn new() -> Self {
        Self { unacknowledged: VecDeque::new(), bytes: 0, acknowledged: 0 }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.unacknowledged.len() < Self::MOST_FRAMES
            && (self.bytes < Self::MOST_BYTES || self.unacknowledged.is_empty())
    }

    /// The number of the next frame; the first is 1.
    pub(crate) fn next(&self) -> u64 {
        self.sent() + 1
    }

    pub(crate) fn send(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.unacknowledged.push_back(bytes);
        self.bytes += u64::from(bytes);
    }

    pub(crate) fn acknowledge(&mut self, received: u64) -> Result<(), Violation> {
        if received > self.sent() {
            return Err(Violation::AcknowledgedUnsent { got: received, sent: self.sent() });
        }
        while self.acknowledged < received
            && let Some(bytes) = self.unacknowledged.pop_front()
        {
            self.acknowledged += 1;
            self.bytes -= u64::from(bytes);
        }
        Ok(())
    }

    /// How many frames are not acknowledged.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.unacknowledged.len()
    }

    fn sent(&self) -> u64 {
        self.acknowledged + self.unacknowledged.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_cumulative_and_may_be_repeated() {
        let mut outbox = Outbox::new();
        (0..5).for_each(|_| outbox.send(10));
        outbox.acknowledge(3).unwrap();
        outbox.acknowledge(2).unwrap();
        assert_eq!((outbox.len(), outbox.bytes, outbox.next()), (2, 20, 6));
        outbox.acknowledge(5).unwrap();
        assert_eq!((outbox.len(), outbox.bytes, outbox.next()), (0, 0, 6));
    }

    #[test]
    fn what_was_not_sent_cannot_be_acknowledged() {
        let mut outbox = Outbox::new();
        outbox.send(10);
        assert_eq!(outbox.acknowledge(2), Err(Violation::AcknowledgedUnsent { got: 2, sent: 1 }));
    }

    #[test]
    fn it_is_bounded_by_count_and_by_bytes() {
        let mut outbox = Outbox::new();
        (0..Outbox::MOST_FRAMES).for_each(|_| outbox.send(1));
        assert!(!outbox.has_room());
        let mut outbox = Outbox::new();
        (0..2).for_each(|_| outbox.send(Outbox::MOST_BYTES as usize / 2));
        assert!(!outbox.has_room());
    }
}
