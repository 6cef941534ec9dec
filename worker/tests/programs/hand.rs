//! A worker in a process of its own, for the tests: it speaks the protocol of lines, and does whatever a job says.
//!
//! With arguments it is started for another purpose: see `main`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is a test's own")]

use std::io::{BufRead as _, Read as _, Write as _};
use std::process::{Command, exit};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // Says first what it is given.
        ["say", line, ..] => {
            say(line);
            work();
        }
        ["exit", code] => {
            eprintln!("it will not do");
            exit(code.parse().unwrap());
        }
        ["stay-silent"] => sleep_for_ever(),
        // For each job: what it is told, in its own words.
        ["echo", ..] => {
            let mut all = Vec::new();
            std::io::stdin().read_to_end(&mut all).unwrap();
            std::io::stdout().write_all(&all).unwrap();
        }
        _ => work(),
    }
}

fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes()).unwrap();
    stdout.write_all(b"\n").unwrap();
    stdout.flush().unwrap();
}

fn sleep_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

fn work() {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let line: Value = serde_json::from_str(&line).unwrap();
        let Some(id) = line["id"].as_u64() else {
            eprintln!("told: {line}");
            continue;
        };
        act(id, &line["job"], &line);
    }
}

fn act(id: u64, job: &Value, line: &Value) {
    let answer = |response: Value| say(&json!({"id": id, "response": response}).to_string());
    let what = job["do"].as_str().unwrap();
    let text = || job["text"].as_str().unwrap_or_default().to_owned();
    let number = || job["number"].as_u64().unwrap_or_default();
    match what {
        "echo" => answer(json!(text())),
        "pid" => {
            std::thread::sleep(Duration::from_millis(number()));
            answer(json!(std::process::id().to_string()));
        }
        "env" => {
            let all: Vec<_> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
            answer(json!(all.join(" ")));
        }
        "line" => answer(json!(line.to_string())),
        "cwd" => answer(json!(std::env::current_dir().unwrap().display().to_string())),
        "proc" => answer(json!(std::fs::read_to_string(format!("/proc/self/{}", text())).unwrap())),
        "fail" => say(&json!({"id": id, "failure": {"code": text(), "message": "as told"}}).to_string()),
        "progress" => {
            for done in 1..=number() {
                say(&json!({"id": id, "progress": {"done": done, "total": number()}}).to_string());
            }
            answer(json!("done"));
        }
        "notify" => {
            say(&json!({"id": id, "notify": {"event": text(), "data": {"value": number()}}}).to_string());
            answer(json!("told"));
        }
        "sleep" => {
            std::thread::sleep(Duration::from_millis(number()));
            answer(json!("slept"));
        }
        "wait-for" => {
            let begun = Instant::now();
            while !std::path::Path::new(&text()).exists() {
                assert!(begun.elapsed() < Duration::from_secs(60), "{} is not there", text());
                std::thread::sleep(Duration::from_millis(2));
            }
            answer(json!("it is there"));
        }
        "sleep-then-echo" => {
            std::thread::sleep(Duration::from_millis(number()));
            answer(json!(text()));
        }
        "exit" => {
            eprintln!("the last words");
            exit(i32::try_from(number()).unwrap());
        }
        "answer-and-exit" => {
            answer(json!("bye"));
            exit(0);
        }
        "half-an-answer" => {
            print!("{{\"id\":{id},\"respon");
            std::io::stdout().flush().unwrap();
            kill_self();
        }
        "kill" => kill_self(),
        "abort" => std::process::abort(),
        "hang" => sleep_for_ever(),
        "twice" => {
            answer(json!("one"));
            answer(json!("two"));
        }
        "raw" => say(&text()),
        "raw-then-answer" => {
            say(&text());
            answer(json!("answered"));
        }
        "wrong-type" => answer(json!({"not": "a string"})),
        "long-line" => {
            say(&"x".repeat(usize::try_from(number()).unwrap()));
            answer(json!("answered"));
        }
        "stderr" => {
            for line in 0..number() {
                eprintln!("line {line}");
            }
            answer(json!("said"));
        }
        "flood" => loop {
            say("this is no answer");
        },
        "flood-without-lines" => loop {
            print!("{}", "x".repeat(65_536));
        },
        // A shell has no pipe left to write to.
        "close-stdout" => become_program("exec >&-; sleep 1000"),
        "close-stdin" => {
            become_program(&format!("exec <&-; echo '{{\"id\":{id},\"response\":\"deaf\"}}'; sleep 1000"))
        }
        "ignore-term" => become_program(&format!(
            "trap '' TERM; echo '{{\"id\":{id},\"response\":\"stubborn\"}}'; while :; do sleep 1; done"
        )),
        "allocate" => {
            let mut kept: Vec<Vec<u8>> = Vec::new();
            for _ in 0..number() {
                // Touched, so that it is resident.
                kept.push(vec![1; 1 << 20]);
            }
            if text() == "hold" {
                sleep_for_ever();
            }
            answer(json!(kept.len().to_string()));
            std::mem::forget(kept);
        }
        "burn" => loop {
            std::hint::spin_loop();
        },
        "open-files" => {
            let mut files = Vec::new();
            while let Ok(file) = std::fs::File::open("/dev/null") {
                files.push(file);
            }
            answer(json!(files.len().to_string()));
        }
        // Starts processes of its own, that outlive it.
        "children" => {
            let children =
                (0..number()).map(|_| Command::new("/bin/sleep").arg("1000").spawn().unwrap().id());
            answer(json!(children.map(|id| id.to_string()).collect::<Vec<_>>().join(" ")));
        }
        // Each starts two more, as a fork bomb does, but only to a depth of 6: 127 shells at the most. A real one that
        // is not stopped takes the whole machine along.
        "fork-bomb" => become_program(
            "bomb() { [ $1 -gt 0 ] && { bomb $(($1 - 1)) & bomb $(($1 - 1)) & }; sleep 100; }; bomb 6",
        ),
        unknown => say(&json!({"id": id, "failure": {"code": "unknown", "message": unknown}}).to_string()),
    }
}

fn become_program(script: &str) -> ! {
    use std::os::unix::process::CommandExt as _;
    let error = Command::new("/bin/sh").args(["-c", script]).exec();
    panic!("{error}");
}

fn kill_self() -> ! {
    let _ = Command::new("/bin/kill").args(["-9", &std::process::id().to_string()]).status();
    sleep_for_ever()
}
