//! Workers that are processes, in a whole program.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, dead_code, reason = "the helpers of tests are tests")]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use program::{Program, To, within_a_minute};

/// Processes of this machine that have these words.
fn processes(words: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok());
    lines.filter(|line| line.replace('\0', " ").contains(words)).count()
}

/// Behaviour 53 of the original.
#[test]
fn a_program_that_gets_sigterm_ends_in_order_and_takes_its_worker_along() {
    within_a_minute(|| {
        let mut program = Program::start("shutdown", &["command"]);
        assert_eq!(program.line(), "at work");
        let begun = Instant::now();
        while processes("sleep 0.4321") < 2 {
            assert!(begun.elapsed() < Duration::from_secs(20), "the worker has not begun");
        }
        program.signal("TERM", To::Process);
        let (code, said, complaints) = program.end();
        assert_eq!((code, said), (Some(0), vec!["Ok(1)".to_owned()]), "{complaints}");
        assert_eq!(processes("sleep 0.4321"), 0);
    });
}

/// The same, of a process of the program itself.
#[test]
fn a_program_that_gets_sigterm_ends_in_order_and_its_processes_with_it() {
    within_a_minute(|| {
        let mut program = Program::start("shutdown", &["process"]);
        let line = program.line();
        let process = line.strip_prefix("at work Ok(").and_then(|rest| rest.strip_suffix(')')).unwrap();
        assert!(fs::exists(format!("/proc/{process}")).unwrap());
        program.signal("TERM", To::Process);
        let (code, said, complaints) = program.end();
        assert_eq!((code, said), (Some(0), vec!["true".to_owned()]), "{complaints}");
        assert!(!fs::exists(format!("/proc/{process}")).unwrap());
    });
}

#[test]
fn the_sandbox_shrugs() {
    within_a_minute(|| {
        let (code, said, complaints) = Program::start("sandbox", &[]).end();
        assert_eq!(code, Some(0), "{complaints}");
        let chore = |name: &str| said.iter().find(|line| line.starts_with(name)).unwrap().clone();
        assert_eq!(
            (chore("Square(7)"), chore("Square(8)")),
            ("Square(7): 49".into(), "Square(8): 64".into())
        );
        assert!(chore("Crash").contains("signal 6 (SIGABRT); it said last: I have a bad feeling about this"));
        assert!(chore("Leak").contains("bytes of memory, and may have 67108864"), "{}", chore("Leak"));
        assert_eq!(chore("Hang"), "Hang: the responder's handler took too long and was given up");
        assert_eq!(chore("Babble"), "Babble: 0");
        assert!(said.iter().any(|line| line.ends_with("said: no, thank you")), "{said:?}");
    });
}

#[test]
fn a_worker_in_python_counts_and_a_tool_sorts() {
    if !Command::new("python3").arg("--version").output().is_ok_and(|ran| ran.status.success()) {
        eprintln!("skipped: there is no python3");
        return;
    }
    within_a_minute(|| {
        let (code, said, complaints) = Program::start("commands", &[]).end();
        let expected = [
            "6 words, the longest is `not`",
            "the responder failed: no-words: expected a text with a word in it",
            r#"["apple", "pear", "plum"]"#,
            r#"["plum", "pear", "apple"]"#,
        ];
        assert_eq!((code, said), (Some(0), expected.map(str::to_owned).to_vec()), "{complaints}");
    });
}
