//! What is said at the end.

use std::fmt;
use std::time::Duration;

use indicatif::BinaryBytes;

use crate::events::{Copies, Totals};

pub struct Summary {
    pub totals: Totals,
    pub copies: Copies,
    pub took: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals { files, bytes, unreadable, skipped } = self.totals;
        let Copies { groups, files: copies, bytes: wasted } = self.copies;
        let seconds = self.took.as_secs_f64();
        let per_second = BinaryBytes((bytes as f64 / seconds) as u64);
        writeln!(formatter, "files       {files}")?;
        writeln!(formatter, "bytes       {bytes} ({})", BinaryBytes(bytes))?;
        writeln!(formatter, "duplicates  {copies} in {groups} groups, {wasted} bytes wasted")?;
        writeln!(formatter, "unreadable  {unreadable}")?;
        writeln!(formatter, "skipped     {skipped}")?;
        writeln!(formatter, "rate        {:.0} files/s, {per_second}/s", files as f64 / seconds)
    }
}
