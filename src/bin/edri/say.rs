use std::io::{self, Write as _};

/// A line for whoever reads what the command puts out. Nobody may read it any more: then there is nothing to be said.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Why it failed.
pub(crate) fn error(reason: &str) {
    let _ = writeln!(io::stderr().lock(), "edri: {reason}");
}
