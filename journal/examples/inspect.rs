//! What is in a journal: its segments, how many records each has, where it is damaged. Changes nothing.
//!
//! ```text
//! cargo run -p edri-journal --example inspect -- DIRECTORY
//! ```
//!
//! It ends with 0 if all is well, with 1 if something is damaged, and with 2 if it cannot be read.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(directory), None) = (arguments.next(), arguments.next()) else {
        eprintln!("expected one argument: the directory of a journal");
        return ExitCode::from(2);
    };
    match edri_journal::inspect(directory).await {
        Ok(inspection) => {
            print!("{inspection}");
            ExitCode::from(u8::from(inspection.damage().next().is_some()))
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
