//! A real process is killed while it appends, confirms and sums up, again and again, and goes on where it was.
//!
//! `EDRI_JOURNAL_KILLS=1000` for more than the usual.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use edri_journal::{Journal, Position, Settings, inspect};
use tempfile::TempDir;

/// What has been acknowledged.
#[derive(Default)]
struct Acknowledged {
    records: BTreeMap<u64, String>,
    confirmed: u64,
    summed_up: u64,
}

impl Acknowledged {
    fn note(&mut self, line: &str) {
        let (what, rest) = line.split_once(' ').unwrap();
        let (position, record) = rest.split_once(' ').unwrap_or((rest, ""));
        let position = position.parse().unwrap();
        match what {
            "record" => {
                assert_eq!(self.records.insert(position, record.into()), None, "two records at {position}")
            }
            "confirmed" => self.confirmed = self.confirmed.max(position),
            "summed-up" => self.summed_up = self.summed_up.max(position),
            _ => panic!("{line}"),
        }
    }
}

/// Lets it acknowledge so many things, kills it, and notes what it has said by then.
fn run_and_kill(directory: &Path, run: u64, after: u64, acknowledged: &mut Acknowledged) {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/writer");
    assert!(program.exists(), "build it with `cargo build -p edri-journal --example writer`");
    let mut child = Command::new(program)
        .arg(directory)
        .arg(run.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut lines = 0;
    let mut line = String::new();
    while said.read_line(&mut line).unwrap() > 0 {
        // What it was about to say when it was killed may be half a line.
        if let Some(whole) = line.strip_suffix('\n') {
            acknowledged.note(whole);
        }
        line.clear();
        lines += 1;
        if lines == after {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(lines >= after, "it ended by itself: {status}");
}

async fn check(directory: &Path, acknowledged: &mut Acknowledged) {
    let inspection = inspect(directory).await.unwrap();
    assert_eq!(inspection.damage().next(), None, "{inspection}");

    let (journal, recovered) = Journal::open(directory, Settings::default()).await.unwrap();
    assert_eq!(recovered.records(), inspection.records(), "{inspection}");
    let confirmed = recovered.confirmed.map_or(0, Position::get);
    assert!(confirmed >= acknowledged.confirmed, "{confirmed} of {} are confirmed", acknowledged.confirmed);
    let summed_up = recovered.snapshot.map_or(0, Position::get);
    assert!(summed_up >= acknowledged.summed_up, "{summed_up} of {} are summed up", acknowledged.summed_up);
    if let Some(mut snapshot) = journal.read_snapshot().await.unwrap() {
        let mut parts = 0;
        while let Some(part) = snapshot.next().await {
            let expected = format!("{summed_up} {parts} {}", "y".repeat(500));
            assert_eq!(part.unwrap(), expected);
            parts += 1;
        }
        assert_eq!(parts, 50);
    }

    assert!(recovered.first.get() <= confirmed.max(summed_up) + 1, "what is needed was removed");
    let mut records = BTreeMap::new();
    let mut reader = journal.read_from(recovered.first);
    while let Some(record) = reader.next().await {
        let record = record.unwrap();
        records.insert(record.position.get(), String::from_utf8(record.content.to_vec()).unwrap());
    }
    for (position, record) in acknowledged.records.range(recovered.first.get()..) {
        assert_eq!(records.get(position), Some(record), "the record at {position}");
    }
    // What is there stays there, whether or not anybody was told; no other record gets its position.
    acknowledged.records = records;
    journal.close().await.unwrap();
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let kills = std::env::var("EDRI_JOURNAL_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let directory = TempDir::new().unwrap();
    let mut acknowledged = Acknowledged::default();
    for run in 0..kills {
        // From hardly begun to well under way.
        let after = 1 + (run * 97) % 600;
        run_and_kill(directory.path(), run, after, &mut acknowledged);
        check(directory.path(), &mut acknowledged).await;
    }
    assert!(acknowledged.records.len() > 100);
}
