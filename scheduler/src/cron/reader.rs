//! One field of a pattern: from its word to what it allows.

use super::error::CronError;
use super::field::Field;
use super::pattern::{Days, Years};

/// A word of the pattern and its column, from 1.
pub(super) type Word<'t> = (usize, &'t str);

/// What was read of a field.
#[derive(Default)]
pub(super) struct Read {
    pub(super) bits: u64,
    /// Of the year, in place of bits; `None` for all.
    pub(super) years: Option<Box<Years>>,
    pub(super) days: Days,
    /// Whether an item of it begins with `*`, or it is `?`: it does not restrict the day by itself.
    pub(super) star: bool,
    /// Whether the day of the month has to match as well as the day of the week.
    pub(super) both: bool,
}

/// One field, while it is read.
pub(super) struct Reader<'t> {
    text: &'t str,
    field: Field,
    /// Where the word begins in the text.
    column: usize,
    word: &'t str,
    /// How many characters of it have been read.
    at: usize,
    read: Read,
}

impl<'t> Reader<'t> {
    /// One of a word of the text.
    pub(super) fn of(text: &'t str, field: Field, (column, word): Word<'t>) -> Self {
        Self { text, field, column, word, at: 0, read: Read::default() }
    }

    pub(super) fn read(mut self) -> Result<Read, CronError> {
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
