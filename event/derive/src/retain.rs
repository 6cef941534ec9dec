use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, LitStr, Path, Result};

/// How much of a notification's past is kept.
#[derive(Default)]
pub(crate) struct Retain {
    pub(crate) events: Option<usize>,
    pub(crate) milliseconds: Option<u64>,
    pub(crate) bytes: Option<usize>,
    /// What counts an event's bytes.
    pub(crate) measure: Option<Path>,
}

/// The units of an age, and their milliseconds. `ms` stands before `m` and `s`, which it ends or begins with.
const AGES: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The units of a size, and their bytes. `B` stands last: the others end with it.
const SIZES: [(&str, u64); 4] = [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("B", 1)];

const EXPECTED: &str = "expected a count, as in `retain = 1000`, or an age in `ms`, `s`, `m`, `h` or `d`, \
                        as in `retain = \"30s\"`, and more than nothing";

const EVENTS: &str = "expected a count from 1, as in `events = 1000`";
const AGE: &str = "expected an age in `ms`, `s`, `m`, `h` or `d` of more than nothing, as in `age = \"30s\"`";
const BYTES: &str =
    "expected a number of bytes from 1, or a size in `B`, `kB`, `MB` or `GB`, as in `bytes = \"1MB\"`";

impl Retain {
    /// `retain = 1000`, `retain = "30s"`, or `retain(events = 1000, age = "30s", bytes = "1MB")`.
    pub(crate) fn read(meta: &ParseNestedMeta<'_>) -> Result<Self> {
        if meta.input.peek(syn::token::Paren) {
            let mut retain = Self::default();
            meta.parse_nested_meta(|bound| retain.read_bound(&bound))?;
            return retain.finish(meta.path.span());
        }
        let value: Expr = meta.value()?.parse()?;
        let mut retain = Self::default();
        match &value {
            Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) => retain.events = count(&value),
            Expr::Lit(ExprLit { lit: Lit::Str(age), .. }) => {
                retain.milliseconds = with_unit(&age.value(), &AGES);
            }
            _ => {}
        }
        if retain.is_bounded() { Ok(retain) } else { Err(Error::new_spanned(value, EXPECTED)) }
    }

    fn read_bound(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let span = meta.path.span();
        let bound = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        let twice = match bound.as_str() {
            "events" => {
                let value = meta.value()?.parse()?;
                let events = count(&value).ok_or_else(|| Error::new_spanned(&value, EVENTS))?;
                self.events.replace(events).is_some()
            }
            "age" => {
                let value: Expr = meta.value()?.parse()?;
                let age = text(&value).and_then(|age| with_unit(&age.value(), &AGES));
                let age = age.ok_or_else(|| Error::new_spanned(&value, AGE))?;
                self.milliseconds.replace(age).is_some()
            }
            "bytes" => {
                let value: Expr = meta.value()?.parse()?;
                let size = || with_unit(&text(&value)?.value(), &SIZES).and_then(|size| size.try_into().ok());
                let bytes = count(&value).or_else(size);
                let bytes = bytes.ok_or_else(|| Error::new_spanned(&value, BYTES))?;
                self.bytes.replace(bytes).is_some()
            }
            "measure" => {
                let path = meta.value()?.parse().map_err(|error| {
                    Error::new(error.span(), "expected the path of a function, as in `measure = Self::bytes`")
                })?;
                self.measure.replace(path).is_some()
            }
            _ => {
                return Err(Error::new(
                    span,
                    format!(
                        "`{bound}` is no bound of `retain`; expected one of `events`, `age`, `bytes`, `measure`"
                    ),
                ));
            }
        };
        if twice {
            return Err(Error::new(span, format!("`{bound}` is given twice; expected it once at the most")));
        }
        Ok(())
    }

    fn finish(self, span: Span) -> Result<Self> {
        if !self.is_bounded() {
            return Err(Error::new(
                span,
                "expected a bound at least: `events = 1000`, `age = \"30s\"` or `bytes = \"1MB\"`",
            ));
        }
        match (&self.measure, self.bytes) {
            (Some(measure), None) => {
                Err(Error::new_spanned(measure, "`measure` counts bytes; expected `bytes` beside it"))
            }
            _ => Ok(self),
        }
    }

    fn is_bounded(&self) -> bool {
        self.events.is_some() || self.milliseconds.is_some() || self.bytes.is_some()
    }
}

fn count(value: &Expr) -> Option<usize> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(count), .. }) => {
            count.base10_parse().ok().filter(|count| *count > 0)
        }
        _ => None,
    }
}

fn text(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = units.iter().find_map(|&(unit, length)| Some((text.strip_suffix(unit)?, length)))?;
    // `parse` would also take a sign.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|amount| *amount > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_in_every_unit() {
        for (text, expected) in
            [("250ms", 250), ("30s", 30_000), ("2m", 120_000), ("1h", 3_600_000), ("7d", 604_800_000)]
        {
            assert_eq!(with_unit(text, &AGES), Some(expected), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_in_every_unit() {
        for (text, expected) in [("7B", 7), ("3kB", 3_000), ("2MB", 2_000_000), ("1GB", 1_000_000_000)] {
            assert_eq!(with_unit(text, &SIZES), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_ages_and_sizes_are_refused() {
        for text in ["", "s", "30", "0s", "-1s", "+1s", "1.5s", "30 s", "1w", "s30", "99999999999999999999d"]
        {
            assert_eq!(with_unit(text, &AGES), None, "{text}");
        }
        for text in ["", "B", "30", "0MB", "1.5MB", "1 MB", "1KiB", "1mb"] {
            assert_eq!(with_unit(text, &SIZES), None, "{text}");
        }
    }
}
