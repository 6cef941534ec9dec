use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// A table by numbers that routers give one after the other.
///
/// Whoever chose numbers that get into each other's way would make a table of a few thousand entries, which all of these
/// are bounded to, as slow as a list of a few hundred: not worth the price of a better hash for each message.
pub(crate) type ByNumber<K, V> = HashMap<K, V, Numbers>;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers;

#[derive(Debug)]
pub(crate) struct NumberHasher(u64);

impl BuildHasher for Numbers {
    type Hasher = NumberHasher;

    fn build_hasher(&self) -> NumberHasher {
        NumberHasher(0)
    }
}

impl NumberHasher {
    /// Multiplies by 2^64 divided by the golden ratio: Knuth, The Art of Computer Programming, 6.4.
    #[inline]
    fn mix(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for NumberHasher {
    #[inline]
    fn finish(&self) -> u64 {
        // The high bits are the good ones, and tables look at the low ones first.
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.mix(u64::from(*byte)));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    #[inline]
    fn write_isize(&mut self, number: isize) {
        self.mix(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_in_a_row_are_spread() {
        let low: HashSet<_> = (0..1024_u64).map(|number| Numbers.hash_one(number) % 1024).collect();
        assert!(low.len() > 512, "{} of 1024", low.len());
    }
}
