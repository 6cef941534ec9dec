//! Programs that are joined by a switch: each a process of its own, killed and started again while others go on.

#![cfg(all(target_os = "linux", feature = "connector"))]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// No test takes longer than this: whatever it has started is killed then.
const LONG: Duration = Duration::from_secs(60);

/// An example, killed when it is dropped.
struct Program {
    child: Child,
    lines: Option<mpsc::Receiver<String>>,
}

fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(
        program.exists(),
        "{} is not there: build it with `cargo build --example {name}`",
        program.display()
    );
    program
}

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_in(Path::new("."), name, arguments)
    }

    fn start_in(directory: &Path, name: &str, arguments: &[&str]) -> Self {
        let child = Command::new(example(name))
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self { child: child.unwrap(), lines: None }
    }

    /// The next line that it says.
    fn line(&mut self) -> String {
        self.heard(String::new)
    }

    #[track_caller]
    fn heard(&mut self, otherwise: impl FnOnce() -> String) -> String {
        let line = self.lines().recv_timeout(LONG / 3);
        line.unwrap_or_else(|_| panic!("it says nothing more: {}", otherwise()))
    }

    fn lines(&mut self) -> &mpsc::Receiver<String> {
        self.lines.get_or_insert_with(|| {
            let (tell, lines) = mpsc::channel();
            let said = BufReader::new(self.child.stdout.take().unwrap()).lines();
            thread::spawn(move || said.map_while(Result::ok).try_for_each(|line| tell.send(line)));
            lines
        })
    }

    /// Whether it says that before it has said nothing for so long.
    fn hears(&mut self, line: &str, within: Duration) -> bool {
        let lines = self.lines();
        std::iter::from_fn(|| lines.recv_timeout(within).ok()).any(|said| said == line)
    }

    #[track_caller]
    fn until(&mut self, line: &str) {
        let mut said = Vec::new();
        while said.last().is_none_or(|last| last != line) {
            assert!(said.len() < 1000, "{line:?} was not among {said:?}");
            said.push(self.heard(|| format!("{line:?} was not among {said:?}")));
        }
    }

    fn stdin(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().unwrap()
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin(), "{line}").unwrap();
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// All that it says until it ends, and its complaints.
    fn output(mut self) -> (bool, Vec<u8>, String) {
        let mut out = self.child.stdout.take().unwrap();
        let reading = thread::spawn(move || {
            let mut said = Vec::new();
            out.read_to_end(&mut said).unwrap();
            said
        });
        let began = Instant::now();
        while !self.has_ended() && began.elapsed() < LONG {
            thread::sleep(Duration::from_millis(5));
        }
        // One that has not ended is a failure, and not a test that hangs.
        let _ = self.child.kill();
        let status = self.child.wait().unwrap();
        let mut complaints = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        (status.success(), reading.join().unwrap(), complaints)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address where nobody listens.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn switch(address: &str) -> Program {
    let mut switch = Program::start("switch", &[address]);
    assert_eq!(switch.line(), address);
    switch
}

/// A tree of so many files, and its manifest.
fn tree(files: usize) -> (TempDir, String) {
    let tree = TempDir::new().unwrap();
    let mut manifest = String::new();
    for number in 0..files {
        let name = format!("{:02}/{number:05}", number / 100);
        let content = format!("{number} ").repeat(500 + number);
        let path = tree.path().join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &content).unwrap();
        let sha256 = Sha256::digest(&content);
        let hex = sha256.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        writeln!(manifest, "{hex}  ./{name}").unwrap();
    }
    (tree, manifest)
}

#[test]
fn the_manifest_is_the_same_whoever_is_killed_and_started_again_while_it_is_made() {
    let (tree, expected) = tree(2_400);
    let address = free();
    let worker = |name: &str| {
        Program::start("manifest-worker", &["--connect", &address, "--jobs", "2", "--name", name])
    };
    let hub = switch(&address);
    let mut manifest = Program::start_in(tree.path(), "manifest", &["--connect", &address]);

    // It can not be over before there is anybody to do it.
    thread::sleep(Duration::from_millis(200));
    hub.kill();
    let mut hub = switch(&address);
    let mut workers = [worker("one"), worker("two")];
    let mut killed = 1;
    for round in 0..8 {
        thread::sleep(Duration::from_millis(80));
        if manifest.has_ended() {
            break;
        }
        if round % 2 == 0 {
            let victim = (round / 2) % 2;
            std::mem::replace(&mut workers[victim], worker("again")).kill();
        } else {
            hub.kill();
            hub = switch(&address);
        }
        if round == 5 {
            // Both at once, and nobody there for a while.
            hub.kill();
            workers.into_iter().for_each(Program::kill);
            thread::sleep(Duration::from_millis(300));
            hub = switch(&address);
            workers = [worker("anew"), worker("too")];
        }
        killed += 1;
    }
    let (ok, said, complaints) = manifest.output();
    assert!(ok, "{complaints}");
    assert!(String::from_utf8(said).unwrap() == expected, "{complaints}");
    assert!(killed >= 2, "it was over before anybody at work was killed");
    drop((hub, workers));
}

/// Calls until all of them hear it: that one is there is known a moment before what he wants to hear.
fn calls(who: &mut Program, name: &str, others: &mut [&mut Program]) {
    let began = Instant::now();
    for other in others {
        let call = format!("{name}: do you hear me?");
        loop {
            who.say("do you hear me?");
            if other.hears(&call, Duration::from_millis(100)) {
                break;
            }
            assert!(began.elapsed() < LONG, "{name} is not heard");
        }
    }
}

#[test]
fn who_talks_is_heard_and_who_comes_late_is_told_what_was_said() {
    let address = free();
    let hub = switch(&address);
    let chat = |name: &str| {
        let mut chat = Program::start("chat", &[name, "--connect", &address]);
        chat.until("* say something");
        chat
    };
    let mut ada = chat("ada");
    let mut bob = chat("bob");
    ada.until("* the router bob joined");
    calls(&mut ada, "ada", &mut [&mut bob]);
    calls(&mut bob, "bob", &mut [&mut ada]);
    ada.say("hello");
    bob.until("ada: hello");
    bob.say("hello, ada");
    ada.until("bob: hello, ada");

    let mut cleo = Program::start("chat", &["cleo", "--connect", &address]);
    cleo.until("  ada said: hello");
    cleo.until("  bob said: hello, ada");
    cleo.until("* say something");
    ada.until("* the router cleo joined");
    bob.until("* the router cleo joined");

    calls(&mut cleo, "cleo", &mut [&mut ada, &mut bob]);
    // While the switch is dead, what is said waits.
    hub.kill();
    cleo.say("I am here");
    let _hub = switch(&address);
    ada.until("cleo: I am here");
    bob.until("cleo: I am here");

    // Who stops talking leaves in order.
    drop(cleo.child.stdin.take());
    let (ok, _, complaints) = cleo.output_after_lines();
    assert!(ok, "{complaints}");
    ada.until("* the router cleo left: it is not in the network any more");
}

#[test]
fn two_can_talk_without_a_switch() {
    let address = free();
    let mut ada = Program::start("chat", &["ada", "--listen", &address]);
    ada.until("* say something");
    let mut bob = Program::start("chat", &["bob", "--direct", &address]);
    bob.until("* say something");
    ada.until("* the router bob joined");
    calls(&mut bob, "bob", &mut [&mut ada]);
    calls(&mut ada, "ada", &mut [&mut bob]);
    bob.say("nobody else hears us");
    ada.until("bob: nobody else hears us");
    ada.say("good");
    bob.until("ada: good");
}

#[test]
fn one_of_three_replicas_is_killed_and_all_is_answered() {
    let (ok, said, complaints) = Program::start("replicas", &[]).output();
    let said = String::from_utf8(said).unwrap();
    assert!(ok, "{said}{complaints}");
    assert!(said.contains("one is killed after") && said.contains("all 600 were answered"), "{said}");
}

impl Program {
    /// The same as [`output`](Self::output) where lines have been read.
    fn output_after_lines(mut self) -> (bool, Vec<String>, String) {
        let began = Instant::now();
        while !self.has_ended() && began.elapsed() < LONG {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let status = self.child.wait().unwrap();
        let said = self.lines.take().map_or(Vec::new(), |lines| lines.iter().collect());
        let mut complaints = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        (status.success(), said, complaints)
    }
}

/// The same for a minute and ten times as many is `cargo run --release --example storm -- --seconds 60 --rate 50000`.
#[test]
fn a_network_in_a_storm_balances_its_books() {
    let arguments = ["--seconds", "8", "--rate", "5000", "--kill-every", "1500"];
    let (ok, said, complaints) = Program::start("storm", &arguments).output();
    let said = String::from_utf8(said).unwrap();
    assert!(ok, "{said}{complaints}");
    let words = |from: &str| said.lines().find(|line| line.contains(from)).unwrap().to_owned();
    let kills: u64 = words("switches were killed").split(' ').next().unwrap().parse().unwrap();
    let sent: u64 = words("events were sent").split(' ').next().unwrap().parse().unwrap();
    assert!(kills >= 3 && sent > 2_000 && said.contains("the books balance"), "{said}");
}
