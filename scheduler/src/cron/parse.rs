//! From the text of a pattern to what it means; whatever is wrong is told with its place.

use super::calendar::Date;
use super::error::CronError;
use super::field::{FIRST_YEAR, Field};
use super::pattern::{Days, Pattern};
use super::reader::{Read, Reader, Word};

/// Longer ones are refused.
const LONGEST: usize = 1_024;

/// What stands behind the nicknames, in five fields.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

pub(super) fn parse(text: &str) -> Result<Pattern, CronError> {
    let refuse = |position, reason: String| CronError::new(text, None, position, reason);
    if text.len() > LONGEST {
        return Err(refuse(LONGEST, format!("it is longer than {LONGEST} characters")));
    }
    if let Some(position) = text.chars().position(|character| !character.is_ascii()) {
        return Err(refuse(position + 1, "only ASCII characters are expected".into()));
    }
    let words = words(text);
    match &words[..] {
        [] => Err(refuse(1, "it is empty; 5, 6 or 7 fields are expected".into())),
        [(position, word)] if word.starts_with('@') => {
            let known = NICKNAMES.iter().find(|(nickname, _)| nickname.eq_ignore_ascii_case(word));
            match known {
                Some((_, pattern)) => parse(pattern),
                None => Err(refuse(*position, unknown_nickname(word))),
            }
        }
        words @ [_, _, _, _, _] => fields(text, [None, None], words),
        [second, words @ ..] if words.len() == 5 => fields(text, [Some(*second), None], words),
        [second, words @ .., year] if words.len() == 5 => fields(text, [Some(*second), Some(*year)], words),
        words => {
            let (position, _) = words.get(7).or(words.last()).copied().unwrap_or((1, ""));
            Err(refuse(position, format!("{} fields; 5, 6 or 7 are expected", words.len())))
        }
    }
}

fn unknown_nickname(word: &str) -> String {
    let known = NICKNAMES.map(|(nickname, _)| nickname).join(", ");
    let hint = match word.to_ascii_lowercase().as_str() {
        "@reboot" => "; what runs once at the start needs no pattern, but a delay of zero",
        "@every" => "; what runs at intervals needs no pattern, but an interval",
        _ => "",
    };
    format!("no such nickname; expected one of {known}{hint}")
}

/// The words of a text, each with its column, from 1.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        let word = rest.trim_start();
        let Some(end) = word.find(char::is_whitespace).or((!word.is_empty()).then_some(word.len())) else {
            return words;
        };
        words.push((text.len() - word.len() + 1, &word[..end]));
        rest = &word[end..];
    }
}

fn fields(
    text: &str,
    [second, year]: [Option<Word<'_>>; 2],
    words: &[Word<'_>],
) -> Result<Pattern, CronError> {
    let read = |field: Field, word: Option<Word<'_>>| match word {
        None => Ok(Read::default()),
        Some(word) => Reader::of(text, field, word).read(),
    };
    let minute = read(Field::Minute, words.first().copied())?;
    let seconds = match second {
        None => Read { bits: 1, ..Read::default() },
        some => read(Field::Second, some)?,
    };
    let hour = read(Field::Hour, words.get(1).copied())?;
    let date = read(Field::DayOfMonth, words.get(2).copied())?;
    let month = read(Field::Month, words.get(3).copied())?;
    let week = read(Field::DayOfWeek, words.get(4).copied())?;
    let years = match year {
        None => None,
        some => read(Field::Year, some)?.years,
    };
    let pattern = Pattern {
        seconds: seconds.bits,
        minutes: minute.bits,
        hours: hour.bits as u32,
        days: Days {
            of_month: date.bits as u32,
            of_week: week.bits as u8,
            nth: week.days.nth,
            last: week.days.last,
            either: !date.star && !week.star && !week.both,
            ..date.days
        },
        months: month.bits as u16,
        years,
        wildcard: seconds.star || minute.star || hour.star,
    };
    if pattern.next_date(Date { year: FIRST_YEAR.into(), month: 1, day: 1 }).is_none() {
        return Err(impossible(text, words, year));
    }
    Ok(pattern)
}

#[cold]
fn impossible(text: &str, words: &[Word<'_>], year: Option<Word<'_>>) -> CronError {
    let parts = [(2, "day"), (3, "month"), (4, "weekday")];
    let named = parts.iter().filter_map(|&(index, name)| {
        let (_, word) = words.get(index)?;
        (!matches!(*word, "*" | "?")).then(|| format!("{name} {word}"))
    });
    let year = year.map(|(_, word)| format!("year {word}"));
    let named: Vec<_> = named.chain(year).collect();
    let position = words.get(2).map_or(1, |(column, _)| *column);
    let reason = format!("there is no date with {}", named.join(", "));
    CronError::new(text, Some(Field::DayOfMonth), position, reason)
}

#[cfg(test)]
mod tests {
    use super::super::pattern::numbers;
    use super::*;

    fn pattern(text: &str) -> Pattern {
        parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    fn refused(text: &str, field: Option<Field>, position: usize, reason: &str) {
        let error = parse(text).expect_err(text);
        assert_eq!((error.field(), error.position()), (field, position), "{error}");
        assert!(error.reason().contains(reason), "{error}");
    }

    fn set(bits: impl Into<u64>) -> Vec<u8> {
        numbers(bits.into()).collect()
    }

    #[test]
    fn five_six_and_seven_fields_differ_in_seconds_and_years() {
        assert_eq!(set(pattern("5 4 * * *").seconds), [0]);
        assert_eq!(set(pattern("7 5 4 * * *").seconds), [7]);
        let seven = pattern("7 5 4 * * * 2030,2040-2044/2");
        let years: Vec<_> = seven.years.as_ref().map(|years| years.iter().collect()).unwrap_or_default();
        assert_eq!(years, [2030, 2040, 2042, 2044]);
        assert_eq!(pattern("0 5 4 * * * *"), pattern("5 4 * * *"));
    }

    #[test]
    fn ranges_steps_lists_and_names_may_be_mixed() {
        let mixed = pattern("0-10/5,30,58-59 9-17/4 1 jan-MAR,12 *");
        assert_eq!(set(mixed.minutes), [0, 5, 10, 30, 58, 59]);
        assert_eq!(set(mixed.hours), [9, 13, 17]);
        assert_eq!(set(mixed.months), [1, 2, 3, 12]);
        assert_eq!(set(pattern("40/5 * * * *").minutes), [40, 45, 50, 55]);
        assert_eq!(set(pattern("*/20 * * * *").minutes), [0, 20, 40]);
    }

    #[test]
    fn sunday_is_0_and_7_and_may_end_a_range() {
        for text in ["0", "7", "SUN"] {
            assert_eq!(set(pattern(&format!("0 0 * * {text}")).days.of_week), [0], "{text}");
        }
        assert_eq!(set(pattern("0 0 * * FRI-SUN").days.of_week), [0, 5, 6]);
        assert_eq!(set(pattern("0 0 * * 5-7").days.of_week), [0, 5, 6]);
        assert_eq!(set(pattern("0 0 * * SUN-TUE").days.of_week), [0, 1, 2]);
        assert_eq!(set(pattern("0 0 * * */2").days.of_week), [0, 2, 4, 6]);
    }

    #[test]
    fn marks_of_days() {
        let days = pattern("0 0 1,15W,L,L-3,LW * *").days;
        assert_eq!((set(days.of_month), set(days.nearest)), (vec![1], vec![15]));
        assert_eq!((set(days.before_last), days.last_weekday), (vec![0, 3], true));
        let days = pattern("0 0 * * MON#1,tue#5,FRIL,6L,7#L").days;
        assert_eq!((set(days.nth[0]), set(days.nth[4])), (vec![1], vec![2]));
        assert_eq!(set(days.last), [0, 5, 6]);
    }

    #[test]
    fn both_days_restricted_are_alternatives_unless_told_otherwise() {
        assert!(pattern("0 0 13 * FRI").days.either);
        assert!(!pattern("0 0 13 * +FRI").days.either);
        assert!(!pattern("0 0 */2 * FRI").days.either, "a field that begins with * does not restrict");
        assert!(!pattern("0 0 ? * FRI").days.either);
        assert!(!pattern("0 0 13 * ?").days.either);
    }

    #[test]
    fn nicknames_whatever_their_case() {
        for (nickname, meant) in NICKNAMES {
            assert_eq!(pattern(nickname), pattern(meant));
            assert_eq!(pattern(&format!("  {} ", nickname.to_uppercase())), pattern(meant));
        }
        refused("@reboot", None, 1, "a delay of zero");
        refused(" @fortnightly", None, 2, "@weekly");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field_and_position() {
        refused("60 * * * *", Some(Field::Minute), 1, "60 is not within 0-59");
        refused("0  24 * * *", Some(Field::Hour), 4, "24 is not within 0-23");
        refused("0 0 0 * *", Some(Field::DayOfMonth), 5, "0 is not within 1-31");
        refused("0 0 1,32 * *", Some(Field::DayOfMonth), 7, "32 is not within 1-31");
        refused("0 0 * 1-13 *", Some(Field::Month), 9, "13 is not within 1-12");
        refused("0 0 * * 8", Some(Field::DayOfWeek), 9, "8 is not within 0-7");
        refused("0 0 0 * * * 2200", Some(Field::Year), 13, "2200 is not within 1970-2199");
        refused("61 0 0 * * *", Some(Field::Second), 1, "61 is not within 0-59");
        refused("0 0 * * FRY", Some(Field::DayOfWeek), 9, "SUN-SAT");
        refused("0 0 * JANUARY *", Some(Field::Month), 10, "'U' is not expected");
        refused("0 0 * * L", Some(Field::DayOfWeek), 9, "FRIL");
        refused("0 0 * * MON#6", Some(Field::DayOfWeek), 13, "1-5 or L");
        refused("0 0 L-31 * *", Some(Field::DayOfMonth), 7, "1-30");
        refused("0 0 15W-17 * *", Some(Field::DayOfMonth), 8, "'-' is not expected");
        refused("0 L * * *", Some(Field::Hour), 3, "0-23");
        refused("*/0 * * * *", Some(Field::Minute), 3, "a step of 1 at least");
        refused("*/ * * * *", Some(Field::Minute), 3, "a step of 1 at least");
        refused("*/90 * * * *", Some(Field::Minute), 5, "leaves 0 alone");
        refused("5-2 * * * *", Some(Field::Minute), 1, "5-59,0-2");
        refused("1,,2 * * * *", Some(Field::Minute), 3, "',' is not expected");
        refused("1, * * * *", Some(Field::Minute), 3, "expected *");
        refused("1- * * * *", Some(Field::Minute), 3, "expected *");
        refused("? * * * *", Some(Field::Minute), 1, "'?' is not expected");
        refused("0 0 *W * *", Some(Field::DayOfMonth), 6, "'W' is not expected");
        refused("99999 * * * *", Some(Field::Minute), 1, "too large");
        refused("* * * *", None, 7, "4 fields");
        refused("* * * * * * * *", None, 15, "8 fields");
        refused("  ", None, 1, "empty");
        refused("0 0 * * ěé", None, 9, "ASCII");
        refused(&"1,".repeat(600), None, LONGEST, "longer");
    }

    #[test]
    fn dates_that_never_come_are_refused() {
        refused("0 0 31 2 *", Some(Field::DayOfMonth), 5, "no date with day 31, month 2");
        refused("0 0 30,31 FEB ?", Some(Field::DayOfMonth), 5, "month FEB");
        refused("0 0 31 4,6,9,11 *", Some(Field::DayOfMonth), 5, "no date");
        refused("0 0 0 29 2 * 2027", Some(Field::DayOfMonth), 7, "year 2027");
        refused("0 0 L-29 2 *", Some(Field::DayOfMonth), 5, "no date");
        refused("0 0 8-31 * +MON#1", Some(Field::DayOfMonth), 5, "weekday +MON#1");
        // These do come: one of the two days is enough, a leap year is enough, the nearest weekday always exists.
        for possible in ["0 0 31 2 FRI", "0 0 29 2 *", "0 0 29 2 +MON#5", "0 0 L-28 2 *", "0 0 31W * *"] {
            pattern(possible);
        }
    }
}
