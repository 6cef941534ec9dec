//! Who is connected to a switch, what flows, where it waits.
//!
//! ```text
//! table    what is shown, sorted and in columns: text, without a terminal
//! screen   the same, live, in a terminal
//! ```

mod screen;
mod table;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use edri_connector::switch::Span;
use edri_connector::switch::status::fetch;

use crate::{Failed, Outcome, say};
use table::{Sort, Table};

/// Shows who is connected to a switch, what flows, and where it waits.
///
/// In a terminal it is live: the keys are told at the bottom. Otherwise it puts out the table once, or over and over if an
/// interval is given.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the switch tells its status (its --status): HOST:PORT.
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:8900")]
    address: String,
    /// How often to look.
    #[arg(short, long, value_name = "TIME")]
    interval: Option<Span>,
    /// By what to sort.
    #[arg(short, long, value_name = "COLUMN", value_enum, default_value_t = Sort::Received)]
    sort: Sort,
    /// Only this network.
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// Puts out the status as JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// Puts out the table once.
    #[arg(long)]
    once: bool,
}

/// How long the switch has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a terminal is refreshed unless told otherwise.
const REFRESH: Duration = Duration::from_secs(1);

pub(crate) fn run(arguments: Arguments) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let is_live = !arguments.json && !arguments.once && std::io::stdout().is_terminal();
    if is_live {
        let every = arguments.interval.map_or(REFRESH, Span::get).max(Duration::from_millis(100));
        return screen::run(
            &runtime,
            &arguments.address,
            every,
            Table::new(arguments.sort, arguments.network),
        );
    }
    runtime.block_on(print(&arguments))
}

async fn print(arguments: &Arguments) -> Outcome {
    let table = Table::new(arguments.sort, arguments.network.clone());
    loop {
        let mut status = fetch(&arguments.address, PATIENCE).await?;
        if arguments.json {
            if let Some(network) = &arguments.network {
                status.networks.retain(|one| one.name == *network);
                status.connections.retain(|one| one.network == *network);
            }
            say::line(serde_json::to_string(&status).map_err(Failed::from)?);
        } else {
            say::line(table.text(&status));
        }
        match arguments.interval {
            Some(interval) if !arguments.once => tokio::time::sleep(interval.get()).await,
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}
