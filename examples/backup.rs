//! A nightly backup that survives restarts and crashes: what was missed is made up for, and a backup that was cut short is made
//! again, under the same number.
//!
//! ```text
//! cargo run --example backup                      # until Ctrl-C; kill it, and start it again
//! cargo run --example backup -- /var/lib/backup   # with its journal in that directory
//! cargo run --example backup -- --now             # one backup at once, then it ends
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::PathBuf;
use std::time::Duration;

use edri::prelude::*;
use edri::scheduler::{Answered, Overlap, RunFailed, Stamped};

/// Copies a database. Asked for as a request: its run has ended when it is answered, and not before.
#[derive(Request, Clone)]
#[request(response = u64)]
struct Backup {
    database: &'static str,
    tick: Option<Tick>,
}

impl Stamped for Backup {
    fn stamp(&mut self, tick: &Tick) {
        self.tick = Some(tick.clone());
    }
}

/// What becomes of the answer.
#[derive(Notification)]
struct BackupDone {
    run: u64,
    bytes: u64,
}

struct Archive;

#[manager]
impl Archive {
    #[request]
    async fn back_up(&mut self, event: Backup) -> Result<u64, Failure> {
        let tick = event.tick.ok_or_else(|| Failure::new("by_hand", "expected to be asked by a schedule"))?;
        println!("backup {} of {} begins, {} missed before it", tick.run, event.database, tick.missed);
        // Where it is written, the number tells whether it has been made before.
        for part in 1..=5_u64 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            println!("backup {}: {} %", tick.run, part * 20);
        }
        Ok(5 << 20)
    }

    #[notification]
    fn done(&mut self, event: &BackupDone) {
        println!("backup {} is done: {} bytes", event.run, event.bytes);
    }

    #[notification]
    fn failed(&mut self, event: &RunFailed) {
        println!("backup {} failed: {}", event.tick.run, event.failure);
    }
}

fn nightly() -> Schedule {
    let ask = Ask::stamped(Backup { database: "orders", tick: None })
        .timeout(Duration::from_secs(3_600))
        .answer(|answered: Answered<Backup>| BackupDone {
            run: answered.tick.run,
            bytes: answered.outcome.unwrap_or_default(),
        });
    Schedule::send(ask)
        .id("nightly")
        .cron("30 2 * * *")
        .jitter(Duration::from_secs(300))
        .overlap(Overlap::Queue(1))
        .durable()
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let mut now = false;
    let mut journal = std::env::temp_dir().join("edri-backup");
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--now" => now = true,
            directory => journal = PathBuf::from(directory),
        }
    }
    println!("the journal is in {}", journal.display());
    // The archive is there before anything is asked of it: a scheduler starts after all others, and ends before them.
    let app = App::new()
        .scheduler(Scheduler::new().journal(journal).schedule(nightly()))
        .manager(Archive)
        .start()
        .await?;
    let schedules = Schedules::on(app.router());
    let info = schedules.get("nightly").await?;
    println!("nightly: {}; {} so far, {} under way", info.when, info.runs, info.running);

    if !now {
        return app.run().await;
    }
    let mut done = app.router().subscribe::<BackupDone>();
    let run = schedules.run_now("nightly").await?;
    println!("asked for backup {run}");
    while done.recv().await.is_some_and(|done| done.run < run) {}
    app.shutdown(Duration::from_secs(10)).await.into_result()
}
