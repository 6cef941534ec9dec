use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// So many bytes, as people write them: `4096`, `64 KiB`, `1.5 MiB`, `2 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// So much time, as people write it: `250 ms`, `5 s`, `1.5 min`, `2 h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

/// A text that is no [`Size`] or no [`Span`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: expected {expected}")]
pub struct UnitError {
    text: String,
    what: &'static str,
    expected: &'static str,
}

const SIZES: [(&str, f64); 6] = [
    ("", 1.0),
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];

const SPANS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("min", 60.0), ("h", 3600.0)];

/// Beyond that nothing is meant, and an `Instant` may overflow.
const LONGEST: f64 = 10.0 * 365.0 * 24.0 * 3600.0;

impl Size {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// How many bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Span {
    /// So much time.
    pub const fn of(duration: Duration) -> Self {
        Self(duration)
    }

    /// How long.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match quantity(text, &SIZES) {
            Some(bytes) if bytes.fract() == 0.0 && bytes <= (1_u64 << 53) as f64 => Ok(Self(bytes as u64)),
            _ => Err(UnitError {
                text: text.to_owned(),
                what: "size",
                expected: "bytes, such as 4096, \"64 KiB\" or \"1.5 MiB\"",
            }),
        }
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match quantity(text, &SPANS) {
            Some(seconds) if seconds <= LONGEST => Ok(Self(Duration::from_secs_f64(seconds))),
            _ => Err(UnitError {
                text: text.to_owned(),
                what: "time",
                expected: "a number with ms, s, min or h, such as \"250 ms\" or \"5 s\"",
            }),
        }
    }
}

/// A number that is not negative, with a unit after it.
fn quantity(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    Some(number.parse::<f64>().ok()? * factor)
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = SIZES[1..].iter().rev();
        let whole = units.find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor as u64));
        let (unit, factor) = whole.unwrap_or(&SIZES[1]);
        write!(formatter, "{} {unit}", self.0 / *factor as u64)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => formatter.write_str("0 s"),
            _ if millis.is_multiple_of(3_600_000) => write!(formatter, "{} h", millis / 3_600_000),
            _ if millis.is_multiple_of(60_000) => write!(formatter, "{} min", millis / 60_000),
            _ if millis.is_multiple_of(1_000) => write!(formatter, "{} s", millis / 1_000),
            _ => write!(formatter, "{millis} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let cases = [
            ("0", 0),
            ("4096", 4096),
            ("64 KiB", 65_536),
            ("64KiB", 65_536),
            ("1.5 MiB", 1_572_864),
            (" 2 GiB ", 2 << 30),
            ("7 B", 7),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text:?}");
        }
        for text in ["", "KiB", "-1", "64 kb", "1.5", "1e3", "64 KiB MiB", "99999999 TiB", "1..2", "∞"] {
            let error = text.parse::<Size>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")) && error.contains("expected bytes"), "{error}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let cases = [("250 ms", 250), ("5s", 5_000), ("1.5 min", 90_000), ("2 h", 7_200_000), ("0 s", 0)];
        for (text, millis) in cases {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))), "{text:?}");
        }
        for text in ["", "5", "5 sec", "-1 s", "64 parsecs", "99999999999 h"] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")) && error.contains("expected a number"), "{error}");
        }
    }

    #[test]
    fn they_show_themselves_so_that_they_can_be_read_again() {
        for bytes in [0, 1, 1023, 1024, 1025, 65_536, 3 << 20, 5 << 30] {
            assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }
        for millis in [0, 1, 999, 1_000, 90_000, 3_600_000] {
            let span = Span(Duration::from_millis(millis));
            assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
