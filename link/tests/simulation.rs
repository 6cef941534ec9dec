//! Networks in which everything breaks: nothing is lost or doubled, nothing stalls, and in the end all is quiet.
//!
//! ```text
//! cargo test -p edri-link --test simulation                      500 networks
//! LINK_SEEDS=10000 cargo test --release -p edri-link --test simulation -- --nocapture
//! LINK_PLAN=large LINK_SEEDS=1000 cargo test --release ...       2 to 20 routers, up to a minute of their time
//! LINK_SEED=17 [LINK_PLAN=large] [LINK_TRACE=1] ...              one network alone, and what happens in it
//! ```

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "support/network/mod.rs"]
mod network;

use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use network::{Counts, Plan, run};

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}: expected a number")))
}

fn plan(seed: u64) -> Plan {
    match std::env::var("LINK_PLAN").as_deref() {
        Ok("large") => Plan::large(seed),
        Ok("small") | Err(_) => Plan::small(seed),
        Ok(other) => panic!("LINK_PLAN is {other:?}: expected `small` or `large`"),
    }
}

#[test]
fn whatever_breaks_the_books_balance() {
    if let Some(seed) = number("LINK_SEED") {
        println!("{:?}", run(seed, plan(seed)));
        return;
    }
    let seeds = number("LINK_SEEDS").unwrap_or(500);
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let all = Mutex::new(Counts::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(8) {
            scope.spawn(|| {
                while failed.load(Ordering::Relaxed) == u64::MAX {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    match catch_unwind(|| run(seed, plan(seed))) {
                        Ok(counts) => all.lock().unwrap().add(counts),
                        Err(_) => drop(failed.fetch_min(seed, Ordering::Relaxed)),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert_eq!(failed, u64::MAX, "the seed {failed} fails: LINK_SEED={failed} tries it alone");
    let all = all.into_inner().unwrap();
    println!("{seeds} networks: {all:?}");
    all.check_that_something_was_tried();
}

#[test]
fn the_same_seed_does_the_same() {
    for seed in 0..8 {
        assert_eq!(run(seed, Plan::small(seed)), run(seed, Plan::small(seed)), "of the seed {seed}");
    }
}
