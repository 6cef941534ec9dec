//! The examples of the scheduler and the store from outside: what they say, and what a kill does to them.

#![cfg(all(unix, feature = "scheduler", feature = "kvstore"))]
#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "support/program.rs"]
#[allow(dead_code, reason = "not every test uses all of it")]
mod program;

use program::{Program, To, within_a_minute};

/// What a program says that ends by itself, and well.
fn said_by(example: &'static str, arguments: &[&str]) -> Vec<String> {
    let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let (code, said, complaints) = within_a_minute(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Program::start(example, &arguments).end()
    });
    assert_eq!(code, Some(0), "{said:#?}\n{complaints}");
    assert_eq!(complaints, "");
    said
}

/// Where the first line is that begins so.
fn first(said: &[String], beginning: &str) -> usize {
    let found = said.iter().position(|line| line.starts_with(beginning));
    found.unwrap_or_else(|| panic!("no line begins with {beginning:?}: {said:#?}"))
}

#[test]
fn heartbeat_beats_is_missed_while_it_is_paused_and_beats_again() {
    let said = said_by("heartbeat", &[]);
    let paused = first(&said, "paused after ");
    let silent = first(&said, "no beat for 300ms");
    assert!(first(&said, "beat 1 came") < paused && paused < silent, "{said:#?}");
    assert!(said[silent..].iter().any(|line| line.starts_with("beat ")), "it goes on: {said:#?}");
    first(&said, "rest: left out, Overlap");
    let office = first(&said, "office: every 30 minutes");
    let times = &said[office + 1..office + 4];
    assert!(times.iter().all(|time| time.ends_with(":00:00") || time.ends_with(":30:00")), "{times:#?}");
    let refused = &said[first(&said, "refused: ")];
    assert!(refused.contains("there is no date with day 31, month 2"), "{refused}");
}

#[test]
fn the_source_of_the_cache_is_asked_once_by_twenty_and_then_by_itself() {
    let said = said_by("cache", &[]);
    let of = |what: &str| said.iter().filter(|line| line.ends_with(&format!("the price of {what}"))).count();
    assert_eq!(of("tea"), 1, "{said:#?}");
    assert!(of("coffee") >= 3, "{said:#?}");
    let coffee = first(&said, "the price of coffee is kept fresh");
    for price in 102..105 {
        first(&said[coffee..], &format!("  it is {price} now"));
    }
}

#[test]
fn a_backup_that_is_killed_is_made_again_under_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().to_str().unwrap().to_owned();

    // It is killed when the backup is under way.
    let begun = within_a_minute({
        let journal = journal.clone();
        move || {
            let mut program = Program::start("backup", &[&journal, "--now"]);
            let begun = loop {
                let line = program.line();
                if line.starts_with("backup 1 of orders begins") {
                    break line;
                }
            };
            program.signal("KILL", To::Process);
            let (code, said, _) = program.end();
            assert_eq!(code, None, "it was killed");
            assert!(!said.iter().any(|line| line.contains("is done")), "{said:#?}");
            begun
        }
    });

    // The next start makes it, without being asked; and ends in order.
    within_a_minute({
        let journal = journal.clone();
        move || {
            let mut program = Program::start("backup", &[&journal]);
            let mut said = Vec::new();
            while said.last().is_none_or(|line: &String| !line.contains("is done")) {
                said.push(program.line());
            }
            program.signal("TERM", To::Process);
            let (code, _, complaints) = program.end();
            assert_eq!(code, Some(0), "{complaints}");
            assert!(said.contains(&begun), "the same number: {said:#?}");
            assert!(said[first(&said, "nightly: ")].contains("at 02:30"), "{said:#?}");
            first(&said, "backup 1 is done");
        }
    });

    // What has ended is not made again: the next is the second.
    let said = said_by("backup", &[&journal, "--now"]);
    assert!(!said.iter().any(|line| line.starts_with("backup 1")), "{said:#?}");
    first(&said, "asked for backup 2");
    first(&said, "backup 2 is done");
}
