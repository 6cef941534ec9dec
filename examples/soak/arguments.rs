//! What may be asked for.

use std::time::Duration;

use clap::{Parser, ValueEnum, value_parser};

/// Runs a mix of load for a time, injects faults, and checks the books at the end: all that was sent was handled, or is a
/// dead letter; all that was asked was answered; nothing was handled twice. Its exit code is 1 if they do not balance, or
/// if memory has grown.
#[derive(Clone, Parser)]
pub struct Arguments {
    /// How long there is load
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// How often there is a panic and one more fault, in milliseconds; 0 for no faults
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub fault_every: u64,
    /// What senders do, separated by commas; what is named twice is done twice as often
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Load::Notify, Load::Try, Load::Batch, Load::Request, Load::Job])]
    pub mix: Vec<Load>,
    /// How many senders there are
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u32).range(1..=4096))]
    pub senders: u32,
    /// What chance begins with [default: another in each run, which is reported]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Reports as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Load {
    /// Notifications, for which the sender waits if need be
    Notify,
    /// Notifications without waiting
    Try,
    /// Notifications in batches
    Batch,
    /// Requests to managers
    Request,
    /// Requests to pools of tasks and threads
    Job,
}

impl Arguments {
    pub fn faults(&self) -> Option<Duration> {
        (self.fault_every > 0).then(|| Duration::from_millis(self.fault_every))
    }
}
