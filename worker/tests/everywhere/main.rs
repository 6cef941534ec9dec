//! What every pool promises, whatever its workers are: the same worker as a task, as a thread and as a process.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test's own")]

#[path = "../support/program.rs"]
mod program;
#[path = "../support/smith.rs"]
mod smith;
#[path = "../support/smiths.rs"]
mod smiths;

/// Makes of each case a test for every kind of worker.
macro_rules! everywhere {
    ($($case:ident),* $(,)?) => {
        everywhere!(@kind tasks Tasks $($case),*);
        everywhere!(@kind threads Threads $($case),*);
        everywhere!(@kind processes Processes $($case),*);
    };
    (@kind $name:ident $kind:ident $($case:ident),*) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                crate::program::within(super::$case(crate::place::Place::$kind)).await;
            })*
        }
    };
}

mod answers;
mod ends;
mod place;
mod reach;
mod waits;
