//! A pattern in words, made from what it means and not from how it is written.

use super::field::Field;
use super::pattern::{Days, Pattern, numbers};

/// Up to so many times of day are told one by one.
const FEW: usize = 4;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

pub(super) fn describe(pattern: &Pattern) -> String {
    let mut parts = vec![times(pattern)];
    parts.extend(days(&pattern.days));
    if let Some(months) = some_of(Field::Month, pattern.months.into()) {
        let name = |month: u16| MONTHS[usize::from(month) - 1].to_owned();
        parts.push(format!("in {}", ranges(&months, name)));
    }
    if let Some(years) = &pattern.years {
        let years: Vec<_> = years.iter().collect();
        parts.push(format!("in {}", ranges(&years, |year| year.to_string())));
    }
    parts.join(", ")
}

/// The numbers of a field; `None` for all.
fn some_of(field: Field, bits: u64) -> Option<Vec<u16>> {
    let (least, greatest) = field.whole();
    let some: Vec<_> = numbers(bits).map(u16::from).collect();
    (some.len() < usize::from(greatest - least + 1)).then_some(some)
}

/// The step of a set that is every so many numbers of its field, from the least on; where the field goes round, only if
/// it goes round evenly.
fn step(field: Field, bits: u64) -> Option<u16> {
    let (least, greatest) = field.whole();
    let numbers: Vec<_> = numbers(bits).map(u16::from).collect();
    let step = numbers.get(1)? - numbers.first()?;
    if field != Field::DayOfMonth && !(greatest + 1).is_multiple_of(step) {
        return None;
    }
    let every: Vec<_> = (least..=greatest).step_by(step.into()).collect();
    (numbers == every).then_some(step)
}

fn times(pattern: &Pattern) -> String {
    let Pattern { seconds, minutes, hours, .. } = pattern;
    let (seconds, minutes, hours) = (*seconds, *minutes, u64::from(*hours));
    let count = |bits: u64| bits.count_ones() as usize;
    if count(seconds) * count(minutes) * count(hours) <= FEW {
        return format!("at {}", listed(clock_times(seconds, minutes, hours)));
    }
    let all = |field, bits| some_of(field, bits).is_none();
    let (every_minute, every_hour) = (all(Field::Minute, minutes), all(Field::Hour, hours));
    let fine = match (seconds == 1, minutes == 1) {
        (true, true) => String::new(),
        (true, false) => of_unit(Field::Minute, minutes, "minute"),
        (false, _) if every_minute => of_unit(Field::Second, seconds, "second"),
        (false, _) => {
            let (second, minute) =
                (of_unit(Field::Second, seconds, "second"), of_unit(Field::Minute, minutes, "minute"));
            format!("{second} of {minute}").replace("of at", "of")
        }
    };
    match (fine.is_empty(), every_hour, step(Field::Hour, hours)) {
        (true, true, _) => "every hour".into(),
        (false, true, _) if fine.starts_with("every") && !fine.contains(" of ") => fine,
        (false, true, _) => format!("{fine} of every hour"),
        (true, false, Some(step)) => format!("every {step} hours"),
        (false, false, Some(step)) => format!("{fine}, every {step} hours"),
        (true, false, None) => {
            format!("every hour, {}", within(hours, 0))
        }
        (false, false, None) => format!("{fine}, {}", within(hours, 59)),
    }
}

/// `every second`, `every 5 seconds`, `at second 10 and 20`.
fn of_unit(field: Field, bits: u64, unit: &str) -> String {
    match (some_of(field, bits), step(field, bits)) {
        (None, _) => format!("every {unit}"),
        (Some(_), Some(step)) => format!("every {step} {unit}s"),
        (Some(some), None) => format!("at {unit} {}", ranges(&some, |number| number.to_string())),
    }
}

/// `from 09:00 to 17:59`.
fn within(hours: u64, last_minute: u8) -> String {
    let hours: Vec<_> = numbers(hours).map(u16::from).collect();
    let runs = runs(&hours).into_iter();
    listed(runs.map(|(from, to)| match (from == to, last_minute) {
        (true, 0) => format!("at {from:02}:00"),
        _ => format!("from {from:02}:00 to {to:02}:{last_minute:02}"),
    }))
}

fn clock_times(seconds: u64, minutes: u64, hours: u64) -> Vec<String> {
    let mut times = Vec::new();
    for hour in numbers(hours) {
        for minute in numbers(minutes) {
            for second in numbers(seconds) {
                times.push(match seconds {
                    1 => format!("{hour:02}:{minute:02}"),
                    _ => format!("{hour:02}:{minute:02}:{second:02}"),
                });
            }
        }
    }
    times
}

fn days(days: &Days) -> Option<String> {
    let weekday = |number: u16| WEEKDAYS[usize::from(number)].to_owned();
    let mut by_date = Vec::new();
    match (some_of(Field::DayOfMonth, days.of_month.into()), step(Field::DayOfMonth, days.of_month.into())) {
        (None, _) => {}
        (Some(_), Some(step)) => by_date.push(format!("every {step} days of the month")),
        (Some(some), None) if !some.is_empty() => {
            by_date.push(format!("on day {}", ranges(&some, |day| day.to_string())));
        }
        (Some(_), None) => {}
    }
    by_date.extend(numbers(days.nearest.into()).map(|day| format!("on the weekday nearest to day {day}")));
    by_date.extend(numbers(days.before_last.into()).map(|before| match before {
        0 => "on the last day of the month".to_owned(),
        1 => "one day before the last of the month".to_owned(),
        before => format!("{before} days before the last of the month"),
    }));
    if days.last_weekday {
        by_date.push("on the last weekday of the month".to_owned());
    }
    let mut by_week = Vec::new();
    if let Some(some) = some_of(Field::DayOfWeek, days.of_week.into())
        && !some.is_empty()
    {
        by_week.push(format!("on {}", ranges(&some, weekday)));
    }
    for (nth, ordinal) in days.nth.into_iter().zip(ORDINALS) {
        let named = numbers(nth.into()).map(|number| weekday(number.into()));
        by_week.extend(named.map(|weekday| format!("on the {ordinal} {weekday} of the month")));
    }
    let named = numbers(days.last.into()).map(|number| weekday(number.into()));
    by_week.extend(named.map(|weekday| format!("on the last {weekday} of the month")));
    match (by_date.is_empty(), by_week.is_empty()) {
        (true, true) => None,
        (false, true) => Some(listed(by_date)),
        (true, false) => Some(listed(by_week)),
        (false, false) if days.either => Some(format!("{} or {}", listed(by_date), listed(by_week))),
        (false, false) => {
            Some(format!("{} if it is {}", listed(by_date), listed(by_week)).replace("is on ", "is "))
        }
    }
}

/// Numbers that follow each other, as the first and the last of them.
fn runs(numbers: &[u16]) -> Vec<(u16, u16)> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, to)) if *to + 1 == number => *to = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

/// `1, 3 to 5 and 9`.
fn ranges(numbers: &[u16], name: impl Fn(u16) -> String) -> String {
    listed(runs(numbers).into_iter().flat_map(|(from, to)| match to - from {
        0 => vec![name(from)],
        1 => vec![name(from), name(to)],
        _ => vec![format!("{} to {}", name(from), name(to))],
    }))
}

fn listed(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<_> = items.into_iter().collect();
    match &items[..] {
        [first @ .., before, last] => {
            let first: String = first.iter().map(|item| format!("{item}, ")).collect();
            format!("{first}{before} and {last}")
        }
        items => items.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cron;

    #[test]
    fn patterns_in_words() {
        for (pattern, words) in [
            ("* * * * *", "every minute"),
            ("* * * * * *", "every second"),
            ("*/5 * * * * *", "every 5 seconds"),
            ("*/15 * * * *", "every 15 minutes"),
            ("0 * * * *", "every hour"),
            ("0 */2 * * *", "every 2 hours"),
            ("5 * * * *", "at minute 5 of every hour"),
            ("0,30 * * * *", "every 30 minutes"),
            ("30 2 * * *", "at 02:30"),
            ("15 30 2 * * *", "at 02:30:15"),
            ("0 9,13,17 * * MON-FRI", "at 09:00, 13:00 and 17:00, on Monday to Friday"),
            ("*/10 9-17 * * 1-5", "every 10 minutes, from 09:00 to 17:59, on Monday to Friday"),
            ("0 */7 * * *", "at 00:00, 07:00, 14:00 and 21:00"),
            ("*/25 * * * *", "at minute 0, 25 and 50 of every hour"),
            ("0 0 */10 * *", "at 00:00, every 10 days of the month"),
            ("0 8-18 * * *", "every hour, from 08:00 to 18:00"),
            ("*/20 */6 * * *", "every 20 minutes, every 6 hours"),
            ("0 0 1 1 *", "at 00:00, on day 1, in January"),
            ("0 0 1,15,20-22 * *", "at 00:00, on day 1, 15 and 20 to 22"),
            ("0 0 L * *", "at 00:00, on the last day of the month"),
            (
                "0 0 L-3,LW * *",
                "at 00:00, 3 days before the last of the month and on the last weekday of the month",
            ),
            ("0 0 15W * *", "at 00:00, on the weekday nearest to day 15"),
            ("0 0 * * FRI#2", "at 00:00, on the second Friday of the month"),
            ("0 0 * * FRIL", "at 00:00, on the last Friday of the month"),
            ("0 0 13 * FRI", "at 00:00, on day 13 or on Friday"),
            ("0 0 13 * +FRI", "at 00:00, on day 13 if it is Friday"),
            ("0 0 * JUN-AUG,DEC *", "at 00:00, in June to August and December"),
            ("0 0 0 1 1 ? 2030-2032", "at 00:00, on day 1, in January, in 2030 to 2032"),
            ("*/10 5 * * * *", "every 10 seconds of minute 5 of every hour"),
            ("@weekly", "at 00:00, on Sunday"),
        ] {
            assert_eq!(Cron::parse(pattern).unwrap().describe(), words, "{pattern}");
        }
    }
}
