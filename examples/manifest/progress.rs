//! The manager that counts, and tells whoever watches.

use std::io::{self, Write as _};
use std::time::Duration;

use edri::prelude::*;
use indicatif::{ProgressBar, ProgressStyle};

use crate::events::{CountAll, Hashed, Skipped, Totals, Unreadable};
use crate::line::escaped;

pub struct Progress {
    spinner: ProgressBar,
    totals: Totals,
}

impl Progress {
    /// Shows on the standard error stream how far it is; how far it has to go is not known.
    pub fn shown() -> Self {
        let style =
            ProgressStyle::with_template("{spinner} {msg} files, {binary_bytes}, {binary_bytes_per_sec}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let spinner = ProgressBar::new_spinner().with_style(style).with_message("0");
        spinner.enable_steady_tick(Duration::from_millis(100));
        Self { spinner, totals: Totals::default() }
    }

    /// Shows nothing but what is unreadable.
    pub fn hidden() -> Self {
        Self { spinner: ProgressBar::hidden(), totals: Totals::default() }
    }
}

#[manager]
impl Progress {
    #[notification]
    fn hashed(&mut self, file: &Hashed) {
        self.totals.files += 1;
        self.totals.bytes += file.content.bytes;
        if !self.spinner.is_hidden() {
            self.spinner.set_position(self.totals.bytes);
            self.spinner.set_message(self.totals.files.to_string());
        }
    }

    #[notification]
    fn unreadable(&mut self, file: &Unreadable) {
        self.totals.unreadable += 1;
        let report = [b"manifest: ", &*escaped(&file.path), b": ", file.reason.as_bytes(), b"\n"].concat();
        // If this cannot be told, there is nobody to tell.
        self.spinner.suspend(|| drop(io::stderr().write_all(&report)));
    }

    #[notification]
    fn skipped(&mut self, _: &Skipped) {
        self.totals.skipped += 1;
    }

    #[request]
    fn count(&mut self, _: CountAll) -> Totals {
        self.totals
    }

    #[stopping]
    fn leave(&mut self) {
        self.spinner.finish_and_clear();
    }
}
