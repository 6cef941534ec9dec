/// What a message counts for in a window or a queue: its payload's bytes and 64 for what is around it, so that many
/// small messages have a bound, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u64);

impl Cost {
    const AROUND: u64 = 64;

    /// That of a payload of so many bytes.
    pub const fn of(payload: usize) -> Self {
        Self(payload as u64 + Self::AROUND)
    }

    /// That of so many payloads, which have so many bytes together.
    pub(crate) const fn of_all(count: usize, payloads: usize) -> Self {
        Self(payloads as u64 + count as u64 * Self::AROUND)
    }

    /// One that was worked out before.
    pub(crate) const fn exactly(cost: u64) -> Self {
        Self(cost)
    }

    /// In bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}
