use std::io::ErrorKind;
use std::path::Path;

use proptest::prelude::*;

use super::cases;
use super::program::{self, Program};
use super::run::{DIRECTORY, Run, is_refused, settings};
use crate::error::JournalError;
use crate::log::Log;
use crate::testing::{Disk, Loss};

/// Does a program to its end, whatever is refused on the way, or until the machine goes down. What has to be opened again
/// is opened again. Gives how often something went wrong.
fn insist(run: &mut Run, program: &Program) -> usize {
    let mut wrong = 0;
    let open = |run: &mut Run| {
        // A fault happens once.
        let mut attempts = 0;
        while let Err(error) = run.open()
            && !run.disk.is_down()
        {
            assert!(matches!(error, JournalError::Io { .. }), "{error}");
            attempts += 1;
            assert!(attempts < 10, "it does not open: {error}");
        }
        attempts
    };
    wrong += open(run);
    for step in program {
        let result = run.step(step);
        if run.disk.is_down() {
            break;
        }
        wrong += usize::from(result.is_err());
        if run.log.is_none() || matches!(result, Err(JournalError::Poisoned { .. })) {
            wrong += open(run);
        } else if !is_refused(&result) {
            assert!(matches!(result, Ok(()) | Err(JournalError::Io { .. })), "{result:?}");
        }
    }
    wrong
}

fn crash(run: Run, loss: Loss) {
    let Run { disk, book, .. } = run;
    Run::goes_on(disk.crash(loss), book).open().unwrap();
}

fn kinds() -> impl Strategy<Value = ErrorKind> {
    prop_oneof![Just(ErrorKind::Other), Just(ErrorKind::StorageFull)]
}

#[test]
fn whatever_fails_in_a_short_program_what_was_promised_is_there() {
    let mut wrong = 0;
    for program in program::all(3) {
        for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
            let calls = {
                let mut run = Run::new(Disk::new(0));
                insist(&mut run, &program);
                run.disk.calls()
            };
            for call in 0..calls {
                let mut run = Run::new(Disk::new(call));
                run.disk.fail_at(call, kind);
                wrong += insist(&mut run, &program);
                crash(run, Loss::Everything);
            }
        }
    }
    assert!(wrong > 1_000, "{wrong}");
}

#[test]
fn a_start_that_cannot_read_fails_and_the_next_finds_all() {
    let program = [program::all(1), program::all(1), program::all(1)].concat().concat();
    let mut run = Run::new(Disk::new(3));
    assert!(run.all(&program).1.is_none());
    run.log = None;
    let before = run.disk.reads();
    run.open().unwrap();
    let reads = run.disk.reads() - before;
    assert!(reads > 5, "{reads}");
    for read in 0..reads {
        run.log = None;
        run.disk.fail_read_at(run.disk.reads() + read, ErrorKind::Other);
        let files = run.files.clone();
        match Log::open(files, Path::new(DIRECTORY), settings()) {
            Err(JournalError::Io { doing: "read", .. }) => run.open().unwrap(),
            Err(error) => panic!("{error}"),
            // It was the book that read it.
            Ok(_) => break,
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn whatever_fails_in_any_program_what_was_promised_is_there(
        program in program::any(),
        faults in prop::collection::btree_map(0..80_u64, kinds(), 1..6),
        down in prop::option::of(20..120_u64),
        seed in any::<u64>(),
    ) {
        let mut run = Run::new(Disk::new(seed));
        if let Some(call) = down {
            run.disk.crash_at(call);
        }
        for (call, kind) in faults {
            run.disk.fail_at(call, kind);
        }
        insist(&mut run, &program);
        crash(run, Loss::ByChance(seed));
    }

    #[test]
    fn a_full_disk_refuses_and_when_there_is_room_again_all_goes_on(
        before in program::any(),
        while_full in program::any(),
        after in program::any(),
        room in 0..12_000_u64,
        seed in any::<u64>(),
    ) {
        let mut run = Run::new(Disk::new(seed));
        let (_, error) = run.all(&before);
        prop_assert!(error.is_none());

        let used: usize = run.disk.files(DIRECTORY).iter().map(|(_, content)| content.len()).sum();
        run.disk.set_room((used as u64).saturating_sub(4_000) + room);
        for step in &while_full {
            match run.step(step) {
                Ok(()) => {}
                // A snapshot finds no room, or a start.
                Err(JournalError::Io { source, .. }) => prop_assert_eq!(source.kind(), ErrorKind::StorageFull),
                refused => prop_assert!(is_refused(&refused), "{refused:?}"),
            }
            prop_assert!(run.log.is_some(), "a log is opened on a full disk, too");
        }

        run.disk.set_room(u64::MAX);
        let (_, error) = run.all(&after);
        prop_assert!(error.is_none(), "{error:?}");
        crash(run, Loss::ByChance(seed));
    }
}
