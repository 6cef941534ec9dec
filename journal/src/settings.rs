use std::time::Duration;

use crate::error::JournalError;
use crate::format::{FRAME, HEADER};

/// What a journal does when it has reached its [capacity](Settings::capacity).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Appends get [`JournalError::Full`] until something may be removed.
    #[default]
    Refuse,
    /// The oldest segments make room, whether or not what is in them is still needed.
    RemoveOldest,
}

/// How a journal is kept. Sizes are in bytes.
///
/// ```
/// use std::time::Duration;
///
/// use edri_journal::{Settings, WhenFull};
///
/// let settings = Settings::default()
///     .segment_size(16 << 20)
///     .delay(Duration::from_micros(500))
///     .capacity(1 << 30, WhenFull::Refuse);
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) segment_size: u64,
    pub(crate) limit: u64,
    pub(crate) waiting: u64,
    pub(crate) delay: Duration,
    pub(crate) company: usize,
    pub(crate) unsynced_for: Duration,
    pub(crate) retain: u64,
    pub(crate) capacity: u64,
    pub(crate) when_full: WhenFull,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_size: 64 << 20,
            limit: 16 << 20,
            waiting: 4 << 20,
            delay: Duration::from_millis(1),
            company: 1_000,
            unsynced_for: Duration::from_secs(1),
            retain: 0,
            capacity: u64::MAX,
            when_full: WhenFull::Refuse,
        }
    }
}

impl Settings {
    /// How large a segment may become before another is begun: 64 MiB unless told otherwise, 4 KiB at least. Segments are
    /// the unit of removal, and the room for one is taken when it is begun. One becomes larger than this only by a group
    /// of records that is larger by itself.
    pub fn segment_size(self, bytes: u64) -> Self {
        Self { segment_size: bytes, ..self }
    }

    /// How large a record may be, and a batch as a whole, with the 24 bytes that the format adds to each record: 16 MiB
    /// unless told otherwise, 1 GiB at most.
    pub fn limit(self, bytes: u64) -> Self {
        Self { limit: bytes, ..self }
    }

    /// How much may wait to be written before those who append have to wait themselves: 4 MiB unless told otherwise. As
    /// much again may be on its way to the disk.
    pub fn waiting(self, bytes: u64) -> Self {
        Self { waiting: bytes, ..self }
    }

    /// How long a group may be held back for company, at most: 1 ms unless told otherwise; zero for never. A group is
    /// held back only while fewer records have gathered than the group before had, for those who appended these are
    /// likely to be back at once. One who appends alone never waits for others.
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// With how many records a group is written without waiting for more: 1,000 unless told otherwise.
    pub fn company(self, records: usize) -> Self {
        Self { company: records, ..self }
    }

    /// How long a record that was appended without a sync may stay so, at most: 1 s unless told otherwise.
    pub fn unsynced_for(self, duration: Duration) -> Self {
        Self { unsynced_for: duration, ..self }
    }

    /// Keeps what is no longer needed while all segments together have no more than so many bytes: 0 unless told
    /// otherwise, which removes a segment as soon as nothing in it is needed.
    pub fn retain(self, bytes: u64) -> Self {
        Self { retain: bytes, ..self }
    }

    /// How much all segments together may have: without a bound unless told otherwise, two segments at least. What is no
    /// longer needed is removed in time; beyond that, `when_full` holds.
    pub fn capacity(self, bytes: u64, when_full: WhenFull) -> Self {
        Self { capacity: bytes, when_full, ..self }
    }

    pub(crate) fn checked(self) -> Result<Self, JournalError> {
        let wrong = |setting, value, expected| Err(JournalError::Setting { setting, value, expected });
        if self.segment_size < 4 << 10 {
            return wrong("segment_size", self.segment_size, "at least 4,096 bytes");
        }
        if self.limit < (FRAME + HEADER) as u64 || self.limit > 1 << 30 {
            return wrong("limit", self.limit, "at least 88 bytes, at most 1 GiB");
        }
        if self.waiting < 1 << 10 || self.waiting > 1 << 30 {
            return wrong("waiting", self.waiting, "at least 1,024 bytes, at most 1 GiB");
        }
        if self.company == 0 {
            return wrong("company", 0, "at least 1 record");
        }
        if self.capacity < self.segment_size.saturating_mul(2) {
            return wrong("capacity", self.capacity, "at least two segments");
        }
        Ok(self)
    }
}

/// What an append waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Its records are on the disk: they survive the machine.
    #[default]
    Synced,
    /// The operating system has its records: they survive the process, and the machine too if it stays up for as long as
    /// [`Settings::unsynced_for`] says.
    Unsynced,
}
