//! A program of ours from outside: what it says, its signals, and how it ends.

use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

pub(crate) struct Program {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

/// Who gets a signal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    Process,
    Group,
    /// One right after the other.
    ProcessAndGroup,
}

impl Program {
    /// An example, in a process group of its own.
    pub(crate) fn start(example: &str, arguments: &[&str]) -> Self {
        // Examples have no variable that tells where they are; they are beside the directory of the tests.
        let tests = std::env::current_exe().unwrap();
        let program = tests.ancestors().nth(2).unwrap().join("examples").join(example);
        let build = format!("build it with `cargo build --example {example}`");
        assert!(program.exists(), "{} is not there: {build}", program.display());
        let mut child = Command::new(program)
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, said }
    }

    pub(crate) fn line(&mut self) -> String {
        self.said.next().unwrap().unwrap()
    }

    pub(crate) fn signal(&self, name: &str, to: To) {
        let id = self.child.id();
        let command = match to {
            To::Process => format!("kill -{name} {id}"),
            To::Group => format!("kill -{name} -- -{id}"),
            To::ProcessAndGroup => format!("kill -{name} {id}; kill -{name} -- -{id}"),
        };
        assert!(Command::new("bash").args(["-c", &command]).status().unwrap().success());
    }

    /// Its exit code, the rest of what it said, and its complaints.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        let said = self.said.by_ref().map(Result::unwrap).collect();
        let mut complaints = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        (self.child.wait().unwrap().code(), said, complaints)
    }
}

impl Drop for Program {
    /// A failed test leaves nothing running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that does not end is a failure and not a test that hangs.
pub(crate) fn within_a_minute<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || done.send(test()));
    ended.recv_timeout(Duration::from_secs(60)).expect("it failed, or has not ended within a minute")
}
