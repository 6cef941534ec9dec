//! What is measured: the scenarios, their sizes, and the figures their contenders share.

use std::{fmt, str::FromStr};

use crate::event::Work;

/// Slots of every mailbox and channel, wherever a contender bounds them.
pub const CAPACITY: usize = 1024;

/// Events given at once in [`Scenario::TellBatch`].
pub const BATCH: usize = 64;

/// Events a receiver takes at once, where it can.
pub const DRAIN: usize = 256;

/// Subscribers in [`Scenario::Fanout`].
pub const SUBSCRIBERS: usize = 8;

/// Sending tasks in [`Scenario::Fanin`].
pub const SENDERS: usize = 4;

/// Requests in flight, or tasks asking, in the two in-flight scenarios.
pub const ASKS_IN_FLIGHT: usize = 64;

/// Workers of a pool.
pub const WORKERS: usize = 8;

/// Jobs in flight to a pool.
pub const JOBS_IN_FLIGHT: usize = 256;

/// Every count of events is a multiple of this, so that senders and batches divide it evenly.
const GRAIN: u64 = 1024;

/// The size of a record in the journal scenarios, in bytes.
pub const RECORD: usize = 100;

/// Records of a group, and tasks that append, in [`Scenario::JournalGroup`] and [`Scenario::JournalUnsynced`].
pub const WRITERS: u64 = 100;

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// One sender, one receiver, one event at a time.
    Tell,
    /// The same events, given in batches.
    TellBatch,
    /// One request at a time, to another task.
    Ask,
    /// One request at a time, where the handler may run on the caller's task.
    AskInline,
    /// Many requests in flight from one task.
    AskInflight,
    /// Many tasks, each with one request in flight.
    AskInflightTasks,
    /// One sender, many subscribers.
    Fanout,
    /// Many senders, one receiver.
    Fanin,
    /// Jobs to a pool of tasks.
    PoolTasks(Work),
    /// Jobs to a pool of threads.
    PoolThreads(Work),
    /// Jobs to another process, one line at a time.
    Command,
    /// A process for each job.
    CommandPerJob,
    /// Events sent while the table of routes is left alone, or changing.
    Table,
    /// Records on the disk, one after the other.
    JournalOne,
    /// Records on the disk, in groups.
    JournalGroup,
    /// Records the operating system has.
    JournalUnsynced,
    /// Timers set that are due much later.
    TimersInsert,
    /// Timers that fall due, a thousand in a second.
    Timers,
    /// Memory of timers that wait.
    TimersMemory,
    /// Memory of receivers that wait.
    Idle,
    /// Keys in memory, read and written by two threads.
    Kv,
    /// Writes of keys, each acknowledged when it is synced.
    KvDurable,
    /// One key that is written, and many who watch it.
    KvWatch,
    /// Small events to another router, over one connection.
    LinkDirect,
    /// The same, by something in the middle.
    LinkHub,
    /// One request at a time to another router.
    LinkAsk,
    /// Large events to another router.
    LinkBulk,
    /// One request at a time to another router, beside large events.
    LinkAskBesideBulk,
    /// Small events to another router that outlast both.
    LinkDurable,
}

/// What the figures of a scenario count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Events per second: more is better.
    PerSecond,
    /// Bytes for each: less is better.
    Bytes,
}

impl Scenario {
    /// Every scenario, in the order in which they run.
    pub const ALL: [Self; 31] = [
        Self::Tell,
        Self::TellBatch,
        Self::Ask,
        Self::AskInline,
        Self::AskInflight,
        Self::AskInflightTasks,
        Self::Fanout,
        Self::Fanin,
        Self::PoolTasks(Work::None),
        Self::PoolTasks(Work::Microsecond),
        Self::PoolThreads(Work::None),
        Self::PoolThreads(Work::Microsecond),
        Self::Command,
        Self::CommandPerJob,
        Self::Table,
        Self::JournalOne,
        Self::JournalGroup,
        Self::JournalUnsynced,
        Self::TimersInsert,
        Self::Timers,
        Self::TimersMemory,
        Self::Idle,
        Self::Kv,
        Self::KvDurable,
        Self::KvWatch,
        Self::LinkDirect,
        Self::LinkHub,
        Self::LinkAsk,
        Self::LinkBulk,
        Self::LinkAskBesideBulk,
        Self::LinkDurable,
    ];

    /// The name on the command line and in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tell => "tell",
            Self::TellBatch => "tell-batch",
            Self::Ask => "ask",
            Self::AskInline => "ask-inline",
            Self::AskInflight => "ask-inflight",
            Self::AskInflightTasks => "ask-inflight-tasks",
            Self::Fanout => "fanout",
            Self::Fanin => "fanin",
            Self::PoolTasks(Work::None) => "pool-tasks-0us",
            Self::PoolTasks(Work::Microsecond) => "pool-tasks-1us",
            Self::PoolThreads(Work::None) => "pool-threads-0us",
            Self::PoolThreads(Work::Microsecond) => "pool-threads-1us",
            Self::Command => "command",
            Self::CommandPerJob => "command-per-job",
            Self::Table => "table",
            Self::JournalOne => "journal-one",
            Self::JournalGroup => "journal-group",
            Self::JournalUnsynced => "journal-unsynced",
            Self::TimersInsert => "timers-insert",
            Self::Timers => "timers",
            Self::TimersMemory => "timers-memory",
            Self::Idle => "idle",
            Self::Kv => "kv",
            Self::KvDurable => "kv-durable",
            Self::KvWatch => "kv-watch",
            Self::LinkDirect => "link-direct",
            Self::LinkHub => "link-hub",
            Self::LinkAsk => "link-ask",
            Self::LinkBulk => "link-bulk",
            Self::LinkAskBesideBulk => "link-ask-beside-bulk",
            Self::LinkDurable => "link-durable",
        }
    }

    /// One line about what is measured.
    pub fn description(self) -> &'static str {
        match self {
            Self::Tell => "one sender, one receiver, one event at a time",
            Self::TellBatch => "one sender, one receiver, 64 events at a time",
            Self::Ask => "request and answer, one at a time, to another task",
            Self::AskInline => "request and answer, one at a time, on the caller's task where possible",
            Self::AskInflight => "64 requests in flight from one task",
            Self::AskInflightTasks => "64 tasks, each asking one request at a time",
            Self::Fanout => "one sender, 8 subscribers; deliveries are counted",
            Self::Fanin => "4 senders, one receiver",
            Self::PoolTasks(Work::None) => "256 jobs in flight to 8 tasks, no work",
            Self::PoolTasks(Work::Microsecond) => "256 jobs in flight to 8 tasks, 1 µs of work each",
            Self::PoolThreads(Work::None) => "256 jobs in flight to 8 threads, no work",
            Self::PoolThreads(Work::Microsecond) => "256 jobs in flight to 8 threads, 1 µs of work each",
            Self::Command => "a job and its answer, one at a time, as lines to another process and back",
            Self::CommandPerJob => "a process for each job, one at a time",
            Self::Table => "events sent while the table of routes is steady, or changing",
            Self::JournalOne => "records of 100 bytes, each synced before the next",
            Self::JournalGroup => {
                "records of 100 bytes, a sync for 100 of them; each is acknowledged after it"
            }
            Self::JournalUnsynced => "records of 100 bytes, handed to the operating system",
            Self::TimersInsert => "timers set, each due at a random time of the next day",
            Self::Timers => {
                "timers that fall due, 1,000 in a second; those that came, and how late (lost ones are missing)"
            }
            Self::TimersMemory => "resident memory of each of a million timers, in bytes",
            Self::Idle => "resident memory of each of 100,000 idle receivers, in bytes",
            Self::Kv => "100,000 keys with values of 64 bytes, 2 threads, 90 % reads",
            Self::KvDurable => "writes of 64 bytes, each acknowledged after a sync, 100 at a time",
            Self::KvWatch => "1 writer, 100 watchers of its key; deliveries are counted",
            Self::LinkDirect => "events of 64 bytes over TCP, from one to another",
            Self::LinkHub => "the same by a process in the middle",
            Self::LinkAsk => "request and answer over TCP, one at a time",
            Self::LinkBulk => "events of 1 MiB over TCP",
            Self::LinkAskBesideBulk => {
                "request and answer over TCP, one at a time, while events of 1 MiB go the same way"
            }
            Self::LinkDurable => {
                "events of 64 bytes over TCP, on the disk at both ends, until all are acknowledged"
            }
        }
    }

    /// What the figures count.
    pub fn unit(self) -> Unit {
        match self {
            Self::Idle | Self::TimersMemory => Unit::Bytes,
            _ => Unit::PerSecond,
        }
    }

    /// Events of one run at `scale`, before a contender's own share.
    pub fn events(self, scale: f64) -> u64 {
        match self {
            Self::Idle => return scaled(100_000, scale).max(1),
            Self::TimersMemory => return scaled(1_000_000, scale).max(1),
            _ => {}
        }
        let base = match self {
            Self::Fanout => 2_000_000,
            Self::Ask | Self::AskInline => 500_000,
            Self::AskInflight | Self::AskInflightTasks => 400_000,
            Self::PoolTasks(_) | Self::PoolThreads(_) => 250_000,
            Self::Kv => 3_000_000,
            Self::KvDurable => 50_000,
            Self::JournalOne => 4_096,
            Self::JournalGroup => 204_800,
            Self::TimersInsert => 1_000_000,
            Self::Timers => 4_096,
            Self::Command => 20_000,
            Self::CommandPerJob => 1_000,
            Self::LinkAsk => 10_000,
            Self::LinkAskBesideBulk => return scaled(4_000, scale).max(64),
            Self::LinkBulk => return scaled(1024, scale).max(1),
            _ => 1_500_000,
        };
        scaled(base, scale).div_ceil(GRAIN) * GRAIN
    }
}

fn scaled(count: u64, scale: f64) -> u64 {
    (count as f64 * scale) as u64
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|scenario| scenario.name()).collect();
            format!("no such scenario; there are {}", names.join(", "))
        })
    }
}

impl Unit {
    /// The name in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "per_s",
            Self::Bytes => "bytes",
        }
    }
}
