//! Networks in which everything breaks: nothing is lost or doubled, nothing stalls, and in the end all is quiet.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "support/network/mod.rs"]
mod network;

use network::{Counts, Plan, run};

/// `LINK_SEEDS` says how many, `LINK_SEED` which one alone.
#[test]
fn whatever_breaks_the_books_balance() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("LINK_SEED") {
        println!("{:?}", run(seed, Plan::small(seed)));
        return;
    }
    let mut all = Counts::default();
    for seed in 0..number("LINK_SEEDS").unwrap_or(500) {
        let counts = std::panic::catch_unwind(|| run(seed, Plan::small(seed)));
        match counts {
            Ok(counts) => all.add(counts),
            Err(_) => panic!("the seed {seed} fails: LINK_SEED={seed} tries it alone"),
        }
    }
    println!("{all:?}");
    all.check_that_something_was_tried();
}
