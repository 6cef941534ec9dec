use std::fmt;

use serde::{Deserialize, Serialize};

/// Which names are meant: those that are equal to it, where `*` stands for any characters, or for none.
///
/// `press-*` means all names that begin so, `*` all there are. There is no other special character.
///
/// ```
/// use edri_link::wire::Pattern;
///
/// let presses = Pattern::new("press-*");
/// assert!(presses.matches("press-12"));
/// assert!(!presses.matches("the press-12"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

/// What a router may send, as a switch vouches for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Permit {
    /// Everything.
    #[default]
    All,
    /// Notifications, requests and openings of tunnels of these names, and nothing else.
    Only(Vec<Pattern>),
}

impl Pattern {
    /// All names that are equal to `text`, where `*` stands for anything.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// All names.
    pub fn any() -> Self {
        Self::new("*")
    }

    /// What it was made of.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `name` is meant. Takes a time that grows with the product of both lengths at most.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut at, mut seen) = (0, 0);
        // The last star, and how much of the name it stands for so far.
        let mut star = None;
        while seen < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, seen));
                    at += 1;
                }
                Some(byte) if *byte == name[seen] => {
                    at += 1;
                    seen += 1;
                }
                _ => {
                    let Some((position, taken)) = star else { return false };
                    star = Some((position, taken + 1));
                    at = position + 1;
                    seen = taken + 1;
                }
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }
}

impl Permit {
    /// Whether an event of that name may be sent. It takes a while: whoever asks often keeps the answer.
    pub fn covers(&self, event: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(patterns) => patterns.iter().any(|pattern| pattern.matches(event)),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_everything_else_for_itself() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
            ("*", "", true),
            ("*", "anything::at all", true),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("**", "x", true),
            ("press::*", "press::Stopped", true),
            ("press::*", "oven::Stopped", false),
            ("a.c", "abc", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern:?} and {name:?}");
        }
    }

    /// By trying everything.
    fn slowly(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=name.len()).any(|taken| slowly(rest, &name[taken..])),
            ([first, rest @ ..], [byte, name @ ..]) => first == byte && slowly(rest, name),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_means_what_trying_everything_finds(pattern in "[ab*]{0,8}", name in "[ab]{0,8}") {
            let expected = slowly(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(Pattern::new(pattern).matches(&name), expected);
        }
    }

    #[test]
    fn a_permit_covers_what_one_of_its_patterns_means() {
        assert!(Permit::All.covers("anything"));
        let only = Permit::Only(vec!["press::*".into(), "Stop".into()]);
        assert!(only.covers("press::Stopped") && only.covers("Stop") && !only.covers("Stopped"));
        assert!(!Permit::Only(Vec::new()).covers("anything"));
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let pattern = Pattern::new("*a".repeat(500));
        assert!(!pattern.matches(&"a".repeat(499)));
        assert!(!pattern.matches(&"b".repeat(100_000)));
    }
}
