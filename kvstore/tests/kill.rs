//! A process that is killed at random points, again and again: what it has acknowledged is there, and what it has deleted is
//! not.
//!
//! `KILLS=5000 cargo test -p edri-kvstore --test kill --release` kills it more often.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use edri_kvstore::{Store, StoreHandle};
use tokio::time::Instant;

use support::start;

/// How often, unless the environment says otherwise.
const KILLS: u32 = 200;

const WRITERS: u64 = 4;
const KEYS_OF_EACH: u64 = 5;

/// A process is ended by itself if nobody kills it.
const LIFE: Duration = Duration::from_secs(20);

fn store(directory: &Path) -> Store {
    // Small, so that it is killed while it compacts, too.
    Store::durable(directory).compact_after(16 << 10)
}

/// Numbers from a seed (SplitMix64, Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What a key holds; nothing for a deleted one.
type State = Option<u64>;

/// The process that is killed: this test, started again by itself.
#[test]
fn writes_until_it_is_killed() {
    let (Ok(directory), Ok(seed)) = (env::var("EDRI_KILL_DIRECTORY"), env::var("EDRI_KILL_SEED")) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let running = start(store(Path::new(&directory))).await;
        let seed: u64 = seed.parse().unwrap();
        for writer in 0..WRITERS {
            tokio::spawn(write(running.store.clone(), writer, Chance(seed ^ (writer << 32))));
        }
        tokio::time::sleep(LIFE).await;
    });
}

/// Says what it is about to do, does it, and says that it is done.
async fn write(store: StoreHandle, writer: u64, mut chance: Chance) {
    loop {
        let key = format!("{writer}:{}", chance.below(KEYS_OF_EACH));
        let value = (chance.below(4) != 0).then(|| chance.next());
        say(&format!("try {key} {value:?}"));
        match value {
            Some(value) => drop(store.set(&key, &value).await.unwrap()),
            None => drop(store.delete(&key).await.unwrap()),
        }
        say(&format!("did {key} {value:?}"));
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever listens has killed it.
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}

/// What was said by a process: what is known to be, and what was begun with last, of each key.
#[derive(Default)]
struct Known {
    done: HashMap<String, State>,
    begun: HashMap<String, State>,
}

impl Known {
    fn hear(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let (Some(what), Some(key), Some(value)) = (words.next(), words.next(), words.next()) else { return };
        let value = value.strip_prefix("Some(").and_then(|value| value.strip_suffix(')'));
        let value = value.map(|value| value.parse().unwrap());
        match what {
            "try" => drop(self.begun.insert(key.to_owned(), value)),
            "did" => {
                assert_eq!(self.begun.remove(key), Some(value), "{line}");
                self.done.insert(key.to_owned(), value);
            }
            _ => {}
        }
    }

    /// Every key is what it was known to be, or what was begun with. From here on that is what is known.
    async fn check(&mut self, store: &StoreHandle) {
        for writer in 0..WRITERS {
            for number in 0..KEYS_OF_EACH {
                let key = format!("{writer}:{number}");
                let found = store.get::<u64>(&key).await.unwrap();
                let done = self.done.get(&key).copied().flatten();
                let begun = self.begun.remove(&key);
                assert!(found == done || begun == Some(found), "{key}: {found:?}, not {done:?} or {begun:?}");
                self.done.insert(key, found);
            }
        }
    }
}

#[test]
fn a_store_that_is_killed_loses_nothing_it_acknowledged_and_revives_nothing_it_deleted() {
    let kills = env::var("KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seed = std::process::id().into();
    let mut chance = Chance(seed);
    let mut known = Known::default();
    let mut heard = 0;
    for kill in 0..kills {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "writes_until_it_is_killed", "--nocapture"])
            .env("EDRI_KILL_DIRECTORY", directory.path())
            .env("EDRI_KILL_SEED", chance.next().to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let listener = thread::spawn(move || {
            // The last line may be cut short.
            let lines = said.lines().map_while(Result::ok);
            lines.collect::<Vec<_>>()
        });
        // Now and then while it starts.
        thread::sleep(Duration::from_micros(chance.below(25_000)));
        process.kill().unwrap();
        process.wait().unwrap();
        let mut lines = listener.join().unwrap();
        if lines.last().is_some_and(|last| !last.ends_with(')') && !last.ends_with("None")) {
            lines.pop();
        }
        heard += lines.iter().filter(|line| line.starts_with("did")).count();
        lines.iter().for_each(|line| known.hear(line));
        runtime.block_on(async {
            let running = start(store(directory.path())).await;
            known.check(&running.store).await;
            running.managed.stop(Instant::now() + Duration::from_secs(10)).await;
        });
        assert!(kill < 20 || heard > 0, "nothing is ever acknowledged before it is killed");
    }
    let snapshots = fs::read_dir(directory.path().join("log")).unwrap();
    let names: Vec<_> = snapshots.map(|entry| entry.unwrap().file_name()).collect();
    println!(
        "seed {seed}: {heard} acknowledged writes survived {kills} kills; in the end there are {names:?}"
    );
}
