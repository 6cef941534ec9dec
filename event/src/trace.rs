use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::EventId;

/// Which trace something belongs to, and under which span: what the W3C recommendation
/// [Trace Context](https://www.w3.org/TR/trace-context/) carries from system to system.
///
/// Shown and parsed as a `traceparent` header:
///
/// ```
/// use edri_event::{TraceContext, TraceFlags};
///
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context: TraceContext = header.parse()?;
/// assert_eq!(context.span_id(), 0x00f0_67aa_0ba9_02b7);
/// assert_eq!(context.flags(), TraceFlags::SAMPLED);
/// assert_eq!(context.to_string(), header);
/// # Ok::<(), edri_event::TraceContextError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TraceContext {
    trace_id: NonZeroU128,
    span_id: NonZeroU64,
    flags: TraceFlags,
}

/// What is decided for a whole trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// Nothing is known to be recorded.
    pub const NONE: Self = Self(0);
    /// The caller may have recorded its part of the trace.
    pub const SAMPLED: Self = Self(1);

    /// The flags of a header's octet. Those that the recommendation does not name are left out, as it demands.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::SAMPLED.0)
    }

    /// As a header's octet.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether the caller may have recorded its part of the trace.
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }
}

/// A `traceparent` header that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{header}` is not a traceparent: expected {expected}")]
pub struct TraceContextError {
    /// The header, or its beginning if it is long.
    pub header: String,
    /// What was expected of it.
    pub expected: &'static str,
}

impl TraceContext {
    /// From what others have given out; `None` if an id is zero, which the recommendation calls invalid.
    pub const fn new(trace_id: u128, span_id: u64, flags: TraceFlags) -> Option<Self> {
        match (NonZeroU128::new(trace_id), NonZeroU64::new(span_id)) {
            (Some(trace_id), Some(span_id)) => Some(Self { trace_id, span_id, flags }),
            _ => None,
        }
    }

    /// The beginning of a new trace, sampled. Its ids come from the standard library's seeded hasher: random, not
    /// secret.
    pub fn fresh() -> Self {
        let trace_id = NonZeroU128::from(random()) | (u128::from(random().get()) << 64);
        Self { trace_id, span_id: random(), flags: TraceFlags::SAMPLED }
    }

    /// A span under this one, in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: random(), ..self }
    }

    /// The trace.
    pub const fn trace_id(self) -> u128 {
        self.trace_id.get()
    }

    /// The span within the trace.
    pub const fn span_id(self) -> u64 {
        self.span_id.get()
    }

    /// What is decided for the whole trace.
    pub const fn flags(self) -> TraceFlags {
        self.flags
    }
}

fn random() -> NonZeroU64 {
    let hash = RandomState::new().hash_one(EventId::fresh());
    NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN)
}

/// As a `traceparent` header of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags.0)
    }
}

/// How long a header of version 00 is; later ones may be longer.
const LENGTH: usize = 55;

/// From a `traceparent` header, of version 00 or any later one: of those, what version 00 has is read.
impl FromStr for TraceContext {
    type Err = TraceContextError;

    fn from_str(header: &str) -> Result<Self, TraceContextError> {
        read(header.as_bytes()).map_err(|expected| TraceContextError {
            header: header.chars().take(2 * LENGTH).collect(),
            expected,
        })
    }
}

fn read(header: &[u8]) -> Result<TraceContext, &'static str> {
    let (known, rest) = header.split_at_checked(LENGTH).ok_or("at least 55 characters")?;
    if [known[2], known[35], known[52]] != [b'-'; 3] {
        return Err("`version-trace-span-flags`, of 2, 32, 16 and 2 digits");
    }
    match (hex(&known[..2])?, rest) {
        (0xff, _) => return Err("a version other than ff, which is forbidden"),
        (0, []) => {}
        (0, _) => return Err("55 characters, since it has version 00"),
        (_, [] | [b'-', ..]) => {}
        (_, _) => return Err("the end or a `-` after the flags"),
    }
    let (trace_id, span_id) = (hex(&known[3..35])?, hex(&known[36..52])?);
    let flags = TraceFlags::from_bits(hex(&known[53..])? as u8);
    // 16 digits fit.
    TraceContext::new(trace_id, span_id as u64, flags).ok_or("ids other than zero")
}

/// Up to 32 lower-case digits.
fn hex(digits: &[u8]) -> Result<u128, &'static str> {
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'9' => Ok((value << 4) | u128::from(digit - b'0')),
        b'a'..=b'f' => Ok((value << 4) | u128::from(digit - b'a' + 10)),
        _ => Err("hexadecimal digits in lower case"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn context() -> impl Strategy<Value = TraceContext> {
        (1_u128.., 1_u64.., any::<u8>()).prop_map(|(trace, span, flags)| {
            TraceContext::new(trace, span, TraceFlags::from_bits(flags)).unwrap()
        })
    }

    proptest! {
        #[test]
        fn what_is_shown_is_parsed_as_the_same(context in context()) {
            let header = context.to_string();
            prop_assert_eq!(header.len(), LENGTH);
            prop_assert_eq!(header.parse(), Ok(context));
        }

        #[test]
        fn of_a_later_version_what_is_known_is_read(context in context(), version in 1..255_u8, more in "(-.*)?") {
            let header = format!("{version:02x}{}{more}", &context.to_string()[2..]);
            prop_assert_eq!(header.parse(), Ok(context));
        }

        /// Whatever is accepted is, up to unnamed flags, what its own text says.
        #[test]
        fn what_is_not_a_header_is_refused(context in context(), at in 0..LENGTH, by in any::<char>()) {
            let mut header: Vec<char> = context.to_string().chars().collect();
            header[at] = by;
            let header: String = header.into_iter().collect();
            if let Ok(parsed) = header.parse::<TraceContext>() {
                prop_assert_eq!(header.len(), LENGTH);
                prop_assert!(by == '-' || matches!(by, '0'..='9' | 'a'..='f'));
                prop_assert_eq!(&parsed.to_string()[3..53], &header[3..53]);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = text.parse::<TraceContext>();
        }
    }

    #[test]
    fn mistakes_are_named() {
        let mistakes = [
            ("", "at least 55 characters"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", "at least 55 characters"),
            ("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "`version-trace-span-flags`"),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a version other than ff"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", "55 characters"),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", "the end or a `-`"),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "digits in lower case"),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", "ids other than zero"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "ids other than zero"),
        ];
        for (header, expected) in mistakes {
            let error = header.parse::<TraceContext>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let parent = TraceContext::fresh();
        let spans: HashSet<_> = (0..1_000).map(|_| parent.child()).collect();
        assert_eq!(spans.len(), 1_000);
        assert!(spans.iter().all(|child| child.trace_id() == parent.trace_id() && *child != parent));
        let traces: HashSet<_> = (0..1_000).map(|_| TraceContext::fresh().trace_id()).collect();
        assert_eq!(traces.len(), 1_000);
    }
}
