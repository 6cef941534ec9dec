//! The example `pipeline` from outside: what it counts against what coreutils count, whoever is killed meanwhile.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

fn pipeline(tree: &Path) -> Command {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/pipeline");
    assert!(
        program.exists(),
        "{} is not there: build it with `cargo build --example pipeline`",
        program.display()
    );
    let mut command = Command::new(program);
    command.arg(tree).args(["--top", "1000000"]).stdin(Stdio::null());
    command
}

/// What the shell counts, in the same order.
fn expected(tree: &Path) -> String {
    let script = "find . -type f -name '*.txt' -exec cat {} + | tr -cs A-Za-z '\\n' | tr A-Z a-z | grep . | sort | \
                  uniq -c | sort -k1,1nr -k2";
    let told = Command::new("sh").args(["-c", script]).env("LC_ALL", "C").current_dir(tree).output().unwrap();
    assert!(told.status.success());
    String::from_utf8(told.stdout).unwrap()
}

fn check(output: &Output, expected: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    let counted = String::from_utf8(output.stdout.clone()).unwrap();
    let mut lines = counted.lines().zip(expected.lines());
    let other = lines.find(|(ours, theirs)| ours.trim() != theirs.trim());
    assert_eq!((other, counted.lines().count()), (None, expected.lines().count()));
}

/// So many files of made-up words, and some that are no text.
fn tree(files: usize, words: usize) -> TempDir {
    let tree = TempDir::new().unwrap();
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let mut throw = move |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    for number in 0..files {
        let folder = tree.path().join(format!("folder {}", number % 7));
        fs::create_dir_all(&folder).unwrap();
        let mut text = String::new();
        for _ in 0..words {
            // Few words are frequent, and many are rare.
            let word = throw(2_000).min(throw(2_000)).min(throw(2_000));
            for digit in word.to_string().bytes() {
                text.push(char::from(if word % 3 == 0 { digit + 17 } else { digit + 49 }));
            }
            text.push_str(["  ", "\n", "; ", "'", " 42 ", " č "][throw(6) as usize]);
        }
        fs::write(folder.join(format!("{number}.txt")), text).unwrap();
    }
    fs::write(tree.path().join("empty.txt"), "").unwrap();
    fs::write(tree.path().join("no text"), [b'a', 0, b'b', 0xff]).unwrap();
    tree
}

/// Whether there is a Python; says so where there is not.
fn there_is_python() -> bool {
    let missing = matches!(Command::new("python3").arg("--version").output(), Err(error) if error.kind() == ErrorKind::NotFound);
    if missing {
        eprintln!("not tested: there is no python3 here");
    }
    !missing
}

#[test]
fn words_are_counted_as_coreutils_count_them() {
    if !there_is_python() {
        return;
    }
    let tree = tree(50, 400);
    check(&pipeline(tree.path()).output().unwrap(), &expected(tree.path()));
}

/// Those of its processes that count or rank.
fn workers_of(program: u32) -> Vec<i32> {
    let mut workers = Vec::new();
    for task in fs::read_dir(format!("/proc/{program}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_ascii_whitespace() {
            let line = fs::read(PathBuf::from("/proc").join(child).join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            if line.contains("--edri-worker-process") || line.contains("rank.py") {
                workers.push(child.parse().unwrap());
            }
        }
    }
    workers
}

#[test]
fn whoever_is_killed_meanwhile_the_result_is_the_same() {
    if !there_is_python() {
        return;
    }
    let tree = tree(600, 4_000);
    let expected = expected(tree.path());
    let mut running = pipeline(tree.path());
    let running =
        running.args(["--processes", "3"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let program = running.id();
    let killer = std::thread::spawn(move || {
        let (mut killed, begun) = (0_usize, Instant::now());
        while Path::new(&format!("/proc/{program}/task")).exists()
            && begun.elapsed() < Duration::from_secs(40)
        {
            // So that Python, which takes its time to start, also gets to its end.
            std::thread::sleep(Duration::from_millis(if killed < 40 { 50 } else { 500 }));
            let workers = workers_of(program);
            if let Some(worker) = workers.get(killed % workers.len().max(1)) {
                let worker = rustix::process::Pid::from_raw(*worker).unwrap();
                let _ = rustix::process::kill_process(worker, rustix::process::Signal::KILL);
                killed += 1;
            }
        }
        killed
    });
    let output = running.wait_with_output().unwrap();
    check(&output, &expected);
    let killed = killer.join().unwrap();
    assert!(killed > 3, "only {killed} were killed");
}
