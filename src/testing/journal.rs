use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// How many lines are kept, and how many characters of each.
const LINES: usize = 64;
const WIDTH: usize = 200;

/// What has come to a testbed, as lines for messages: the newest ones.
pub(super) struct Journal {
    begun: Instant,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    newest: VecDeque<String>,
    forgotten: usize,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), lines: Mutex::default() }
    }

    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
        let mut line = format!("+{:?} {what}", self.begun.elapsed());
        if let Some((end, _)) = line.char_indices().nth(WIDTH) {
            line.truncate(end);
            line.push('…');
        }
        let mut lines = lock(&self.lines);
        if lines.newest.len() == LINES {
            lines.newest.pop_front();
            lines.forgotten += 1;
        }
        lines.newest.push_back(line);
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = lock(&self.lines);
        if lines.newest.is_empty() {
            return formatter.write_str("nothing at all came to this testbed");
        }
        formatter.write_str("what came to this testbed, newest last:")?;
        if lines.forgotten > 0 {
            write!(formatter, "\n  ({} before these)", lines.forgotten)?;
        }
        lines.newest.iter().try_for_each(|line| write!(formatter, "\n  {line}"))
    }
}

/// A test that has panicked is reported by its own panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_long_ones_are_cut() {
        let journal = Journal::new();
        assert_eq!(journal.to_string(), "nothing at all came to this testbed");
        (0..100).for_each(|line| journal.note(format_args!("line {line}")));
        journal.note(format_args!("{}", "ä".repeat(1_000)));
        let text = journal.to_string();
        assert!(
            text.contains("(37 before these)") && !text.contains("line 36\n") && text.contains("line 37\n")
        );
        assert!(text.ends_with("ä…") && text.lines().all(|line| line.chars().count() <= WIDTH + 3));
    }
}
