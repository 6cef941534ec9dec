//! The program: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    edri_benches::run(Vec::new())
}
