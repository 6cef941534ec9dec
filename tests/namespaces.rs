//! The example `storm` in network namespaces: the kernel cuts the wires, and the books have to balance.
//!
//! ```text
//! cargo build --example storm && sudo -E cargo test --test namespaces -- --ignored --nocapture
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "support/program.rs"]
#[allow(dead_code, reason = "not every test uses all of it")]
mod program;

use program::{Program, within_a_minute};

/// What it says where there can be no namespaces.
const SKIPPED: Option<i32> = Some(77);

#[test]
#[ignore = "it takes root, and half a minute"]
fn the_books_balance_when_the_kernel_cuts_the_wires() {
    let arguments =
        ["--namespaces", "--seconds", "24", "--partition", "4", "--rate", "2000", "--kill-every", "5000"];
    let (code, said, complaints) = within_a_minute(move || Program::start("storm", &arguments).end());
    let said = said.join("\n");
    println!("{said}");
    if code == SKIPPED {
        assert!(said.contains("skipped, since"), "{said}");
        return;
    }
    assert_eq!(complaints, "");
    assert!(said.contains("the books balance"), "{said}");
    assert_eq!(code, Some(0));
}
