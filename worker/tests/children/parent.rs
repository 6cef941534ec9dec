//! However a program ends, its processes end with it, and what they have started.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::program::{example, is_alive, started, until, within};

/// A program with two workers, of which one has started a process more: itself, and these three.
fn program(mode: &str) -> (Child, Vec<String>) {
    started("smith", mode, 3)
}

async fn are_gone(processes: &[String]) {
    let begun = Instant::now();
    until("all of its processes are gone", || !processes.iter().any(|process| is_alive(process))).await;
    assert!(begun.elapsed().as_secs() < 1, "they took {:?}", begun.elapsed());
}

/// Workers of a program that enters itself: no other executable is named.
#[tokio::test]
async fn the_processes_of_a_program_that_is_killed_are_gone_and_so_are_theirs() {
    within(async {
        for mode in ["wait", "busy"] {
            let (mut parent, processes) = program(mode);
            assert!(processes.iter().all(|process| is_alive(process)), "{mode}");
            parent.kill().unwrap();
            parent.wait().unwrap();
            are_gone(&processes).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_processes_of_a_program_that_ends_without_a_word_are_gone() {
    within(async {
        for (mode, code) in [("exit", Some(3)), ("abort", None), ("return", Some(0))] {
            let (mut parent, processes) = program(mode);
            assert_eq!(parent.wait().unwrap().code(), code, "{mode}");
            are_gone(&processes).await;
        }
    })
    .await;
}

/// Children run what their program runs, whatever has become of the file, until they are to run the file as it is.
#[tokio::test]
async fn a_program_whose_file_is_replaced_goes_on_and_a_reload_takes_the_new_one() {
    within(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app");
        std::fs::copy(example("smith"), &file).unwrap();
        let mut parent =
            Command::new(&file).arg("reload").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut input = parent.stdin.take().unwrap();
        let first = lines.next().unwrap();
        let first: Vec<_> = first.split(' ').map(str::to_owned).collect();
        std::fs::remove_file(&file).unwrap();
        // One that dies is replaced by one of the old image.
        crate::program::kill(&first[0]);
        writeln!(input, "reload").unwrap();
        let refused = lines.next().unwrap();
        assert!(refused.contains("could not be started"), "{refused}");
        std::fs::copy(example("smith"), &file).unwrap();
        writeln!(input, "reload").unwrap();
        let file = file.canonicalize().unwrap();
        assert_eq!(lines.next().unwrap(), format!("2 {}", file.display()));
        drop(input);
        assert!(parent.wait().unwrap().success());
    })
    .await;
}
