//! From the text of a pattern to what it means; whatever is wrong is told with its place.

use super::calendar::Date;
use super::error::CronError;
use super::field::{FIRST_YEAR, Field};
use super::pattern::{Days, Pattern, Years};

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
fn words(text: &str) -> Vec<(usize, &str)> {
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

/// A word and its column.
type Word<'t> = (usize, &'t str);

fn fields(
    text: &str,
    [second, year]: [Option<Word<'_>>; 2],
    words: &[Word<'_>],
) -> Result<Pattern, CronError> {
    let read = |field: Field, word: Option<Word<'_>>| match word {
        None => Ok(Read::default()),
        Some((column, word)) => Reader { text, field, column, word, at: 0, read: Read::default() }.read(),
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

/// What was read of a field.
#[derive(Default)]
struct Read {
    bits: u64,
    /// Of the year, in place of bits; `None` for all.
    years: Option<Box<Years>>,
    days: Days,
    /// Whether an item of it begins with `*`, or it is `?`: it does not restrict the day by itself.
    star: bool,
    /// Whether the day of the month has to match as well as the day of the week.
    both: bool,
}

struct Reader<'t> {
    text: &'t str,
    field: Field,
    /// Where the word begins in the text.
    column: usize,
    word: &'t str,
    /// How many characters of it have been read.
    at: usize,
    read: Read,
}

impl Reader<'_> {
    fn read(mut self) -> Result<Read, CronError> {
        let is_day = matches!(self.field, Field::DayOfMonth | Field::DayOfWeek);
        if is_day && self.word == "?" {
            self.whole(1)?;
            return Ok(self.read);
        }
        if self.field == Field::DayOfWeek && self.take('+') {
            self.read.both = true;
        }
        loop {
            self.item()?;
            match self.peek() {
                None => return Ok(self.read),
                Some(',') => self.at += 1,
                Some(other) => return Err(self.unexpected(other)),
            }
        }
    }

    fn item(&mut self) -> Result<(), CronError> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                let step = self.step()?;
                self.whole(step)
            }
            Some('L' | 'l') if self.field == Field::DayOfMonth => self.last_of_month(),
            Some('0'..='9' | 'a'..='z' | 'A'..='Z') => self.numbers(),
            Some(other) => Err(self.unexpected(other)),
            None => Err(self.refuse(self.at, self.expected())),
        }
    }

    /// `L`, `L-3` or `LW`.
    fn last_of_month(&mut self) -> Result<(), CronError> {
        self.at += 1;
        if self.take('W') {
            self.read.days.last_weekday = true;
        } else if self.take('-') {
            let begin = self.at;
            match self.digits()? {
                Some(before @ 1..=30) => self.read.days.before_last |= 1 << before,
                _ => return Err(self.refuse(begin, "expected 1-30 days before the last".into())),
            }
        } else {
            self.read.days.before_last |= 1;
        }
        Ok(())
    }

    /// A number, a range, or a day with a mark.
    fn numbers(&mut self) -> Result<(), CronError> {
        let begin = self.at;
        let from = self.number()?;
        let field = self.field;
        match field {
            Field::DayOfMonth if self.take('W') => {
                self.read.days.nearest |= 1 << from;
                Ok(())
            }
            Field::DayOfWeek if self.take('L') => {
                self.read.days.last |= 1 << (from % 7);
                Ok(())
            }
            Field::DayOfWeek if self.take('#') => self.nth(from),
            _ => {
                let to = if self.take('-') { Some(self.end_of_range(begin, from)?) } else { None };
                let stepped = self.peek() == Some('/');
                let step = self.step()?;
                // As `5/15` is understood by all who accept it: from there to the end.
                let to = to.unwrap_or(if stepped { field.whole().1 } else { from });
                self.insert(from, to, step, begin)
            }
        }
    }

    fn end_of_range(&mut self, begin: usize, from: u16) -> Result<u16, CronError> {
        let at = self.at;
        let mut to = self.number()?;
        let is_name = self.word.as_bytes().get(at).is_some_and(u8::is_ascii_alphabetic);
        if self.field == Field::DayOfWeek && is_name && to == 0 {
            to = 7;
        }
        if to < from {
            let (least, greatest) = self.field.whole();
            let (first, second) = (&self.word[begin..at - 1], &self.word[at..self.at]);
            let reason = format!(
                "the range {first}-{second} runs backwards; one across the end is written \
                 {first}-{greatest},{least}-{second}"
            );
            return Err(self.refuse(begin, reason));
        }
        Ok(to)
    }

    fn nth(&mut self, weekday: u16) -> Result<(), CronError> {
        let begin = self.at;
        let bit = 1 << (weekday % 7);
        if self.take('L') {
            self.read.days.last |= bit;
            return Ok(());
        }
        let nth = self.digits()?.filter(|nth| (1..=5).contains(nth));
        match nth.and_then(|nth| self.read.days.nth.get_mut(usize::from(nth) - 1)) {
            Some(days) => *days |= bit,
            None => return Err(self.refuse(begin, "after # 1-5 or L is expected".into())),
        }
        Ok(())
    }

    /// `*`, or every so many from its least.
    fn whole(&mut self, step: u16) -> Result<(), CronError> {
        self.read.star = true;
        let (from, to) = self.field.whole();
        if self.field == Field::Year && step == 1 {
            return Ok(());
        }
        self.insert(from, to, step, self.at)
    }

    fn insert(&mut self, from: u16, to: u16, step: u16, begin: usize) -> Result<(), CronError> {
        if step > 1 && step > to - from {
            let reason = format!("of {from}-{to} a step of {step} leaves {from} alone");
            return Err(self.refuse(begin, reason));
        }
        for number in (from..=to).step_by(step.into()) {
            match self.field {
                Field::Year => self.read.years.get_or_insert_default().insert(number),
                Field::DayOfWeek => self.read.bits |= 1 << (number % 7),
                _ => self.read.bits |= 1 << number,
            }
        }
        Ok(())
    }

    /// `/5`, if it is there; 1 otherwise.
    fn step(&mut self) -> Result<u16, CronError> {
        if !self.take('/') {
            return Ok(1);
        }
        let begin = self.at;
        match self.digits()? {
            Some(0) | None => Err(self.refuse(begin, "a step of 1 at least is expected".into())),
            Some(step) => Ok(step),
        }
    }

    /// A number within the bounds of the field, or a name for it.
    fn number(&mut self) -> Result<u16, CronError> {
        let begin = self.at;
        let (least, greatest) = self.field.bounds();
        if let Some(number) = self.digits()? {
            if number < least || number > greatest {
                return Err(self.refuse(begin, format!("{number} is not within {least}-{greatest}")));
            }
            return Ok(number);
        }
        let name = self.word.get(begin..begin + 3).unwrap_or_default();
        let known = self.field.names().iter().position(|known| known.eq_ignore_ascii_case(name));
        match known {
            Some(index) => {
                self.at += 3;
                Ok(least + index as u16)
            }
            None if self.field == Field::DayOfWeek && self.take('L') => {
                Err(self.refuse(begin, "L needs a weekday before it, as in FRIL".into()))
            }
            None => Err(self.refuse(begin, self.expected())),
        }
    }

    fn digits(&mut self) -> Result<Option<u16>, CronError> {
        let begin = self.at;
        while self.peek().is_some_and(|character| character.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = &self.word[begin..self.at];
        match digits.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) if digits.is_empty() => Ok(None),
            Err(_) => Err(self.refuse(begin, format!("{digits} is too large"))),
        }
    }

    fn peek(&self) -> Option<char> {
        self.word.as_bytes().get(self.at).map(|&byte| char::from(byte))
    }

    fn take(&mut self, wanted: char) -> bool {
        let taken = self.peek().is_some_and(|character| character.eq_ignore_ascii_case(&wanted));
        self.at += usize::from(taken);
        taken
    }

    fn expected(&self) -> String {
        let (least, greatest) = self.field.bounds();
        let names = match self.field.names() {
            [first, .., last] => format!(", {first}-{last}"),
            _ => String::new(),
        };
        let marks = match self.field {
            Field::DayOfMonth => ", ?, L, L-3, LW, 15W",
            Field::DayOfWeek => ", ?, FRI#2, FRIL",
            _ => "",
        };
        format!("expected *, {least}-{greatest}{names}{marks}, ranges, lists or steps of these")
    }

    fn unexpected(&self, character: char) -> CronError {
        self.refuse(self.at, format!("{character:?} is not expected here; {}", self.expected()))
    }

    fn refuse(&self, at: usize, reason: String) -> CronError {
        CronError::new(self.text, Some(self.field), self.column + at, reason)
    }
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
