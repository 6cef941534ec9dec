//! Both ends are killed and stopped at any time, and the books balance.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use edri_journal::testing::{Broken, Disk, Loss};
use edri_router::Reason;
use tempfile::tempdir;

use super::failing::start;
use super::process::{Came, Letters, Process, link, numbers, until};

/// Numbers that are the same for the same seed: xorshift64*.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// What was synced came once and in order, or is a dead letter that says it was interrupted; nothing came twice.
fn run(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let folders = [tempdir().unwrap(), tempdir().unwrap()];
    let (came, letters) = (Came::default(), Letters::default());
    let mut source = start(&folders[0], Disk::new(seed));
    source.note_letters(&letters);
    let mut there = start(&folders[1], Disk::new(seed + 1));
    there.consume(&came, None);
    link(&mut source, &mut there);
    until("it is known what is wanted", || source.router.has_subscribers::<super::Order>());
    source.synced();
    let (mut next, mut synced, mut story) = (0, BTreeSet::new(), Vec::new());
    // Dead letters that nobody has read when their program is killed die with it.
    let mut died = 0;
    // The first that this life of the source has sent.
    let mut born = 0;
    for _ in 0..12 {
        let many = dice.below(400);
        // Now and then a disk fails, and is repaired, or its program is killed before.
        let which = dice.below(6);
        let broken = [&source, &there].get(which as usize).map(|process| process.disk.clone());
        if let Some(disk) = &broken {
            let what = if dice.below(2) == 0 { Broken::All } else { Broken::AllButWrites };
            disk.break_down(what, std::io::ErrorKind::Other);
        }
        source.notify(next..next + many);
        if broken.is_none() && dice.below(3) > 0 {
            source.synced();
            synced.extend(next..next + many);
        }
        next += many;
        std::thread::sleep(Duration::from_micros(dice.below(4_000)));
        let loss = match dice.below(3) {
            0 => Loss::Everything,
            1 => Loss::Nothing,
            _ => Loss::ByChance(dice.below(1_000)),
        };
        let fate = dice.below(5);
        story.push((next, fate, loss, broken.is_some()));
        let dies_with_it = which == fate && dice.below(2) == 0;
        if let Some(disk) = &broken
            && !dies_with_it
        {
            disk.repair();
        }
        match fate {
            0 => {
                let (disk, untold) = source.with_letters(|source| source.kill(loss));
                died += untold;
                born = next;
                source = start(&folders[0], disk);
                source.note_letters(&letters);
            }
            1 => {
                let disk = there.kill(loss);
                there = start(&folders[1], disk);
                let pause = (dice.below(2) == 0).then(|| Duration::from_micros(dice.below(500)));
                there.consume(&came, pause);
            }
            2 => {
                let disk = there.stop();
                there = start(&folders[1], disk);
                there.consume(&came, None);
            }
            3 => {
                let (disk, untold) = source.with_letters(Process::stop);
                died += untold;
                // All that was sent is on the disk when it has stopped in order.
                synced.extend(born..next);
                born = next;
                source = start(&folders[0], disk);
                source.note_letters(&letters);
            }
            _ => {}
        }
        if dice.below(3) > 0 {
            link(&mut source, &mut there);
        }
    }
    link(&mut source, &mut there);
    source.run(source.durable.delivered()).unwrap();
    let missing = || {
        let (letters, came) = (letters.lock().unwrap(), numbers(&came));
        let came: BTreeSet<_> = came.into_iter().collect();
        let is_missing = |number: &&u64| !came.contains(number) && !letters.contains_key(number);
        synced.iter().filter(is_missing).copied().collect::<Vec<_>>()
    };
    let began = Instant::now();
    while missing().len() as u64 > died {
        let what = (missing(), source.durable.status(), source.router.dead_letter_counts(), &story);
        assert!(began.elapsed() < Duration::from_secs(5), "seed {seed}: missing {what:#?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    let came = numbers(&came);
    assert!(came.is_sorted_by(|one, next| one < next), "seed {seed}: twice, or out of order: {came:?}");
    for (number, reasons) in letters.lock().unwrap().iter() {
        let interrupted = reasons.iter().all(|reason| matches!(reason, Reason::Interrupted { .. }));
        assert!(interrupted, "seed {seed}: {number} is lost: {reasons:?}");
    }
}

#[test]
fn whoever_is_killed_the_books_balance() {
    let (from, seeds) = match std::env::var("DURABLE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => (seed, 1),
        None => (1, std::env::var("DURABLE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(8)),
    };
    for seed in from..from + seeds {
        println!("DURABLE_SEED={seed} tries it alone");
        run(seed);
    }
}
