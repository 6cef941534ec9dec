//! The command `edri`: a switch, certificates for it, and looking at it.
//!
//! ```text
//! switch   runs one
//! cert     makes an authority and certificates
//! ping     finds out whether a router could join, and how far the switch is
//! top      who is connected, what flows, where it waits
//! tls      the files of a folder that `cert` made
//! say      the only place that prints
//! ```

mod cert;
mod ping;
mod say;
mod switch;
mod tls;
mod top;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs switches for EDRI's routers, and looks after them.
#[derive(Parser)]
#[command(name = "edri", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Switch(switch::Arguments),
    Cert(cert::Arguments),
    Ping(ping::Arguments),
    Top(top::Arguments),
}

/// Why a command failed, for people.
struct Failed(String);

impl<E: std::fmt::Display> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

type Outcome = Result<ExitCode, Failed>;

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Switch(arguments) => switch::run(arguments),
        Command::Cert(arguments) => cert::run(arguments),
        Command::Ping(arguments) => ping::run(arguments),
        Command::Top(arguments) => top::run(arguments),
    };
    outcome.unwrap_or_else(|Failed(reason)| {
        say::error(&reason);
        ExitCode::FAILURE
    })
}
