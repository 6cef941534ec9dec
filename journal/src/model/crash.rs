use proptest::prelude::*;

use super::book::Book;
use super::cases;
use super::program::{self, Program};
use super::run::Run;
use crate::testing::{Disk, Loss};

/// How a crash may go: the two ends, and some between.
fn losses(seed: u64, between: u64) -> impl Iterator<Item = Loss> {
    let between = (0..between).map(move |number| Loss::ByChance(seed.wrapping_mul(31).wrapping_add(number)));
    [Loss::Everything, Loss::Nothing].into_iter().chain(between)
}

/// How many changes the disk is asked for by a program, if nothing goes wrong.
fn calls(program: &Program) -> u64 {
    let mut run = Run::new(Disk::new(0));
    let (_, error) = run.all(program);
    assert!(error.is_none(), "{error:?}");
    run.disk.calls()
}

/// Goes down at every change that the disk is asked for by a program; and again at every change of the start that
/// follows, as far as `again` says; then does the rest of the program.
fn crash_everywhere(program: &Program, between: u64, again: impl Fn(u64) -> bool) {
    for call in 0..calls(program) {
        let mut run = Run::new(Disk::new(call));
        run.disk.crash_at(call);
        let (done, error) = run.all(program);
        // What nobody depends on, the removal of a file say, may go wrong without an error.
        assert!(error.is_some() || done == program.len());
        let rest = program[(done + 1).min(program.len())..].to_vec();
        for loss in losses(call, between) {
            let left = run.disk.crash(loss);
            crash_at_start(&left, &run.book, &again);
            finish(left, run.book.clone(), &rest);
        }
    }
}

fn crash_at_start(left: &Disk, book: &Book, again: &impl Fn(u64) -> bool) {
    let calls = {
        let mut run = Run::goes_on(left.copy(), book.clone());
        let before = run.disk.calls();
        run.open().unwrap();
        run.disk.calls() - before
    };
    for call in (0..calls).filter(|&call| again(call)) {
        for loss in losses(call, 1) {
            let mut run = Run::goes_on(left.copy(), book.clone());
            run.disk.crash_at(call);
            assert!(run.open().is_err());
            finish(run.disk.crash(loss), run.book, &[]);
        }
    }
}

fn finish(left: Disk, book: Book, rest: &[program::Step]) {
    let mut run = Run::goes_on(left, book);
    let (_, error) = run.all(&rest.to_vec());
    assert!(error.is_none(), "{error:?}");
    // What it came to in the end is there without having been closed.
    let Run { disk, book, .. } = run;
    Run::goes_on(disk.crash(Loss::Everything), book).open().unwrap();
}

#[test]
fn after_a_crash_anywhere_in_a_short_program_what_was_promised_is_there() {
    for program in program::all(3) {
        crash_everywhere(&program, 2, |_| true);
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn after_a_crash_anywhere_in_any_program_what_was_promised_is_there(program in program::any()) {
        crash_everywhere(&program, 2, |call| call % 5 == 0);
    }
}
