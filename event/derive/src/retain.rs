use syn::{Error, Expr, ExprLit, Lit, Result};

/// How much of a notification's past is kept.
pub(crate) enum Retain {
    Events(usize),
    Milliseconds(u64),
}

/// The units of an age, and their milliseconds. `ms` stands before `m` and `s`, which it ends or begins with.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const EXPECTED: &str = "expected a count, as in `retain = 1000`, or an age in `ms`, `s`, `m`, `h` or `d`, \
                        as in `retain = \"30s\"`, and more than nothing";

impl Retain {
    pub(crate) fn read(value: &Expr) -> Result<Self> {
        let parsed = match value {
            Expr::Lit(ExprLit { lit: Lit::Int(count), .. }) => {
                count.base10_parse().ok().filter(|count| *count > 0).map(Self::Events)
            }
            Expr::Lit(ExprLit { lit: Lit::Str(age), .. }) => {
                milliseconds(&age.value()).map(Self::Milliseconds)
            }
            _ => None,
        };
        parsed.ok_or_else(|| Error::new_spanned(value, EXPECTED))
    }
}

fn milliseconds(age: &str) -> Option<u64> {
    let (number, unit) = UNITS.iter().find_map(|&(unit, length)| Some((age.strip_suffix(unit)?, length)))?;
    // `parse` would also take a sign.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|age| *age > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_in_every_unit() {
        for (text, expected) in
            [("250ms", 250), ("30s", 30_000), ("2m", 120_000), ("1h", 3_600_000), ("7d", 604_800_000)]
        {
            assert_eq!(milliseconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_ages_are_refused() {
        for text in ["", "s", "30", "0s", "-1s", "+1s", "1.5s", "30 s", "1w", "s30", "99999999999999999999d"]
        {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
