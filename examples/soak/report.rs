//! What is said at the end: as text, or as JSON.

use std::fmt;
use std::time::Duration;

use indicatif::BinaryBytes;
use serde::Serialize;

use crate::books::{Books, OUTCOMES, REASONS};
use crate::lines::LINES;
use crate::memory::Memory;

#[derive(Serialize)]
pub struct Report {
    pub seed: u64,
    pub seconds: f64,
    /// Handled notifications and answered requests.
    pub done: u64,
    pub per_second: f64,
    pub lines: Vec<LineReport>,
    pub faults: Vec<(String, u64)>,
    pub restarts: u64,
    /// How often the frail manager gave up and was started again.
    pub given_up: u64,
    pub late_readers: u64,
    pub pages_replayed: u64,
    pub memory: MemoryReport,
    /// What does not balance.
    pub wrong: Vec<String>,
}

#[derive(Serialize)]
pub struct LineReport {
    pub name: &'static str,
    pub sent: u64,
    pub refused: u64,
    pub handled: u64,
    /// By reason; those that there were.
    pub lost: Vec<(&'static str, u64)>,
    pub asked: u64,
    /// By outcome; those that there were.
    pub answers: Vec<(&'static str, u64)>,
}

/// In bytes.
#[derive(Serialize)]
pub struct MemoryReport {
    /// In the second quarter of the time, and in the last; none if the time was too short to tell.
    pub early_and_late: Option<(u64, u64)>,
    pub peak: u64,
}

impl MemoryReport {
    pub fn of(memory: &Memory) -> Self {
        Self { early_and_late: memory.early_and_late(), peak: memory.peak() }
    }
}

pub fn lines(books: &Books) -> Vec<LineReport> {
    LINES
        .iter()
        .zip(books.lines())
        .map(|(kind, line)| LineReport {
            name: kind.name,
            sent: line.told.sent.total().count,
            refused: line.told.refused.total().count,
            handled: line.told.handled.total().count,
            lost: those_there_were(&REASONS, line.told.letters()),
            asked: line.asked.asked.total().count,
            answers: those_there_were(&OUTCOMES, line.asked.outcomes()),
        })
        .collect()
}

fn those_there_were(names: &[&'static str], counts: impl Iterator<Item = u64>) -> Vec<(&'static str, u64)> {
    names.iter().copied().zip(counts).filter(|(_, count)| *count > 0).collect()
}

impl Report {
    pub fn rate(done: u64, took: Duration) -> f64 {
        (done as f64 / took.as_secs_f64()).round()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seed        {}", self.seed)?;
        writeln!(
            formatter,
            "rate        {:.0}/s handled and answered in {:.1} s",
            self.per_second, self.seconds
        )?;
        writeln!(
            formatter,
            "\n{:<15} {:>11} {:>9} {:>11}  lost",
            "notifications", "sent", "refused", "handled"
        )?;
        for line in self.lines.iter().filter(|line| line.sent + line.refused > 0) {
            let LineReport { name, sent, refused, handled, lost, .. } = line;
            writeln!(formatter, "{name:<15} {sent:>11} {refused:>9} {handled:>11}  {}", listed(lost))?;
        }
        writeln!(formatter, "\n{:<15} {:>11}  outcomes", "requests", "asked")?;
        for line in self.lines.iter().filter(|line| line.asked > 0) {
            writeln!(formatter, "{:<15} {:>11}  {}", line.name, line.asked, listed(&line.answers))?;
        }
        let faults: Vec<_> = self.faults.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        writeln!(formatter, "\nfaults      {}", listed(&faults))?;
        writeln!(formatter, "restarts    {}, and {} ends for good", self.restarts, self.given_up)?;
        writeln!(formatter, "late        {} readers, {} pages", self.late_readers, self.pages_replayed)?;
        write!(formatter, "memory      {} at its peak", BinaryBytes(self.memory.peak))?;
        match self.memory.early_and_late {
            Some((early, late)) => {
                writeln!(formatter, "; {} early, {} late", BinaryBytes(early), BinaryBytes(late))?;
            }
            None => writeln!(formatter, "; the time was too short to tell whether it grows")?,
        }
        if self.wrong.is_empty() {
            return writeln!(formatter, "books       balanced");
        }
        writeln!(formatter, "books       NOT BALANCED")?;
        self.wrong.iter().try_for_each(|wrong| writeln!(formatter, "  {wrong}"))
    }
}

fn listed(counts: &[(&str, u64)]) -> String {
    let words: Vec<_> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}
