//! What a pool promises, whether its workers are tasks or threads.

#![expect(clippy::unwrap_used, reason = "a test's own")]

#[path = "../support/mod.rs"]
mod support;

/// Makes of each case a test for both kinds of pool.
macro_rules! both_kinds {
    ($($case:ident),* $(,)?) => {
        mod tasks {
            $(#[tokio::test]
            async fn $case() {
                crate::support::within(super::$case(crate::support::Kind::Tasks)).await;
            })*
        }

        mod threads {
            $(#[tokio::test]
            async fn $case() {
                crate::support::within(super::$case(crate::support::Kind::Threads)).await;
            })*
        }
    };
}

mod beginning;
mod behalf;
mod cancellation;
mod circumstances;
mod failure;
mod overflow;
mod panics;
mod reach;
mod stopping;
