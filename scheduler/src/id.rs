use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which schedule: a name that its author chose, or a number that the scheduler gave.
///
/// As text, a number is `#` and 16 hexadecimal digits; everything else is a name.
///
/// ```
/// use edri_scheduler::ScheduleId;
///
/// let nightly = ScheduleId::from("nightly");
/// assert_eq!(nightly.name(), Some("nightly"));
/// assert_eq!(ScheduleId::from("#00000000000000ff").name(), None);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScheduleId(Id);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Id {
    Named(Arc<str>),
    Numbered(Key),
}

/// Which schedule, for as long as it is there and for long after: a name may be taken again, a key is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Which of those that have had the slot; it goes round after four thousand million.
    pub(crate) turn: u32,
    pub(crate) slot: u32,
}

impl Key {
    pub(crate) const fn to_bits(self) -> u64 {
        (self.turn as u64) << 32 | self.slot as u64
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self { turn: (bits >> 32) as u32, slot: bits as u32 }
    }
}

/// Longer names are refused.
pub(crate) const LONGEST_NAME: usize = 255;

impl ScheduleId {
    /// The name, if it has been given one.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Id::Named(name) => Some(name),
            Id::Numbered(_) => None,
        }
    }

    pub(crate) const fn numbered(key: Key) -> Self {
        Self(Id::Numbered(key))
    }

    pub(crate) fn key(&self) -> Option<Key> {
        match &self.0 {
            Id::Named(_) => None,
            Id::Numbered(key) => Some(*key),
        }
    }

    fn parse(text: &str) -> Option<Key> {
        let digits = text.strip_prefix('#')?;
        let is_number = digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let bits = u64::from_str_radix(digits, 16).ok().filter(|_| is_number)?;
        Some(Key::from_bits(bits))
    }
}

impl From<&str> for ScheduleId {
    fn from(text: &str) -> Self {
        Self(Self::parse(text).map_or_else(|| Id::Named(text.into()), Id::Numbered))
    }
}

impl From<String> for ScheduleId {
    fn from(text: String) -> Self {
        Self(Self::parse(&text).map_or_else(|| Id::Named(text.into()), Id::Numbered))
    }
}

impl From<&Self> for ScheduleId {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

impl fmt::Display for ScheduleId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Named(name) => formatter.pad(name),
            Id::Numbered(key) => write!(formatter, "#{:016x}", key.to_bits()),
        }
    }
}

impl fmt::Debug for ScheduleId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ScheduleId({self})")
    }
}

/// As its text.
impl Serialize for ScheduleId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScheduleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_two_words_and_reads_back_from_its_text() {
        assert_eq!(size_of::<ScheduleId>(), 16);
        let numbered = ScheduleId::numbered(Key { turn: 0xdead_beef, slot: 7 });
        for id in [numbered, "nightly".into(), "#12".into(), "#+0000000000000ff".into()] {
            assert_eq!(ScheduleId::from(id.to_string()), id);
        }
        assert_eq!(ScheduleId::from("#+0000000000000ff").key(), None);
    }
}
